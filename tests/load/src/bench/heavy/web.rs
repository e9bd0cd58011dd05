//! Servers under wrk: stunnel in front of a plain server, Apache's worker MPM, gunicorn with Flask, a Java server. Called by
//! `bench::run`.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::compare::{self, Load, Ratios};
use super::place::Place;
use super::tools::{self, Seen};
use crate::bench::Bench;
use crate::bench::report::{Section, Verdict};
use crate::table;

/// One load of wrk per number of connections.
fn loads<'a>(bench: &'a Bench, sizes: &[usize], url: &str) -> Vec<Load<'a>> {
    let time = Duration::from_secs(bench.pick(4, 2));
    let load = |&connections: &usize| {
        let url = url.to_string();
        Load {
            name: format!("{} connections", table::grouped(connections as u64)),
            run: Box::new(move || tools::wrk(bench, connections, time, &url))
                as Box<dyn Fn() -> Result<Seen>>,
        }
    };
    sizes.iter().map(load).collect()
}

/// A section whose verdicts are about CPU per request only.
fn under_wrk(
    bench: &Bench,
    name: &str,
    about: &str,
    place: &Place,
    loads: &[Load],
) -> Result<Section> {
    let cpu_at_most_native = |load: &str, ratios: Ratios| {
        vec![Verdict::at_most(
            format!("CPU per request, lichen / native, {load}"),
            Some(ratios.cpu),
            1.0,
            "",
        )]
    };
    compare::servers(bench, name, about, place, loads, cpu_at_most_native)
}

pub fn stunnel(bench: &Bench) -> Result<Section> {
    let (_backend, place) = Place::prepare_tls(bench, bench.cpus.load)?;
    let url = format!("https://127.0.0.1:{}/", place.port);
    let about = "TLS connections that are kept, a thread for each; a plain server behind, on the client's CPU.";
    under_wrk(bench, "stunnel", about, &place, &loads(bench, &[200], &url))
}

pub fn apache(bench: &Bench) -> Result<Section> {
    let place = Place::prepare(bench, "apache", &[])?;
    let url = format!("http://127.0.0.1:{}/page.txt", place.port);
    let about = "Apache httpd, worker MPM, processes of 400 threads, a log line per request; wrk with connections that are kept.";
    under_wrk(
        bench,
        "Apache",
        about,
        &place,
        &loads(bench, &[100, 1_000], &url),
    )
}

pub fn java(bench: &Bench) -> Result<Section> {
    let place = Place::prepare(bench, "java", &[])?;
    let url = format!("http://127.0.0.1:{}/x", place.port);
    let about = "OpenJDK with default flags (on one CPU), a thread per connection, 64 KiB of garbage per request.";
    under_wrk(
        bench,
        "Java",
        about,
        &place,
        &loads(bench, &[100, 1_000], &url),
    )
}

pub fn gunicorn(bench: &Bench) -> Result<Section> {
    let place = Place::prepare(bench, "gunicorn", &[])?;
    let port = place.port;
    let mut loads = loads(bench, &[100], &format!("http://127.0.0.1:{port}/"));
    let script = place.script("many.py");
    loads.push(Load {
        name: "1,000 sleepers".into(),
        run: Box::new(move || {
            let mut command = Command::new(bench.venv().join("bin/python"));
            command
                .arg(&script)
                .args([&port.to_string(), "1000", "/sleep", "slept"]);
            let (said, took) = tools::run(bench, command)?;
            anyhow::ensure!(said.contains(" 0 wrong"), "{said}");
            let seconds: f64 = took
                .split_whitespace()
                .next()
                .and_then(|word| word.parse().ok())
                .with_context(|| format!("many.py says {took:?}"))?;
            Ok(Seen {
                count: 1_000.0,
                per_second: 1_000.0 / seconds,
                p99_us: seconds * 1e6,
            })
        }),
    });
    let about = "gunicorn -k gthread --threads 1000, two workers, Flask. The sleepers are 1,000 requests at once that each sleep 1 s; \
                 the time is from the first request to the last answer.";
    let mut section = under_wrk(bench, "gunicorn", about, &place, &loads)?;
    let all = section.data[1]["lichen"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let seconds = all
        .iter()
        .filter_map(|run| run["p99_us"].as_f64())
        .map(|us| us / 1e6);
    let slowest = seconds.fold(0.0, f64::max);
    section.verdicts.push(Verdict::at_most(
        "1,000 requests that sleep 1 s, slowest round",
        Some(slowest),
        4.0,
        "s",
    ));
    Ok(section)
}

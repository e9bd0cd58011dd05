//! Programs that are clients: `curl --parallel` and Python's `requests`, over TLS to a native stunnel. What is measured is how
//! long they take and their CPU time. Called by `bench::run`.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::place::Place;
use super::tools;
use crate::bench::Bench;
use crate::bench::program::How;
use crate::bench::report::Section;
use crate::table;

const HEAD: [&str; 3] = ["client", "time", "CPU time"];

pub fn tls_clients(bench: &Bench) -> Result<Section> {
    let (_backend, place) = Place::prepare_tls(bench, bench.cpus.server)?;
    let server = place.serve(bench, How::Natively)?;
    let mut section = Section::new(
        "Clients over TLS",
        "curl --parallel --parallel-max 100 for 1,000 pages, and Python's requests in 100 threads for 400, start to end.",
        &HEAD,
    );
    let mut all = serde_json::Map::new();
    for name in ["curl", "requests"] {
        let mut native = Vec::new();
        let mut lichen = Vec::new();
        for round in 1..=bench.rounds {
            bench.say(&format!("{name}, round {round} of {}", bench.rounds))?;
            native.push(once(bench, &place, How::Natively, name)?);
            lichen.push(once(bench, &place, How::UnderLichen, name)?);
        }
        for (who, runs) in [("native", &native), ("lichen", &lichen)] {
            let median = |at: usize| table::time(table::median(runs.iter().map(|run| run[at])));
            section
                .rows
                .push(vec![format!("{name}: {who}"), median(0), median(1)]);
        }
        all.insert(
            name.into(),
            serde_json::json!({"native": native, "lichen": lichen}),
        );
    }
    section.data = all.into();
    server.stop()?;
    Ok(section)
}

/// Microseconds from start to end, and of CPU time.
fn once(bench: &Bench, place: &Place, how: How, name: &str) -> Result<[f64; 2]> {
    let mut command = match how {
        How::Natively => Command::new("env"),
        How::UnderLichen => {
            let mut command = Command::new(bench.built("lichen"));
            command.args(["run", "--quiet", "--", "env"]);
            command
        }
    };
    command.current_dir(place.path());
    let port = place.port.to_string();
    match name {
        "curl" => {
            let host = std::fs::read_to_string(place.path().join("name")).context("name")?;
            let url = format!("https://{}:{port}/[1-1000]", host.trim());
            command.args([
                "curl",
                "--silent",
                "--show-error",
                "--fail",
                "--parallel",
                "--parallel-max",
                "100",
            ]);
            command.args(["--cacert", "ca.pem", "--output", "page", &url]);
        }
        _ => {
            let script = place.script("fetch.py").canonicalize()?;
            command.arg(bench.venv().join("bin/python")).arg(script);
            command.args([&port, "400", "ca.pem"]);
        }
    }
    let (before, begun) = (children()?, Instant::now());
    tools::run(bench, command)?;
    Ok([begun.elapsed().as_secs_f64() * 1e6, children()? - before])
}

/// CPU time of all children that have ended, in microseconds.
fn children() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("getrusage")?;
    Ok((usage.user_time() + usage.system_time()).num_microseconds() as f64)
}

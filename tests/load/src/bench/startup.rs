//! What a single-threaded program pays at its start: alone, with an empty library preloaded, with liblichen.so preloaded,
//! and through the launcher; in turn, hundreds of times. Called by `bench::run`.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::Bench;
use super::report::{Section, Verdict};
use crate::{machine, table};

const WAYS: [&str; 4] = [
    "native",
    "an empty .so preloaded",
    "liblichen.so preloaded",
    "lichen run",
];

pub fn run(bench: &Bench) -> Result<Section> {
    let starts = bench.pick(500, 100);
    // Parent and child on one CPU: less noise than a migration at each exec. Children inherit it.
    machine::pin_here(bench.cpus.server)?;
    let mut times: [Vec<f64>; 4] = Default::default();
    for number in 0..starts {
        if number % 50 == 0 {
            bench.say(&format!("start-up, {number} of {starts}"))?;
        }
        for (way, times) in times.iter_mut().enumerate() {
            times.push(start(bench, way)?);
        }
    }
    let medians = times.map(table::median);
    let about = format!(
        "fork + exec + exit of a program that does nothing, {starts} interleaved starts, medians."
    );
    let mut section = Section::new("Start-up", &about, &["", "time", "more than native"]);
    section.rows = (0..4)
        .map(|way| {
            vec![
                WAYS[way].into(),
                table::time(medians[way]),
                format!("{:+.0} us", medians[way] - medians[0]),
            ]
        })
        .collect();
    section.verdicts = vec![
        Verdict::at_most(
            "liblichen.so preloaded, beyond an empty library",
            Some(medians[2] - medians[1]),
            150.0,
            "us",
        ),
        Verdict::at_most("lichen run, in all", Some(medians[3]), 1_500.0, "us"),
    ];
    section.data = serde_json::json!({"ways": WAYS, "median_us": medians});
    Ok(section)
}

/// One start, in microseconds from fork to wait.
fn start(bench: &Bench, way: usize) -> Result<f64> {
    let plain = bench.program("plain");
    let mut command = Command::new(&plain);
    match way {
        0 => drop(command.env_remove("LD_PRELOAD")),
        1 => drop(command.env("LD_PRELOAD", bench.program("empty.so"))),
        2 => drop(command.env("LD_PRELOAD", bench.built("liblichen.so"))),
        _ => {
            command = Command::new(bench.built("lichen"));
            command.args(["run", "--"]).arg(&plain);
        }
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let begin = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start the program ({})", WAYS[way]))?;
    let status = child.wait().context("waitpid")?;
    let elapsed = begin.elapsed();
    let said = child
        .wait_with_output()
        .map(|output| output.stderr)
        .unwrap_or_default();
    if !status.success() || !said.is_empty() {
        bail!(
            "{}: ended with {status} and said {:?}",
            WAYS[way],
            String::from_utf8_lossy(&said)
        );
    }
    Ok(elapsed.as_secs_f64() * 1e6)
}

//! A server natively and under Lichen in turn, under several loads each: rounds, medians, table and verdicts. Called by the
//! parts that measure servers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Serialize;

use super::place::{Place, Served};
use super::tools::Seen;
use crate::bench::Bench;
use crate::bench::program::How;
use crate::bench::report::{Section, Verdict};
use crate::table;

/// One load, by its name in the table.
pub struct Load<'a> {
    pub name: String,
    pub run: Box<dyn Fn() -> Result<Seen> + 'a>,
}

/// What is measured under one load in one round.
#[derive(Clone, Copy, Debug, Serialize)]
struct Run {
    per_second: f64,
    p99_us: f64,
    cpu_us: f64,
    cpu_share: f64,
    kernel_threads: u64,
}

/// All rounds of one load.
#[derive(Debug, Default, Serialize)]
struct Pair {
    name: String,
    native: Vec<Run>,
    lichen: Vec<Run>,
}

/// Ratios of medians under one load, Lichen over native.
#[derive(Clone, Copy, Debug)]
pub struct Ratios {
    /// Time per request: below 1 is faster.
    pub time: f64,
    pub p99: f64,
    pub cpu: f64,
}

/// More kernel threads than this, and the threads are still the kernel's.
const MOST: u64 = 8;

const HEAD: [&str; 6] = [
    "load",
    "requests/s",
    "p99",
    "CPU/request",
    "CPUs used",
    "kernel threads",
];

/// Measures all `loads` in each round on a server started anew in each world; the first load is run once unmeasured, as
/// warm-up. `verdicts` makes lines of the ratios.
pub fn servers(
    bench: &Bench,
    title: &str,
    about: &str,
    place: &Place,
    loads: &[Load<'_>],
    verdicts: impl Fn(&str, Ratios) -> Vec<Verdict>,
) -> Result<Section> {
    let mut pairs: Vec<Pair> = loads
        .iter()
        .map(|load| Pair {
            name: load.name.clone(),
            ..Pair::default()
        })
        .collect();
    for round in 1..=bench.rounds {
        for how in [How::Natively, How::UnderLichen] {
            bench.say(&format!(
                "{title}, {how:?}, round {round} of {}",
                bench.rounds
            ))?;
            one_round(bench, place, how, loads, &mut pairs)?;
        }
    }
    let mut section = Section::new(title, about, &HEAD);
    for pair in &pairs {
        section.rows.push(row(&pair.name, "native", &pair.native));
        section.rows.push(row(&pair.name, "lichen", &pair.lichen));
        section.verdicts.extend(verdicts(&pair.name, pair.ratios()));
    }
    section.data = serde_json::to_value(&pairs)?;
    Ok(section)
}

fn one_round(
    bench: &Bench,
    place: &Place,
    how: How,
    loads: &[Load<'_>],
    pairs: &mut [Pair],
) -> Result<()> {
    let server = place.serve(bench, how)?;
    if let Some(first) = loads.first() {
        (first.run)()?;
    }
    for (load, pair) in loads.iter().zip(pairs) {
        let (before, begun) = (server.cpu()?, Instant::now());
        let (seen, kernel_threads) = watched(&server, load)?;
        let (cpu, wall) = (server.cpu()?.saturating_sub(before), begun.elapsed());
        let run = Run {
            per_second: seen.per_second,
            p99_us: seen.p99_us,
            cpu_us: cpu.as_secs_f64() * 1e6 / seen.count.max(1.0),
            cpu_share: cpu.as_secs_f64() / wall.as_secs_f64(),
            kernel_threads,
        };
        if how == How::UnderLichen && kernel_threads > MOST {
            bail!("lichen did not take over the threads: {kernel_threads} kernel threads");
        }
        match how {
            How::Natively => pair.native.push(run),
            How::UnderLichen => pair.lichen.push(run),
        }
    }
    server.stop()
}

/// Runs a load, and looks for the most kernel threads a few times meanwhile: clients close their connections at the end.
fn watched(server: &Served, load: &Load<'_>) -> Result<(Seen, u64)> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(300));
                most = most.max(server.kernel_threads());
            }
            most
        });
        let seen = (load.run)();
        done.store(true, Ordering::Relaxed);
        let Ok(most) = watcher.join() else {
            bail!("the watcher panicked");
        };
        Ok((seen?, most))
    })
}

fn median(runs: &[Run], what: impl Fn(&Run) -> f64) -> f64 {
    table::median(runs.iter().map(what))
}

fn row(load: &str, who: &str, runs: &[Run]) -> Vec<String> {
    vec![
        format!("{load}: {who}"),
        table::grouped(median(runs, |run| run.per_second).round() as u64),
        table::time(median(runs, |run| run.p99_us)),
        table::time(median(runs, |run| run.cpu_us)),
        format!("{:.2}", median(runs, |run| run.cpu_share)),
        table::grouped(median(runs, |run| run.kernel_threads as f64) as u64),
    ]
}

impl Pair {
    /// Medians of the ratios within each round.
    fn ratios(&self) -> Ratios {
        let ratio = |what: &dyn Fn(&Run) -> f64| {
            let rounds = self.lichen.iter().zip(&self.native);
            table::median(rounds.map(|(lichen, native)| what(lichen) / what(native)))
        };
        Ratios {
            time: 1.0 / ratio(&|run| run.per_second),
            p99: ratio(&|run| run.p99_us),
            cpu: ratio(&|run| run.cpu_us),
        }
    }
}

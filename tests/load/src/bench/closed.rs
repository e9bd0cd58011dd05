//! The servers at 10, 100, 1,000 and 10,000 connections, closed loop. Called by `bench::run`.

use std::time::Duration;

use anyhow::Result;

use super::Bench;
use super::report::{Section, Verdict};
use super::rivals::{self, Rival, Trial};
use super::turns;
use crate::http::Pace;
use crate::measure::{Measured, Plan};
use crate::table;

/// Connections, and what CPU per request may be: over native threads, over the better of epoll and tokio.
const SIZES: [(usize, Option<f64>, Option<f64>); 4] = [
    (10, None, None),
    (100, Some(0.75), Some(1.00)),
    (1_000, Some(0.70), Some(1.05)),
    (10_000, Some(0.55), Some(1.10)),
];

/// Turns that each server has for each of the report's rounds.
const TURNS: usize = 8;
/// How long one is, without its warm-up. Short: what the neighbours of a virtual machine do changes within a second.
const TURN: Duration = Duration::from_millis(200);

pub const HEAD: [&str; 8] = [
    "server",
    "requests/s",
    "CPU/request",
    "CPUs used",
    "p50",
    "p99",
    "switches/request",
    "kernel threads",
];

pub fn run(bench: &Bench) -> Result<Section> {
    let mut section = Section::new(
        "HTTP, closed loop",
        "Keep-alive connections, each with one request in flight; server on one CPU, load on another.",
        &HEAD,
    );
    let mut data = Vec::new();
    let wanted = |size: usize| bench.connections.is_empty() || bench.connections.contains(&size);
    for (connections, over_native, over_best) in SIZES.into_iter().filter(|size| wanted(size.0)) {
        let scale = bench.scale(connections)?;
        section.notes.extend(scale.note);
        let plan = Plan {
            connections: scale.connections,
            pace: Pace::Closed,
            warmup: TURN / 4,
            measure: TURN,
        };
        let trials = turns::take(bench, &plan, &Rival::closed(bench), TURNS * bench.rounds)?;
        section.rows.extend(
            trials
                .iter()
                .filter(|trial| !trial.runs.is_empty())
                .map(|trial| row(trial, connections)),
        );
        section.failures.extend(rivals::failures(&trials));
        if let Some(value) = rivals::ratio(&trials, Rival::Lichen, Rival::Beside, cpu) {
            section.notes.push(format!(
                "CPU per request, this build / the other one, at {} connections: {value:.3}",
                table::grouped(connections as u64)
            ));
        }
        section
            .verdicts
            .extend(verdicts(&trials, connections, over_native, over_best));
        data.push(serde_json::to_value(&trials)?);
    }
    section.data = data.into();
    Ok(section)
}

pub fn row(trial: &Trial, connections: usize) -> Vec<String> {
    let threads = trial.median(|run| run.footprint.kernel_threads as f64);
    vec![
        format!(
            "{}: {}",
            table::grouped(connections as u64),
            trial.rival.name()
        ),
        table::grouped(trial.median(|run| run.outcome.requests_per_second).round() as u64),
        table::time(trial.median(cpu)),
        format!("{:.2}", trial.median(|run| run.cpu_share)),
        table::time(trial.median(|run| run.outcome.p50_us)),
        table::time(trial.median(|run| run.outcome.p99_us)),
        format!("{:.3}", trial.median(|run| run.switches_per_request)),
        table::grouped(threads as u64),
    ]
}

fn verdicts(
    trials: &[Trial],
    connections: usize,
    over_native: Option<f64>,
    over_best: Option<f64>,
) -> Vec<Verdict> {
    let at = format!("at {} connections", table::grouped(connections as u64));
    let mut verdicts = Vec::new();
    if let Some(limit) = over_native {
        let value = rivals::ratio(trials, Rival::Lichen, Rival::Native, cpu);
        verdicts.push(Verdict::at_most(
            format!("CPU per request, lichen / native, {at}"),
            value,
            limit,
            "",
        ));
    }
    if let Some(limit) = over_best {
        let value =
            rivals::ratio_to_better(trials, Rival::Lichen, [Rival::Epoll, Rival::Tokio], cpu);
        verdicts.push(Verdict::at_most(
            format!("CPU per request, lichen / better of epoll and tokio, {at}"),
            value,
            limit,
            "",
        ));
    }
    if connections == 1_000 {
        let value = rivals::find(trials, Rival::Lichen)
            .map(|trial| trial.median(|run| run.switches_per_request));
        verdicts.push(Verdict::at_most(
            format!("kernel context switches per request, lichen, {at}"),
            value,
            0.05,
            "",
        ));
    }
    verdicts
}

pub fn cpu(run: &Measured) -> f64 {
    run.cpu_us_per_request
}

//! 2,000 requests per second over 1,000 connections: what a mostly idle server costs, and how late its answers are.
//! Called by `bench::run`.

use std::time::Duration;

use anyhow::Result;

use super::Bench;
use super::closed::{HEAD, cpu, row};
use super::report::{Section, Verdict};
use super::rivals::{self, Rival};
use super::turns;
use crate::http::Pace;
use crate::measure::Plan;

const CONNECTIONS: usize = 1_000;
const PER_SECOND: f64 = 2_000.0;

pub fn run(bench: &Bench) -> Result<Section> {
    let mut section = Section::new(
        "HTTP, paced: 2,000 requests/s over 1,000 connections",
        "Evenly spaced requests; latency counts from the moment a request should have been sent.",
        &HEAD,
    );
    let scale = bench.scale(CONNECTIONS)?;
    section.notes.extend(scale.note);
    let plan = Plan {
        connections: scale.connections,
        pace: Pace::Paced(PER_SECOND),
        warmup: Duration::from_millis(500),
        measure: Duration::from_millis(1_500),
    };
    let trials = turns::take(bench, &plan, &Rival::ALL, 2 * bench.rounds)?;
    section.rows = trials
        .iter()
        .filter(|trial| !trial.runs.is_empty())
        .map(|trial| row(trial, CONNECTIONS))
        .collect();
    section.failures = rivals::failures(&trials);
    let p99 = rivals::ratio(&trials, Rival::Lichen, Rival::Native, |run| {
        run.outcome.p99_us
    });
    section.verdicts = vec![
        Verdict::at_most(
            "CPU per request, lichen / native, paced",
            rivals::ratio(&trials, Rival::Lichen, Rival::Native, cpu),
            1.0,
            "",
        ),
        Verdict::at_most("p99, lichen / native, paced", p99, 1.0, ""),
    ];
    section.data = serde_json::to_value(&trials)?;
    Ok(section)
}

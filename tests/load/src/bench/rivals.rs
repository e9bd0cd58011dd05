//! The four servers that are compared, and interleaved rounds over them. Called by the HTTP parts.
//! Rounds go A B C D, A B C D, ...: what disturbs the machine for a while then disturbs all four, and ratios within a
//! round keep their meaning.

use anyhow::Result;
use serde::Serialize;

use super::Bench;
use crate::http::Progress;
use crate::measure::{Measured, Plan, measure};
use crate::server::Program;
use crate::{machine, stop, table};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rival {
    Native,
    Lichen,
    Epoll,
    Tokio,
    /// The epoll server, with memory of its own for each connection: what no thread can do without.
    Memory,
}

/// Cache lines of its frames that a thread of `threads.c` touches for a request, libc's included; counted by stepping through.
const FRAME_LINES: &str = "6";

impl Rival {
    pub const ALL: [Rival; 4] = [Rival::Native, Rival::Lichen, Rival::Epoll, Rival::Tokio];
    pub const WITH_MEMORY: [Rival; 5] = [
        Rival::Native,
        Rival::Lichen,
        Rival::Epoll,
        Rival::Tokio,
        Rival::Memory,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Rival::Native => "native pthreads",
            Rival::Lichen => "lichen, same file",
            Rival::Epoll => "epoll in C",
            Rival::Tokio => "tokio",
            Rival::Memory => "epoll, memory of a thread",
        }
    }

    pub fn program(self, bench: &Bench) -> Program {
        let threads = bench.program("threads");
        match self {
            Rival::Native => Program::native(self.name(), &threads),
            Rival::Lichen => Program::under_lichen(self.name(), &bench.built("lichen"), &threads),
            Rival::Epoll => Program::native(self.name(), &bench.program("epoll")),
            Rival::Tokio => Program::native(self.name(), &bench.built("lichen-server-tokio")),
            Rival::Memory => {
                let mut program = Program::native(self.name(), &bench.program("epoll"));
                program.argv.extend(["0".into(), FRAME_LINES.into()]);
                program
            }
        }
    }
}

/// Said where Lichen's numbers would be native ones.
pub const NOT_TAKEN_OVER: &str =
    "lichen did not take over the server's threads, so there are no numbers of it";

/// All rounds of one server under one plan.
#[derive(Serialize)]
pub struct Trial {
    pub rival: Rival,
    pub runs: Vec<Measured>,
    /// Why it was dropped.
    pub failure: Option<String>,
}

impl Trial {
    pub fn median(&self, value: impl Fn(&Measured) -> f64) -> f64 {
        table::median(self.runs.iter().map(value))
    }
}

/// Runs `plan` on all `rivals`, `bench.rounds` times. A server that fails is dropped; only Ctrl-C is an error.
pub fn rounds(bench: &Bench, plan: &Plan, rivals: &[Rival]) -> Result<Vec<Trial>> {
    machine::pin_here(bench.cpus.load)?;
    let trial = |&rival| Trial {
        rival,
        runs: Vec::new(),
        failure: None,
    };
    let mut trials: Vec<Trial> = rivals.iter().map(trial).collect();
    for round in 1..=bench.rounds {
        for trial in trials.iter_mut().filter(|trial| trial.failure.is_none()) {
            let name = trial.rival.name();
            bench.say(&format!(
                "{} connections, round {round} of {}: {name}",
                plan.connections, bench.rounds
            ))?;
            let mut progress = |_: Progress| stop::check();
            match measure(
                &trial.rival.program(bench),
                &[bench.cpus.server],
                plan,
                &mut progress,
            ) {
                Ok(measured) => trial.runs.push(measured),
                Err(error) if error.is::<stop::Stopped>() => return Err(error),
                Err(error) => {
                    trial.failure = Some(format!("{} connections: {error:#}", plan.connections))
                }
            }
        }
    }
    Ok(trials)
}

/// The rounds of one server; none for Lichen if it left the server native.
pub fn find(trials: &[Trial], rival: Rival) -> Option<&Trial> {
    let found = measured(trials, rival)?;
    (rival != Rival::Lichen || lichen_took_over(trials)).then_some(found)
}

fn measured(trials: &[Trial], rival: Rival) -> Option<&Trial> {
    trials
        .iter()
        .find(|trial| trial.rival == rival && !trial.runs.is_empty())
}

/// Median over the rounds of `value` of one server over `value` of another, round by round.
pub fn ratio(
    trials: &[Trial],
    of: Rival,
    over: Rival,
    value: impl Fn(&Measured) -> f64,
) -> Option<f64> {
    let (of, over) = (find(trials, of)?, find(trials, over)?);
    Some(table::median(
        of.runs
            .iter()
            .zip(&over.runs)
            .map(|(a, b)| value(a) / value(b)),
    ))
}

/// As [`ratio`], over the better (smaller) of two servers in each round.
pub fn ratio_to_better(
    trials: &[Trial],
    of: Rival,
    over: [Rival; 2],
    value: impl Fn(&Measured) -> f64,
) -> Option<f64> {
    let (of, one, two) = (
        find(trials, of)?,
        find(trials, over[0])?,
        find(trials, over[1])?,
    );
    let rounds = of.runs.iter().zip(one.runs.iter().zip(&two.runs));
    Some(table::median(
        rounds.map(|(a, (b, c))| value(a) / value(b).min(value(c))),
    ))
}

/// Whether Lichen ran the server without its kernel threads; otherwise its numbers mean nothing.
fn lichen_took_over(trials: &[Trial]) -> bool {
    match (
        measured(trials, Rival::Lichen),
        measured(trials, Rival::Native),
    ) {
        (Some(lichen), Some(native)) => lichen
            .runs
            .iter()
            .zip(&native.runs)
            .all(|(a, b)| a.took_over(b)),
        _ => true,
    }
}

/// Failures of a comparison in words.
pub fn failures(trials: &[Trial]) -> Vec<String> {
    let mut failures: Vec<String> = trials
        .iter()
        .filter_map(|trial| trial.failure.clone())
        .collect();
    if !lichen_took_over(trials) {
        let connections =
            measured(trials, Rival::Lichen).map_or(0, |trial| trial.runs[0].connections);
        failures.push(format!("{connections} connections: {NOT_TAKEN_OVER}"));
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Outcome;
    use crate::observe::Footprint;

    fn trial(rival: Rival, cpu: &[f64], kernel_threads: u64) -> Trial {
        let run = |&cpu: &f64| Measured {
            name: String::new(),
            connections: 1,
            outcome: Outcome::default(),
            cpu_us_per_request: cpu,
            cpu_share: 1.0,
            switches_per_request: 0.0,
            footprint: Footprint {
                kernel_threads,
                ..Footprint::default()
            },
            bytes_per_connection: 0.0,
        };
        Trial {
            rival,
            runs: cpu.iter().map(run).collect(),
            failure: None,
        }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // A slow second round for both: the medians over each server alone would say 0.5 / 1 as well, the mean would not.
        let trials = [
            trial(Rival::Native, &[10.0, 100.0, 10.0], 9),
            trial(Rival::Lichen, &[5.0, 50.0, 5.0], 1),
        ];
        assert_eq!(
            ratio(&trials, Rival::Lichen, Rival::Native, |run| run
                .cpu_us_per_request),
            Some(0.5)
        );
        assert!(lichen_took_over(&trials));
    }

    #[test]
    fn the_better_rival_is_chosen_in_each_round() {
        let trials = [
            trial(Rival::Lichen, &[6.0, 6.0, 6.0], 1),
            trial(Rival::Epoll, &[5.0, 6.0, 8.0], 1),
            trial(Rival::Tokio, &[9.0, 4.0, 6.0], 1),
        ];
        let value = ratio_to_better(
            &trials,
            Rival::Lichen,
            [Rival::Epoll, Rival::Tokio],
            |run| run.cpu_us_per_request,
        );
        assert_eq!(value, Some(1.2));
    }

    #[test]
    fn what_was_not_measured_has_no_ratio() {
        let trials = [
            trial(Rival::Native, &[10.0], 9),
            trial(Rival::Lichen, &[], 1),
        ];
        assert_eq!(
            ratio(&trials, Rival::Lichen, Rival::Native, |run| run
                .cpu_us_per_request),
            None
        );
    }

    #[test]
    fn native_threads_under_lichen_are_a_failure() {
        let trials = [
            trial(Rival::Native, &[10.0], 9),
            trial(Rival::Lichen, &[10.0], 9),
        ];
        assert_eq!(failures(&trials).len(), 1);
        assert_eq!(
            ratio(&trials, Rival::Lichen, Rival::Native, |run| run
                .cpu_us_per_request),
            None
        );
    }
}

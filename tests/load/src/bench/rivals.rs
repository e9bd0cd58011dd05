//! The servers that are compared, and what their turns say about each other. Called by the HTTP parts.

use std::ffi::OsString;

use serde::Serialize;

use super::Bench;
use crate::measure::Measured;
use crate::server::Program;
use crate::table;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rival {
    Native,
    Lichen,
    Epoll,
    Tokio,
    /// The epoll server, with memory of its own for each connection: what no thread can do without.
    Memory,
    /// The file under another build of the shim.
    Beside,
}

/// Cache lines of its frames that a thread of `threads.c` touches for a request, libc's included; counted by stepping through.
const FRAME_LINES: &str = "6";

impl Rival {
    pub const ALL: [Rival; 4] = [Rival::Native, Rival::Lichen, Rival::Epoll, Rival::Tokio];

    /// Whoever takes part in the closed loop.
    pub fn closed(bench: &Bench) -> Vec<Rival> {
        let mut rivals = Rival::ALL.to_vec();
        rivals.push(Rival::Memory);
        rivals.extend(bench.beside.is_some().then_some(Rival::Beside));
        rivals
    }

    pub fn name(self) -> &'static str {
        match self {
            Rival::Native => "native pthreads",
            Rival::Lichen => "lichen, same file",
            Rival::Epoll => "epoll in C",
            Rival::Tokio => "tokio",
            Rival::Memory => "epoll, memory of a thread",
            Rival::Beside => "lichen, other build",
        }
    }

    pub fn program(self, bench: &Bench) -> Program {
        let threads = bench.program("threads");
        match self {
            Rival::Native => Program::native(self.name(), &threads),
            Rival::Lichen => Program::under_lichen(self.name(), &bench.built("lichen"), &threads),
            Rival::Epoll => Program::native(self.name(), &bench.program("epoll")),
            Rival::Tokio => Program::native(self.name(), &bench.built("lichen-server-tokio")),
            Rival::Beside => {
                let mut program = Program::native(self.name(), "env".as_ref());
                let mut preload = OsString::from("LD_PRELOAD=");
                preload.push(bench.beside.clone().unwrap_or_default());
                program.argv.extend([preload, threads.into()]);
                program
            }
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

/// All turns of one server under one plan.
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

/// The turns of one server; none for Lichen if it left the server native.
pub fn find(trials: &[Trial], rival: Rival) -> Option<&Trial> {
    let found = measured(trials, rival)?;
    (rival != Rival::Lichen || lichen_took_over(trials)).then_some(found)
}

fn measured(trials: &[Trial], rival: Rival) -> Option<&Trial> {
    trials
        .iter()
        .find(|trial| trial.rival == rival && !trial.runs.is_empty())
}

/// Median over the turns of `value` of one server over `value` of another, turn by turn.
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

/// As [`ratio`], over the better of two servers: that with which `of` compares worse. Not the smaller value in each turn:
/// of two values that noise moves, the smaller one is smaller than either server is.
pub fn ratio_to_better(
    trials: &[Trial],
    of: Rival,
    over: [Rival; 2],
    value: impl Fn(&Measured) -> f64,
) -> Option<f64> {
    let one = ratio(trials, of, over[0], &value)?;
    let two = ratio(trials, of, over[1], &value)?;
    Some(one.max(two))
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
    fn ratios_are_taken_turn_by_turn() {
        // A slow second turn for both: the medians over each server alone would say 0.5 / 1 as well, the mean would not.
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
    fn the_better_rival_is_the_one_that_is_better_in_most_turns() {
        let trials = [
            trial(Rival::Lichen, &[6.0, 6.0, 6.0], 1),
            trial(Rival::Epoll, &[5.0, 5.0, 8.0], 1),
            trial(Rival::Tokio, &[6.0, 6.0, 4.0], 1),
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

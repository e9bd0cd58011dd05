//! The servers that are compared take turns. Called by the HTTP parts.
//!
//! All are up at once, with all their connections, and each turn is short: what disturbs the machine for a second disturbs
//! all of them, and a ratio within one turn keeps its meaning. Who begins moves on from turn to turn, so that nobody always
//! finds the caches as the same other one left them. A server whose turn it is not gets no request and uses no CPU.
//!
//! The load on each server comes from a thread with a descriptor table of its own (unshare(2), CLONE_FILES): the limit on
//! descriptors then allows each server as many connections as one alone. Only one of these threads is awake at a time.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, unshare};

use super::Bench;
use super::rivals::{Rival, Trial};
use crate::http::{Pace, Progress};
use crate::measure::{Measured, Plan, Running};
use crate::server::Program;
use crate::{machine, stop};

/// A turn counts only if each server used so much of its CPU, where the load is as much as it can take: with less, somebody
/// else had the CPU of the load, and the server went to sleep again and again.
const BUSY: f64 = 0.8;
/// So many times the turns asked for are tried to get as many that count.
const PATIENCE: usize = 2;

/// A server, and the thread that loads it when asked to.
struct Seat {
    trial: Trial,
    /// Dropped, it ends the server.
    go: Option<Sender<()>>,
    done: Receiver<Result<Measured>>,
}

/// Lets all `rivals` have `turns` turns of `plan`. One that fails is dropped; only Ctrl-C is an error.
pub fn take(bench: &Bench, plan: &Plan, rivals: &[Rival], turns: usize) -> Result<Vec<Trial>> {
    machine::pin_here(bench.cpus.load)?;
    thread::scope(|scope| {
        let mut seats: Vec<Seat> = Vec::new();
        for &rival in rivals {
            let (go, asked) = channel();
            let (answer, done) = channel();
            let program = rival.program(bench);
            let cpu = bench.cpus.server;
            scope.spawn(move || {
                if let Err(error) = load(&program, cpu, plan, &asked, &answer) {
                    // The last thing it says. Nobody listens any more after Ctrl-C.
                    let _ = answer.send(Err(error));
                }
            });
            seats.push(Seat::new(rival, go, done));
        }
        // The first turn opens the connections, and does not count.
        let (mut turn, mut good) = (0, 0);
        while good < turns && turn <= PATIENCE * turns {
            for i in 0..seats.len() {
                let next = (turn + i) % seats.len();
                let seat = &mut seats[next];
                bench.say(&format!(
                    "{} connections, turn {turn}, {good} of {turns} count: {}",
                    plan.connections,
                    seat.trial.rival.name()
                ))?;
                seat.turn(turn > 0, plan)?;
            }
            let paced = plan.pace != Pace::Closed;
            good += usize::from(turn > 0 && (paced || seats.iter().all(Seat::was_busy)));
            turn += 1;
        }
        let mut trials = seats
            .into_iter()
            .map(|seat| seat.leave(plan))
            .collect::<Result<Vec<Trial>>>()?;
        if plan.pace == Pace::Closed && 2 * good >= turns {
            drop_disturbed(&mut trials);
        }
        Ok(trials)
    })
}

impl Seat {
    fn new(rival: Rival, go: Sender<()>, done: Receiver<Result<Measured>>) -> Seat {
        let trial = Trial {
            rival,
            runs: Vec::new(),
            failure: None,
        };
        let go = Some(go);
        Seat { trial, go, done }
    }

    fn turn(&mut self, counts: bool, plan: &Plan) -> Result<()> {
        let Some(go) = &self.go else {
            return Ok(());
        };
        // If the thread is gone, it has said why.
        let _ = go.send(());
        match self.done.recv() {
            Ok(Ok(measured)) if counts => self.trial.runs.push(measured),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => self.fail(error, plan)?,
            Err(_) => bail!("the thread that makes the load is gone"),
        }
        Ok(())
    }

    /// In its last turn, if it had one.
    fn was_busy(&self) -> bool {
        let last = self.trial.runs.last();
        self.go.is_none() || last.is_none_or(is_busy)
    }

    /// Ends the server.
    fn leave(mut self, plan: &Plan) -> Result<Trial> {
        if self.go.take().is_some()
            && let Ok(Err(error)) = self.done.recv()
        {
            self.fail(error, plan)?;
        }
        Ok(self.trial)
    }

    fn fail(&mut self, error: anyhow::Error, plan: &Plan) -> Result<()> {
        self.go = None;
        if error.is::<stop::Stopped>() {
            return Err(error);
        }
        self.trial.failure = Some(format!("{} connections: {error:#}", plan.connections));
        Ok(())
    }
}

fn is_busy(run: &Measured) -> bool {
    run.cpu_share >= BUSY
}

/// Leaves the turns in which all were busy.
fn drop_disturbed(trials: &mut [Trial]) {
    let turns = trials.iter().map(|trial| trial.runs.len()).max();
    let good: Vec<bool> = (0..turns.unwrap_or(0))
        .map(|turn| {
            trials
                .iter()
                .all(|trial| trial.runs.get(turn).is_none_or(is_busy))
        })
        .collect();
    for trial in trials {
        let mut turn = good.iter();
        trial.runs.retain(|_| turn.next().copied().unwrap_or(true));
    }
}

/// One turn whenever `asked` says so, until nobody asks any more.
fn load(
    program: &Program,
    cpu: usize,
    plan: &Plan,
    asked: &Receiver<()>,
    answer: &Sender<Result<Measured>>,
) -> Result<()> {
    let mut progress = |_: Progress| stop::check();
    if asked.recv().is_err() {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_FILES).context("unshare(CLONE_FILES)")?;
    let mut running = Running::open(program, &[cpu], plan, &mut progress)?;
    loop {
        let measured = running.measure(plan, &mut progress)?;
        if answer.send(Ok(measured)).is_err() || asked.recv().is_err() {
            return running.close();
        }
    }
}

//! Stepping: round by round through one scenario, with a signal at the next instruction of the doors each time.
//!
//! A round lies between two traps of the program. In round n the thread is stepped until it stands at its n-th
//! instruction in the doors, gets SIGUSR1 there, and runs on to the second trap, where the program itself judges the
//! round. The scenario is done with the first round that has no n-th instruction.
//!
//! The way to the n-th is short: a breakpoint register stops at the one before, which the last round found.

use crate::section::Section;
use crate::target::{self, Way};
use crate::trace::{self, Event};
use lichen_tests::run;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

type Result<T = ()> = std::result::Result<T, String>;

/// A scenario with more rounds than this does not end.
const MOST_ROUNDS: usize = 20_000;
/// A round with more steps than this does not end.
const MOST_STEPS: usize = 2_000_000;
/// After so many rounds in a row that took another way than the last, one is stepped from its beginning.
const MOST_MISSED: usize = 3;
/// No round takes so long.
const PATIENCE: Duration = Duration::from_secs(20);
/// `si_code` of the trap by an int3 instruction (SI_KERNEL); that of a step is TRAP_TRACE.
const BY_INT3: i32 = 0x80;
/// `si_code` of the trap by a breakpoint register (TRAP_HWBKPT).
const BY_REGISTER: i32 = 4;
/// In breakpoint register 7: register 0 stops at an instruction.
const STOP_AT_INSTRUCTION: u64 = 1;

/// What was seen in one scenario.
pub struct Seen {
    /// Instructions of the doors at which the signal was sent, by addresses of the file.
    pub hit: BTreeSet<u64>,
    /// Rounds with a signal.
    pub rounds: usize,
}

/// Why the thread stopped.
enum Stop {
    /// One instruction further.
    Step,
    /// At the instruction of the breakpoint register.
    Breakpoint,
    /// At a trap of the program's.
    Trap,
    /// A signal is about to be delivered.
    Signal(i32),
}

/// Where a round stands before its second trap.
enum Place {
    /// At this instruction, by the address of the file.
    At(u64),
    /// There was none behind the last round's.
    End,
    /// The last round's did not come: this round took another way.
    Missed,
}

/// The instructions that had their signal: how often each, and the last.
#[derive(Default)]
struct Trail {
    times: BTreeMap<u64, usize>,
    last: Option<(u64, usize)>,
}

impl Trail {
    fn add(&mut self, at: u64) {
        let count = self.times.entry(at).or_default();
        *count += 1;
        self.last = Some((at, *count));
    }
}

struct Tracee<'a> {
    thread: i32,
    child: Child,
    section: &'a Section,
    base: u64,
}

/// Ends the program when nothing has been heard for [`PATIENCE`]: then the wait for it ends too.
struct Watchdog {
    heard: Sender<()>,
}

impl Watchdog {
    fn over(pid: i32) -> Watchdog {
        let (heard, hear) = channel();
        std::thread::spawn(move || {
            loop {
                match hear.recv_timeout(PATIENCE) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => return run::kill_one(pid),
                }
            }
        });
        Watchdog { heard }
    }
}

impl Drop for Tracee<'_> {
    fn drop(&mut self) {
        // Gone already in the good case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the library lies in the process: the first mapping of its file.
fn base(pid: u32) -> Result<u64> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).map_err(|e| e.to_string())?;
    let line = maps.lines().find(|line| line.ends_with("/liblichen.so"));
    line.and_then(|line| u64::from_str_radix(line.split('-').next()?, 16).ok())
        .ok_or("the program has no liblichen.so".into())
}

impl Tracee<'_> {
    fn stop(&self) -> Result<Stop> {
        loop {
            match trace::wait()? {
                Event::Stopped(thread, signal) if thread == self.thread => {
                    return self.judge(signal);
                }
                Event::Exited(task, _) | Event::Killed(task, _) if task != self.thread => {}
                other => return Err(format!("the program ended: {other:?}")),
            }
        }
    }

    fn judge(&self, signal: i32) -> Result<Stop> {
        if signal != libc::SIGTRAP {
            return Ok(Stop::Signal(signal));
        }
        match trace::signal_code(self.thread)? {
            BY_INT3 => Ok(Stop::Trap),
            BY_REGISTER => Ok(Stop::Breakpoint),
            _ => Ok(Stop::Step),
        }
    }

    /// Answers the trap at which it stands.
    fn answer(&self, word: u64) -> Result {
        let mut registers = trace::registers(self.thread)?;
        registers.rax = word;
        trace::set_registers(self.thread, &registers)
    }

    /// Runs to the next trap, with `signal` if it is not 0.
    fn run(&self, mut signal: i32) -> Result {
        loop {
            trace::go_on(self.thread, signal)?;
            signal = match self.stop()? {
                Stop::Trap => return Ok(()),
                Stop::Signal(s) => s,
                Stop::Step | Stop::Breakpoint => 0,
            }
        }
    }

    /// Runs, with `signal` if it is not 0, until it stands at `from` for the `count`-th time; `false` if a trap comes
    /// first.
    fn run_to(&self, mut signal: i32, from: u64, count: usize) -> Result<bool> {
        trace::set_breakpoint_register(self.thread, 0, self.base + from)?;
        trace::set_breakpoint_register(self.thread, 7, STOP_AT_INSTRUCTION)?;
        let mut seen = 0;
        while seen < count {
            trace::go_on(self.thread, std::mem::take(&mut signal))?;
            match self.stop()? {
                Stop::Trap => break,
                Stop::Signal(s) => signal = s,
                Stop::Step => {}
                Stop::Breakpoint => seen += 1,
            }
        }
        trace::set_breakpoint_register(self.thread, 7, 0)?;
        Ok(seen == count)
    }

    /// Steps until it stands at an instruction in the doors; `None` if a trap comes first.
    fn step_into_doors(&self, mut signal: i32) -> Result<Option<u64>> {
        for _ in 0..MOST_STEPS {
            trace::step(self.thread, std::mem::take(&mut signal))?;
            match self.stop()? {
                Stop::Trap => return Ok(None),
                Stop::Signal(s) => signal = s,
                Stop::Step | Stop::Breakpoint => {
                    let at = trace::registers(self.thread)?.rip.wrapping_sub(self.base);
                    if self.section.range.contains(&at) {
                        return Ok(Some(at));
                    }
                }
            }
        }
        Err(format!("no trap within {MOST_STEPS} steps"))
    }

    /// From the first trap to the instruction in the doors behind the last round's.
    fn next_place(&self, early: i32, trail: &Trail) -> Result<Place> {
        let next = match trail.last {
            Some((at, count)) if !self.run_to(early, at, count)? => return Ok(Place::Missed),
            Some(_) => self.step_into_doors(0)?,
            None => self.step_into_doors(early)?,
        };
        Ok(next.map_or(Place::End, Place::At))
    }

    /// As [`Tracee::next_place`], by steps alone, and lays the trail anew.
    fn step_all_the_way(&self, mut early: i32, trail: &mut Trail) -> Result<Place> {
        let rounds: usize = trail.times.values().sum();
        *trail = Trail::default();
        for _ in 0..rounds {
            match self.step_into_doors(std::mem::take(&mut early))? {
                Some(at) => trail.add(at),
                None => return Ok(Place::End),
            }
        }
        Ok(self.step_into_doors(early)?.map_or(Place::End, Place::At))
    }
}

/// Runs `scenario` to its end. `twice`: SIGUSR2 comes at the first instruction of the doors in each round, so that the
/// other signal meets one that is on its way already.
///
/// # Errors
/// What went wrong, with the instruction at which the signal was sent.
pub fn run(section: &Section, scenario: &str, way: Way, twice: bool) -> Result<Seen> {
    let child = target::start(scenario, way)?;
    let Event::Stopped(thread, libc::SIGTRAP) = trace::wait()? else {
        return Err(format!(
            "{scenario}: the program does not reach its first trap"
        ));
    };
    let base = base(child.id())?;
    let tracee = Tracee {
        thread,
        child,
        section,
        base,
    };
    let mut seen = Seen {
        hit: BTreeSet::new(),
        rounds: 0,
    };
    let watchdog = Watchdog::over(tracee.child.id() as i32);
    let mut trail = Trail::default();
    let mut missed = 0;
    for _ in 0..MOST_ROUNDS {
        let _ = watchdog.heard.send(());
        tracee.answer(0)?;
        let early = if twice {
            tracee.step_into_doors(0)?;
            libc::SIGUSR2
        } else {
            0
        };
        let place = if missed < MOST_MISSED {
            tracee.next_place(early, &trail)?
        } else {
            tracee.step_all_the_way(early, &mut trail)?
        };
        if let Place::At(at) = place {
            let report = |e| format!("{scenario}, {way:?}, signal at {}: {e}", section.name(at));
            tracee.run(libc::SIGUSR1).map_err(report)?;
            tracee.answer(1)?;
            tracee.run(0).map_err(report)?;
            trail.add(at);
            missed = 0;
            seen.hit.insert(at);
            seen.rounds += 1;
            continue;
        }
        tracee.answer(0)?;
        tracee
            .run(0)
            .map_err(|e| format!("{scenario}, {way:?}, without a signal: {e}"))?;
        missed += 1;
        if matches!(place, Place::End) {
            return finish(tracee, seen);
        }
    }
    Err(format!("{scenario}: more than {MOST_ROUNDS} rounds"))
}

/// Lets the program end by itself.
fn finish(tracee: Tracee<'_>, seen: Seen) -> Result<Seen> {
    tracee.answer(1)?;
    trace::detach(tracee.thread)?;
    loop {
        match trace::wait()? {
            Event::Exited(task, 0) if task == tracee.child.id() as i32 => return Ok(seen),
            Event::Exited(task, _) if task != tracee.child.id() as i32 => {}
            other => return Err(format!("the program ended badly: {other:?}")),
        }
    }
}

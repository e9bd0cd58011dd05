//! A signal at every instruction of entry and exit, on each path through them.
//!
//! Started by `cargo test` and `cargo nextest`. Each way into the library has a test; each fails by itself when an
//! instruction that its paths lead through had no signal.

use lichen_inject::rounds;
use lichen_inject::section::Section;
use lichen_inject::target::{self, Way};
use lichen_tests::paths;
use lichen_tests::run::{self, Ended, World};
use std::collections::BTreeSet;
use std::time::Duration;

type Result<T = ()> = std::result::Result<T, String>;

const SCENARIOS: [&str; 16] = [
    "ready",
    "park",
    "eintr",
    "restart",
    "native",
    "native-other",
    "signal",
    "cancel",
    "cancelled-takes-it",
    "exit",
    "ending-takes-it",
    "fork",
    "vfork",
    "spawn",
    "clone",
    "foreign",
];

/// These also with a second signal on its way.
const TWICE: [&str; 6] = ["ready", "park", "native", "native-other", "cancel", "exit"];

/// Paths through a door that make the scenario's own call, so through the door of its way.
const BY_THE_WAY: [&str; 3] = ["ready", "park", "restart"];
/// The path that leaves through a handler, and goes on behind the call when that returns.
const BY_HANDLER: &str = "eintr";
/// What the child runs, in a process or kernel thread of its own.
const ELSEWHERE: [(&str, &str); 2] = [
    ("lichen_clone_child", "lichen_clone_parent"),
    ("lichen_vfork_child", "lichen_vfork_parent"),
];

/// Paths by libc's calls.
const BY_LIBC: [&str; 4] = ["cancel", "cancelled-takes-it", "exit", "ending-takes-it"];

/// The program is right by itself: natively, and under Lichen with signals at quiet moments.
#[test]
fn scenarios_hold_without_injection() -> Result {
    let library = paths::shim()?;
    for world in [World::Native, World::Lichen(&library)] {
        for scenario in SCENARIOS {
            for way in [Way::Inline, Way::Bare, Way::Libc, Way::LibcWide] {
                let mut command = target::command(scenario, way, world)?;
                command.arg("20");
                let outcome = run::finish(command, Duration::from_secs(30))?;
                if outcome.ended != Ended::Exit(0) {
                    return Err(format!("{scenario}, {way:?}: {outcome:#?}"));
                }
            }
        }
    }
    Ok(())
}

/// A way into the library, the entry that its calls take, and the one that libc's own calls take then.
struct Door {
    way: Way,
    kind: &'static str,
    libc: &'static str,
}

const DOORS: [Door; 4] = [
    Door {
        way: Way::Libc,
        kind: "none",
        libc: "none",
    },
    Door {
        way: Way::Bare,
        kind: "xmm",
        libc: "none",
    },
    Door {
        way: Way::Inline,
        kind: "wide",
        libc: "none",
    },
    Door {
        way: Way::LibcWide,
        kind: "wide",
        libc: "wide",
    },
];

/// All scenarios through one door; what they hit.
fn inject(section: &Section, door: &Door) -> Result<BTreeSet<u64>> {
    let mut all = BTreeSet::new();
    for (scenario, twice) in SCENARIOS
        .map(|s| (s, false))
        .into_iter()
        .chain(TWICE.map(|s| (s, true)))
    {
        let seen = rounds::run(section, scenario, door.way, twice)?;
        let signals = if twice {
            "two signals at a time"
        } else {
            "signals"
        };
        println!(
            "{:?}, {scenario}: {} {signals} at {} instructions",
            door.way,
            seen.rounds,
            seen.hit.len()
        );
        if BY_THE_WAY.contains(&scenario) {
            complete(section, scenario, &through(section, door.kind)?, &seen.hit)?;
        }
        if BY_HANDLER == scenario {
            let mut way = entry(section, door.kind)?;
            way.extend(section.function("lichen_restorer")?);
            complete(section, scenario, &way, &seen.hit)?;
        }
        if BY_LIBC.contains(&scenario) {
            complete(section, scenario, &through(section, door.libc)?, &seen.hit)?;
        }
        all.extend(seen.hit);
    }
    Ok(all)
}

/// In by an entry, up to the exit.
fn entry(section: &Section, kind: &str) -> Result<BTreeSet<u64>> {
    section.between(
        &format!("lichen_entry_{kind}"),
        &format!("lichen_exit_{kind}"),
    )
}

/// In by an entry and out by its exit.
fn through(section: &Section, kind: &str) -> Result<BTreeSet<u64>> {
    let mut way = entry(section, kind)?;
    way.extend(section.between(
        &format!("lichen_exit_{kind}"),
        &format!("lichen_end_{kind}"),
    )?);
    Ok(way)
}

fn complete(section: &Section, what: &str, wanted: &BTreeSet<u64>, hit: &BTreeSet<u64>) -> Result {
    let missed: Vec<String> = wanted.difference(hit).map(|at| section.name(*at)).collect();
    if missed.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{what}: no signal at {} instructions: {}",
        missed.len(),
        missed.join(" ")
    ))
}

/// Each path through each door meets a signal at each of its instructions, and all paths together at every instruction
/// of the section, but for those that run in another process.
#[test]
fn signals_at_every_instruction() -> Result {
    let section = Section::read(&paths::shim()?)?;
    let seen: Vec<Result<BTreeSet<u64>>> = std::thread::scope(|scope| {
        let started = DOORS.each_ref().map(|door| {
            let section = &section;
            scope.spawn(move || inject(section, door))
        });
        started
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or(Err("a thread of the test panicked".into()))
            })
            .into()
    });
    let mut hit = BTreeSet::new();
    for one in seen {
        hit.extend(one?);
    }
    let mut wanted = section.instructions.clone();
    for (from, to) in ELSEWHERE {
        for at in section.between(from, to)? {
            wanted.remove(&at);
        }
    }
    complete(&section, "all together", &wanted, &hit)
}

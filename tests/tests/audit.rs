//! `LICHEN_AUDIT`: a call that reaches the kernel past Lichen is found, with its place, and whether it slept; programs do
//! the same as without it, and ordinary threaded ones have no sleeper.
//!
//! Started by `cargo test` and `cargo nextest`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lichen_tests::run::{self, Ended, Outcome, World};
use lichen_tests::{compile, directives, paths};

type Result<T = ()> = std::result::Result<T, String>;

const LIMIT: Duration = Duration::from_secs(30);

/// Programs whose every wait is Lichen's: none of their calls may hold up the others.
const ORDINARY: [&str; 12] = [
    "futex_wait_wake.c",
    "io_message_calls.c",
    "poll_epoll.c",
    "process_fork.c",
    "signal_directed.c",
    "signal_masks.c",
    "threads_1000_blocked.c",
    "threads_condvar.c",
    "threads_computing.c",
    "waiting_bytes.c",
    "waiting_locks.c",
    "waiting_many.c",
];

fn execute(source: &Path, settings: &[(&str, &str)]) -> Result<Outcome> {
    let text = fs::read_to_string(source).map_err(|e| format!("{}: {e}", source.display()))?;
    let rules = directives::parse(&text)?;
    let mut command = Command::new(compile::program(source, &rules.flags, &rules.libs)?);
    run::enter(&mut command, World::Lichen(&paths::shim()?));
    command.envs(settings.iter().copied());
    run::finish(command, LIMIT)
}

fn audit(source: &Path) -> Result<(Outcome, String)> {
    let folder = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
    let file = folder.path().join("report");
    let outcome = execute(source, &[("LICHEN_AUDIT", &file.display().to_string())])?;
    let report = fs::read_to_string(&file).map_err(|e| format!("no report: {e}; {outcome:#?}"))?;
    Ok((outcome, report))
}

/// Lines of the report without our name and the process id.
fn lines(report: &str) -> Vec<&str> {
    report
        .lines()
        .filter_map(|line| line.strip_prefix("lichen audit ")?.split_once(": "))
        .map(|(_, rest)| rest)
        .collect()
}

const PRINTED: &str =
    "nanosleep 0\nnanosleep 0\nnanosleep 0\ngetpid 1\nclose -9\nsleep 0\nchild 5\nheard 1\n";

fn calls() -> std::path::PathBuf {
    paths::root().join("tests/tests/audit/calls.c")
}

#[test]
fn what_sleeps_past_us_is_found() -> Result {
    let (outcome, report) = audit(&calls())?;
    assert_eq!(outcome.ended, Ended::Exit(0), "{outcome:#?}");
    assert_eq!(outcome.stdout, PRINTED);
    let lines = lines(&report);
    let has = |start: &str| {
        let found = lines.iter().any(|line| line.starts_with(start));
        assert!(found, "{start} in {report}");
    };
    has("past us: nanosleep 3 slept 3 memory+0x11"); // the first process
    has("past us: nanosleep 1 slept 1 memory+0x11"); // its child
    has("past us: getpid 1 slept 0 memory+0x11");
    has("past us: close 1 slept 0 memory+0x11");
    has("past us: getpid 2 slept 0 libc.so.6+0x"); // raise(3) asks too
    has("native: clock_nanosleep 1 slept 1 libc.so.6+0x");
    has("native: mprotect 1 slept 0 libc.so.6+0x");
    Ok(())
}

#[test]
fn ordinary_programs_have_no_sleeper() -> Result {
    for name in ORDINARY {
        let source = paths::root().join("tests/calls").join(name);
        let (outcome, report) = audit(&source)?;
        let plain = execute(&source, &[])?;
        assert_eq!(outcome.ended, Ended::Exit(0), "{name}: {outcome:#?}");
        assert_eq!(outcome.stdout, plain.stdout, "{name}");
        let lines = lines(&report);
        let sums: Vec<&&str> = lines
            .iter()
            .filter(|line| line.contains(" calls from "))
            .collect();
        assert!(sums.len() >= 2, "{name}: {report}");
        for line in lines.iter().filter(|line| line.starts_with("past us")) {
            let none = line.ends_with(", 0 slept") || line.contains(" slept 0 ");
            assert!(none, "{name}: {line}");
        }
    }
    Ok(())
}

#[test]
fn a_kernel_that_cannot_is_said_and_the_program_runs() -> Result {
    let settings = [("LICHEN_AUDIT", "1"), ("LICHEN_WITHOUT", "user_dispatch")];
    let outcome = execute(&calls(), &settings)?;
    assert_eq!(outcome.ended, Ended::Exit(0), "{outcome:#?}");
    assert_eq!(outcome.stdout, PRINTED);
    assert_eq!(
        outcome.stderr,
        "lichen: LICHEN_AUDIT: this kernel has no Syscall User Dispatch (Linux 5.11 has); there is no audit\n"
    );
    Ok(())
}

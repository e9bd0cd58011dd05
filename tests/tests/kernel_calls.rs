//! What does not reach the kernel: calls that Lichen stands for in user space, counted by strace.
//!
//! Started by `cargo test` and `cargo nextest`; strace must be installed and allowed to trace its children.

use std::process::Command;
use std::time::Duration;

use lichen_tests::run::{self, Ended, World};
use lichen_tests::{compile, paths};

type Result<T = ()> = std::result::Result<T, String>;

/// Lines of strace about `call` in a run of a program of `tests/calls/`.
fn count(program: &str, call: &str, shim: bool) -> Result<usize> {
    let program = compile::program(&paths::root().join("tests/calls").join(program), &[], &[])?;
    let out = tempfile::NamedTempFile::new().map_err(|e| format!("cannot make a file: {e}"))?;
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", &format!("trace={call}"), "-o"]);
    command.arg(out.path());
    run::enter(&mut command, World::Native);
    if shim {
        let preload = format!("LD_PRELOAD={}", paths::shim()?.display());
        command.args(["-E", &preload]);
    }
    let outcome = run::finish(
        {
            command.arg(program);
            command
        },
        Duration::from_secs(60),
    )?;
    if outcome.ended != Ended::Exit(0) {
        return Err(format!("{outcome:#?}"));
    }
    let text = std::fs::read_to_string(out.path()).map_err(|e| format!("no trace: {e}"))?;
    Ok(text.lines().filter(|line| line.contains(call)).count())
}

/// A program makes `call` so often natively, at the least, and less often than `most` under Lichen.
fn stays_away(program: &str, call: &str, least_natively: usize, most: usize) -> Result {
    let native = count(program, call, false)?;
    let here = count(program, call, true)?;
    if native < least_natively {
        return Err(format!("natively {native}: the test proves nothing"));
    }
    if here < most {
        return Ok(());
    }
    Err(format!("{here} calls of {call}, natively {native}"))
}

/// A name that is not there is looked up once, here and not by another kernel thread.
#[test]
fn names_that_are_not_there_are_looked_up_once() -> Result {
    stays_away("offload_open_missing.c", "openat", 2000, 200)
}

/// glibc changes the mask four times in the life of a thread. 500 threads cost the kernel none of it.
#[test]
fn masks_of_threads_stay_in_user_space() -> Result {
    stays_away("threads_masks_500.c", "rt_sigprocmask", 1500, 100)
}

//! Small programs of the distribution that live by signals, processes and threads: the same output and the same end
//! natively and under Lichen.
//!
//! Started by `cargo test` and `cargo nextest`; `scripts/test` sees to it that they are installed. bash with job control
//! on a terminal is in `terminal.rs`, gdb in `debugger.rs`.

use std::process::Command;
use std::time::Duration;

use lichen_tests::paths;
use lichen_tests::run::{self, Outcome, World};

type Result<T = ()> = std::result::Result<T, String>;

const LIMIT: Duration = Duration::from_secs(90);

fn once(make: &dyn Fn() -> Command, world: World<'_>) -> Result<Outcome> {
    let mut command = make();
    run::enter(&mut command, world);
    run::finish(command, LIMIT)
}

/// Compares the output and the end in both worlds; the native run must be sound.
fn same(make: &dyn Fn() -> Command, ends: run::Ended) -> Result {
    let native = once(make, World::Native)?;
    if native.ended != ends {
        return Err(format!("natively: {native:#?}"));
    }
    let here = once(make, World::Lichen(&paths::shim()?))?;
    if here == native {
        return Ok(());
    }
    Err(format!("under Lichen {here:#?}, natively {native:#?}"))
}

/// Runs `tests/programs/FILE` by `interpreter`.
fn script(interpreter: &str, file: &str) -> Result {
    script_ends(interpreter, file, run::Ended::Exit(0))
}

fn script_ends(interpreter: &str, file: &str, ends: run::Ended) -> Result {
    let path = paths::root().join("tests/programs").join(file);
    let make = || {
        let mut command = Command::new(interpreter);
        command.arg(&path);
        command
    };
    same(&make, ends)
}

#[test]
fn timeout_ends_what_takes_too_long() -> Result {
    script("bash", "timeout_ends/script.sh")
}

#[test]
fn ssh_keygen_makes_and_checks_keys() -> Result {
    script("bash", "ssh_keygen/script.sh")
}

#[test]
fn git_clones_a_local_repository() -> Result {
    script("bash", "git_clone/script.sh")
}

#[test]
fn make_runs_eight_jobs() -> Result {
    let makefile = paths::root().join("tests/programs/make_jobs/Makefile");
    for world in [World::Native, World::Lichen(&paths::shim()?)] {
        let out = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
        let make = || {
            let mut command = Command::new("make");
            command.args(["-s", "-j8", "-f"]).arg(&makefile);
            command.arg(format!("OUT={}", out.path().display()));
            command
        };
        let outcome = once(&make, world)?;
        if outcome.stdout != "240\n122\n" || outcome.ended != run::Ended::Exit(0) {
            return Err(format!("{world:?}: {outcome:#?}"));
        }
    }
    Ok(())
}

#[test]
fn perl_threads_with_signals() -> Result {
    script("perl", "perl_threads/main.pl")
}

#[test]
fn ruby_threads_with_signals() -> Result {
    let term = run::Ended::Signal(15);
    script_ends("ruby", "ruby_threads/main.rb", term)
}

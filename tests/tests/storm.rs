//! A storm of signals over a working program: nothing lost, no hang. `tests/storm/storm.c` says what it does.
//!
//! Started by `cargo test` and `cargo nextest`. Natively for a few seconds, which proves the program; under Lichen for a
//! minute.

use std::process::Command;
use std::time::Duration;

use lichen_tests::run::{self, Ended, World};
use lichen_tests::{compile, paths};

type Result<T = ()> = std::result::Result<T, String>;

fn storm(world: World<'_>, seconds: u64) -> Result<run::Outcome> {
    let program = compile::program(&paths::root().join("tests/storm/storm.c"), &[], &[])?;
    let mut command = Command::new(program);
    command.arg(seconds.to_string());
    run::enter(&mut command, world);
    let outcome = run::finish(command, Duration::from_secs(seconds + 90))?;
    println!("{}", outcome.stderr);
    if outcome.ended != Ended::Exit(0) || outcome.stdout != "nothing lost\n" {
        return Err(format!("{outcome:#?}"));
    }
    Ok(outcome)
}

#[test]
fn nothing_is_lost_natively() -> Result {
    storm(World::Native, 3).map(|_| ())
}

#[test]
fn nothing_is_lost_in_a_minute() -> Result {
    let shim = paths::shim()?;
    let outcome = storm(World::Lichen(&shim), 60)?;
    if outcome.stderr.contains("kernel threads: 1\n") {
        return Ok(());
    }
    Err(format!(
        "1,000 threads are not on one kernel thread: {outcome:#?}"
    ))
}

//! Settings as the shim sees them: wrong ones give one warning and the program runs, and what is asked for is said.
//!
//! Started by `cargo test` and `cargo nextest`. The program run is one of `tests/calls/`, so that its success also
//! proves that threads were not kernel threads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lichen_tests::run::{self, Ended, Outcome, World};
use lichen_tests::{compile, paths};

type Result<T = ()> = std::result::Result<T, String>;

const LIMIT: Duration = Duration::from_secs(20);

fn program(name: &str) -> Result<PathBuf> {
    compile::program(&paths::root().join("tests/calls").join(name), &[], &[])
}

/// Runs a program of `tests/calls/` under Lichen with more settings.
fn run_with(name: &str, settings: &[(&str, &str)]) -> Result<Outcome> {
    let mut command = Command::new(program(name)?);
    run::enter(&mut command, World::Lichen(&paths::shim()?));
    command
        .env("EXPECT_GREENS", "1")
        .envs(settings.iter().copied());
    run::finish(command, LIMIT)
}

fn is(outcome: &Outcome, right: bool, what: &str) -> Result {
    if right {
        Ok(())
    } else {
        Err(format!("{what}: {outcome:#?}"))
    }
}

/// The program did its work, as threads that are not kernel threads.
fn worked(outcome: &Outcome) -> Result {
    is(
        outcome,
        outcome.ended == Ended::Exit(0) && outcome.stdout == "passed 1000\n",
        "it does not work",
    )
}

const BLOCKED: &str = "threads_1000_blocked.c";

#[test]
fn nothing_is_said_when_all_is_well() -> Result {
    let outcome = run_with(BLOCKED, &[])?;
    worked(&outcome)?;
    is(&outcome, outcome.stderr.is_empty(), "it speaks")
}

#[test]
fn a_wrong_value_gives_one_warning_and_the_program_runs() -> Result {
    for (name, value) in [
        ("LICHEN_WITHOUT", "luck"),
        ("LICHEN_STATS", "perhaps"),
        ("LICHEN_LOG", "loud"),
    ] {
        let outcome = run_with(BLOCKED, &[(name, value)])?;
        worked(&outcome)?;
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        let named = lines.len() == 1 && lines[0].starts_with("lichen") && lines[0].contains(name);
        is(
            &outcome,
            named && lines[0].contains(value),
            "not one warning with name and value",
        )?;
    }
    Ok(())
}

#[test]
fn an_unknown_setting_gives_one_warning() -> Result {
    let outcome = run_with(BLOCKED, &[("LICHEN_SPEED", "more")])?;
    worked(&outcome)?;
    is(
        &outcome,
        outcome.stderr.lines().count() == 1 && outcome.stderr.contains("LICHEN_SPEED"),
        "not one warning",
    )
}

#[test]
fn several_wrong_values_give_one_line() -> Result {
    let outcome = run_with(
        BLOCKED,
        &[("LICHEN_WITHOUT", "luck"), ("LICHEN_STATS", "perhaps")],
    )?;
    worked(&outcome)?;
    is(
        &outcome,
        outcome.stderr.lines().count() == 1,
        "not one line",
    )
}

#[test]
fn a_process_tree_warns_once() -> Result {
    let outcome = run_with("env_children_follow.c", &[("LICHEN_WITHOUT", "luck")])?;
    is(
        &outcome,
        outcome.ended == Ended::Exit(0),
        "it does not work",
    )?;
    is(
        &outcome,
        outcome.stderr.lines().count() == 1,
        "not one line",
    )
}

#[test]
fn quiet_silences_warnings() -> Result {
    let outcome = run_with(
        BLOCKED,
        &[("LICHEN_WITHOUT", "luck"), ("LICHEN_QUIET", "1")],
    )?;
    worked(&outcome)?;
    is(&outcome, outcome.stderr.is_empty(), "it speaks")
}

#[test]
fn disabled_is_silent_and_native() -> Result {
    let outcome = run_with(
        "threads_mutex.c",
        &[("LICHEN_DISABLE", "1"), ("LICHEN_STATS", "1")],
    )?;
    is(
        &outcome,
        outcome.ended == Ended::Exit(0),
        "it does not work",
    )?;
    is(&outcome, !outcome.stderr.contains("warn"), "it warns")
}

#[test]
fn stats_say_one_line_at_the_end() -> Result {
    let outcome = run_with(BLOCKED, &[("LICHEN_STATS", "1")])?;
    worked(&outcome)?;
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    let said =
        lines.len() == 1 && lines[0].starts_with("lichen: 1,001 threads on 1 kernel thread, ");
    is(
        &outcome,
        said && lines[0].ends_with(" 0 unknown sites"),
        "not the line",
    )
}

#[test]
fn a_followed_child_can_be_left_alone() -> Result {
    let outcome = run_with("env_children_follow.c", &[("LICHEN_FOLLOW", "0")])?;
    is(
        &outcome,
        outcome.ended == Ended::Exit(1),
        "its children follow although told not to",
    )
}

#[test]
fn no_writable_cache_is_fine() -> Result {
    for folder in ["/proc/nowhere", "/dev/null/nowhere", "relative"] {
        let outcome = run_with(
            BLOCKED,
            &[("XDG_CACHE_HOME", folder), ("HOME", "/proc/nowhere")],
        )?;
        worked(&outcome)?;
        is(&outcome, outcome.stderr.is_empty(), "it speaks")?;
    }
    Ok(())
}

#[test]
fn a_damaged_cache_is_ignored_and_repaired() -> Result {
    let folder = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
    let setting = folder.path().display().to_string();
    worked(&run_with(BLOCKED, &[("LICHEN_CACHE_DIR", &setting)])?)?;
    let files = files_in(folder.path());
    if files.is_empty() {
        return Err("nothing was cached".to_owned());
    }
    for damage in [Damage::Empty, Damage::Short, Damage::Noise, Damage::Flip] {
        for file in &files {
            let whole =
                fs::read(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
            fs::write(file, damage.apply(whole))
                .map_err(|e| format!("cannot write {}: {e}", file.display()))?;
        }
        let outcome = run_with(BLOCKED, &[("LICHEN_CACHE_DIR", &setting)])?;
        worked(&outcome)?;
        is(&outcome, outcome.stderr.is_empty(), "it speaks")?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Damage {
    Empty,
    Short,
    Noise,
    Flip,
}

impl Damage {
    fn apply(self, mut bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Damage::Empty => bytes.clear(),
            Damage::Short => bytes.truncate(bytes.len() / 2),
            Damage::Noise => bytes
                .iter_mut()
                .enumerate()
                .for_each(|(at, byte)| *byte = (at * 37 % 251) as u8),
            Damage::Flip => {
                let middle = bytes.len() / 2;
                bytes
                    .iter_mut()
                    .skip(middle)
                    .take(1)
                    .for_each(|byte| *byte ^= 0x55);
            }
        }
        bytes
    }
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
        {
            if path.is_dir() {
                folders.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found
}

#[test]
fn a_stack_overflow_is_told_when_somebody_listens() -> Result {
    for program in [
        "threads_stack_overflow.c",
        "threads_stack_overflow_in_call.c",
    ] {
        let silent = run_with(program, &[])?;
        is(&silent, silent.stderr.is_empty(), "it speaks")?;
        let outcome = run_with(program, &[("LICHEN_LOG", "error")])?;
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        let named = lines.len() == 1
            && lines[0].contains("error: thread 4194305 ")
            && lines[0].contains("ran over the end of its stack");
        is(&outcome, named, "not one line that names the thread")?;
        is(&outcome, outcome.ended == Ended::Signal(11), "not SIGSEGV")?;
    }
    Ok(())
}

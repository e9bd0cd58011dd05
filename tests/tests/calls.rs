//! Runs every C and C++ program of `tests/calls/` and `tests/regressions/`: natively, under Lichen, and, where it
//! proves that threads are not kernel threads, with Lichen switched off, when it must fail.
//!
//! Started by `cargo test` and `cargo nextest`; both list one test per file and variant. With `LICHEN_TEST_CAPS=1`
//! each program also runs once with each capability of kernel and processor forced off. It must never build the shim.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use lichen_settings::Cap;
use lichen_tests::directives::{self, Directives};
use lichen_tests::known::{self, Failure};
use lichen_tests::run::{self, Ended, Outcome, World};
use lichen_tests::{compile, paths};

/// What is forced off in turn. Without FSGSBASE every program runs natively, which says nothing about threads;
/// only an audit uses Syscall User Dispatch.
fn caps() -> impl Iterator<Item = &'static str> {
    Cap::ALL
        .into_iter()
        .filter(|cap| ![Cap::Fsgsbase, Cap::UserDispatch].contains(cap))
        .map(Cap::name)
}

/// Exit status by which a program says that this machine lacks what it needs.
const SKIPPED: i32 = 77;

#[derive(Clone, Copy)]
enum Variant {
    Native,
    Lichen,
    DisabledIsRed,
    Without(&'static str),
}

struct Case {
    source: PathBuf,
    rules: Directives,
}

fn main() {
    let arguments = Arguments::from_args();
    let trials = match discover() {
        Ok(trials) => trials,
        Err(why) => vec![Trial::test("discovery", move || Err(Failed::from(why)))],
    };
    libtest_mimic::run(&arguments, trials).exit();
}

fn discover() -> Result<Vec<Trial>, String> {
    let known = Arc::new(known::read()?);
    let mut trials = Vec::new();
    for folder in ["calls", "regressions"] {
        for source in sources(&paths::root().join("tests").join(folder))? {
            let text =
                fs::read_to_string(&source).map_err(|e| format!("{}: {e}", source.display()))?;
            let rules =
                directives::parse(&text).map_err(|e| format!("{}: {e}", source.display()))?;
            let case = Arc::new(Case { source, rules });
            trials.extend(
                variants(&case.rules)
                    .into_iter()
                    .map(|v| trial(&case, v, &known)),
            );
        }
    }
    let names: Vec<String> = trials.iter().map(|trial| trial.name().to_owned()).collect();
    match known
        .iter()
        .filter(|entry| !entry.test.starts_with("cpython::"))
        .find(|entry| all_capabilities() && !names.contains(&entry.test))
    {
        Some(entry) => Err(format!(
            "known_failures.toml lists {}, which is no test",
            entry.test
        )),
        None => Ok(trials),
    }
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries =
        fs::read_dir(folder).map_err(|e| format!("cannot read {}: {e}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|ending| ending == "c" || ending == "cpp")
        })
        .collect();
    found.sort();
    Ok(found)
}

fn all_capabilities() -> bool {
    std::env::var_os("LICHEN_TEST_CAPS").is_some_and(|value| value == "1")
}

fn variants(rules: &Directives) -> Vec<Variant> {
    let mut list = vec![Variant::Lichen];
    if !rules.native_may_fail {
        list.push(Variant::Native);
    }
    // What plain Linux cannot do would use up its process ids on the way to failing.
    if rules.greens && !rules.native_may_fail {
        list.push(Variant::DisabledIsRed);
    }
    if rules.caps && all_capabilities() {
        let wanted = |cap: &&str| !rules.skips.iter().any(|one| one == cap);
        list.extend(caps().filter(wanted).map(Variant::Without));
    }
    list
}

fn trial(case: &Arc<Case>, variant: Variant, known: &Arc<Vec<Failure>>) -> Trial {
    let stem = case
        .source
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let name = match variant {
        Variant::Native => format!("{stem}::native"),
        Variant::Lichen => format!("{stem}::lichen"),
        Variant::DisabledIsRed => format!("{stem}::disabled_is_red"),
        Variant::Without(cap) => format!("{stem}::without_{cap}"),
    };
    let skip = case.rules.needs_root && !rustix::process::geteuid().is_root();
    let (case, known, label) = (Arc::clone(case), Arc::clone(known), name.clone());
    let body = move || known::judge(&label, &known, check(&case, variant)).map_err(Failed::from);
    Trial::test(name, body).with_ignored_flag(skip)
}

fn check(case: &Case, variant: Variant) -> Result<(), String> {
    let program = compile::program(&case.source, &case.rules.flags, &case.rules.libs)?;
    match variant {
        Variant::Native => native_passes(case, &execute(case, &program, World::Native)?),
        Variant::Lichen => agrees(case, &program, World::Lichen(&paths::shim()?)),
        Variant::Without(cap) if case.rules.native_without.iter().any(|one| one == cap) => {
            runs_natively(case, &program, World::Without(&paths::shim()?, cap))
        }
        Variant::Without(cap) => agrees(case, &program, World::Without(&paths::shim()?, cap)),
        Variant::DisabledIsRed => is_red(case, &program),
    }
}

fn execute(case: &Case, program: &Path, world: World<'_>) -> Result<Outcome, String> {
    execute_expecting(
        case,
        program,
        world,
        case.rules.greens && world != World::Native,
    )
}

fn execute_expecting(
    case: &Case,
    program: &Path,
    world: World<'_>,
    greens: bool,
) -> Result<Outcome, String> {
    let mut command = Command::new(program);
    run::enter(&mut command, world);
    command.env_remove("EXPECT_GREENS");
    if greens {
        command.env("EXPECT_GREENS", "1");
    }
    command.envs(case.rules.env.iter().map(|(name, value)| (name, value)));
    run::finish(command, case.rules.timeout)
}

fn native_passes(case: &Case, outcome: &Outcome) -> Result<(), String> {
    if outcome.ended == Ended::Exit(SKIPPED) {
        println!("skipped on this machine: {}", outcome.stderr.trim());
        return Ok(());
    }
    if case.rules.native_may_fail || outcome.ended.is(case.rules.status) {
        return Ok(());
    }
    Err(format!(
        "natively (expected {:?}): {}",
        case.rules.status,
        show(outcome)
    ))
}

fn agrees(case: &Case, program: &Path, world: World<'_>) -> Result<(), String> {
    let here = execute(case, program, world)?;
    if case.rules.native_may_fail {
        return if here.ended.is(case.rules.status) {
            Ok(())
        } else {
            Err(show(&here))
        };
    }
    let native = execute(case, program, World::Native)?;
    native_passes(case, &native)?;
    let same_words = case.rules.any_stderr || here.stderr == native.stderr;
    if here.ended == native.ended && here.stdout == native.stdout && same_words {
        return Ok(());
    }
    Err(format!(
        "under Lichen: {}\nnatively: {}",
        show(&here),
        show(&native)
    ))
}

/// Where Lichen cannot do its work, the program runs as on plain Linux, and one line on stderr says so.
fn runs_natively(case: &Case, program: &Path, world: World<'_>) -> Result<(), String> {
    let here = execute_expecting(case, program, world, false)?;
    let native = execute(case, program, World::Native)?;
    native_passes(case, &native)?;
    let said = here.stderr.lines().count() == 1 && here.stderr.contains("natively");
    if here.ended == native.ended && here.stdout == native.stdout && said {
        return Ok(());
    }
    Err(format!(
        "not natively with one line about it: {}",
        show(&here)
    ))
}

/// With Lichen switched off each thread is a kernel thread, and the program's claim that it is not must be refuted:
/// otherwise the program proves nothing.
fn is_red(case: &Case, program: &Path) -> Result<(), String> {
    let outcome = execute(case, program, World::Disabled(&paths::shim()?))?;
    if outcome.ended.is(case.rules.status) {
        return Err(
            "the program passes with LICHEN_DISABLE=1, so it proves nothing about threads"
                .to_owned(),
        );
    }
    Ok(())
}

fn show(outcome: &Outcome) -> String {
    let tail = |text: &str| {
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n    ")
    };
    format!(
        "{:?}\n  stdout: {}\n  stderr: {}",
        outcome.ended,
        tail(&outcome.stdout),
        tail(&outcome.stderr)
    )
}

//! CPython's own regression tests of signals, threads and processes: each file natively and under Lichen at the same
//! time, compared test by test. Whatever passes natively must pass under Lichen, and as many must be skipped.
//!
//! Started by `cargo test` and `cargo nextest`. Debian's python3.11 and libpython3.11-testsuite must be installed
//! (`scripts/test` sees to it). Exceptions are in `tests/known_failures.toml`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lichen_tests::known::{self, Failure};
use lichen_tests::paths;
use lichen_tests::run::{self, Ended, Running, World};

type Result<T = ()> = std::result::Result<T, String>;

const PYTHON: &str = "/usr/bin/python3.11";
/// Of one file; the longest takes 50 s natively.
const LIMIT: Duration = Duration::from_secs(200);
/// At most so many tests may be listed as failing.
const EXCEPTIONS: usize = 5;
/// Files in which none may.
const WITHOUT_EXCEPTION: [&str; 3] = ["test_signal", "test_threading", "test_subprocess"];
/// How an entry of `known_failures.toml` for one of these tests begins.
const PREFIX: &str = "cpython::";

/// What became of one test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    Passed,
    Skipped,
    Failed,
}

/// One file's results by the name of the test.
type Results = BTreeMap<String, Became>;

fn start(file: &str, world: World<'_>, folder: &Path) -> Result<Running> {
    let mut command = Command::new(PYTHON);
    command.args([
        "-m",
        "test",
        "--verbose",
        "--junit-xml",
        "results.xml",
        file,
    ]);
    run::enter(&mut command, world);
    command.current_dir(folder).env("TMPDIR", folder);
    Running::start(command)
        .map_err(|e| format!("{e}: run scripts/test, or `apt install python3.11`"))
}

fn folder() -> Result<tempfile::TempDir> {
    tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))
}

/// Runs `file` in both worlds at once; what it printed under Lichen comes with the results.
fn both(file: &str) -> Result<(Results, Results, String)> {
    let (here, there) = (folder()?, folder()?);
    let shim = paths::shim()?;
    let native = start(file, World::Native, there.path())?;
    let lichen = start(file, World::Lichen(&shim), here.path())?;
    let (native, lichen) = (native.finish(LIMIT)?, lichen.finish(LIMIT)?);
    let words = format!("{:?}\n{}{}", lichen.ended, lichen.stdout, lichen.stderr);
    if let Ended::TimedOut(place) = &lichen.ended {
        return Err(format!(
            "{file} does not end under Lichen: {place}\n{words}"
        ));
    }
    let natively = results(there.path())
        .map_err(|e| format!("natively: {e}\n{}{}", native.stdout, native.stderr))?;
    let under = results(here.path()).map_err(|e| format!("under Lichen: {e}\n{words}"))?;
    Ok((natively, under, words))
}

fn results(folder: &Path) -> Result<Results> {
    let text = std::fs::read_to_string(folder.join("results.xml"))
        .map_err(|e| format!("no results ({e}); is libpython3.11-testsuite installed?"))?;
    parse(&text)
}

/// Reads the JUnit file that `python -m test --junit-xml` writes.
fn parse(text: &str) -> Result<Results> {
    let mut found = Results::new();
    for case in text.split("<testcase ").skip(1) {
        let name = attribute(case, "name").ok_or("a test without a name")?;
        let case = case.split("</testcase>").next().unwrap_or(case);
        let became = if case.contains("<skipped") {
            Became::Skipped
        } else if case.contains("<failure") || case.contains("<error") {
            Became::Failed
        } else {
            Became::Passed
        };
        found.insert(name.to_owned(), became);
    }
    if found.is_empty() {
        return Err("no test ran".to_owned());
    }
    Ok(found)
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let rest = element.split(&format!("{name}=\"")).nth(1)?;
    rest.split('"').next()
}

/// The tests that fall short of the native run, each with what happened.
fn differences(natively: &Results, under: &Results) -> Vec<(String, String)> {
    let mut all: Vec<&String> = natively.keys().chain(under.keys()).collect();
    all.sort();
    all.dedup();
    all.into_iter()
        .filter_map(|name| {
            let (native, here) = (natively.get(name), under.get(name));
            let worse = native != here && native != Some(&Became::Failed);
            worse.then(|| {
                let what = format!("natively {native:?}, under Lichen {here:?}");
                (name.clone(), what)
            })
        })
        .collect()
}

fn listed() -> Result<Vec<Failure>> {
    let list = known::read()?;
    let ours = list
        .into_iter()
        .filter(|entry| entry.test.starts_with(PREFIX));
    Ok(ours.collect())
}

fn agrees(file: &str) -> Result {
    let (natively, under, words) = both(file)?;
    let list = listed()?;
    let of = |became| natively.values().filter(|one| **one == became).count();
    println!(
        "{file}: {} tests, {} skipped",
        natively.len(),
        of(Became::Skipped)
    );
    let mut wrong: Vec<String> = Vec::new();
    for (name, what) in differences(&natively, &under) {
        if !list
            .iter()
            .any(|entry| entry.test == format!("{PREFIX}{name}"))
        {
            wrong.push(format!("{name}: {what}"));
        }
    }
    for name in under
        .iter()
        .filter(|(_, b)| **b == Became::Passed)
        .map(|(n, _)| n)
    {
        if list
            .iter()
            .any(|entry| entry.test == format!("{PREFIX}{name}"))
        {
            wrong.push(format!(
                "{name} passes, but tests/known_failures.toml lists it"
            ));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{words}", wrong.join("\n")))
}

macro_rules! files {
    ($($file:ident)*) => {$(
        #[test]
        fn $file() -> Result {
            agrees(stringify!($file))
        }
    )*};
}

files! {
    test_signal test_threadsignals test_fork1 test_wait3 test_wait4 test_subprocess test_posix test_os test_pty
    test_thread test_threading test_threading_local
}

#[test]
fn the_list_of_exceptions_is_short_and_spares_the_main_files() -> Result {
    let list = listed()?;
    let spared = |entry: &&Failure| {
        WITHOUT_EXCEPTION
            .iter()
            .any(|file| entry.test.starts_with(&format!("{PREFIX}test.{file}.")))
    };
    match (list.len() > EXCEPTIONS, list.iter().find(spared)) {
        (false, None) => Ok(()),
        (true, _) => Err(format!("{} exceptions, at most {EXCEPTIONS}", list.len())),
        (_, Some(entry)) => Err(format!("{} must not be an exception", entry.test)),
    }
}

#[test]
fn results_are_read_and_compared() -> Result {
    let read = parse(
        "<testsuite><testcase name=\"a.b\" result=\"completed\" /><testcase name=\"c\"><skipped>no</skipped></testcase>\
         <testcase name=\"d\"><failure>x</failure></testcase><testcase name=\"e\" /></testsuite>",
    )?;
    let became: Vec<Became> = read.values().copied().collect();
    assert_eq!(
        became,
        [
            Became::Passed,
            Became::Skipped,
            Became::Failed,
            Became::Passed
        ]
    );
    let mut worse = read.clone();
    worse.insert("a.b".to_owned(), Became::Failed);
    worse.remove("e");
    worse.insert("c".to_owned(), Became::Passed);
    let names: Vec<String> = differences(&read, &worse)
        .into_iter()
        .map(|(n, _)| n)
        .collect();
    assert_eq!(names, ["a.b", "c", "e"]);
    assert!(parse("<testsuite></testsuite>").is_err());
    Ok(())
}

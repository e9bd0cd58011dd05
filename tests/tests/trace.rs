//! `LICHEN_TRACE`: the lines that are expected are there, whole, wherever they go, and the program does its work.
//!
//! Started by `cargo test` and `cargo nextest`. What differs between runs (ids, addresses, times) is masked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lichen_tests::run::{self, Ended, Outcome, World};
use lichen_tests::{compile, paths};

type Result<T = ()> = std::result::Result<T, String>;

const LIMIT: Duration = Duration::from_secs(20);

/// What `trace/calls.c` must have left, masked: `P` the process, `C` its child, `T` a thread other than the first.
const EXPECTED: [&str; 13] = [
    "P T read(3, \"he\\\"lo\\n\", 16) = 6 <parked>",
    "P P flock(77, 0x2) = -1 EBADF",
    "P P rename(\"/nonexistent/one\", \"/nonexistent/two\") native",
    "P P getppid() native = N",
    "P P syscall_600(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) native",
    "P P tgkill(P, P, 0) = 0",
    "P P clone(0x1200011, NULL, NULL, ADDRESS, NULL) = C",
    "C C clone(0x1200011, NULL, NULL, ADDRESS, NULL) = 0",
    "C C exit_group(7) = ?",
    "P P wait4(C, ADDRESS, 0x0, NULL) = C",
    "P P exit_group(7) = ?",
    "P P write(4, \"he\\\"lo\\n\", 6) = 6",
    "P P clock_nanosleep(0, 0, {0, 2000000}, NULL) = 0 <parked>",
];

fn trace(value: &str, words: &[&str]) -> Result<Outcome> {
    let source = paths::root().join("tests/tests/trace/calls.c");
    let mut command = Command::new(compile::program(&source, &[], &[])?);
    run::enter(&mut command, World::Lichen(&paths::shim()?));
    command.args(words).env("LICHEN_TRACE", value);
    let outcome = run::finish(command, LIMIT)?;
    match outcome.ended {
        Ended::Exit(7) => Ok(outcome),
        _ => Err(format!("{outcome:#?}")),
    }
}

/// The lines with what differs between runs replaced.
fn masked(text: &str) -> Result<Vec<String>> {
    let first = |line: &str| line.split(' ').next().unwrap_or("").to_owned();
    let process = text.lines().next().map(first).unwrap_or_default();
    let child = text
        .lines()
        .map(first)
        .find(|id| *id != process)
        .unwrap_or_else(|| "no child".to_owned());
    text.lines()
        .map(|line| mask(line, &process, &child).ok_or_else(|| format!("half a line: {line:?}")))
        .collect()
}

fn mask(line: &str, process: &str, child: &str) -> Option<String> {
    let (ids, call) = line.split_once(' ').and_then(|(one, rest)| {
        let (two, call) = rest.split_once(' ')?;
        Some(([one, two], call))
    })?;
    let id = |id: &str| match id.parse::<u32>() {
        Ok(_) if id == process => Some("P".to_owned()),
        Ok(_) if id == child => Some("C".to_owned()),
        Ok(4_194_305..) => Some("T".to_owned()),
        _ => None,
    };
    let call = call
        .split_once(" <parked")
        .map_or(call.to_owned(), |(call, time)| {
            assert!(time.ends_with('>'), "{line}");
            format!("{call} <parked>")
        });
    let whole = call.ends_with(" native") || call.contains(" = ");
    let words: Vec<String> = call
        .replace(&format!("({process}, {process}, "), "(P, P, ")
        .replace(&format!("wait4({child}"), "wait4(C")
        .replace(&format!(" = {child}"), " = C")
        .split(' ')
        .map(|word| match word.strip_prefix("0x") {
            Some(digits) if digits.len() > 9 => "ADDRESS,".to_owned(),
            _ => word.to_owned(),
        })
        .collect();
    let text = format!("{} {} {}", id(ids[0])?, id(ids[1])?, words.join(" "));
    // The child may have ended before its parent asks.
    let text = match text.strip_suffix(" <parked>") {
        Some(text) if text.contains(" wait4(") => text.to_owned(),
        _ => text,
    };
    let text = match text.split_once("getppid() native = ") {
        Some((before, number)) if number.parse::<u32>().is_ok() => {
            format!("{before}getppid() native = N")
        }
        _ => text,
    };
    whole.then_some(text)
}

fn has_all(text: &str) -> Result {
    let lines = masked(text)?;
    let missing: Vec<&&str> = EXPECTED
        .iter()
        .filter(|wanted| !lines.iter().any(|line| line == **wanted))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        let last = &lines[lines.len().saturating_sub(60)..];
        Err(format!("missing: {missing:#?}\nin the end: {last:#?}"))
    }
}

fn place() -> Result<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
    let file = folder.path().join("trace");
    Ok((folder, file))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

#[test]
fn a_trace_goes_to_stderr() -> Result {
    has_all(&trace("1", &[])?.stderr)
}

#[test]
fn a_trace_goes_to_a_file_with_its_children() -> Result {
    let (_folder, file) = place()?;
    let outcome = trace(&file.display().to_string(), &[])?;
    assert_eq!(outcome.stderr, "");
    has_all(&read(&file)?)
}

#[test]
fn each_process_has_its_file_if_the_name_says_so() -> Result {
    let (folder, file) = place()?;
    trace(&format!("{}.%p", file.display()), &[])?;
    let mut files: Vec<PathBuf> = fs::read_dir(folder.path())
        .map_err(|e| e.to_string())?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort_by_key(|path| fs::metadata(path).map_or(0, |m| m.len()));
    let [child, parent] = &files[..] else {
        return Err(format!("not two files: {files:?}"));
    };
    let (child, parent) = (read(child)?, read(parent)?);
    for text in [&child, &parent] {
        let ids: std::collections::BTreeSet<&str> = text
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(ids.len(), 1, "{text}");
    }
    has_all(&(parent + &child))
}

#[test]
fn the_trace_survives_a_program_that_closes_everything() -> Result {
    let (folder, file) = place()?;
    let own = folder.path().join("own");
    trace(&file.display().to_string(), &[&own.display().to_string()])?;
    has_all(&read(&file)?)?;
    assert_eq!(read(&own)?, "", "written into the program's own file");
    Ok(())
}

#[test]
fn a_file_that_cannot_be_opened_is_said_and_the_program_runs() -> Result {
    let outcome = trace("/proc/nowhere/trace", &[])?;
    assert_eq!(
        outcome.stderr,
        "lichen: LICHEN_TRACE: the file cannot be opened for writing; there is no trace\n"
    );
    Ok(())
}

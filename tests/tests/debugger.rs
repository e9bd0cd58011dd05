//! gdb and perf on a program under Lichen: gdb attaches, stops, walks the stack through a parked call, and leaves it unharmed;
//! perf sees whose call it is.
//!
//! Started by `cargo test` and `cargo nextest`; gdb must be installed (`scripts/test` sees to it). Without perf (Debian package
//! linux-perf) its test says so and passes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lichen_tests::run::{self, Ended, Outcome, World};
use lichen_tests::{compile, paths, plain_server};
use rustix::process::Signal;

type Result<T = ()> = std::result::Result<T, String>;

const LIMIT: Duration = Duration::from_secs(60);

fn program(name: &str, flags: &[&str]) -> Result<std::path::PathBuf> {
    let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
    compile::program(&paths::root().join("tests/calls").join(name), &flags, &[])
}

fn gdb(commands: &[&str], args: &[&str]) -> Result<Outcome> {
    let mut command = Command::new("gdb");
    command.args(["-q", "-nx", "-batch"]);
    command.args([
        "-ex",
        "set confirm off",
        "-ex",
        "set pagination off",
        "-ex",
        "set debuginfod enabled off",
    ]);
    for one in commands {
        command.args(["-ex", one]);
    }
    command.args(args);
    run::enter(&mut command, World::Native);
    run::finish(command, LIMIT)
}

/// A handler runs on top of a thread that waits in read(): the stack goes through the call to the thread's start.
#[test]
fn backtrace_goes_through_a_parked_call() -> Result {
    let program = program(
        "signal_backtrace.c",
        &["-fno-omit-frame-pointer", "-rdynamic", "-funwind-tables"],
    )?;
    let preload = format!(
        "set exec-wrapper env LD_PRELOAD={}",
        paths::shim()?.display()
    );
    for wrapper in [None, Some(preload.as_str())] {
        let mut commands: Vec<&str> = wrapper.into_iter().collect();
        commands.extend([
            "handle all nostop noprint pass",
            "break handler",
            "run",
            "bt",
            "continue",
        ]);
        let outcome = gdb(&commands, &[&program.display().to_string()])?;
        for frame in ["handler (", "waits_in_read (", " thread ("] {
            if !outcome.stdout.contains(frame) {
                return Err(format!(
                    "{wrapper:?}: no {frame:?} in the backtrace: {outcome:#?}"
                ));
            }
        }
        if !outcome.stdout.contains("exited normally") {
            return Err(format!(
                "{wrapper:?}: the program does not end well: {outcome:#?}"
            ));
        }
    }
    Ok(())
}

/// Whether one process of this user may trace another.
fn may_attach() -> bool {
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    rustix::process::geteuid().is_root() || matches!(scope.trim(), "" | "0")
}

#[test]
fn attach_and_detach_leave_a_server_unharmed() -> Result {
    if !may_attach() {
        println!("kernel.yama.ptrace_scope forbids attaching here");
        return Ok(());
    }
    let (running, mut clients, body) =
        plain_server::under_clients(World::Lichen(&paths::shim()?), 50)?;
    let id = running.id().to_string();
    for _ in 0..2 {
        let outcome = gdb(&["bt 5", "detach"], &["-p", &id])?;
        if !outcome.stdout.contains("#0 ") {
            return Err(format!("gdb does not attach: {outcome:#?}"));
        }
        clients.round("/", &body)?;
    }
    running.signal(Signal::TERM)?;
    let outcome = running.finish(LIMIT)?;
    if outcome.ended == Ended::Exit(0) {
        Ok(())
    } else {
        Err(format!("{outcome:#?}"))
    }
}

/// What `perf` cannot do here, if it cannot: it is not installed, or this user may not count processor time.
fn lacks_perf(folder: &Path) -> Option<String> {
    let out = folder.join("try").display().to_string();
    let tried = Command::new("perf")
        .args(["record", "-q", "-e", "cpu-clock", "-o", &out, "--", "true"])
        .output();
    match tried {
        Err(e) => Some(format!("perf cannot be started: {e}")),
        Ok(tried) if !tried.status.success() => Some(format!(
            "perf may not record here: {}",
            String::from_utf8_lossy(&tried.stderr).trim()
        )),
        Ok(_) => None,
    }
}

/// Profiles the process for a second while `load` works; the stacks it saw, each from the innermost frame on.
fn profile(id: u32, folder: &Path, mut load: impl FnMut() -> Result) -> Result<Vec<String>> {
    let data = folder.join("data").display().to_string();
    let id = id.to_string();
    // Attached to it, and not started with it: perf 6.1 mixes up the libcs of a program and of one that becomes it.
    let mut record = Command::new("perf");
    record.args(["record", "-q", "-e", "cpu-clock", "-F", "999", "-o", &data]);
    record.args(["--call-graph", "dwarf,8192", "-p", &id, "--", "sleep", "1"]);
    let mut record = record
        .spawn()
        .map_err(|e| format!("perf cannot be started: {e}"))?;
    let status = loop {
        load()?;
        if let Some(status) = record.try_wait().map_err(|e| e.to_string())? {
            break status;
        }
    };
    if !status.success() {
        return Err(format!("perf record ends with {status}"));
    }
    let mut script = Command::new("perf");
    script.args(["script", "-i", &data, "--no-inline", "-F", "comm,ip,sym"]);
    run::enter(&mut script, World::Native);
    let outcome = run::finish(script, LIMIT)?;
    Ok(outcome.stdout.split("\n\n").map(str::to_owned).collect())
}

/// A sample within a call that parks and goes on shows the program's functions above it, to the thread's start.
#[test]
fn perf_goes_through_a_call_that_parks() -> Result {
    let folder = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
    if let Some(why) = lacks_perf(folder.path()) {
        println!("{why}");
        return Ok(());
    }
    let (running, mut clients, body) =
        plain_server::under_clients(World::Lichen(&paths::shim()?), 50)?;
    let stacks = profile(running.id(), folder.path(), || clients.round("/", &body))?;
    running.signal(Signal::TERM)?;
    running.finish(LIMIT)?;
    let in_calls: Vec<&String> = stacks
        .iter()
        .filter(|stack| stack.contains("lichen_dispatch"))
        .collect();
    let shows = |stack: &str, name: &str| stack.lines().any(|line| line.ends_with(name));
    let whole = |stack: &&&String| shows(stack, " serve") && shows(stack, " start_thread");
    let (seen, good) = (in_calls.len(), in_calls.iter().filter(whole).count());
    println!("{good} of {seen} stacks go from a call to the thread's start");
    // The others: samples at the few instructions that have no unwind information (docs/limits.md).
    if seen > 0 && good * 10 >= seen * 9 {
        Ok(())
    } else {
        Err(format!("{good} of {seen} stacks are whole: {stacks:#?}"))
    }
}

//! gdb on a program under Lichen: it attaches, stops, walks the stack through a parked call, and leaves it unharmed.
//!
//! Started by `cargo test` and `cargo nextest`; gdb must be installed (`scripts/test` sees to it).

use std::process::Command;
use std::time::Duration;

use lichen_tests::client::Clients;
use lichen_tests::run::{self, Ended, Outcome, Running, World};
use lichen_tests::{compile, paths};
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
    let source = paths::root().join("tests/servers/threads.c");
    let mut command = Command::new(compile::program(&source, &[], &[])?);
    command.arg("0");
    run::enter(&mut command, World::Lichen(&paths::shim()?));
    let mut running = Running::start(command)?;
    let (mut clients, body) = Clients::open(running.port("port ")?, 50, "/")?;
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

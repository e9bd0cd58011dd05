//! What docs/debugging.md promises of gdb: the parked threads and their stacks, by docs/lichen-gdb.py.
//!
//! Started by `cargo test` and `cargo nextest`; needs gdb, which `scripts/test` installs.

use std::process::Command;
use std::time::Duration;

use lichen_tests::run::{self, Ended, World};
use lichen_tests::{paths, plain_server};
use rustix::process::Signal;

type Result<T = ()> = std::result::Result<T, String>;

const LIMIT: Duration = Duration::from_secs(60);
const CONNECTIONS: usize = 5;

#[test]
fn gdb_shows_parked_threads_and_their_stacks() -> Result {
    let (server, mut clients, body) =
        plain_server::under_clients(World::Lichen(&paths::shim()?), CONNECTIONS)?;

    let mut gdb = Command::new("gdb");
    gdb.args(["-q", "-nx", "-batch", "-ex", "set debuginfod enabled off"]);
    gdb.args(["-p", &server.id().to_string(), "-x"]);
    gdb.arg(paths::root().join("docs/lichen-gdb.py"));
    gdb.args(["-ex", "lichen threads", "-ex", "lichen bt 4194305"]);
    run::enter(&mut gdb, World::Native);
    let gdb = run::finish(gdb, LIMIT)?;
    let seen = gdb.stdout;
    let parked = seen
        .lines()
        .filter(|line| line.contains(" parked   descriptor "))
        .count();
    // The last column of each thread but the first: the function it was started with.
    let named = seen
        .lines()
        .filter(|line| {
            let start = line.split_whitespace().last().unwrap_or_default();
            line.contains(" parked   descriptor ") && start.split('.').next() == Some("serve")
        })
        .count();
    let whole = ["(first thread)", "lichen_dispatch ", "read ("];
    // The thread's own function may have no name where the compiler made another of it; its caller has one, if the machine
    // has the symbols of libc (libc6-dbg).
    let begins = [
        "start_thread (",
        "?? () from /lib/x86_64-linux-gnu/libc.so.6",
    ];
    if parked != CONNECTIONS + 1
        || named != CONNECTIONS
        || !whole.iter().all(|frame| seen.contains(frame))
        || !begins.iter().any(|frame| seen.contains(frame))
    {
        return Err(format!(
            "{parked} parked threads, {named} by their function, or a stack that ends early:\n{seen}\n{}",
            gdb.stderr
        ));
    }

    // The registers were put back: it serves as before, and ends as before.
    clients.round("/", &body)?;
    server.signal(Signal::TERM)?;
    let outcome = server.finish(LIMIT)?;
    if outcome.ended == Ended::Exit(0) {
        Ok(())
    } else {
        Err(format!("{outcome:#?}"))
    }
}

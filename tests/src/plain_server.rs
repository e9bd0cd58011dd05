//! The C server of threads, `tests/servers/threads.c`: built, started, and under the clients that keep it busy.
//!
//! Called by the runners that look at a running server, and by those that want something plain behind their own.

use std::path::PathBuf;
use std::process::Command;

use crate::client::Clients;
use crate::run::{self, Running, World};
use crate::{compile, paths};

/// Builds it; its first argument is a port, 0 for a free one, which it prints behind `port `.
///
/// # Errors
/// The compiler's own words.
pub fn build() -> Result<PathBuf, String> {
    compile::program(&paths::root().join("tests/servers/threads.c"), &[], &[])
}

/// Starts it on a free port, and returns the port too.
///
/// # Errors
/// One line, when it cannot be built or started.
pub fn start(world: World<'_>) -> Result<(Running, u16), String> {
    let mut command = Command::new(build()?);
    command.arg("0");
    run::enter(&mut command, world);
    let mut running = Running::start(command)?;
    let port = running.port("port ")?;
    Ok((running, port))
}

/// Starts it with `count` connections, each of which it has answered once; the answer comes with them.
///
/// # Errors
/// As [`start`], and what a connection met with.
pub fn under_clients(world: World<'_>, count: usize) -> Result<(Running, Clients, String), String> {
    let (running, port) = start(world)?;
    let (clients, body) = Clients::open(port, count, "/")?;
    Ok((running, clients, body))
}

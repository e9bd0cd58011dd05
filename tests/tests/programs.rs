//! Real, unmodified programs, natively and under Lichen: same output, same end, and few kernel threads under Lichen
//! while many threads of the program live.
//!
//! Started by `cargo test` and `cargo nextest`. The programs are in `tests/programs/` and `tests/servers/`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lichen_tests::client::Clients;
use lichen_tests::run::{self, Ended, Outcome, Running, World};
use lichen_tests::{paths, plain_server, slow_server, tree};
use rustix::process::Signal;

/// Kernel threads a process may have under Lichen: a worker, a watchdog, one of the pool.
const FEW: usize = 3;
/// Keep-alive connections to each server.
const CONNECTIONS: usize = 1000;
const LIMIT: Duration = Duration::from_secs(60);

type Result<T = ()> = std::result::Result<T, String>;

/// How a server is started and ended.
struct Server<'a> {
    command: &'a dyn Fn() -> Command,
    /// The word before the port number in its first line.
    port_after: &'a str,
    path: &'a str,
    end_by: Signal,
}

fn program(relative: &str) -> PathBuf {
    paths::root().join("tests").join(relative)
}

/// A command in `world`, with one more library to preload where one is named.
fn command(make: &dyn Fn() -> Command, world: World<'_>, also: Option<&Path>) -> Command {
    run::allow_many_descriptors();
    let mut command = make();
    run::enter(&mut command, world);
    command.env("NO_PROXY", "*");
    if let Some(library) = also {
        let ours = match world {
            World::Lichen(shim) => format!("{}:", shim.display()),
            _ => String::new(),
        };
        command.env("LD_PRELOAD", format!("{ours}{}", library.display()));
    }
    command
}

/// An allocator of the distribution.
fn library(name: &str, package: &str) -> Result<PathBuf> {
    let folders =
        std::fs::read_dir("/usr/lib").map_err(|e| format!("cannot read /usr/lib: {e}"))?;
    let mut found = folders
        .flatten()
        .map(|folder| folder.path().join(name))
        .filter(|path| path.is_file());
    found
        .next()
        .ok_or_else(|| format!("{name} is missing: run scripts/test, or `apt install {package}`"))
}

fn jemalloc() -> Result<PathBuf> {
    library("libjemalloc.so.2", "libjemalloc2")
}

fn tcmalloc() -> Result<PathBuf> {
    library("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4")
}

/// Serves all connections, and returns the body, how the server ended, and its kernel threads meanwhile.
fn serve(
    server: &Server<'_>,
    world: World<'_>,
    also: Option<&Path>,
) -> Result<(String, Ended, usize)> {
    let mut running = Running::start(command(server.command, world, also))?;
    let port = running.port(server.port_after)?;
    let id = running.id();
    let in_context = |e: String| format!("{world:?}: {e}\n{}", tree::describe(id));
    let (mut clients, body) = Clients::open(port, CONNECTIONS, server.path).map_err(in_context)?;
    clients.round(server.path, &body).map_err(in_context)?;
    let threads = tree::busiest(id);
    clients.round(server.path, &body).map_err(in_context)?;
    drop(clients);
    running.signal(server.end_by)?;
    let outcome = running.finish(Duration::from_secs(15))?;
    Ok((body, outcome.ended, threads))
}

fn serves_the_same(server: &Server<'_>, also: Option<&Path>) -> Result {
    let native = serve(server, World::Native, also)?;
    if native.2 <= CONNECTIONS {
        return Err(format!(
            "natively {} kernel threads: the test proves nothing",
            native.2
        ));
    }
    let here = serve(server, World::Lichen(&paths::shim()?), also)?;
    if (&here.0, &here.1) != (&native.0, &native.1) {
        return Err(format!("under Lichen {here:?}, natively {native:?}"));
    }
    few(here.2)
}

fn few(threads: usize) -> Result {
    if threads <= FEW {
        Ok(())
    } else {
        Err(format!(
            "{threads} kernel threads in one process, expected at most {FEW}"
        ))
    }
}

/// Runs a program to its end, and counts the most kernel threads any of its processes had.
fn to_end(
    make: &dyn Fn() -> Command,
    world: World<'_>,
    also: Option<&Path>,
) -> Result<(Outcome, usize)> {
    let running = Running::start(command(make, world, also))?;
    let (id, mut peak) = (running.id(), 0);
    let outcome = running.watch(LIMIT, || peak = peak.max(tree::busiest(id)))?;
    Ok((outcome, peak))
}

/// Compares the ends of a program that has at least `threads` kernel threads at once natively.
fn ends_the_same(make: &dyn Fn() -> Command, threads: usize, also: Option<&Path>) -> Result {
    let (native, native_peak) = to_end(make, World::Native, also)?;
    if native_peak < threads {
        return Err(format!(
            "natively only {native_peak} kernel threads: the test proves nothing\n{native:?}"
        ));
    }
    let (here, peak) = to_end(make, World::Lichen(&paths::shim()?), also)?;
    if here != native {
        return Err(format!("under Lichen {here:#?}, natively {native:#?}"));
    }
    few(peak)
}

fn c_server(also: Option<&Path>) -> Result {
    let built = plain_server::build()?;
    let start = || {
        let mut command = Command::new(&built);
        command.arg("0");
        command
    };
    let server = Server {
        command: &start,
        port_after: "port ",
        path: "/",
        end_by: Signal::TERM,
    };
    serves_the_same(&server, also)
}

#[test]
fn c_server_of_threads() -> Result {
    c_server(None)
}

#[test]
fn c_server_of_threads_with_jemalloc() -> Result {
    c_server(Some(&jemalloc()?))
}

#[test]
fn c_server_of_threads_with_tcmalloc() -> Result {
    c_server(Some(&tcmalloc()?))
}

#[test]
fn rust_server_of_threads() -> Result {
    let built = paths::server("lichen-server-std-threads")?;
    let start = || {
        let mut command = Command::new(&built);
        command.arg("0");
        command
    };
    let server = Server {
        command: &start,
        port_after: "port ",
        path: "/",
        end_by: Signal::TERM,
    };
    serves_the_same(&server, None)
}

#[test]
fn python_http_server() -> Result {
    let folder = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
    std::fs::write(folder.path().join("page.txt"), "a small page\n")
        .map_err(|e| format!("cannot write: {e}"))?;
    let start = || {
        let mut command = Command::new("python3");
        command.args([
            "-u",
            "-m",
            "http.server",
            "0",
            "--bind",
            "127.0.0.1",
            "--protocol",
            "HTTP/1.1",
        ]);
        command.current_dir(folder.path());
        command
    };
    let server = Server {
        command: &start,
        port_after: "port ",
        path: "/page.txt",
        end_by: Signal::INT,
    };
    serves_the_same(&server, None)
}

fn python_client(count: &str, also: Option<&Path>) -> Result {
    let port = slow_server::start(Duration::from_millis(400))?.to_string();
    let start = || {
        let mut command = Command::new("python3");
        command
            .arg(program("programs/python_client/fetch.py"))
            .args([&port, count]);
        command
    };
    ends_the_same(&start, 150, also)
}

#[test]
fn python_client_with_a_pool_of_500() -> Result {
    python_client("5000", None)
}

#[test]
fn python_client_with_jemalloc() -> Result {
    python_client("1500", Some(&jemalloc()?))
}

#[test]
fn python_client_with_tcmalloc() -> Result {
    python_client("1500", Some(&tcmalloc()?))
}

#[test]
fn bash_script_with_pipes_and_subshells() -> Result {
    let start = || {
        let mut command = Command::new("bash");
        command.arg(program("programs/bash_pipes/script.sh"));
        command
    };
    ends_the_same(&start, 1, None)
}

#[test]
fn python_with_processes_and_name_lookups() -> Result {
    let start = || {
        let mut command = Command::new("python3");
        command.arg(program("programs/python_processes/main.py"));
        command
    };
    ends_the_same(&start, 100, None)
}

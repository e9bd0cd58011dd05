//! One program of `tests/programs/` with its data in a temporary folder: prepared natively by its `prepare.sh`, started in
//! either world by its `serve.sh`, loaded by clients that run natively.
//!
//! Called by all modules here. Whatever fails, processes and folder are gone afterwards.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use lichen_tests::run::{self, Ended, Running, World};
use lichen_tests::{paths, tree};
use tempfile::TempDir;

use crate::Result;

/// Kernel threads a process may have under Lichen: a worker, a watchdog, and a pool of two.
pub const FEW: usize = 4;
/// Longest run of any one client, and longest start of a server.
const PATIENCE: Duration = Duration::from_secs(60);

/// A place for one program.
pub struct Site {
    name: &'static str,
    folder: TempDir,
    pub port: u16,
}

impl Site {
    /// Runs `tests/programs/NAME/prepare.sh DIR PORT MORE...`.
    pub fn prepare(name: &'static str, more: &[&str]) -> Result<Site> {
        run::allow_many_descriptors();
        let folder = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
        let site = Site {
            name,
            folder,
            port: free_port()?,
        };
        let mut arguments = vec![site.path().display().to_string(), site.port.to_string()];
        arguments.extend(more.iter().map(ToString::to_string));
        client(script(name, "prepare.sh"), &arguments)?;
        Ok(site)
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The text of a file in the folder; empty if it is not there.
    pub fn text(&self, file: &str) -> String {
        let bytes = std::fs::read(self.path().join(file)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Starts `serve.sh` in `world`, and waits until it takes connections.
    pub fn serve(&self, world: World<'_>) -> Result<Running> {
        let mut command = Command::new(script(self.name, "serve.sh"));
        run::enter(&mut command, world);
        command.arg(self.path()).env("VENV", venv());
        let running = Running::start(command)?;
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if Instant::now() > until {
                let state = tree::describe(running.id());
                let said = running.finish(Duration::ZERO)?;
                return Err(format!("{} does not start: {said:?}\n{state}", self.name));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }

    /// Runs a client's script of the same folder in the native world, and returns its stdout.
    pub fn client(&self, file: &str, arguments: &[&str]) -> Result<String> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let port = self.port.to_string();
        let arguments: Vec<String> = std::iter::once(port).chain(arguments).collect();
        client(script(self.name, file), &arguments)
    }
}

/// A file of `tests/programs/NAME`.
pub fn script(name: &str, file: &str) -> PathBuf {
    paths::root().join("tests/programs").join(name).join(file)
}

/// Where `scripts/test` installs what comes from PyPI.
pub fn venv() -> PathBuf {
    paths::target().join("venv")
}

/// The interpreter of [`venv`].
pub fn python() -> Result<PathBuf> {
    let python = venv().join("bin/python");
    if python.is_file() {
        return Ok(python);
    }
    Err(format!(
        "{} is missing: run scripts/test, or `python3 -m venv {} && {} -m pip install -r tests/requirements.txt`",
        python.display(),
        venv().display(),
        python.display()
    ))
}

/// Runs a client natively, which must succeed, and returns its stdout.
pub fn client(program: PathBuf, arguments: &[String]) -> Result<String> {
    let mut command = match program.extension().is_some_and(|ending| ending == "py") {
        true => Command::new("python3"),
        false => Command::new("env"),
    };
    run::enter(&mut command, World::Native);
    command.arg(&program).args(arguments);
    let outcome = run::finish(command, PATIENCE)?;
    if outcome.ended == Ended::Exit(0) {
        return Ok(outcome.stdout);
    }
    let name = program.display();
    Err(match outcome.ended {
        Ended::Exit(127) => format!(
            "{name}: {}: run scripts/test, which installs what is missing",
            outcome.stderr.trim()
        ),
        _ => format!("{name} {arguments:?}: {outcome:#?}"),
    })
}

/// A port that nobody listens at now. Another program could take it before ours does; then ours says so.
pub fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|e| format!("no port: {e}"))
}

/// Calls `look` from another thread again and again while `work` runs; returns what `work` did and the largest number seen.
pub fn peak<T>(
    look: impl Fn() -> usize + Sync,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, usize)> {
    use std::sync::atomic::{AtomicBool, Ordering};
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                most = most.max(look());
                std::thread::sleep(Duration::from_millis(20));
            }
            most
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        let most = watcher.join().map_err(|_| "the watcher panicked")?;
        Ok((result?, most))
    })
}

/// Runs `cycle` natively and under Lichen, and compares. It returns what must be equal, and the most kernel threads that
/// one process had; natively those must be more than `threads`.
pub fn both<T: PartialEq + std::fmt::Debug>(
    threads: usize,
    cycle: impl Fn(World<'_>) -> Result<(T, usize)>,
) -> Result {
    let shim = paths::shim()?;
    let in_world = |world: World<'_>| cycle(world).map_err(|e| format!("{world:?}: {e}"));
    let native = in_world(World::Native)?;
    if native.1 <= threads {
        return Err(format!(
            "natively {} kernel threads: the test proves nothing",
            native.1
        ));
    }
    let here = in_world(World::Lichen(&shim))?;
    println!(
        "kernel threads: {} natively, {} under Lichen",
        native.1, here.1
    );
    if here.0 != native.0 {
        return Err(format!(
            "under Lichen {:#?}, natively {:#?}",
            here.0, native.0
        ));
    }
    let limit = FEW.min(native.1 - 1);
    match here.1 {
        most if most <= limit => Ok(()),
        most => Err(format!(
            "{most} kernel threads in one process, expected at most {limit}"
        )),
    }
}

/// Ends a server by SIGTERM; it has 30 s.
pub fn terminate(running: Running) -> Result<run::Outcome> {
    running.signal(rustix::process::Signal::TERM)?;
    let outcome = running.finish(Duration::from_secs(30))?;
    match outcome.ended {
        Ended::TimedOut(_) => Err(format!("SIGTERM did not end it: {outcome:#?}")),
        _ => Ok(outcome),
    }
}

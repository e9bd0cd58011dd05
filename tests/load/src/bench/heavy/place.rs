//! One program of `tests/programs` with its data in a temporary folder: prepared natively by `prepare.sh`, started on the
//! server's CPU by `serve.sh`, natively or under `lichen run`. Called by `compare` and `clients`.
//! Whatever happens here, processes and folder are gone afterwards.

use std::fs::File;
use std::io::{Read, Seek};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lichen_tests::tree;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::bench::Bench;
use crate::bench::program::How;
use crate::server::{Program, Server};
use crate::{observe, spawn, stop};

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A prepared program.
pub struct Place {
    scripts: PathBuf,
    folder: TempDir,
    pub port: u16,
}

impl Place {
    /// Runs `tests/programs/NAME/prepare.sh DIR PORT MORE...`.
    pub fn prepare(bench: &Bench, name: &str, more: &[String]) -> Result<Place> {
        let place = Place {
            scripts: bench.scripts.join(name),
            folder: tempfile::tempdir().context("cannot make a temporary folder")?,
            port: free_port()?,
        };
        let output = Command::new(place.script("prepare.sh"))
            .arg(place.path())
            .arg(place.port.to_string())
            .args(more)
            .output()
            .with_context(|| format!("cannot start {name}/prepare.sh"))?;
        if !output.status.success() {
            bail!(
                "{name}/prepare.sh: {}; scripts/test installs what is missing",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(place)
    }

    /// A place of stunnel's, and the plain server behind it, which runs on `cpu`.
    pub fn prepare_tls(bench: &Bench, cpu: usize) -> Result<(Server, Place)> {
        let plain = Program::native("plain server", &bench.program("epoll"));
        let server = Server::start(&plain, &[cpu])?;
        let port = server.address.port().to_string();
        Ok((server, Place::prepare(bench, "tls", &[port])?))
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn script(&self, file: &str) -> PathBuf {
        self.scripts.join(file)
    }

    /// Starts `serve.sh` and waits until it takes connections.
    pub fn serve(&self, bench: &Bench, how: How) -> Result<Served> {
        let mut command = under(bench, how, &self.script("serve.sh"));
        let output = tempfile::tempfile().context("cannot make a temporary file")?;
        command
            .arg(self.path())
            .env("VENV", bench.venv())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?);
        spawn::tie(&mut command, &[bench.cpus.server])?;
        let child = command.spawn().context("cannot start serve.sh")?;
        let mut served = Served { child, output };
        let until = Instant::now() + START_LIMIT;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            stop::check()?;
            if served.child.try_wait()?.is_some() || Instant::now() > until {
                bail!("the server ({how:?}) does not start: {}", served.said());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(served)
    }
}

/// `script` as it is, or under `lichen run`.
pub fn under(bench: &Bench, how: How, script: &Path) -> Command {
    match how {
        How::Natively => Command::new(script),
        How::UnderLichen => {
            let mut command = Command::new(bench.built("lichen"));
            command.args(["run", "--quiet", "--", "sh"]).arg(script);
            command
        }
    }
}

/// A port that nobody listens at now.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port")?;
    Ok(listener.local_addr()?.port())
}

/// A running server, perhaps of several processes.
pub struct Served {
    child: Child,
    output: File,
}

impl Served {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU time of all its processes.
    pub fn cpu(&self) -> Result<Duration> {
        // A process that has just ended has no clock; its time is lost to us.
        Ok(tree::members(self.pid())
            .into_iter()
            .filter_map(|pid| observe::cpu_time(pid).ok())
            .sum())
    }

    /// The most kernel threads that one of its processes has.
    pub fn kernel_threads(&self) -> u64 {
        let count = |pid| observe::footprint(pid).map_or(0, |found| found.kernel_threads);
        tree::members(self.pid())
            .into_iter()
            .map(count)
            .max()
            .unwrap_or(0)
    }

    /// Ends it by SIGTERM and waits; what it has not done by then is an error.
    pub fn stop(mut self) -> Result<()> {
        kill(Pid::from_raw(self.pid().cast_signed()), Signal::SIGTERM)?;
        let until = Instant::now() + STOP_LIMIT;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > until {
                bail!("SIGTERM did not end it: {}", self.said());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The end of what it wrote.
    fn said(&mut self) -> String {
        let mut text = String::new();
        // Unreadable output is as good as none: it only decorates an error.
        let _ = self
            .output
            .rewind()
            .and_then(|()| self.output.read_to_string(&mut text));
        let lines: Vec<&str> = text.trim().lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            for pid in tree::members(self.pid()) {
                // It may have ended by itself.
                let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
            }
            let _ = self.child.wait();
        }
    }
}

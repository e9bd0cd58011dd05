//! A server program under measurement: start it on its CPUs, learn its port, end it. Called by `demo` and `bench`.
//! Whatever happens here, the process is gone when the [`Server`] is dropped.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{spawn, stop};

const START_LIMIT: Duration = Duration::from_secs(10);
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A command line, and the name it has in tables.
#[derive(Clone, Debug)]
pub struct Program {
    pub name: String,
    pub argv: Vec<OsString>,
}

impl Program {
    pub fn native(name: &str, program: &Path) -> Program {
        Program {
            name: name.into(),
            argv: vec![program.into()],
        }
    }

    /// The same program under `lichen run`.
    pub fn under_lichen(name: &str, lichen: &Path, program: &Path) -> Program {
        Program {
            name: name.into(),
            argv: vec![lichen.into(), "run".into(), "--".into(), program.into()],
        }
    }
}

pub struct Server {
    child: Child,
    stderr: File,
    pub address: SocketAddr,
}

impl Server {
    /// Starts `program` on `cpus` and waits until it says "port N".
    pub fn start(program: &Program, cpus: &[usize]) -> Result<Server> {
        // A file that has no name, so that nothing is left and nobody blocks on a full pipe.
        let stderr = tempfile::tempfile().context("cannot make a temporary file")?;
        let (word, rest) = program.argv.split_first().context("empty command")?;
        let mut command = Command::new(word);
        command
            .args(rest)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr.try_clone().context("dup")?);
        spawn::tie(&mut command, cpus).context("cannot bind the server to its CPU")?;
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", word.display()))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        // From here on Drop ends the child also when we fail.
        let mut server = Server {
            child,
            stderr,
            address,
        };
        let stdout = server.child.stdout.take().context("no stdout")?;
        match read_port(stdout) {
            Ok(port) => server.address.set_port(port),
            Err(error) => return Err(server.explain(error, &program.name)),
        }
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the server wrote to stderr so far.
    pub fn stderr(&mut self) -> String {
        let mut text = String::new();
        // Unreadable output is as good as none: it only decorates an error.
        let _ = self
            .stderr
            .rewind()
            .and_then(|()| self.stderr.read_to_string(&mut text));
        text.trim().to_string()
    }

    /// Asks it to end (SIGTERM), waits, and insists (SIGKILL) after a while.
    pub fn stop(mut self) -> Result<ExitStatus> {
        let pid = Pid::from_raw(self.pid().cast_signed());
        // It may have ended by itself; the wait below tells.
        let _ = kill(pid, Signal::SIGTERM);
        self.wait(STOP_LIMIT)?
            .context("the server ignored SIGTERM for 10 s and was killed")
    }

    fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().context("waitpid")? {
                return Ok(Some(status));
            }
            if Instant::now() > end {
                return Ok(None);
            }
            sleep(Duration::from_millis(5));
        }
    }

    /// `error` with what became of the server and what it said.
    pub fn explain(&mut self, error: anyhow::Error, name: &str) -> anyhow::Error {
        if error.is::<stop::Stopped>() {
            return error;
        }
        let fate = match self.wait(Duration::from_millis(200)) {
            Ok(Some(status)) => format!("it ended with {status}"),
            _ => "it is still running".into(),
        };
        let said = match self.stderr() {
            text if text.is_empty() => "it wrote nothing to stderr".to_string(),
            text => format!("its stderr: {}", last_lines(&text, 5)),
        };
        error.context(format!("{name}: {fate}; {said}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The N of the first line "port N".
fn read_port(mut stdout: ChildStdout) -> Result<u16> {
    let end = Instant::now() + START_LIMIT;
    let mut line = Vec::new();
    loop {
        stop::check()?;
        let mut fds = [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, 100_u16).unwrap_or(0) > 0 {
            let mut byte = [0];
            if stdout
                .read(&mut byte)
                .context("cannot read the output of the server")?
                == 0
            {
                bail!("the server did not come up");
            }
            if byte[0] == b'\n' {
                return parse_port(&String::from_utf8_lossy(&line));
            }
            line.push(byte[0]);
        }
        if Instant::now() > end {
            bail!(
                "the server printed no port within {} s",
                START_LIMIT.as_secs()
            );
        }
    }
}

fn parse_port(line: &str) -> Result<u16> {
    line.strip_prefix("port ")
        .and_then(|number| number.trim().parse().ok())
        .with_context(|| format!("the server should print \"port N\" first, but printed {line:?}"))
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_line_is_understood_and_nothing_else() {
        assert_eq!(parse_port("port 4711").unwrap(), 4711);
        assert!(parse_port("listening on 4711").is_err());
        assert!(parse_port("port 99999").is_err());
    }

    #[test]
    fn only_the_last_lines_are_quoted() {
        assert_eq!(last_lines("a\nb\nc", 2), "b | c");
        assert_eq!(last_lines("a", 5), "a");
    }

    #[test]
    fn a_program_that_ends_at_once_is_explained() {
        let program = Program {
            name: "sh".into(),
            argv: ["sh", "-c", "echo oops >&2; exit 3"].map(Into::into).into(),
        };
        let cpus = crate::machine::Cpus::choose().unwrap();
        let error = format!(
            "{:#}",
            Server::start(&program, &cpus.allowed).err().unwrap()
        );
        assert!(error.contains("oops") && error.contains('3'), "{error}");
    }

    #[test]
    fn dropping_a_server_ends_its_process() {
        let script = "echo port 1; exec sleep 1000";
        let program = Program {
            name: "sh".into(),
            argv: ["sh", "-c", script].map(Into::into).into(),
        };
        let cpus = crate::machine::Cpus::choose().unwrap();
        let server = Server::start(&program, &cpus.allowed).unwrap();
        let pid = Pid::from_raw(server.pid().cast_signed());
        drop(server);
        assert!(kill(pid, None).is_err());
    }
}

//! Runs one program with a time limit and keeps what can be compared: stdout, stderr and how it ended.
//!
//! Called by the runners. It kills only the process group it made itself. Output goes to unnamed files, because a
//! pipe would stay open as long as some child of the program holds it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_process, kill_process_group, setrlimit,
};
use wait_timeout::ChildExt;

use crate::directives::Expected;
use crate::paths;
use crate::tree;

/// Which world a program runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World<'a> {
    /// Plain Linux.
    Native,
    /// The shim is preloaded and does its work.
    Lichen(&'a Path),
    /// As `Lichen`, with one capability of kernel or processor forced off (`LICHEN_WITHOUT`).
    Without(&'a Path, &'a str),
    /// The shim is preloaded and told to pass everything through.
    Disabled(&'a Path),
}

/// What a finished program left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub stdout: String,
    pub stderr: String,
    pub ended: Ended,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Exit(i32),
    Signal(i32),
    /// Killed at its time limit; the text says where its threads were then.
    TimedOut(String),
}

impl Ended {
    /// Whether the program ended in the expected way.
    pub fn is(&self, expected: Expected) -> bool {
        match (self, expected) {
            (Ended::Exit(a), Expected::Exit(b)) => *a == b,
            (Ended::Signal(a), Expected::Signal(b)) => *a == b,
            _ => false,
        }
    }
}

/// Prepares `command` for `world`: no setting of Lichen from our own environment reaches it, and what it caches stays
/// below the target folder.
pub fn enter(command: &mut Command, world: World<'_>) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LICHEN_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_CACHE_HOME", paths::target().join("tests-cache"));
    match world {
        World::Native => command.env_remove("LD_PRELOAD"),
        World::Lichen(shim) => command.env("LD_PRELOAD", shim),
        World::Without(shim, cap) => command.env("LD_PRELOAD", shim).env("LICHEN_WITHOUT", cap),
        World::Disabled(shim) => command.env("LD_PRELOAD", shim).env("LICHEN_DISABLE", "1"),
    };
}

/// Runs `command` to its end or to `limit`, in a process group of its own, with an empty stdin.
///
/// # Errors
/// One line when it cannot be started or its output cannot be kept.
pub fn finish(command: Command, limit: Duration) -> Result<Outcome, String> {
    Running::start(command)?.finish(limit)
}

/// A started program. Dropping it ends its process group.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: File,
    stderr: File,
}

impl Running {
    /// Starts `command` in a process group of its own, with an empty stdin.
    ///
    /// # Errors
    /// As [`finish`].
    pub fn start(mut command: Command) -> Result<Running, String> {
        let (stdout, stderr) = (keep()?, keep()?);
        command.process_group(0).stdin(Stdio::null());
        command.stdout(handle(&stdout)?).stderr(handle(&stderr)?);
        let name = command.get_program().display().to_string();
        let child = command
            .spawn()
            .map_err(|e| format!("cannot start {name}: {e}"))?;
        Ok(Running {
            child,
            stdout,
            stderr,
        })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to stdout by now.
    ///
    /// # Errors
    /// One line when it cannot be read.
    pub fn stdout(&mut self) -> Result<String, String> {
        text(&self.stdout)
    }

    /// Waits until it has written `after` and a port number to stdout.
    ///
    /// # Errors
    /// What it wrote, when no port comes in time.
    pub fn port(&mut self, after: &str) -> Result<u16, String> {
        let until = Instant::now() + Duration::from_secs(15);
        loop {
            let text = self.stdout()?;
            let word = text
                .split(after)
                .nth(1)
                .filter(|rest| rest.contains(char::is_whitespace));
            let port = word.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
            if let Some(port) = port {
                return Ok(port);
            }
            if Instant::now() > until {
                return Err(format!(
                    "no port, but {text:?}\n{}",
                    tree::describe(self.id())
                ));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// One line when it is gone.
    pub fn signal(&self, signal: Signal) -> Result<(), String> {
        let pid = i32::try_from(self.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or("no process id")?;
        kill_process(pid, signal).map_err(|e| format!("cannot signal the program: {e}"))
    }

    /// Waits for the end, at most `limit`, then ends the process group and collects the output.
    ///
    /// # Errors
    /// One line when waiting or reading fails.
    pub fn finish(self, limit: Duration) -> Result<Outcome, String> {
        self.watch(limit, || {})
    }

    /// As [`Running::finish`], and calls `look` again and again meanwhile.
    ///
    /// # Errors
    /// As [`Running::finish`].
    pub fn watch(mut self, limit: Duration, mut look: impl FnMut()) -> Result<Outcome, String> {
        let until = Instant::now() + limit;
        let ended = loop {
            let waited = self.child.wait_timeout(Duration::from_millis(5));
            match waited.map_err(|e| format!("cannot wait for the program: {e}"))? {
                Some(status) => break ended(status),
                None if Instant::now() >= until => {
                    break Ended::TimedOut(tree::describe(self.id()));
                }
                None => look(),
            }
        };
        kill_group(self.id());
        let _ = self.child.wait();
        Ok(Outcome {
            stdout: text(&self.stdout)?,
            stderr: text(&self.stderr)?,
            ended,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        kill_group(self.id());
        let _ = self.child.wait();
    }
}

/// Lets this process and those it starts have as many descriptors as the hard limit allows, upto what a test needs:
/// many systems start programs with 1,024.
pub fn allow_many_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let enough = limit.maximum.unwrap_or(u64::MAX).min(8192);
    if limit.current.is_some_and(|current| current < enough) {
        // A refusal shows as a failed connection later.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(enough),
                maximum: limit.maximum,
            },
        );
    }
}

/// Ends what is left of the process group led by `leader`, which must be a child started by us with its own group.
pub fn kill_group(leader: u32) {
    if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // ESRCH (nothing is left) is the normal case.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Ends the process `pid`, which must be a child started by us and not yet waited for.
pub fn kill_one(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Turns a wait status into `Ended`.
pub fn ended(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exit(code),
        (None, Some(signal)) => Ended::Signal(signal),
        (None, None) => Ended::Exit(-1),
    }
}

fn keep() -> Result<File, String> {
    tempfile::tempfile().map_err(|e| format!("cannot make a file for the program's output: {e}"))
}

fn handle(file: &File) -> Result<Stdio, String> {
    file.try_clone()
        .map(Stdio::from)
        .map_err(|e| format!("cannot duplicate a descriptor: {e}"))
}

/// All that is in a file. Its offset stays where it is: the program under test writes there.
fn text(file: &File) -> Result<String, String> {
    let failed = |e| format!("cannot read output: {e}");
    let mut bytes = vec![0; file.metadata().map_err(failed)?.len() as usize];
    file.read_exact_at(&mut bytes, 0).map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

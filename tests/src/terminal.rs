//! A program on a pseudo-terminal of its own, as if a person had started it: typing, waiting for words, job control.
//!
//! Called by `tests/tests/terminal.rs`. The program is started through `setsid --ctty` of util-linux, which makes the
//! terminal the controlling one without unsafe code here.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use wait_timeout::ChildExt;

use crate::run::{self, Ended, World};
use crate::tree;

/// Longest wait for any one word on the screen.
const PATIENCE: Duration = Duration::from_secs(15);

/// A program and the master side of its terminal.
#[derive(Debug)]
pub struct Terminal {
    master: File,
    child: Child,
    screen: String,
    read_upto: usize,
}

impl Terminal {
    /// Starts `program` with `args` in `world`.
    ///
    /// # Errors
    /// One line naming the step that failed.
    pub fn start(program: &Path, args: &[&str], world: World<'_>) -> Result<Terminal, String> {
        let fail = |e: rustix::io::Errno| format!("cannot make a pseudo-terminal: {e}");
        let master: OwnedFd =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).map_err(fail)?;
        grantpt(&master)
            .and_then(|()| unlockpt(&master))
            .map_err(fail)?;
        let name = ptsname(&master, Vec::new()).map_err(fail)?;
        let slave = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NOCTTY.bits().cast_signed())
            .open(name.to_string_lossy().as_ref())
            .map_err(|e| format!("cannot open the terminal: {e}"))?;
        let side = || {
            slave
                .try_clone()
                .map(Stdio::from)
                .map_err(|e| format!("cannot duplicate a descriptor: {e}"))
        };
        let mut command = Command::new("setsid");
        command
            .args(["--ctty", "env"])
            .args(wanted(world))
            .arg(program)
            .args(args);
        run::enter(&mut command, World::Native);
        command
            .env("TERM", "dumb")
            .env("PS1", "prompt> ")
            .env_remove("PROMPT_COMMAND");
        command.stdin(side()?).stdout(side()?).stderr(side()?);
        let child = command
            .spawn()
            .map_err(|e| format!("cannot run setsid (package util-linux): {e}"))?;
        Ok(Terminal {
            master: File::from(master),
            child,
            screen: String::new(),
            read_upto: 0,
        })
    }

    /// Types `keys`.
    ///
    /// # Errors
    /// One line when the terminal does not take them.
    pub fn press(&mut self, keys: &str) -> Result<(), String> {
        self.master
            .write_all(keys.as_bytes())
            .map_err(|e| format!("cannot type: {e}"))
    }

    /// Waits until `words` come after what was waited for last, and returns all that came upto their end.
    ///
    /// # Errors
    /// The screen, when they do not come in time.
    pub fn expect(&mut self, words: &str) -> Result<String, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.screen[self.read_upto..].find(words) {
                let from = self.read_upto;
                self.read_upto += at + words.len();
                return Ok(self.screen[from..self.read_upto].to_owned());
            }
            if Instant::now() >= until || !self.more()? {
                let stuck = tree::describe(self.child.id());
                return Err(format!(
                    "{words:?} does not come; the screen is:\n{}\n{stuck}",
                    self.screen
                ));
            }
        }
    }

    /// Waits for the end of the program.
    ///
    /// # Errors
    /// The screen, when it does not end in time.
    pub fn end(mut self) -> Result<Ended, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let waited = self.child.wait_timeout(Duration::from_millis(10));
            if let Some(status) = waited.map_err(|e| format!("cannot wait: {e}"))? {
                return Ok(run::ended(status));
            }
            // Reading goes on, because a program may wait for room on its terminal.
            self.more()?;
            if Instant::now() >= until {
                return Err(format!("it does not end; the screen is:\n{}", self.screen));
            }
        }
    }

    /// The process group that has the terminal now, which is also the id of its leader.
    ///
    /// # Errors
    /// One line when the terminal cannot be asked.
    pub fn foreground(&self) -> Result<i32, String> {
        let group = rustix::termios::tcgetpgrp(&self.master)
            .map_err(|e| format!("cannot ask the terminal: {e}"))?;
        Ok(group.as_raw_nonzero().get())
    }

    /// Reads what is there, waiting a moment for it; false when the other side is gone.
    fn more(&mut self) -> Result<bool, String> {
        let moment = Timespec {
            tv_sec: 0,
            tv_nsec: 20_000_000,
        };
        let mut ready = [PollFd::from_borrowed_fd(self.master.as_fd(), PollFlags::IN)];
        let count = poll(&mut ready, Some(&moment))
            .map_err(|e| format!("cannot poll the terminal: {e}"))?;
        if count == 0 {
            return Ok(true);
        }
        let mut bytes = [0; 4096];
        // EIO: no process has the terminal open any more.
        let Ok(size) = self.master.read(&mut bytes) else {
            return Ok(false);
        };
        self.screen
            .push_str(&String::from_utf8_lossy(&bytes[..size]));
        Ok(size > 0)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        for member in tree::members(self.child.id()) {
            let pid = i32::try_from(member)
                .ok()
                .and_then(rustix::process::Pid::from_raw);
            // Only living descendants of the child we have not yet waited for are listed.
            let _ =
                pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
        }
        let _ = self.child.wait();
    }
}

/// Settings for `env`, so that only the program itself is preloaded, not `setsid`.
fn wanted(world: World<'_>) -> Vec<String> {
    match world {
        World::Native => Vec::new(),
        World::Lichen(shim) => vec![format!("LD_PRELOAD={}", shim.display())],
        World::Without(shim, cap) => {
            vec![
                format!("LD_PRELOAD={}", shim.display()),
                format!("LICHEN_WITHOUT={cap}"),
            ]
        }
        World::Disabled(shim) => vec![
            format!("LD_PRELOAD={}", shim.display()),
            "LICHEN_DISABLE=1".to_owned(),
        ],
    }
}

//! Counting the system calls of a running process with strace(1). Used by `syscalls`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{spawn, stop};

const ATTACH_LIMIT: Duration = Duration::from_secs(10);

/// Calls by name.
pub type Counts = BTreeMap<String, u64>;

/// An strace that is attached to all threads of a process and counts.
pub struct Strace {
    child: Child,
    summary: tempfile::NamedTempFile,
}

impl Strace {
    /// Attaches to `pid` and waits until each of its threads is traced.
    pub fn attach(pid: u32, cpu: usize) -> Result<Strace> {
        let summary = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
        let mut command = Command::new("strace");
        command
            .args(["-c", "-f", "-o"])
            .arg(summary.path())
            .args(["-p", &pid.to_string()]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        spawn::tie(&mut command, &[cpu])?;
        let child = command
            .spawn()
            .context("cannot start strace (on Debian: apt install strace)")?;
        let mut strace = Strace { child, summary };
        let end = Instant::now() + ATTACH_LIMIT;
        while !all_traced(pid)? {
            stop::check()?;
            if let Some(status) = strace.child.try_wait()? {
                bail!(
                    "strace ended with {status}: is tracing allowed (kernel.yama.ptrace_scope, CAP_SYS_PTRACE)?"
                );
            }
            if Instant::now() > end {
                bail!(
                    "strace could not attach within {} s",
                    ATTACH_LIMIT.as_secs()
                );
            }
            sleep(Duration::from_millis(20));
        }
        Ok(strace)
    }

    /// Detaches and returns what it counted.
    pub fn finish(mut self) -> Result<Counts> {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT)
            .context("cannot interrupt strace")?;
        self.child.wait().context("waitpid")?;
        parse(&read(self.summary.path())?)
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // Both fail only if it is gone already. A killed tracer leaves its tracees running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn all_traced(pid: u32) -> Result<bool> {
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = fs::read_to_string(entry?.path().join("status")).unwrap_or_default();
        if status
            .lines()
            .any(|line| line.split_whitespace().eq(["TracerPid:", "0"]))
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The table of `strace -c`: `% time  seconds  usecs/call  calls  [errors]  syscall`.
fn parse(text: &str) -> Result<Counts> {
    let mut counts = Counts::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let calls = words.get(3).map(|word| word.parse());
        if let (5 | 6, Some(Ok(calls)), Some(&name)) = (words.len(), calls, words.last())
            && name != "total"
        {
            counts.insert(name.to_string(), calls);
        }
    }
    if counts.is_empty() && !text.trim().is_empty() {
        bail!(
            "cannot understand the output of strace -c: {:?}",
            text.lines().next()
        );
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.12    0.120000           4     29000           write
 30.00    0.060000           2     29000        12 read
  9.88    0.020000          20      1000           epoll_wait
------ ----------- ----------- --------- --------- ----------------
100.00    0.200000           3     59000        12 total
";

    #[test]
    fn the_summary_is_understood_with_and_without_errors() {
        let counts = parse(SUMMARY).unwrap();
        assert_eq!(counts["read"], 29_000);
        assert_eq!(counts["write"], 29_000);
        assert_eq!(counts.len(), 3);
    }

    #[test]
    fn no_calls_at_all_is_an_empty_table() {
        assert!(parse("").unwrap().is_empty());
        assert!(parse("something else\n").is_err());
    }
}

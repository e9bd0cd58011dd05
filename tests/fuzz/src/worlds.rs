//! Runs sequences in the two worlds and keeps what the agent said of each.
//!
//! One agent process takes many sequences. If it ends before its time (it crashed, it was stuck, it was killed at the limit), the
//! sequence it was in gets a last line that says so, and another process goes on with the next one.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use lichen_tests::{paths, run::World, run::enter};
use wait_timeout::ChildExt;

use crate::language::Sequence;

/// Longest an agent may take, besides its sequences.
const LIMIT: Duration = Duration::from_secs(5);
/// And for each of them.
const LIMIT_EACH: Duration = Duration::from_millis(200);

/// What the agent printed between `sequence` and `done`.
pub type Log = Vec<String>;

/// Where a run finds its parts.
#[derive(Clone)]
pub struct Worlds {
    agent: PathBuf,
    shim: PathBuf,
    /// A seeded defect of a library built with them.
    mutant: Option<String>,
}

impl Worlds {
    /// With `shim`, or the build's own.
    ///
    /// # Errors
    /// One line with the remedy, when something is missing or the agent does not compile.
    pub fn new(shim: Option<PathBuf>, mutant: Option<String>) -> anyhow::Result<Worlds> {
        let shim = match shim {
            Some(shim) => std::path::absolute(shim)?,
            None => paths::shim().map_err(anyhow::Error::msg)?,
        };
        anyhow::ensure!(shim.is_file(), "{} is not there", shim.display());
        Ok(Worlds {
            agent: compile()?,
            shim,
            mutant,
        })
    }

    /// Both worlds at once.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn both(&self, sequences: &[Sequence]) -> anyhow::Result<(Vec<Log>, Vec<Log>)> {
        std::thread::scope(|scope| {
            let native = scope.spawn(|| self.run(sequences, false));
            let lichen = self.run(sequences, true)?;
            let native = native.join().ok().context("the native side panicked")??;
            Ok((native, lichen))
        })
    }

    /// One world; a log for each sequence.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn run(&self, sequences: &[Sequence], lichen: bool) -> anyhow::Result<Vec<Log>> {
        let mut logs: Vec<Log> = Vec::new();
        while logs.len() < sequences.len() {
            let rest = &sequences[logs.len()..];
            let (text, how) = self.start(rest, lichen)?;
            let before = logs.len();
            logs.extend(split(&text, rest.len(), &how));
            anyhow::ensure!(logs.len() > before, "the agent said nothing: {how}: {text}");
        }
        Ok(logs)
    }

    fn start(&self, sequences: &[Sequence], lichen: bool) -> anyhow::Result<(String, String)> {
        let mut script = tempfile::NamedTempFile::new()?;
        for sequence in sequences {
            write!(script, "{sequence}")?;
        }
        script.flush()?;
        let output = tempfile::tempfile()?;
        let mut command = Command::new(&self.agent);
        enter(
            &mut command,
            if lichen {
                World::Lichen(&self.shim)
            } else {
                World::Native
            },
        );
        if let Some(mutant) = &self.mutant {
            command
                .env("LICHEN_MUTANT", mutant)
                .env("LICHEN_QUIET", "1");
        }
        let mut child = command
            .arg(script.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            .spawn()
            .context("the agent does not start")?;
        let how = match child.wait_timeout(LIMIT + LIMIT_EACH * sequences.len() as u32)? {
            Some(status) => status.to_string(),
            None => {
                child.kill()?;
                child.wait()?;
                "killed at its time limit".to_owned()
            }
        };
        Ok((read_all(output)?, how))
    }
}

fn read_all(mut file: File) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The logs in what an agent printed; an unfinished one, or one that never began, ends with `how` the process ended.
fn split(text: &str, most: usize, how: &str) -> Vec<Log> {
    let mut logs: Vec<Log> = Vec::new();
    let mut open: Option<Log> = None;
    for line in text.lines() {
        if line.starts_with("sequence ") {
            open = Some(Log::new());
        } else if line.starts_with("done ") {
            logs.extend(open.take());
        } else {
            open.get_or_insert_default().push(line.to_owned());
        }
    }
    if logs.len() < most {
        let mut last = open.unwrap_or_default();
        last.push(format!("the process ended: {how}"));
        logs.push(last);
    }
    logs
}

/// Builds the agent, under a name of its own first: two runs may do so at once.
fn compile() -> anyhow::Result<PathBuf> {
    let folder = paths::root().join("tests/fuzz/agent");
    let product = paths::target().join("fuzz-agent");
    let draft = product.with_extension(std::process::id().to_string());
    let mut sources: Vec<PathBuf> = std::fs::read_dir(&folder)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "c"))
        .collect();
    sources.sort();
    std::fs::create_dir_all(paths::target())?;
    let built = Command::new("gcc")
        .args(["-O2", "-g", "-Wall", "-Wextra", "-pthread", "-o"])
        .arg(&draft)
        .args(&sources)
        .output()
        .context("gcc is missing; on Debian: apt install gcc libc6-dev")?;
    anyhow::ensure!(
        built.status.success(),
        "the agent does not compile: {}",
        String::from_utf8_lossy(&built.stderr)
    );
    std::fs::rename(&draft, &product)?;
    Ok(product)
}

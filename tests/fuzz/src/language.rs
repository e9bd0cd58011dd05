//! Sequences and their text, which the agent reads and people replay.
//!
//! ```text
//! # comments
//! sequence NAME
//! WORKER CALL ARGUMENT...        one step; arguments are numbers, missing ones are 0
//! end
//! ```
//!
//! What the agent prints for each: `sequence NAME`, lines `AT: step STEP CALL(KIND) = RESULT ...` or `... waits`, and `done NAME`.
//! AT is the step after which it was seen, or `end`. Used by every part; reads and writes strings only.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail};

/// Descriptor slots of the agent.
pub const SLOTS: usize = 12;
/// Worker threads of the agent.
pub const WORKERS: usize = 4;

/// One call by one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub worker: usize,
    pub call: String,
    pub arguments: Vec<i64>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.worker, self.call)?;
        self.arguments.iter().try_for_each(|a| write!(f, " {a}"))
    }
}

impl FromStr for Step {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Step> {
        let mut words = line.split_whitespace();
        let worker = words
            .next()
            .context("a step begins with a worker")?
            .parse()?;
        let call = words.next().context("a step names a call")?.to_owned();
        let arguments = words.map(str::parse).collect::<Result<_, _>>()?;
        Ok(Step {
            worker,
            call,
            arguments,
        })
    }
}

/// A sequence of steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    pub name: String,
    pub steps: Vec<Step>,
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "sequence {}", self.name)?;
        self.steps.iter().try_for_each(|s| writeln!(f, "{s}"))?;
        writeln!(f, "end")
    }
}

/// Reads a file of sequences.
///
/// # Errors
/// The line that is not understood.
pub fn parse(text: &str) -> anyhow::Result<Vec<Sequence>> {
    let mut found: Vec<Sequence> = Vec::new();
    let mut open = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("sequence ") {
            let name = name.to_owned();
            let steps = Vec::new();
            found.push(Sequence { name, steps });
            open = true;
        } else if line == "end" {
            open = false;
        } else if let (true, Some(sequence)) = (open, found.last_mut()) {
            let step = line.parse();
            sequence
                .steps
                .push(step.with_context(|| format!("line {}: {line}", at + 1))?);
        } else {
            bail!("line {}: not inside a sequence: {line}", at + 1);
        }
    }
    Ok(found)
}

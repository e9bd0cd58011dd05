//! The small programs of tests/servers/bench: run one, natively or under Lichen, and read its "name value" lines.
//! Called by `pairs`, `threads` and `activation`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Bench;
use crate::{spawn, stop};

/// What a program printed.
pub type Values = BTreeMap<String, f64>;

/// Natively, or under `lichen run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Natively,
    UnderLichen,
}

/// Runs `name ARGUMENT` on the server's CPU to its end. Returns its exit status, values, and what it wrote to stderr.
pub fn run(
    bench: &Bench,
    how: How,
    name: &str,
    argument: u64,
    environment: &[(&str, OsString)],
) -> Result<(ExitStatus, Values, String)> {
    let program = bench.program(name);
    let mut command = match how {
        How::Natively => Command::new(&program),
        How::UnderLichen => {
            let mut command = Command::new(bench.built("lichen"));
            command.args(["run", "--"]).arg(&program);
            command
        }
    };
    command
        .arg(argument.to_string())
        .envs(environment.iter().map(|(name, value)| (name, value)));
    let output = wait(bench, command).with_context(|| format!("cannot run {name}"))?;
    let values = parse(&String::from_utf8_lossy(&output.stdout));
    Ok((
        output.status,
        values,
        String::from_utf8_lossy(&output.stderr).trim().to_string(),
    ))
}

/// As [`run`], and it must succeed and print `wanted`.
pub fn value(
    bench: &Bench,
    how: How,
    name: &str,
    argument: u64,
    wanted: &[&str],
) -> Result<Vec<f64>> {
    let (status, values, stderr) = run(bench, how, name, argument, &[])?;
    if !status.success() {
        bail!("{name} ({how:?}) ended with {status}: {stderr}");
    }
    wanted
        .iter()
        .map(|&wanted| {
            values
                .get(wanted)
                .copied()
                .with_context(|| format!("{name} ({how:?}) printed no {wanted}"))
        })
        .collect()
}

/// Waits for the child without going deaf for Ctrl-C. Its output is small enough for the pipes.
fn wait(bench: &Bench, mut command: Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    spawn::tie(&mut command, &[bench.cpus.server])?;
    let mut child = command.spawn()?;
    loop {
        if child.try_wait()?.is_some() {
            return Ok(child.wait_with_output()?);
        }
        if let Err(stopped) = stop::check() {
            child.kill()?;
            child.wait()?;
            return Err(stopped);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn parse(text: &str) -> Values {
    let pair = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_string(), value.trim().parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_value_lines_are_read_and_others_skipped() {
        let values = parse("handoff_ns 12.5\nhello\nalive 3\nx y\n");
        assert_eq!(values.len(), 2);
        assert_eq!(values["handoff_ns"], 12.5);
        assert_eq!(values["alive"], 3.0);
    }
}

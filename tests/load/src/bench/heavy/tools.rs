//! Clients that measure: wrk and sysbench, run on the load's CPU, and what they print. Called by the parts here.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::bench::Bench;
use crate::{spawn, stop};

/// What a client saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    pub count: f64,
    pub per_second: f64,
    pub p99_us: f64,
}

/// Runs a client on the load's CPU; it must succeed. Returns stdout and stderr.
pub fn run(bench: &Bench, mut command: Command) -> Result<(String, String)> {
    let name = command.get_program().display().to_string();
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command
        .stdin(Stdio::null())
        .stdout(stdout.try_clone()?)
        .stderr(stderr.try_clone()?);
    spawn::tie(&mut command, &[bench.cpus.load])?;
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {name}; scripts/test installs it"))?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if let Err(stopped) = stop::check() {
            child.kill()?;
            child.wait()?;
            return Err(stopped);
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let (said, complaints) = (text(&mut stdout)?, text(&mut stderr)?);
    if !status.success() {
        bail!(
            "{name} ended with {status}: {} {}",
            said.trim(),
            complaints.trim()
        );
    }
    Ok((said, complaints))
}

fn text(file: &mut std::fs::File) -> Result<String> {
    use std::io::{Read, Seek};
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// wrk with one thread on `url`. Responses other than 2xx and lost connections are errors; wrk counts as "timeout" what took
/// longer than two seconds, which is a result.
pub fn wrk(bench: &Bench, connections: usize, time: Duration, url: &str) -> Result<Seen> {
    let mut command = Command::new("wrk");
    command.args(["-t1", "--latency", "--timeout", "30s"]);
    command.args([
        &format!("-c{connections}"),
        &format!("-d{}s", time.as_secs()),
        url,
    ]);
    let (said, _) = run(bench, command)?;
    if said.contains("Non-2xx")
        || said.contains("Socket errors") && !said.contains("connect 0, read 0, write 0")
    {
        bail!("wrk: {said}");
    }
    parse_wrk(&said).with_context(|| format!("wrk says {said:?}"))
}

fn parse_wrk(said: &str) -> Option<Seen> {
    let behind = |word: &str| {
        let line = said
            .lines()
            .find(|line| line.trim_start().starts_with(word))?;
        line.split_whitespace().nth(1)
    };
    let count = said.lines().find(|line| line.contains(" requests in "))?;
    Some(Seen {
        count: count.split_whitespace().next()?.parse().ok()?,
        per_second: behind("Requests/sec:")?.parse().ok()?,
        p99_us: microseconds(behind("99%")?)?,
    })
}

/// "15.69ms" and the like.
fn microseconds(text: &str) -> Option<f64> {
    let unit = text.find(|c: char| c.is_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let factor = match unit {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 60e6,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// `tests/programs/mariadb/sysbench.sh` with options; a statement that fails is an error.
pub fn sysbench(bench: &Bench, script: &Path, arguments: &[String]) -> Result<Seen> {
    let mut command = Command::new(script);
    command.args(arguments);
    let (said, _) = run(bench, command)?;
    parse_sysbench(&said).with_context(|| format!("sysbench says {said:?}"))
}

fn parse_sysbench(said: &str) -> Option<Seen> {
    let line = |word: &str| said.lines().find_map(|line| line.trim().strip_prefix(word));
    let queries = line("queries:")?;
    let mut words = queries
        .split(|c: char| c.is_whitespace() || c == '(')
        .filter(|word| !word.is_empty());
    Some(Seen {
        count: words.next()?.parse().ok()?,
        per_second: words.next()?.parse().ok()?,
        p99_us: line("99th percentile:")?.trim().parse::<f64>().ok()? * 1e3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_prints_is_read() {
        let said = "Running 2s test\n  Latency Distribution\n     50%    1.20ms\n     99%   15.69ms\n  40784 requests in 4.07s, 8.32MB read\nRequests/sec:  10032.23\nTransfer/sec: 1MB\n";
        let seen = Seen {
            count: 40_784.0,
            per_second: 10_032.23,
            p99_us: 15_690.0,
        };
        assert_eq!(parse_wrk(said), Some(seen));
        assert_eq!(parse_wrk("nothing"), None);
    }

    #[test]
    fn times_have_units() {
        assert_eq!(
            ["1.5us", "2.00ms", "1.46s"].map(microseconds),
            [Some(1.5), Some(2_000.0), Some(1_460_000.0)]
        );
        assert_eq!(microseconds("12"), None);
    }

    #[test]
    fn what_sysbench_prints_is_read() {
        let said = "SQL statistics:\n    queries:                             354258 (70760.74 per sec.)\n Latency (ms):\n         99th percentile:                        1.70\n";
        let seen = Seen {
            count: 354_258.0,
            per_second: 70_760.74,
            p99_us: 1_700.0,
        };
        assert_eq!(parse_sysbench(said), Some(seen));
    }
}

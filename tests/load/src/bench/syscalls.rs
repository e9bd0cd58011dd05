//! System calls per request of the four servers at 100 connections, counted by strace: proof that the epoll server makes
//! one read and one write per request and no epoll_ctl. Called by `bench::run`. No times are taken here: tracing slows all.

use std::time::Duration;

use anyhow::{Result, bail};

use super::Bench;
use super::report::{Section, Verdict};
use super::rivals::{NOT_TAKEN_OVER, Rival};
use super::strace::{Counts, Strace};
use crate::http::{self, Moment, Pace, Progress, Watch};
use crate::measure::Plan;
use crate::server::Server;
use crate::{machine, observe, stop};

const CONNECTIONS: usize = 100;

/// Columns; all other calls are added up in the last.
const NAMES: [(&str, &[&str]); 6] = [
    (
        "reads",
        &["read", "recvfrom", "recvmsg", "readv", "preadv2"],
    ),
    (
        "writes",
        &["write", "sendto", "sendmsg", "writev", "pwritev2"],
    ),
    ("epoll_ctl", &["epoll_ctl"]),
    ("epoll_wait", &["epoll_wait", "epoll_pwait", "epoll_pwait2"]),
    ("poll", &["poll", "ppoll"]),
    ("futex", &["futex"]),
];

struct Probe {
    pid: u32,
    cpu: usize,
    strace: Option<Strace>,
    counts: Counts,
    kernel_threads: u64,
}

impl Watch for Probe {
    fn quiet(&mut self, moment: Moment) -> Result<()> {
        match moment {
            Moment::Open => {}
            Moment::Before => self.strace = Some(Strace::attach(self.pid, self.cpu)?),
            Moment::After => {
                if let Some(strace) = self.strace.take() {
                    self.counts = strace.finish()?;
                    self.kernel_threads = observe::footprint(self.pid)?.kernel_threads;
                }
            }
        }
        Ok(())
    }

    fn progress(&mut self, _: Progress) -> Result<()> {
        stop::check()
    }
}

pub fn run(bench: &Bench) -> Result<Section> {
    machine::pin_here(bench.cpus.load)?;
    let mut head = vec!["per request"];
    head.extend(NAMES.map(|(name, _)| name));
    head.push("others");
    let about = "System calls of the server per request at 100 connections, counted by strace -c -f over the measured stretch.";
    let mut section = Section::new("System calls per request", about, &head);
    let mut data = serde_json::Map::new();
    for rival in Rival::ALL {
        bench.say(&format!("system calls: {}", rival.name()))?;
        match count(bench, rival) {
            Ok((requests, counts)) => {
                if rival == Rival::Epoll {
                    section.verdicts = epoll_verdicts(requests, &counts);
                }
                section.rows.push(row(rival, requests, &counts));
                data.insert(
                    rival.name().into(),
                    serde_json::json!({"requests": requests, "calls": counts}),
                );
            }
            Err(error) if error.is::<stop::Stopped>() => return Err(error),
            Err(error) => section
                .failures
                .push(format!("{}: {error:#}", rival.name())),
        }
    }
    section.data = data.into();
    Ok(section)
}

fn count(bench: &Bench, rival: Rival) -> Result<(u64, Counts)> {
    let program = rival.program(bench);
    let mut server = Server::start(&program, &[bench.cpus.server])?;
    let plan = Plan {
        connections: CONNECTIONS,
        pace: Pace::Closed,
        warmup: Duration::from_millis(300),
        measure: Duration::from_secs(bench.pick(3, 1)),
    };
    let mut probe = Probe {
        pid: server.pid(),
        cpu: bench.cpus.server,
        strace: None,
        counts: Counts::new(),
        kernel_threads: 0,
    };
    let outcome = http::run(plan.load(&server), &mut probe)
        .map_err(|error| server.explain(error, &program.name))?;
    server.stop()?;
    if rival == Rival::Lichen && probe.kernel_threads > CONNECTIONS as u64 / 2 {
        bail!("{NOT_TAKEN_OVER}");
    }
    Ok((outcome.requests, probe.counts))
}

fn of(names: &[&str], counts: &Counts) -> u64 {
    names.iter().filter_map(|&name| counts.get(name)).sum()
}

fn row(rival: Rival, requests: u64, counts: &Counts) -> Vec<String> {
    let per_request = |calls: u64| format!("{:.3}", calls as f64 / requests.max(1) as f64);
    let mut row = vec![rival.name().to_string()];
    row.extend(NAMES.map(|(_, names)| per_request(of(names, counts))));
    let shown: u64 = NAMES.iter().map(|(_, names)| of(names, counts)).sum();
    row.push(per_request(counts.values().sum::<u64>() - shown));
    row
}

/// The yardstick must be a good one.
fn epoll_verdicts(requests: u64, counts: &Counts) -> Vec<Verdict> {
    let per_request = |index: usize| of(NAMES[index].1, counts) as f64 / requests.max(1) as f64;
    vec![
        Verdict::at_most(
            "reads per request of the epoll server",
            Some(per_request(0)),
            1.0,
            "",
        ),
        Verdict::at_most(
            "writes per request of the epoll server",
            Some(per_request(1)),
            1.0,
            "",
        ),
        Verdict::at_most(
            "epoll_ctl per request of the epoll server",
            Some(per_request(2)),
            0.0,
            "",
        ),
    ]
}

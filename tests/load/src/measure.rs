//! One HTTP measurement: a server, a load on it, and what client and kernel counted. Called by `demo` and `bench`.
//! The counters are read while no request is in flight, so each belongs to exactly the requests of the measured stretch.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Serialize;

use crate::http::{self, Expect, Load, Moment, Outcome, Pace, Progress, Watch};
use crate::observe::{self, Footprint, Scheduling};
use crate::server::{Program, Server};

/// How to load a server.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub connections: usize,
    pub pace: Pace,
    pub warmup: Duration,
    pub measure: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    pub name: String,
    pub connections: usize,
    #[serde(flatten)]
    pub outcome: Outcome,
    /// CPU time of the server (user and system) per request, microseconds.
    pub cpu_us_per_request: f64,
    /// CPU time of the server over wall time: 1.0 is one CPU kept busy.
    pub cpu_share: f64,
    /// Context switches of the server's kernel threads per request.
    pub switches_per_request: f64,
    #[serde(flatten)]
    pub footprint: Footprint,
    /// Resident memory, page tables and kernel stacks that the connections added, per connection.
    pub bytes_per_connection: f64,
}

impl Measured {
    /// Whether this run did without most of the kernel threads that `native` had.
    pub fn took_over(&self, native: &Measured) -> bool {
        self.footprint.kernel_threads * 2 <= native.footprint.kernel_threads
    }
}

#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    cpu: Duration,
    scheduling: Scheduling,
}

struct Probe<'a> {
    pid: u32,
    before: Option<Reading>,
    after: Option<Reading>,
    footprint: Footprint,
    progress: &'a mut dyn FnMut(Progress) -> Result<()>,
}

impl Watch for Probe<'_> {
    fn quiet(&mut self, moment: Moment) -> Result<()> {
        match moment {
            Moment::Open => {}
            Moment::Before => self.before = Some(read(self.pid)?),
            Moment::After => {
                self.after = Some(read(self.pid)?);
                self.footprint = observe::footprint(self.pid)?;
            }
        }
        Ok(())
    }

    fn progress(&mut self, progress: Progress) -> Result<()> {
        (self.progress)(progress)
    }
}

fn read(pid: u32) -> Result<Reading> {
    Ok(Reading {
        at: Instant::now(),
        cpu: observe::cpu_time(pid)?,
        scheduling: observe::scheduling(pid)?,
    })
}

/// Starts `program` on `cpus`, runs `plan` on it, ends it. A wrong response or a lost connection is an error.
pub fn measure(
    program: &Program,
    cpus: &[usize],
    plan: &Plan,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Measured> {
    let mut server = Server::start(program, cpus)?;
    let measured = load_it(&server, program, plan, progress)
        .map_err(|error| server.explain(error, &program.name))?;
    let status = server.stop()?;
    if !status.success() {
        bail!(
            "{}: the server ended with {status} when asked to end",
            program.name
        );
    }
    Ok(measured)
}

fn load_it(
    server: &Server,
    program: &Program,
    plan: &Plan,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Measured> {
    let empty = observe::footprint(server.pid())?;
    let mut probe = Probe {
        pid: server.pid(),
        before: None,
        after: None,
        footprint: empty,
        progress,
    };
    let outcome = http::run(&plan.load(server), &mut probe)?;
    let (Some(before), Some(after)) = (probe.before, probe.after) else {
        bail!("the measurement did not finish");
    };
    if !outcome.is_clean() {
        bail!("{}", outcome.fault());
    }
    let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
    let switches = after
        .scheduling
        .switches
        .saturating_sub(before.scheduling.switches) as f64;
    let requests = outcome.requests.max(1) as f64;
    Ok(Measured {
        name: program.name.clone(),
        connections: plan.connections,
        cpu_us_per_request: cpu * 1e6 / requests,
        cpu_share: cpu
            / outcome
                .seconds
                .min(after.at.duration_since(before.at).as_secs_f64()),
        switches_per_request: switches / requests,
        footprint: probe.footprint,
        bytes_per_connection: probe
            .footprint
            .bytes_per_connection(&empty, plan.connections),
        outcome,
    })
}

impl Plan {
    pub fn load(&self, server: &Server) -> Load {
        Load {
            address: server.address,
            connections: self.connections,
            pace: self.pace,
            warmup: self.warmup,
            measure: self.measure,
            expect: Expect::OwnPath,
            patience: Duration::from_secs(10),
        }
    }
}

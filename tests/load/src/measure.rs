//! One HTTP measurement: a server, a load on it, and what client and kernel counted. Called by `demo` and `bench`.
//! The counters are read while no request is in flight, so each belongs to exactly the requests of the measured stretch.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Serialize;

use crate::http::{Client, Expect, Load, Moment, Outcome, Pace, Progress, Watch};
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

/// Is told how far a run is, and may end it.
pub type Tell<'a> = &'a mut dyn FnMut(Progress) -> Result<()>;

struct Probe<'a> {
    pid: u32,
    before: Option<Reading>,
    after: Option<Reading>,
    footprint: Footprint,
    progress: Tell<'a>,
}

impl<'a> Probe<'a> {
    fn new(pid: u32, progress: Tell<'a>) -> Probe<'a> {
        Probe {
            pid,
            before: None,
            after: None,
            footprint: Footprint::default(),
            progress,
        }
    }
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

/// A server that is up, with all its connections.
pub struct Running {
    server: Server,
    name: String,
    client: Client,
    empty: Footprint,
}

impl Running {
    /// Starts `program` on `cpus` and opens the connections of `plan`.
    pub fn open(
        program: &Program,
        cpus: &[usize],
        plan: &Plan,
        progress: Tell<'_>,
    ) -> Result<Running> {
        let mut server = Server::start(program, cpus)?;
        let mut open = || {
            let empty = observe::footprint(server.pid())?;
            let client = Client::open(plan.load(&server), &mut Probe::new(server.pid(), progress))?;
            Ok((empty, client))
        };
        match open() {
            Ok((empty, client)) => Ok(Running {
                server,
                name: program.name.clone(),
                client,
                empty,
            }),
            Err(error) => Err(server.explain(error, &program.name)),
        }
    }

    /// Runs the plan once. A wrong response or a lost connection is an error.
    pub fn measure(&mut self, plan: &Plan, progress: Tell<'_>) -> Result<Measured> {
        self.load_it(plan, progress)
            .map_err(|error| self.server.explain(error, &self.name))
    }

    /// Ends the server.
    pub fn close(self) -> Result<()> {
        let status = self.server.stop()?;
        if !status.success() {
            bail!(
                "{}: the server ended with {status} when asked to end",
                self.name
            );
        }
        Ok(())
    }

    fn load_it(&mut self, plan: &Plan, progress: Tell<'_>) -> Result<Measured> {
        let mut probe = Probe::new(self.server.pid(), progress);
        let outcome = self.client.measure(&mut probe)?;
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
            name: self.name.clone(),
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
                .bytes_per_connection(&self.empty, plan.connections),
            outcome,
        })
    }
}

/// Starts `program` on `cpus`, runs `plan` on it, ends it. A wrong response or a lost connection is an error.
pub fn measure(
    program: &Program,
    cpus: &[usize],
    plan: &Plan,
    progress: Tell<'_>,
) -> Result<Measured> {
    let mut running = Running::open(program, cpus, plan, progress)?;
    let measured = running.measure(plan, progress)?;
    running.close()?;
    Ok(measured)
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

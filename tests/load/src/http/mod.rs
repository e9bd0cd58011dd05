//! The load generator: keep-alive HTTP/1.1 connections on one thread, every response checked.
//!
//! Called by `generate` (the command), `demo` and `bench`. A [`Client`] opens all connections, lets each make one request,
//! warms up, measures, and calls the [`Watch`] in between, at moments when no request is in flight: so counters that are
//! read there belong to a known number of requests. It must never be the bottleneck: per request one write, one read, a
//! share of one epoll_wait, and no allocation.

mod check;
mod connection;
mod engine;
mod outcome;
mod schedule;
mod timer;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;

pub use check::Expect;
pub use outcome::Outcome;

/// What load to make.
#[derive(Clone, Debug)]
pub struct Load {
    pub address: SocketAddr,
    pub connections: usize,
    pub pace: Pace,
    pub warmup: Duration,
    pub measure: Duration,
    pub expect: Expect,
    /// How long nothing at all may come back before the server counts as stuck.
    pub patience: Duration,
}

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Each connection sends its next request when its response is complete.
    Closed,
    /// So many requests per second over all connections, whether or not the server keeps up; latency counts from the
    /// moment a request *should* have been sent.
    Paced(f64),
}

/// A moment at which no request is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// All connections are open and each has been served once.
    Open,
    /// The warm-up is over; the measurement begins when the callback returns.
    Before,
    /// The measurement is over; the connections are still open.
    After,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub enum Progress {
    Opening { open: usize, of: usize },
    WarmingUp { elapsed: Duration },
    Measuring { elapsed: Duration },
}

/// Looks on while a load runs.
pub trait Watch {
    /// Called at each [`Moment`]; an error ends the run.
    fn quiet(&mut self, moment: Moment) -> Result<()>;
    /// Called about ten times a second; an error ends the run.
    fn progress(&mut self, progress: Progress) -> Result<()>;
}

/// Connections that are open, and stay so between measurements.
pub struct Client {
    engine: engine::Engine,
}

impl Client {
    /// Opens all connections. Errors: no connection can be made, no answer within `patience`, or the watch says so.
    pub fn open(load: Load, watch: &mut dyn Watch) -> Result<Client> {
        let mut engine = engine::Engine::new(load)?;
        engine.open_all(watch)?;
        watch.quiet(Moment::Open)?;
        Ok(Client { engine })
    }

    /// Makes the load and returns what the client saw. Wrong responses and lost connections are counted, not errors;
    /// errors are: no answer within `patience`, or the watch says so.
    pub fn measure(&mut self, watch: &mut dyn Watch) -> Result<Outcome> {
        let (warmup, measure) = (self.engine.load.warmup, self.engine.load.measure);
        if !warmup.is_zero() {
            self.engine
                .go(warmup, watch, |elapsed| Progress::WarmingUp { elapsed })?;
        }
        watch.quiet(Moment::Before)?;
        let outcome = self
            .engine
            .go(measure, watch, |elapsed| Progress::Measuring { elapsed })?;
        watch.quiet(Moment::After)?;
        Ok(outcome)
    }
}

/// Opens connections and measures once.
pub fn run(load: Load, watch: &mut dyn Watch) -> Result<Outcome> {
    Client::open(load, watch)?.measure(watch)
}

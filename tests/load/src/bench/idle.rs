//! 10,000 open connections on which nothing happens: what each costs in memory, and whether the server really sleeps.
//! Called by `bench::run`. After the silence every connection makes one more request, so none was lost meanwhile.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use super::Bench;
use super::report::{Section, Verdict};
use super::rivals::{NOT_TAKEN_OVER, Rival};
use crate::http::{self, Moment, Pace, Progress, Watch};
use crate::measure::Plan;
use crate::observe::{self, Footprint, KernelMemory};
use crate::server::Server;
use crate::{machine, stop, table};

const CONNECTIONS: usize = 10_000;
/// Time for the server to come to rest after the last response.
const SETTLE: Duration = Duration::from_secs(1);

/// What an idle server had and did.
#[derive(Clone, Copy, Debug, Serialize)]
struct Idle {
    /// Per connection, bytes.
    process: f64,
    kernel_stack: f64,
    slab: f64,
    kernel_threads: u64,
    /// During the silence: CPU time in nanoseconds, and how often any thread of it was given a CPU.
    cpu_ns: u64,
    runs: u64,
}

struct Probe<'a> {
    bench: &'a Bench,
    pid: u32,
    connections: usize,
    silence: Duration,
    empty: (Footprint, KernelMemory),
    idle: Option<Idle>,
}

impl Watch for Probe<'_> {
    fn quiet(&mut self, moment: Moment) -> Result<()> {
        if moment == Moment::Open {
            self.idle = Some(self.watch_silence()?);
        }
        Ok(())
    }

    fn progress(&mut self, _: Progress) -> Result<()> {
        stop::check()
    }
}

impl Probe<'_> {
    fn watch_silence(&self) -> Result<Idle> {
        self.pause(SETTLE)?;
        let (footprint, kernel) = (observe::footprint(self.pid)?, observe::kernel_memory()?);
        let (cpu, scheduling) = (observe::cpu_time(self.pid)?, observe::scheduling(self.pid)?);
        // It has served by now; a count that never grows would pass for silence.
        anyhow::ensure!(
            scheduling.runs > 0,
            "this kernel does not count runs in /proc/PID/task/*/schedstat"
        );
        self.pause(self.silence)?;
        let per_connection = |now: u64, before: u64| {
            now.saturating_sub(before) as f64 * 1024.0 / self.connections as f64
        };
        let process = |f: &Footprint| f.resident_kib + f.page_tables_kib;
        Ok(Idle {
            process: per_connection(process(&footprint), process(&self.empty.0)),
            kernel_stack: per_connection(
                footprint.kernel_stacks_kib(),
                self.empty.0.kernel_stacks_kib(),
            ),
            slab: per_connection(kernel.slab_kib, self.empty.1.slab_kib),
            kernel_threads: footprint.kernel_threads,
            cpu_ns: u64::try_from(observe::cpu_time(self.pid)?.saturating_sub(cpu).as_nanos())?,
            runs: observe::scheduling(self.pid)?
                .runs
                .saturating_sub(scheduling.runs),
        })
    }

    fn pause(&self, length: Duration) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.bench
                .say("idle connections: listening to the silence")?;
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

pub fn run(bench: &Bench) -> Result<Section> {
    machine::pin_here(bench.cpus.load)?;
    let scale = bench.scale(CONNECTIONS)?;
    let silence = Duration::from_secs(bench.pick(10, 3));
    let about = format!(
        "{} connections, each used once, then {} s of silence. Memory is per connection; slab is that of the whole machine \
         and holds both ends of each connection.",
        table::grouped(scale.connections as u64),
        silence.as_secs()
    );
    let head = [
        "server",
        "RSS + page tables",
        "kernel stacks",
        "slab",
        "kernel threads",
        "CPU time",
        "times scheduled",
    ];
    let mut section = Section::new("Idle connections", &about, &head);
    section.notes.extend(scale.note);
    section
        .notes
        .push("a server no thread of which was scheduled made no system call".into());
    let mut all = Vec::new();
    for rival in Rival::ALL {
        match measure(bench, rival, scale.connections, silence) {
            Ok(idle) => all.push((rival, idle)),
            Err(error) if error.is::<stop::Stopped>() => return Err(error),
            Err(error) => section.failures.push(format!("{error:#}")),
        }
    }
    section.rows = all.iter().map(|(rival, idle)| row(*rival, idle)).collect();
    let of = |wanted| {
        all.iter()
            .find(|(rival, _)| *rival == wanted)
            .map(|(_, idle)| idle)
    };
    let native_threads = of(Rival::Native).map_or(u64::MAX, |idle| idle.kernel_threads);
    let lichen = of(Rival::Lichen).filter(|idle| idle.kernel_threads <= native_threads / 2);
    if lichen.is_none() && of(Rival::Lichen).is_some() {
        section.failures.push(NOT_TAKEN_OVER.into());
    }
    section.verdicts = vec![
        Verdict::at_most(
            "CPU time of an idle lichen server",
            lichen.map(|idle| idle.cpu_ns as f64),
            0.0,
            "ns",
        ),
        Verdict::at_most(
            "times an idle lichen server was scheduled",
            lichen.map(|idle| idle.runs as f64),
            0.0,
            "",
        ),
    ];
    section.data = serde_json::to_value(&all)?;
    Ok(section)
}

fn measure(bench: &Bench, rival: Rival, connections: usize, silence: Duration) -> Result<Idle> {
    let program = rival.program(bench);
    // Before the server, so that its threads and sockets are in the difference.
    let kernel = observe::kernel_memory()?;
    let mut server = Server::start(&program, &[bench.cpus.server])?;
    let empty = (observe::footprint(server.pid())?, kernel);
    let plan = Plan {
        connections,
        pace: Pace::Closed,
        warmup: Duration::ZERO,
        measure: Duration::ZERO,
    };
    let mut probe = Probe {
        bench,
        pid: server.pid(),
        connections,
        silence,
        empty,
        idle: None,
    };
    let outcome = http::run(plan.load(&server), &mut probe)
        .map_err(|error| server.explain(error, &program.name))?;
    server.stop()?;
    anyhow::ensure!(
        outcome.is_clean(),
        "{}, after the silence: {}",
        program.name,
        outcome.fault()
    );
    probe.idle.context("the silence was not measured")
}

fn row(rival: Rival, idle: &Idle) -> Vec<String> {
    vec![
        rival.name().into(),
        table::bytes(idle.process),
        table::bytes(idle.kernel_stack),
        table::bytes(idle.slab),
        table::grouped(idle.kernel_threads),
        table::time(idle.cpu_ns as f64 / 1e3),
        table::grouped(idle.runs),
    ]
}

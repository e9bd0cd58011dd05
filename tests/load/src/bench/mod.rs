//! `scripts/bench`: everything that docs/benchmarks.md lists, measured and compared with what is to be reached.
//! Called by `main`. Each part returns a `report::Section`; a part that cannot be measured says why and the rest goes on.
//! A missed target is a line in the report, never a failure: only what could not be measured makes the exit status 1.

mod activation;
mod calls;
mod closed;
mod heavy;
mod idle;
mod paced;
mod pairs;
mod program;
mod report;
mod rivals;
mod scan;
mod startup;
mod strace;
mod syscalls;
mod threads;
mod turns;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressFinish};

use crate::cli::{BenchOptions, Part};
use crate::machine::{self, Cpus, Scale};
use crate::stop;
use report::{Report, Section};

/// What all parts share.
pub struct Bench {
    pub cpus: Cpus,
    pub rounds: usize,
    pub quick: bool,
    pub most_threads: u64,
    /// Another build of the shim, to be compared.
    pub beside: Option<PathBuf>,
    /// Which sizes of the HTTP load; all if empty.
    pub connections: Vec<usize>,
    scripts: PathBuf,
    programs: PathBuf,
    release: PathBuf,
    bar: ProgressBar,
}

pub fn run(options: &BenchOptions) -> Result<()> {
    stop::notice()?;
    let machine = machine::describe();
    let bench = Bench::new(options)?;
    let mut report = Report {
        machine,
        quick: bench.quick,
        rounds: bench.rounds,
        sections: Vec::new(),
    };
    for &part in Part::value_variants() {
        if options.only.is_empty() || options.only.contains(&part) {
            report.sections.push(bench.measure(part)?);
        }
    }
    bench.bar.finish_and_clear();
    print!("{}", report.print(options)?);
    match report
        .sections
        .iter()
        .filter(|section| section.failed())
        .count()
    {
        0 => Ok(()),
        count => bail!("{count} parts could not be measured in full; the report says why"),
    }
}

impl Bench {
    fn new(options: &BenchOptions) -> Result<Bench> {
        let rounds = options.rounds.unwrap_or(if options.quick { 3 } else { 5 });
        if rounds == 0 {
            bail!("--rounds must be at least 1");
        }
        let bar = ProgressBar::new_spinner().with_finish(ProgressFinish::AndClear);
        bar.enable_steady_tick(Duration::from_millis(200));
        Ok(Bench {
            cpus: Cpus::choose()?,
            rounds,
            quick: options.quick,
            most_threads: options.most_threads.unwrap_or(if options.quick {
                100_000
            } else {
                1_000_000
            }),
            beside: options.beside.as_deref().map(absolute).transpose()?,
            connections: options.connections.clone(),
            scripts: absolute(&options.scripts)?,
            programs: absolute(&options.programs)?,
            release: absolute(&options.release)?,
            bar,
        })
    }

    fn measure(&self, part: Part) -> Result<Section> {
        let name = format!("{part:?}").to_lowercase();
        if self.bar.is_hidden() {
            eprintln!("measuring {name} ...");
        }
        let result = match part {
            Part::Http => closed::run(self),
            Part::Paced => paced::run(self),
            Part::Idle => idle::run(self),
            Part::Syscalls => syscalls::run(self),
            Part::Handoff => pairs::handoff(self),
            Part::Create => pairs::create(self),
            Part::Sleep => pairs::sleep(self),
            Part::Calls => calls::run(self),
            Part::Poll => pairs::poll(self),
            Part::Threads => threads::run(self),
            Part::Startup => startup::run(self),
            Part::Activation => activation::run(self),
            Part::Scan => scan::run(self),
            Part::Mariadb => heavy::mariadb(self),
            Part::Stunnel => heavy::stunnel(self),
            Part::TlsClients => heavy::tls_clients(self),
            Part::Apache => heavy::apache(self),
            Part::Gunicorn => heavy::gunicorn(self),
            Part::Java => heavy::java(self),
        };
        stop::check()?;
        match result {
            Err(error) => Ok(Section::not_measured(&name, &format!("{error:#}"))),
            Ok(section) => Ok(section),
        }
    }

    /// Shows what is being done, and notices Ctrl-C.
    pub fn say(&self, what: &str) -> Result<()> {
        self.bar.set_message(what.to_string());
        stop::check()
    }

    /// A program compiled from tests/servers by scripts/bench.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A file that cargo built.
    pub fn built(&self, name: &str) -> PathBuf {
        self.release.join(name)
    }

    /// Where scripts/test installs what comes from PyPI.
    pub fn venv(&self) -> PathBuf {
        self.release.with_file_name("venv")
    }

    /// One of two values, the shorter one with --quick.
    pub fn pick<T>(&self, long: T, quick: T) -> T {
        if self.quick { quick } else { long }
    }

    pub fn scale(&self, connections: usize) -> Result<Scale> {
        machine::make_room_for_threads(connections)
    }
}

/// Preloads must not depend on the current directory.
fn absolute(folder: &Path) -> Result<PathBuf> {
    let hint = || {
        format!(
            "{} is missing; start scripts/bench, which builds it",
            folder.display()
        )
    };
    folder.canonicalize().with_context(hint)
}

//! `scripts/demo`: the main job, shown. The same server binary carries the same load natively and under `lichen run`,
//! both on one CPU, and once natively on all CPUs; then a table of what was measured just now. Called by `main`.
//! Every number and every comparison in its output comes from these three runs.

mod show;
mod stage;
mod story;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::cli::DemoOptions;
use crate::http::Pace;
use crate::machine::{self, Cpus, Scale};
use crate::measure::{Measured, Plan, measure};
use crate::server::Program;
use crate::stop;
use stage::Stage;

const WARMUP: Duration = Duration::from_millis(1_500);

/// What was measured, as `--json` prints it.
#[derive(Serialize)]
pub struct Results {
    pub machine: String,
    pub notes: Vec<String>,
    pub native: Measured,
    /// `Err` holds why there is no result.
    pub lichen: Result<Measured, String>,
    pub native_unpinned: Measured,
}

pub fn run(options: &DemoOptions) -> Result<()> {
    stop::notice()?;
    for path in [&options.server, &options.lichen] {
        if !path.is_file() {
            bail!(
                "{} is missing; start scripts/demo, which builds it",
                path.display()
            );
        }
    }
    // Before this thread binds itself to one of the CPUs.
    let machine = machine::describe();
    let cpus = Cpus::choose()?;
    let scale = machine::make_room_for_threads(options.connections)?;
    let results = measure_all(options, machine, &cpus, &scale)?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    } else {
        print!("{}", show::show(&results));
    }
    match &results.lichen {
        Ok(lichen) if !lichen.took_over(&results.native) => {
            bail!("lichen did not take over the server's threads")
        }
        Ok(_) => Ok(()),
        Err(why) => bail!("there is no result for Lichen: {why}"),
    }
}

fn measure_all(
    options: &DemoOptions,
    machine: String,
    cpus: &Cpus,
    scale: &Scale,
) -> Result<Results> {
    let plan = Plan {
        connections: scale.connections,
        pace: Pace::Closed,
        warmup: WARMUP,
        measure: Duration::try_from_secs_f64(options.seconds)
            .context("--seconds must be a positive number")?,
    };
    machine::pin_here(cpus.load)?;
    let native = Program::native("native", &options.server);
    let under = Program::under_lichen("lichen run", &options.lichen, &options.server);
    let unpinned = Program::native("native, all CPUs", &options.server);

    let mut stage = Stage::new(3, &plan);
    let native = stage.play("natively", |progress| {
        measure(&native, &[cpus.server], &plan, progress)
    })?;
    let lichen = stage.play("under lichen", |progress| {
        measure(&under, &[cpus.server], &plan, progress)
    });
    let native_unpinned = stage.play("natively on all CPUs", |progress| {
        measure(&unpinned, &cpus.allowed, &plan, progress)
    })?;
    stage.end();
    stop::check()?;
    Ok(Results {
        machine,
        notes: notes(cpus, scale),
        native,
        lichen: lichen.map_err(|error| format!("{error:#}")),
        native_unpinned,
    })
}

/// What a reader must know to read the numbers rightly.
fn notes(cpus: &Cpus, scale: &Scale) -> Vec<String> {
    let mut notes = vec![match cpus.shared() {
        true => format!(
            "only CPU {} is allowed to this process, so server and load share it: expect lower and noisier numbers",
            cpus.server
        ),
        false => format!(
            "the server has CPU {} and the load has CPU {}",
            cpus.server, cpus.load
        ),
    }];
    notes.extend(scale.note.clone());
    notes
}

//! `lichen-load`: the entry point. Reads the command line (`cli`), hands over to one of the three drivers, and turns an
//! error into one line and an exit status. Nothing else happens here.

use std::process::ExitCode;

use clap::Parser;
use lichen_load::cli::{Cli, Task};
use lichen_load::{bench, demo, generate, stop};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.task {
        Task::Http(options) => generate::run(options),
        Task::Demo(options) => demo::run(options),
        Task::Bench(options) => bench::run(options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The terminal sends Ctrl-C to the servers too, so the first error may be about one of them.
        Err(_) if stop::check().is_err() => {
            eprintln!("lichen-load: {}", stop::Stopped);
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("lichen-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

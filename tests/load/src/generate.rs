//! The command `lichen-load http`: load on a server that somebody else started. Called by `main`.
//! Exit status 0 only if every response was right.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cli::HttpOptions;
use crate::http::{self, Expect, Load, Moment, Outcome, Pace, Progress, Watch};
use crate::{machine, stop};

struct OnlyStop;

impl Watch for OnlyStop {
    fn quiet(&mut self, _: Moment) -> Result<()> {
        stop::check()
    }
    fn progress(&mut self, _: Progress) -> Result<()> {
        stop::check()
    }
}

pub fn run(options: &HttpOptions) -> Result<()> {
    stop::notice()?;
    let scale = machine::make_room(options.connections)?;
    if let Some(note) = &scale.note {
        eprintln!("lichen-load: {note}");
    }
    if let Some(cpu) = options.cpu {
        machine::pin_here(cpu)?;
    }
    let load = to_load(options, scale.connections)?;
    let outcome = http::run(load, &mut OnlyStop)?;
    print(&outcome, scale.connections, options.json)?;
    if !outcome.is_clean() {
        bail!("{}", outcome.fault());
    }
    Ok(())
}

fn to_load(options: &HttpOptions, connections: usize) -> Result<Load> {
    let seconds = |value: f64, name: &str| {
        Duration::try_from_secs_f64(value)
            .with_context(|| format!("--{name} must be a number of seconds, not {value}"))
    };
    let pace = match options.rate {
        None => Pace::Closed,
        Some(rate) if rate > 0.0 => Pace::Paced(rate),
        Some(rate) => bail!("--rate must be more than 0, not {rate}"),
    };
    if connections == 0 {
        bail!("--connections must be at least 1");
    }
    let expect = match &options.path {
        None => Expect::OwnPath,
        Some(path) => Expect::Fixed {
            path: path.clone(),
            body: options.body.clone().map(String::into_bytes),
        },
    };
    Ok(Load {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)),
        connections,
        pace,
        warmup: seconds(options.warmup, "warmup")?,
        measure: seconds(options.seconds, "seconds")?,
        expect,
        patience: seconds(options.patience, "patience")?,
    })
}

fn print(outcome: &Outcome, connections: usize, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(outcome)?);
        return Ok(());
    }
    println!(
        "{} requests over {connections} connections in {:.2} s: {:.0} req/s, p50 {:.0} us, p99 {:.0} us, max {:.0} us; \
         {} wrong, {} lost",
        outcome.requests,
        outcome.seconds,
        outcome.requests_per_second,
        outcome.p50_us,
        outcome.p99_us,
        outcome.max_us,
        outcome.wrong,
        outcome.lost
    );
    Ok(())
}

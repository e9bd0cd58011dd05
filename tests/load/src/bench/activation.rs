//! How long the first pthread_create takes to turn a process over to Lichen: with an empty plan cache and with a filled one.
//! Called by `bench::run`. The shim says it itself ("activated in N us", LICHEN_LOG=debug); here it is only read.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result};

use super::Bench;
use super::program::{self, How};
use super::report::{Section, Verdict};
use crate::table;

const MARK: &str = "activated in ";

pub fn run(bench: &Bench) -> Result<Section> {
    let rounds = bench.pick(21, 7);
    let (mut empty, mut filled) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        bench.say(&format!("activation, round {round} of {rounds}"))?;
        let cache = tempfile::tempdir().context("cannot make a temporary folder")?;
        empty.push(once(bench, cache.path())?);
        filled.push(once(bench, cache.path())?);
    }
    let (empty_us, filled_us) = (
        table::median(empty.iter().copied()),
        table::median(filled.iter().copied()),
    );
    let about = format!(
        "Time from the first pthread_create until threads are green, as the shim reports it; medians of {rounds}."
    );
    let mut section = Section::new("Activation", &about, &["plan of libc and ld.so", "time"]);
    section.rows = vec![
        vec!["made anew".into(), table::time(empty_us)],
        vec!["from the cache".into(), table::time(filled_us)],
    ];
    section.verdicts = vec![
        Verdict::at_most(
            "activation with a cached plan",
            Some(filled_us),
            1_000.0,
            "us",
        ),
        Verdict::at_most(
            "activation without a cached plan",
            Some(empty_us),
            15_000.0,
            "us",
        ),
    ];
    section.data = serde_json::json!({"uncached_us": empty, "cached_us": filled});
    Ok(section)
}

fn once(bench: &Bench, cache: &Path) -> Result<f64> {
    // Without the launcher, which would have made the plan already.
    let environment = [
        ("LD_PRELOAD", bench.built("liblichen.so").into()),
        ("LICHEN_LOG", OsString::from("debug")),
        ("LICHEN_CACHE_DIR", cache.into()),
    ];
    let (_, _, stderr) = program::run(bench, How::Natively, "create", 1, &environment)?;
    parse(&stderr)
        .with_context(|| format!("the shim did not say \"{MARK}N us\"; its stderr: {stderr:?}"))
}

/// The N of "activated in N us".
fn parse(log: &str) -> Option<f64> {
    let rest = &log[log.find(MARK)? + MARK.len()..];
    let number: String = rest
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_found_in_a_log() {
        assert_eq!(
            parse("lichen: debug: activated in 812 us (246 sites)\n"),
            Some(812.0)
        );
        assert_eq!(parse("a\nactivated in 81.5 us\nb"), Some(81.5));
        assert_eq!(parse("nothing of the kind"), None);
    }
}

//! MariaDB with a thread per connection, under sysbench: nothing committed is lost or doubled, the same seeded work leaves
//! the same tables, it shuts down cleanly, and what it wrote is whole for a native server afterwards.

use lichen_tests::run::{Ended, World};
use lichen_tests::tree;

use crate::Result;
use crate::site::{Site, both, peak, terminate};

const TABLES: &str = "--tables=4";
const ROWS: &str = "--table-size=2500";
const CHECKSUMS: &str = "CHECKSUM TABLE seeded, sbtest1, sbtest2, sbtest3, sbtest4";
const COUNTS: &str = "SELECT (SELECT COUNT(*) FROM sbtest1), (SELECT COUNT(*) FROM sbtest2),
    (SELECT COUNT(*) FROM sbtest3), (SELECT COUNT(*) FROM sbtest4)";

fn sysbench(site: &Site, script: &str, threads: usize, more: &[&str]) -> Result<String> {
    let threads = threads.to_string();
    site.client(
        "sysbench.sh",
        &[&[script, &threads, TABLES, ROWS], more].concat(),
    )
}

fn query(site: &Site, sql: &str) -> Result<String> {
    site.client("query.sh", &[sql])
        .map(|rows| rows.trim().into())
}

/// The transactions that sysbench counted.
fn transactions(said: &str) -> Result<u64> {
    let line = said
        .lines()
        .find(|line| line.trim().starts_with("transactions:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .ok_or_else(|| format!("sysbench counted nothing: {said}"))
}

/// Everything that must be the same in both worlds.
#[derive(Debug, PartialEq)]
struct Seen {
    /// Whether the storage engine waits in io_uring, as it does where the kernel lets it.
    ring: bool,
    seeded: String,
    counts: String,
    whole: String,
    ended: Ended,
}

fn cycle(world: World<'_>) -> Result<(Seen, usize)> {
    let site = Site::prepare("mariadb", &[])?;
    let server = site.serve(world)?;
    let pid = server.id();
    sysbench(&site, "seeded.lua", 1, &["prepare"])?;
    let hundred = ["--events=100", "--time=0", "run"];
    sysbench(&site, "seeded.lua", 1, &hundred)?;
    let seeded = query(&site, "CHECKSUM TABLE seeded")?;
    sysbench(&site, "oltp_read_write", 1, &["prepare"])?;
    let (_, most) = peak(|| tree::tasks(pid).len(), || crowds(&site))?;
    let counts = query(&site, COUNTS)?;
    transfers(&site)?;
    let last = query(&site, CHECKSUMS)?;
    let outcome = terminate(server)?;
    if !outcome.stderr.contains("Shutdown complete") {
        return Err(format!("no clean shutdown: {outcome:#?}"));
    }
    let again = site.serve(World::Native)?;
    let whole = query(
        &site,
        "CHECK TABLE seeded, sbtest1, sbtest2, sbtest3, sbtest4, account, journal",
    )?;
    if query(&site, CHECKSUMS)? != last {
        return Err("the tables changed between shutdown and the next start".into());
    }
    terminate(again)?;
    Ok((
        Seen {
            ring: outcome.stderr.contains("Using io_uring"),
            seeded,
            counts,
            whole,
            ended: outcome.ended,
        },
        most,
    ))
}

/// Point selects and mixed transactions at 10, 100 and 1,000 connections. sysbench fails if one statement does.
fn crowds(site: &Site) -> Result {
    for connections in [10, 100, 1000] {
        for (script, events) in [("oltp_point_select", 20_000), ("oltp_read_write", 1000)] {
            let events = format!("--events={events}");
            let said = sysbench(site, script, connections, &[&events, "--time=0", "run"])
                .map_err(|e| format!("{script} at {connections} connections: {e}"))?;
            transactions(&said)?;
        }
    }
    Ok(())
}

/// Money is moved, none is made, and each move that sysbench counted is written down once.
fn transfers(site: &Site) -> Result {
    sysbench(site, "transfer.lua", 1, &["prepare"])?;
    let said = sysbench(
        site,
        "transfer.lua",
        100,
        &["--events=1000", "--time=0", "run"],
    )?;
    let counted = transactions(&said)?;
    let kept = query(
        site,
        "SELECT (SELECT SUM(amount) FROM account), (SELECT COUNT(*) FROM journal)",
    )?;
    let expected = format!("200000\t{counted}");
    (kept == expected)
        .then_some(())
        .ok_or_else(|| format!("sum and journal are {kept:?}, expected {expected:?}"))
}

#[test]
fn mariadb_under_sysbench() -> Result {
    both(500, cycle)
}

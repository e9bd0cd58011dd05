//! gunicorn with two pre-forked workers of 1,000 threads and a Flask application: slow requests run at the same time,
//! a reload (SIGHUP) and an end (SIGTERM) answer what was begun.

use std::collections::BTreeSet;
use std::time::Duration;

use lichen_tests::run::{Ended, Running, World};
use lichen_tests::tree;
use rustix::process::Signal;

use crate::Result;
use crate::site::{Site, both, peak, python};

fn sleepers(site: &Site, count: &str) -> Result<String> {
    site.client("many.py", &[count, "/sleep", "slept"])
}

/// `count` slow requests; `meanwhile` is done when they are all asleep.
fn while_asleep(site: &Site, count: &str, meanwhile: impl FnOnce() -> Result) -> Result<String> {
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| sleepers(site, count));
        std::thread::sleep(Duration::from_millis(600));
        let done = meanwhile();
        let said = asking.join().map_err(|_| "the client panicked")?;
        done.and(said)
    })
}

fn workers(server: &Running) -> BTreeSet<u32> {
    tree::members(server.id()).into_iter().skip(1).collect()
}

/// Waits until the master has two workers, none of them of `old`.
fn renewed(server: &Running, old: &BTreeSet<u32>) -> Result {
    for _ in 0..300 {
        let now = workers(server);
        if now.len() == 2 && now.is_disjoint(old) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(format!(
        "workers {old:?} were not replaced: {:?}",
        workers(server)
    ))
}

fn cycle(world: World<'_>) -> Result<((Vec<String>, Ended), usize)> {
    let site = Site::prepare("gunicorn", &[])?;
    let server = site.serve(world)?;
    renewed(&server, &BTreeSet::new())?;
    let mut seen = Vec::new();
    // The second time each worker has its threads.
    for _ in 0..2 {
        let (said, most) = peak(|| tree::busiest(server.id()), || sleepers(&site, "1000"))?;
        seen.push((said, most));
    }
    let most = seen.iter().map(|(_, most)| *most).max().unwrap_or(0);
    let mut said: Vec<String> = seen.into_iter().map(|(said, _)| said).collect();
    let old = workers(&server);
    said.push(while_asleep(&site, "200", || server.signal(Signal::HUP))?);
    renewed(&server, &old)?;
    said.push(site.client("many.py", &["50", "/", "hello"])?);
    said.push(while_asleep(&site, "100", || server.signal(Signal::TERM))?);
    let outcome = server.finish(Duration::from_secs(30))?;
    if said.iter().any(|said| !said.contains(" 0 wrong")) {
        return Err(format!("{said:?}: {outcome:#?}"));
    }
    Ok(((said, outcome.ended), most))
}

#[test]
fn gunicorn_threads_with_flask() -> Result {
    python()?;
    both(100, cycle)
}

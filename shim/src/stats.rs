//! The sign of life: one line at exit, if asked for (`--stats`).

use crate::doors::{audit, report};
use crate::init;
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use lichen_runtime::log::Line;
use lichen_runtime::sched::runtime;
use lichen_runtime::sys;

static SITES: AtomicUsize = AtomicUsize::new(0);
static LEFT: AtomicUsize = AtomicUsize::new(0);
static SAID: AtomicBool = AtomicBool::new(false);
static REPORTED: AtomicBool = AtomicBool::new(false);

/// Counts sites that were seen, and those of them that were left alone although wanted.
pub fn add(sites: usize, left: usize) {
    SITES.fetch_add(sites, Ordering::Relaxed);
    LEFT.fetch_add(left, Ordering::Relaxed);
}

/// Says the line, once, when the process ends. Any side: raw writes, no allocation.
pub extern "C" fn at_exit() {
    audit();
    let Some(loaded) = init::settled().filter(|l| l.settings.stats) else {
        return;
    };
    // A child that only forked from a process without threads has nothing to tell.
    let forked = !runtime().is_active() && sys::getpid() != loaded.process;
    if forked || SAID.swap(true, Ordering::Relaxed) {
        return;
    }
    let runtime = runtime();
    let mut line = Line::anonymous();
    let threads = runtime.table.header().map_or(1, |h| h.created.get());
    let calls = runtime.worker.calls.get();
    write_grouped(&mut line, threads);
    let plural = |n: u64| if n == 1 { "" } else { "s" };
    let kernel = 1 + u64::from(runtime.helpers.made() + runtime.pool.peak());
    let (many, more) = (plural(threads), plural(kernel));
    let _ = write!(line, " thread{many} on {kernel} kernel thread{more}, ");
    let _ = match calls {
        0..10_000 => write!(line, "{calls} calls"),
        10_000..1_000_000 => write!(line, "{}.{} k calls", calls / 1000, calls / 100 % 10),
        _ => write!(
            line,
            "{}.{} M calls",
            calls / 1_000_000,
            calls / 100_000 % 10
        ),
    };
    let _ = write!(line, ", {} unknown sites", LEFT.load(Ordering::Relaxed));
    if !runtime.is_active() {
        let _ = line.write_str(" (never made a thread, never rewritten)");
    }
    line.send(2);
}

/// The report of the audit, if there was one.
fn audit() {
    let to = init::settled().and_then(|loaded| loaded.settings.audit.as_deref());
    if let Some(to) = to.filter(|_| audit::is_on() && !REPORTED.swap(true, Ordering::Relaxed)) {
        report::write(to);
    }
}

/// 12345678 as 12,345,678.
fn write_grouped(line: &mut Line, number: u64) {
    let mut unit = 1;
    while number / unit >= 1000 {
        unit *= 1000;
    }
    let _ = write!(line, "{}", number / unit);
    while unit > 1 {
        unit /= 1000;
        let _ = write!(line, ",{:03}", number / unit % 1000);
    }
}

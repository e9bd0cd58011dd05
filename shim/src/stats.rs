//! The sign of life: one line at exit, if asked for (`--stats`).

use crate::init;
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use lichen_runtime::log::Line;
use lichen_runtime::sched::runtime;

static SITES: AtomicUsize = AtomicUsize::new(0);
static LEFT: AtomicUsize = AtomicUsize::new(0);
static SAID: AtomicBool = AtomicBool::new(false);

/// Notes how many sites were seen and how many of them were left alone.
pub fn note(sites: usize, left: usize) {
    SITES.store(sites, Ordering::Relaxed);
    LEFT.store(left, Ordering::Relaxed);
}

/// Says the line, once, when the process ends. Any side: raw writes, no allocation.
pub extern "C" fn at_exit() {
    if !init::settings().stats || SAID.swap(true, Ordering::Relaxed) {
        return;
    }
    let runtime = runtime();
    let mut line = Line::new();
    let threads = runtime.table.header().map_or(1, |h| h.created.get());
    let calls = runtime.worker.calls.get();
    let _ = write!(
        line,
        "{threads} thread{} on 1 kernel thread, ",
        if threads == 1 { "" } else { "s" }
    );
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

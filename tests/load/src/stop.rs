//! Ctrl-C and SIGTERM as a flag. The loops look at it and unwind with [`Stopped`], so that every child is ended and every
//! temporary folder removed by its owner's `Drop`; nothing is done in a signal handler.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// The user asked us to end. `main` maps it to exit status 130.
#[derive(Debug)]
pub struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped; nothing was left behind")
    }
}

impl std::error::Error for Stopped {}

/// Starts to notice signals. Call it once, before the first child is started.
pub fn notice() -> Result<()> {
    let flag = FLAG.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // A second Ctrl-C ends us at once; the children then die with us (PR_SET_PDEATHSIG).
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(flag)))
            .context("cannot catch signals")?;
    }
    Ok(())
}

/// `Err(Stopped)` once a signal has come.
pub fn check() -> Result<()> {
    match FLAG.get().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
        true => Err(Stopped.into()),
        false => Ok(()),
    }
}

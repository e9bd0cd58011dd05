//! The progress bar of the demo: one bar over all runs. Where there is no terminal, one line per run instead.
//! Called by `demo::measure_all`; writes to stderr only.

use std::io::IsTerminal;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use crate::http::Progress;
use crate::measure::Plan;
use crate::stop;
use crate::table::grouped;

/// What opening the connections counts for in the bar, in milliseconds: a guess, only the bar's speed depends on it.
const OPENING_MS: u64 = 1_500;

pub struct Stage {
    bar: ProgressBar,
    warmup_ms: u64,
    run_ms: u64,
    runs_done: u64,
}

impl Stage {
    pub fn new(runs: u64, plan: &Plan) -> Stage {
        let warmup_ms = plan.warmup.as_millis() as u64;
        let run_ms = OPENING_MS + warmup_ms + plan.measure.as_millis() as u64;
        let bar = ProgressBar::new(runs * run_ms).with_finish(ProgressFinish::AndClear);
        // The template is a constant; a typing error in it falls back to the default look.
        if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {percent:>3}%  {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Stage {
            bar,
            warmup_ms,
            run_ms,
            runs_done: 0,
        }
    }

    /// Runs one act with a progress callback; the callback also ends it after Ctrl-C.
    pub fn play<T>(
        &mut self,
        how: &str,
        act: impl FnOnce(&mut dyn FnMut(Progress) -> Result<()>) -> Result<T>,
    ) -> Result<T> {
        stop::check()?;
        if !std::io::stderr().is_terminal() {
            eprintln!("running the server {how} ...");
        }
        let base = self.runs_done * self.run_ms;
        let mut progress = |progress: Progress| {
            let (position, message) = self.place(progress, how);
            self.bar.set_position(base + position.min(self.run_ms));
            self.bar.set_message(message);
            stop::check()
        };
        let result = act(&mut progress);
        self.runs_done += 1;
        self.bar.set_position(self.runs_done * self.run_ms);
        result
    }

    pub fn end(self) {
        self.bar.finish_and_clear();
    }

    fn place(&self, progress: Progress, how: &str) -> (u64, String) {
        match progress {
            Progress::Opening { open, of } => {
                let position = OPENING_MS * open as u64 / of.max(1) as u64;
                (
                    position,
                    format!(
                        "{how}: opening {} of {} connections",
                        grouped(open as u64),
                        grouped(of as u64)
                    ),
                )
            }
            Progress::WarmingUp { elapsed } => (
                OPENING_MS + elapsed.as_millis() as u64,
                format!("{how}: warming up"),
            ),
            Progress::Measuring { elapsed } => (
                OPENING_MS + self.warmup_ms + elapsed.as_millis() as u64,
                format!("{how}: measuring"),
            ),
        }
    }
}

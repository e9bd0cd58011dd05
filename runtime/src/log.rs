//! What we say about ourselves: a `tracing` subscriber that formats into a buffer on the stack and
//! writes the line raw, `lichen[PID]: level: message key=value`. No lock, no allocation, no stdio.
//!
//! Installed at load when a level is asked for; silent otherwise. Scheduler side and load only:
//! the green side says nothing while it runs.

use crate::sys;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Where lines go: standard error until a log file is opened.
static DESTINATION: AtomicI32 = AtomicI32::new(2);

/// Was anything asked for?
static ON: AtomicBool = AtomicBool::new(false);

/// Where last words go that are worth it only if somebody listens; `None` when logging is off.
pub fn listener() -> Option<i32> {
    let on = ON.load(Ordering::Relaxed);
    on.then(|| DESTINATION.load(Ordering::Relaxed))
}

/// A line under construction; what does not fit is cut.
pub struct Line {
    bytes: [u8; 512],
    len: usize,
}

impl Line {
    /// Begins a line with our name and process id.
    pub fn new() -> Line {
        let mut line = Line {
            bytes: [0; 512],
            len: 0,
        };
        let _ = write!(line, "lichen[{}]: ", sys::getpid());
        line
    }

    /// Begins a line with our name alone: warnings, and the line of `--stats`.
    pub fn anonymous() -> Line {
        let mut line = Line {
            bytes: [0; 512],
            len: 0,
        };
        let _ = line.write_str("lichen: ");
        line
    }

    /// Begins a line with nothing: the trace.
    pub fn empty() -> Line {
        Line {
            bytes: [0; 512],
            len: 0,
        }
    }

    /// Ends the line and writes it to `fd` in one call.
    pub fn send(mut self, fd: i32) {
        self.len = self.len.min(self.bytes.len() - 1);
        self.bytes[self.len] = b'\n';
        sys::write(fd, &self.bytes[..=self.len]);
    }
}

impl Default for Line {
    fn default() -> Self {
        Line::new()
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.len..];
        let n = text.len().min(room.len());
        room[..n].copy_from_slice(&text.as_bytes()[..n]);
        self.len += n;
        Ok(())
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self, "{value:?}"),
            name => write!(self, " {name}={value:?}"),
        };
    }
}

/// The subscriber.
struct Raw {
    most: Level,
}

impl Subscriber for Raw {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.most
    }
    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(self.most.into())
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line::new();
        let _ = write!(
            line,
            "{}: ",
            event.metadata().level().as_str().to_ascii_lowercase()
        );
        event.record(&mut line);
        line.send(DESTINATION.load(Ordering::Relaxed));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Turns logging on, to `fd` (a descriptor of ours, or 2). Once per process.
pub fn install(most: Level, fd: i32) {
    DESTINATION.store(fd, Ordering::Relaxed);
    ON.store(true, Ordering::Relaxed);
    let _ = tracing::subscriber::set_global_default(Raw { most });
}

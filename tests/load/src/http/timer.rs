//! A timer that epoll can wait for, because epoll's own time-out counts whole milliseconds. Used by the engine when paced.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

pub struct Timer {
    fd: TimerFd,
}

impl Timer {
    /// A disarmed timer that reports on `token`.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Timer> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let fd = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let raw = std::os::fd::AsFd::as_fd(&fd).as_raw_fd();
        registry.register(&mut SourceFd(&raw), token, Interest::READABLE)?;
        Ok(Timer { fd })
    }

    /// Fires once, `after` from now. Setting it again replaces the old moment, and clears an expiry that nobody read.
    pub fn set(&self, after: Duration) -> io::Result<()> {
        // Zero would disarm it.
        let after = TimeSpec::from_duration(after.max(Duration::from_nanos(1)));
        self.fd
            .set(Expiration::OneShot(after), TimerSetTimeFlags::empty())?;
        Ok(())
    }
}

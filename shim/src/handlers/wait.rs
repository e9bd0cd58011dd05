//! The one loop of all calls that wait for one descriptor: try; if it would block and the descriptor
//! blocks, park until an edge; try again.

use crate::call::{Answer, NATIVE, RESTART, error};
use crate::fds::{self, Kind};
use lichen_runtime::Runtime;
use lichen_runtime::green::Wake;
use lichen_runtime::park::{self, Deadline};
use lichen_runtime::reactor::READ;
use lichen_runtime::sys;

const WOULD_BLOCK: Answer = error(libc::EAGAIN);

/// A wait for one descriptor.
pub struct OnFd<'a> {
    runtime: &'a Runtime,
    /// The number the program used.
    fd: i32,
    /// [`READ`] or WRITE of the reactor.
    interest: u8,
    /// SO_RCVTIMEO and SO_SNDTIMEO apply.
    socket: bool,
    skips: bool,
    /// Waits although the program made the descriptor non-blocking.
    patient: bool,
}

impl<'a> OnFd<'a> {
    /// A wait of a call on `fd`, which is of this kind.
    #[inline(always)]
    pub fn new(runtime: &'a Runtime, fd: i32, kind: Kind, interest: u8) -> OnFd<'a> {
        OnFd {
            runtime,
            fd,
            interest,
            socket: kind.is_socket(),
            skips: false,
            patient: false,
        }
    }

    /// For a call that does not look at O_NONBLOCK.
    pub fn patient(self) -> OnFd<'a> {
        OnFd {
            patient: true,
            ..self
        }
    }

    /// The first attempt may be skipped while the stream is known to be empty.
    #[inline(always)]
    pub fn skipping(self, skips: bool) -> OnFd<'a> {
        OnFd { skips, ..self }
    }
}

impl OnFd<'_> {
    /// Runs `attempt` (with the descriptor to use) until it does not say EAGAIN.
    ///
    /// Returns its answer; EAGAIN if the program made the descriptor non-blocking or its time-out
    /// passed; [`RESTART`] (with a time-out: EINTR) when a signal came; [`NATIVE`] if the descriptor
    /// cannot be watched. Parks.
    #[inline(always)]
    pub fn run(&self, mut attempt: impl FnMut(i32) -> Answer) -> Answer {
        if !self.skips || self.runtime.slots.may_read(self.fd) {
            let answer = attempt(self.fd);
            if answer != WOULD_BLOCK {
                return answer;
            }
            if !self.patient && fds::is_nonblocking(self.fd) {
                return answer;
            }
        }
        self.wait_and_try(&mut attempt)
    }

    fn wait_and_try(&self, attempt: &mut dyn FnMut(i32) -> Answer) -> Answer {
        let mut fd = self.fd;
        let timeout = if self.socket && fds::may_be_timed(fd) {
            fds::socket_timeout(fd, self.interest != READ)
        } else {
            None
        };
        let deadline = match timeout {
            Some(ns) => Deadline::At(sys::clock_ns(libc::CLOCK_MONOTONIC).saturating_add(ns)),
            None => Deadline::Never,
        };
        let answer = loop {
            if self.interest == READ {
                self.runtime.slots.drained(fd);
            }
            let (wake, again) = park::wait_fd(self.runtime, fd, self.interest, deadline);
            if again < 0 {
                break NATIVE;
            }
            fd = again;
            match wake {
                Wake::TimedOut => break WOULD_BLOCK,
                Wake::Interrupted if timeout.is_some() => break error(libc::EINTR),
                Wake::Interrupted => break RESTART,
                Wake::Ready => {}
            }
            let answer = attempt(fd);
            if answer != WOULD_BLOCK {
                break answer;
            }
        };
        if fd != self.fd && fd >= 0 {
            self.runtime.slots.forget(fd);
            sys::close(fd);
        }
        answer
    }
}

//! The one loop of all calls that wait for one descriptor: try; if it would block and the descriptor
//! blocks, park until an edge; try again.
//!
//! One [`OnFd`] stands for one call of the program, however many parts it is done in: it keeps what
//! the kernel keeps over a whole call, namely the description (also when the number is closed
//! meanwhile), whether the call blocks, and the moment its time-out ends.

use super::io::turns;
use super::signal::notes;
use super::time::after;
use crate::call::{AGAIN, Answer, NATIVE, RESTART, error};
use crate::fds::{self, Kind};
use crate::sockopt;
use core::cell::Cell;
use lichen_runtime::Runtime;
use lichen_runtime::green::{Wait, Wake};
use lichen_runtime::mutants::{Mutant, mutant};
use lichen_runtime::park::{self, Deadline};
use lichen_runtime::reactor::{READ, Wakes};
use lichen_runtime::sys;

/// A Unix socket whose sending side was shut down, by the program or by the peer's SHUT_RD, is as full
/// as before and says nothing to epoll (unix_poll): a sender looks again after this, then after twice
/// as long each time.
const LOOK_NS: u64 = 5_000_000;
const LOOK_MOST_NS: u64 = 320_000_000;
/// Between attempts on a private duplicate that cannot be watched.
const RETRY_NS: u64 = 1_000_000;

/// The descriptor a call uses: the program's number, or, once that was closed under the call, a
/// duplicate of our own, which ends with the call.
struct Held<'a> {
    runtime: &'a Runtime,
    number: i32,
    at: Cell<i32>,
}

impl Held<'_> {
    fn set(&self, fd: i32) {
        if fd != self.at.get() {
            self.release();
            self.at.set(fd);
        }
    }

    fn release(&self) {
        let fd = self.at.get();
        if fd != self.number {
            fds::forget(fd);
            self.runtime.slots.forget(fd);
            sys::close(fd);
        }
    }
}

impl Drop for Held<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.at.get() != self.number {
            self.release();
        }
    }
}

/// A wait for one descriptor.
pub struct OnFd<'a> {
    runtime: &'a Runtime,
    held: Held<'a>,
    /// [`READ`] or WRITE of the reactor.
    interest: u8,
    /// SO_RCVTIMEO and SO_SNDTIMEO apply.
    socket: bool,
    kind: Kind,
    skips: bool,
    /// The end of the wait may come without an edge.
    looks: bool,
    /// For how many of the waiters an edge is.
    wakes: Wakes,
    /// The call was seen to block (sockets settle that when it begins, see sock_write_iter).
    blocks: Cell<bool>,
    waited: Cell<bool>,
    /// An attempt that has to wait left what there is where it is (MSG_PEEK).
    leaves: Cell<bool>,
    /// A signal for this thread ended a wait, and what there was to take was taken: no further wait.
    signalled: Cell<bool>,
    /// When the socket's time-out ends; `None` until the first wait.
    deadline: Cell<Option<Deadline>>,
}

impl<'a> OnFd<'a> {
    /// A wait of a call on `fd`, which is of this kind.
    #[inline(always)]
    pub fn new(runtime: &'a Runtime, fd: i32, kind: Kind, interest: u8) -> OnFd<'a> {
        OnFd {
            runtime,
            held: Held {
                runtime,
                number: fd,
                at: Cell::new(fd),
            },
            interest,
            socket: kind.is_socket(),
            kind,
            skips: false,
            looks: interest != READ && matches!(kind, Kind::Stream | Kind::SeqPacket),
            wakes: Wakes::All,
            blocks: Cell::new(false),
            waited: Cell::new(false),
            leaves: Cell::new(false),
            signalled: Cell::new(false),
            deadline: Cell::new(None),
        }
    }

    /// The first attempt may be skipped while the stream is known to be empty.
    #[inline(always)]
    pub fn skipping(self, skips: bool) -> OnFd<'a> {
        OnFd { skips, ..self }
    }

    /// An edge wakes so many: where it is one, the call wakes the next one itself if there is more.
    pub fn waking(self, wakes: Wakes) -> OnFd<'a> {
        OnFd { wakes, ..self }
    }

    /// For a call that does not look at O_NONBLOCK.
    pub fn patient(self) -> OnFd<'a> {
        self.blocks.set(true);
        self
    }

    /// A time-out of the call's own (epoll_wait); O_NONBLOCK does not count.
    pub fn until(self, deadline: Deadline) -> OnFd<'a> {
        self.blocks.set(true);
        self.deadline.set(Some(deadline));
        self
    }
}

impl OnFd<'_> {
    /// The descriptor to use now.
    #[inline(always)]
    pub fn fd(&self) -> i32 {
        self.held.at.get()
    }

    /// The attempts of this call take nothing away: that one has to wait does not say that the stream is empty.
    pub fn leaves_all(&self) {
        self.leaves.set(true);
    }

    /// Has this call parked?
    pub fn waited(&self) -> bool {
        self.waited.get()
    }

    /// The next wait has the socket's whole time-out again (AF_UNIX sends, one for each buffer).
    pub fn renew(&self) {
        self.deadline.set(None);
    }

    /// Does EAGAIN end the call? Asks the kernel unless the answer is known.
    pub fn is_nonblocking(&self) -> bool {
        if self.blocks.get() {
            return false;
        }
        let nonblocking = fds::is_nonblocking(self.fd());
        self.blocks.set(self.socket && !nonblocking);
        nonblocking && !mutant(Mutant::NonblockIgnored)
    }

    /// Runs `attempt` (with the descriptor to use) until it does not say EAGAIN.
    ///
    /// Returns its answer; EAGAIN if the program made the descriptor non-blocking or its time-out
    /// passed; [`RESTART`] (with a time-out: EINTR) when a signal came; [`NATIVE`] if the descriptor
    /// cannot be watched. Parks.
    #[inline(always)]
    pub fn run(&self, mut attempt: impl FnMut(i32) -> Answer) -> Answer {
        let fd = self.fd();
        if !self.skips || self.runtime.slots.may_read(fd) {
            let answer = attempt(fd);
            if answer != AGAIN {
                if self.interest == READ {
                    turns::has_read(self.runtime, fd, answer);
                }
                return answer;
            }
            if self.is_nonblocking() {
                return answer;
            }
        }
        self.wait_and_try(&mut attempt, None)
    }

    /// As [`OnFd::run`], from behind a park of the same call: why it woke, and the descriptor to try. The descriptor
    /// was seen to block.
    pub fn resume(&self, woken: (Wake, i32), attempt: &mut dyn FnMut(i32) -> Answer) -> Answer {
        self.blocks.set(true);
        self.waited.set(true);
        self.wait_and_try(attempt, Some(woken))
    }

    fn deadline(&self) -> Deadline {
        if let Some(deadline) = self.deadline.get() {
            return deadline;
        }
        let fd = self.fd();
        let ignored = self.interest == READ && mutant(Mutant::SkippedReceiveTimeout);
        let timed = self.socket && fds::may_be_timed(fd) && !ignored;
        let timeout = timed.then(|| sockopt::timeout(fd, self.interest != READ));
        let deadline = match timeout.flatten() {
            Some(ns) if mutant(Mutant::EarlyTimeout) => after(ns / 2),
            Some(ns) => after(ns),
            None => Deadline::Never,
        };
        self.deadline.set(Some(deadline));
        deadline
    }

    /// When the next park ends at the latest, and whether that is the end of the call's own time.
    fn next_look(&self, deadline: Deadline, look_ns: &mut u64) -> (Deadline, bool) {
        if !self.looks {
            return (deadline, true);
        }
        let at = sys::clock_ns(libc::CLOCK_MONOTONIC).saturating_add(*look_ns);
        *look_ns = (*look_ns * 2).min(LOOK_MOST_NS);
        match deadline {
            Deadline::At(end) if end <= at => (deadline, true),
            _ => (Deadline::At(at), false),
        }
    }

    /// What an edge has to say to end a park. Threads that wait to send on a socket and to receive from it stand in one
    /// queue of the kernel's: what comes in makes a sender look for room too (sock_def_readable), of which there may be
    /// some although it was not told so (a third of the buffer over TCP, three quarters over AF_UNIX).
    fn watched(&self) -> u8 {
        let stream = matches!(self.kind, Kind::Tcp | Kind::Stream | Kind::SeqPacket);
        if stream && self.interest != READ {
            READ | self.interest
        } else {
            self.interest
        }
    }

    /// A datagram socket that was shut down for reading says EAGAIN when asked not to wait, but the plain
    /// call does not wait: it gives 0 (__skb_wait_for_more_packets).
    fn reads_nothing_more(&self, fd: i32) -> bool {
        let reads = self.interest == READ && self.kind == Kind::Datagram;
        reads && sockopt::state(fd, libc::POLLRDHUP) & libc::POLLRDHUP != 0
    }

    /// Parks once. Why it woke, the descriptor to try, and whether a time-out was the end of the call's own time.
    fn park(&self, fd: i32, deadline: Deadline, look_ns: &mut u64) -> (Wake, i32, bool) {
        let (until, last) = self.next_look(deadline, look_ns);
        // That there is no connection to accept says nothing of bytes: a listener's read fails at once.
        if self.interest == READ && self.wakes == Wakes::All && !self.leaves.get() {
            self.runtime.slots.drained(fd);
        }
        self.waited.set(true);
        let (wake, again) = park::wait_fd_as(self.runtime, fd, self.watched(), until, self.wakes);
        (wake, again, last)
    }

    fn wait_and_try(
        &self,
        attempt: &mut dyn FnMut(i32) -> Answer,
        mut woken: Option<(Wake, i32)>,
    ) -> Answer {
        let deadline = self.deadline();
        let mut look_ns = LOOK_NS;
        loop {
            let fd = self.fd();
            if self.reads_nothing_more(fd) {
                // The program's number may be another description's by now.
                return if fd == self.held.number { NATIVE } else { 0 };
            }
            if self.signalled.get() && notes::any_for_current(self.runtime) {
                return interrupted(deadline);
            }
            let (wake, again, last) = match woken.take() {
                Some((wake, again)) => (wake, again, true),
                None => self.park(fd, deadline, &mut look_ns),
            };
            if again >= 0 {
                self.held.set(again);
            } else if fd == self.held.number {
                return NATIVE;
            } else {
                let pause = Deadline::In(RETRY_NS);
                park::sleep(self.runtime, Wait::Descriptor, fd as u64, pause);
            }
            self.signalled
                .set(wake == Wake::Interrupted && notes::any_for_current(self.runtime));
            // A sender over TCP looks for signals before it looks for room (sk_stream_wait_memory).
            if self.signalled.get() && self.kind == Kind::Tcp && self.interest != READ {
                return interrupted(deadline);
            }
            // Else, as in the kernel, what there is to take comes before a signal or the time-out.
            let answer = attempt(self.fd());
            if answer != AGAIN || last && wake == Wake::TimedOut {
                return answer;
            }
            // A signal that woke this call and went to another thread does not end it.
            if self.signalled.get() {
                // A write to a pipe looks at O_NONBLOCK whenever it wakes.
                if self.kind == Kind::Pipe && self.interest != READ && self.is_nonblocking() {
                    return answer;
                }
                return interrupted(deadline);
            }
        }
    }
}

/// signal(7): with a time-out a call says EINTR, else it may begin again.
fn interrupted(deadline: Deadline) -> Answer {
    match deadline {
        Deadline::Never => RESTART,
        _ => error(libc::EINTR),
    }
}

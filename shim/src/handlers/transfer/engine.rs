//! One transfer: tries, finds out which end is to be waited for, waits, tries again. Called by the handlers
//! of this module only. Parks; asks and calls the kernel, and never changes a flag but through
//! [`socket::not_waiting`].

use super::held::Held;
use crate::call::{AGAIN, Answer, NATIVE, RESTART, error};
use crate::fds::{self, Kind};
use crate::handlers::wait::OnFd;
use crate::handlers::{io, socket};
use crate::sockopt;
use lichen_runtime::Runtime;
use lichen_runtime::green::{Wait, Wake};
use lichen_runtime::park::{self, Deadline};
use lichen_runtime::reactor::{READ, WRITE};

/// What a terminal that is ready takes at once.
const CHUNK: usize = 4096;
/// Of an attempt: the other end, where the bytes go, is the one to wait for.
pub const AWAIT_OUT: Answer = isize::MIN + 1;
/// Of an attempt: EAGAIN is the answer; nobody waits.
const SAYS_AGAIN: Answer = isize::MIN + 2;

/// One end of a transfer.
#[derive(Clone, Copy)]
pub struct End {
    pub fd: i32,
    pub kind: Kind,
    pub pipe: bool,
}

impl End {
    pub fn new(fd: i32) -> End {
        let kind = fds::kind(fd);
        // A FIFO that does not know RWF_NOWAIT, and a pipe that forgot it by being spliced into.
        let pipe = kind == Kind::Pipe || kind == Kind::Polled && fds::is_pipe(fd);
        End { fd, kind, pipe }
    }

    /// The same end by another number.
    pub fn at(self, fd: i32) -> End {
        End { fd, ..self }
    }

    /// Did a datagram socket stop short for another reason than want of room? (A datagram that was too long.)
    fn has_refused(&self) -> bool {
        self.kind == Kind::Datagram && io::ready(self.fd, libc::POLLOUT)
    }

    /// No pipe, and the program would wait for it.
    pub fn holds_up(&self) -> bool {
        !self.pipe && self.kind != Kind::File && !fds::is_nonblocking(self.fd)
    }
}

/// A transfer of at most `len` bytes.
pub struct Transfer<'a> {
    pub runtime: &'a Runtime,
    pub from: End,
    pub to: End,
    /// The program lets pipes wait.
    pub patient: bool,
    /// Makes the call with these two descriptors, this length, and SPLICE_F_NONBLOCK.
    pub call: &'a dyn Fn(i32, i32, usize) -> Answer,
}

impl Transfer<'_> {
    /// Moves what one call of the kernel's would move: to a socket or a terminal everything that the
    /// other end has, elsewhere what there is room for at once. Parks.
    pub fn run(&self, len: usize) -> Answer {
        let to_all = !self.to.pipe && self.to.kind != Kind::File;
        let held = Held::new(self);
        let from = OnFd::new(self.runtime, self.from.fd, self.from.kind, READ);
        let to = OnFd::new(self.runtime, self.to.fd, self.to.kind, WRITE);
        let mut done = 0;
        let answer = loop {
            let answer = self.once(&held, &from, &to, len - done, done > 0);
            if answer <= 0 {
                break if done > 0 { done as Answer } else { answer };
            }
            done += answer as usize;
            let end = self.to.at(to.fd());
            if !to_all || done >= len || !end.holds_up() || end.has_refused() {
                break done as Answer;
            }
            // Each part waits for the socket's whole time-out.
            from.renew();
            to.renew();
        };
        held.release();
        answer
    }

    /// One part. `begun`: something has been moved, so an empty source ends it.
    fn once(
        &self,
        held: &Held<'_>,
        from: &OnFd<'_>,
        to: &OnFd<'_>,
        len: usize,
        begun: bool,
    ) -> Answer {
        let answer = to.run(|to_fd| {
            let inner = from.run(|from_fd| {
                let (from, to) = held.ends(from_fd, to_fd);
                if held.lost_file() {
                    return error(libc::EBADF);
                }
                // Behind a part the kernel's own call raises no SIGPIPE.
                if begun && to.kind == Kind::Stream && sockopt::state(to.fd, 0) & libc::POLLHUP != 0
                {
                    return 0;
                }
                let answer = self.attempt(from, to, len, begun);
                held.hold(answer);
                answer
            });
            match inner {
                AWAIT_OUT => AGAIN,
                AGAIN => SAYS_AGAIN,
                other => other,
            }
        });
        if answer == SAYS_AGAIN { AGAIN } else { answer }
    }

    /// A single call that does not wait, or why there was none.
    fn attempt(&self, from: End, to: End, len: usize, begun: bool) -> Answer {
        let mut tries = 0;
        loop {
            // A Unix socket obeys the flag as a pipe does.
            let obeys = from.kind == Kind::Stream && !self.patient;
            // A pipe that nobody reads is told of before the source is looked at.
            let told = |to: &End| to.pipe && io::ready(to.fd, 0);
            let starved =
                from.holds_up() && !obeys && !io::ready(from.fd, libc::POLLIN) && !told(&to);
            let in_turn = self.is_asked_for_room(&to);
            if starved || in_turn && !io::ready(to.fd, libc::POLLOUT) {
                if !fds::allows(from.fd, true) || !fds::allows(to.fd, false) {
                    return error(libc::EBADF);
                }
                return self.verdict(from, to, begun, !starved);
            }
            let part = if in_turn { len.min(CHUNK) } else { len };
            let call = || (self.call)(from.fd, to.fd, part);
            let answer = if to.kind.is_socket() && !in_turn && to.holds_up() {
                socket::not_waiting(to.fd, call)
            } else {
                call()
            };
            if answer != AGAIN {
                return answer;
            }
            let verdict = self.verdict(from, to, begun, true);
            if verdict != NATIVE {
                return verdict;
            }
            // Both ends look ready, and yet: somebody else was quicker, or memory is short.
            tries += 1;
            let pause = Deadline::In(1_000_000 * tries);
            match park::sleep(self.runtime, Wait::Descriptor, to.fd as u64, pause) {
                Wake::Interrupted => return RESTART,
                _ => continue,
            }
        }
    }

    /// Is it asked for room and then given a little at a time? A terminal is, and a socket that came to
    /// be shared while this transfer waited.
    fn is_asked_for_room(&self, to: &End) -> bool {
        let terminal = to.kind == Kind::Polled && !to.pipe;
        let shared = to.kind.is_socket() && !fds::is_own(self.to.fd);
        (terminal || shared) && to.holds_up()
    }

    /// The kernel would wait: for which end? [`NATIVE`]: neither. A pipe that is read comes first, or
    /// a pipe that is written and full; then the others.
    fn verdict(&self, from: End, to: End, begun: bool, asked: bool) -> Answer {
        let room = io::ready(to.fd, libc::POLLOUT);
        if to.pipe && !from.pipe && !room {
            return if self.patient { AWAIT_OUT } else { SAYS_AGAIN };
        }
        let waits_for_source = !from.pipe || self.patient;
        if !asked || from.kind != Kind::File && !io::ready(from.fd, libc::POLLIN) {
            let obeys = from.kind == Kind::Stream && !self.patient;
            return if waits_for_source && !begun && !obeys {
                AGAIN
            } else {
                SAYS_AGAIN
            };
        }
        match room {
            true if !from.holds_up() && !to.holds_up() && !self.patient => SAYS_AGAIN,
            // There is room, so it was the source that said so, and it does not wait.
            true if to.pipe && !from.pipe && from.kind != Kind::File && !from.holds_up() => {
                SAYS_AGAIN
            }
            true => NATIVE,
            false if to.pipe && !self.patient => SAYS_AGAIN,
            false => AWAIT_OUT,
        }
    }
}

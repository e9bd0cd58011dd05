//! Streams in more than one part: what a read that waits for all of it, and a write that writes all of
//! it, do between the parts so that the program sees one call of the kernel's.
//!
//! Called by `bytes`, `vectors` and `message`. What is settled here is what ends such a call: an error
//! of the connection stays for the next call on TCP and is taken with the part on Unix sockets; SIGPIPE
//! comes only from a call that wrote nothing, on Unix sockets only from one that did not wait (see
//! tcp_sendmsg_locked and unix_stream_sendmsg in Linux).

use super::attempt::DONTWAIT;
use super::writers::{self, Writer};
use crate::call::{AGAIN, Answer, RESTART, error, is_restart};
use crate::fds::Kind;
use crate::handlers::offload::by_helper;
use crate::handlers::wait::OnFd;
use crate::sockopt;
use core::cell::Cell;
use lichen_runtime::Runtime;
use lichen_runtime::mutants::{Mutant, mutant};

const BROKEN: Answer = error(libc::EPIPE);
const NOSIGNAL: usize = libc::MSG_NOSIGNAL as usize;
const PEEK: usize = libc::MSG_PEEK as usize;
const WAITALL: usize = libc::MSG_WAITALL as usize;
/// Does a read with these flags never wait, whatever the descriptor says? (Datagram sockets do not know
/// MSG_OOB, and wait as without it.)
pub fn never_waits(kind: Kind, flags: usize) -> bool {
    let urgent = if kind.is_stream() { libc::MSG_OOB } else { 0 };
    flags & (DONTWAIT | (libc::MSG_ERRQUEUE | urgent) as usize) != 0
}

/// One attempt to send, after `done` bytes of the same call: `call` gets more flags for it.
pub fn send_part(
    wait: &OnFd<'_>,
    kind: Kind,
    done: usize,
    fd: i32,
    call: impl Fn(usize) -> Answer,
) -> Answer {
    match kind {
        Kind::Tcp if done > 0 => match sockopt::is_broken(fd) {
            true => BROKEN,
            false => call(NOSIGNAL),
        },
        Kind::Stream if done > 0 || wait.waited() => match call(NOSIGNAL) {
            BROKEN => sockopt::take_error(fd).unwrap_or(BROKEN),
            answer => answer,
        },
        _ => call(0),
    }
}

/// Writes all of a buffer, waiting for room between parts; `begun` bytes of the same call went before.
/// `part` writes from an address, with more flags. Returns the bytes of this buffer, or an error.
pub fn whole(
    wait: &OnFd<'_>,
    kind: Kind,
    buffer: usize,
    len: usize,
    begun: usize,
    part: impl Fn(i32, usize, usize, usize) -> Answer,
) -> Answer {
    whole_after(wait, kind, [buffer, len], [begun, 0], part)
}

/// As [`whole`], of a buffer of which `done` bytes are written already.
#[inline(always)]
pub fn whole_after(
    wait: &OnFd<'_>,
    kind: Kind,
    [buffer, len]: [usize; 2],
    [begun, mut done]: [usize; 2],
    part: impl Fn(i32, usize, usize, usize) -> Answer,
) -> Answer {
    loop {
        let short = kind == Kind::Pipe && mutant(Mutant::ShortPipeWrite);
        // A non-blocking descriptor gives what fits at once.
        if done > 0 && (done >= len || wait.is_nonblocking() || short) {
            return done as Answer;
        }
        if done > 0 && kind == Kind::Stream {
            wait.renew();
        }
        let answer = wait.run(|fd| {
            send_part(wait, kind, begun + done, fd, |flags| {
                part(fd, buffer + done, len - done, flags)
            })
        });
        if answer <= 0 {
            let told = done > 0 && !mutant(Mutant::ErrorAfterPartialWrite);
            return if told { done as Answer } else { answer };
        }
        done += answer as usize;
    }
}

/// A datagram, which goes as a whole or not. Over AF_UNIX the wait is for the receiver's queue, and
/// nothing that epoll tells is sure to come when there is room: a helper makes the call.
pub fn send_datagram(
    runtime: &Runtime,
    wait: &OnFd<'_>,
    kind: Kind,
    call: (i64, [usize; 6]),
    attempt: impl Fn(i32) -> Answer,
) -> Answer {
    if kind == Kind::Datagram {
        let answer = attempt(wait.fd());
        if answer != AGAIN || wait.is_nonblocking() {
            return answer;
        }
        if sockopt::is_unix(wait.fd()) {
            let (number, args) = call;
            let timed = sockopt::timeout(wait.fd(), true).is_some();
            return match by_helper(runtime, number as usize, args) {
                RESTART if timed => error(libc::EINTR),
                answer => answer,
            };
        }
    }
    wait.run(attempt)
}

/// What became of a read of no bytes: over TCP it waits for something to read, and says 0 however that ends.
pub fn of_no_bytes(wait: &OnFd<'_>, kind: Kind, len: usize, answer: Answer) -> Answer {
    let ended = is_restart(answer) || answer == AGAIN || answer == error(libc::EINTR);
    match kind == Kind::Tcp && len == 0 && ended && wait.waited() {
        true => 0,
        false => answer,
    }
}

/// A read of a stream: how it goes on after a part.
pub struct Fill<'a, 'b> {
    pub wait: &'b OnFd<'a>,
    pub kind: Kind,
    /// Of the program's call.
    pub flags: usize,
    pub len: usize,
    /// SO_RCVLOWAT, asked before the first attempt: what is set while the call waits is for the next one.
    pub low: usize,
    /// The one writer whose bytes the program wants together, if it asked to be told.
    pub writer: Option<Writer>,
}

impl Fill<'_, '_> {
    /// With how many bytes the kernel would return.
    pub fn target(&self) -> usize {
        match self.flags & WAITALL {
            0 => self.low.min(self.len),
            _ => self.len,
        }
    }

    /// Is a first part of `got` bytes all there will be?
    #[inline(always)]
    pub fn is_enough(&self, got: Answer) -> bool {
        got <= 0 || got as usize >= self.len || {
            mutant(Mutant::LostWaitallTail)
                || self.flags & WAITALL == 0 && got as usize >= self.low.min(self.len)
        }
    }

    /// Waits for a first part, which `part` reads as for [`Fill::go_on`]. Whether that is all there will be.
    pub fn begin(&self, part: &mut dyn FnMut(i32, usize) -> (Answer, bool)) -> (Answer, bool) {
        let mut last = false;
        let first = self.wait.run(|fd| {
            let (answer, ends) = part(fd, 0);
            last = ends;
            answer
        });
        (first, last || self.is_enough(first))
    }

    /// Reads on after a first part until there is enough. `part` reads with so many bytes done, and
    /// may say `true` to end the call.
    #[cold]
    #[inline(never)]
    pub fn go_on(
        &self,
        first: Answer,
        part: &mut dyn FnMut(i32, usize) -> (Answer, bool),
    ) -> Answer {
        let mut done = first as usize;
        let target = self.target();
        while done < target && !self.wait.is_nonblocking() {
            let mut last = false;
            let more = self.wait.run(|fd| {
                // Asked at each look: an attempt at the mark of a local stream would throw the urgent byte away.
                if self.kind.is_stream() && sockopt::at_mark(fd) {
                    return 0;
                }
                if self.kind == Kind::Tcp && sockopt::is_broken(fd) && sockopt::is_empty(fd) {
                    return 0;
                }
                if self
                    .writer
                    .is_some_and(|writer| writers::is_another(fd, writer))
                {
                    return 0;
                }
                let (answer, ends) = part(fd, done);
                last = ends;
                answer
            });
            if more <= 0 {
                break;
            }
            done += more as usize;
            if last {
                break;
            }
        }
        done as Answer
    }

    /// MSG_PEEK over TCP waits until there is enough; `peek` looks once. Over AF_UNIX any byte will do.
    pub fn peek(&self, peek: impl Fn(i32) -> Answer) -> Answer {
        let seen = Cell::new(0);
        self.wait.leaves_all();
        let answer = self.wait.run(|fd| {
            let got = peek(fd);
            let waits = self.kind == Kind::Tcp && got > 0 && (got as usize) < self.target();
            // An urgent byte ends it, but not the one it begins at.
            let special = |fd| match sockopt::at_mark(fd) {
                true => libc::POLLRDHUP,
                false => libc::POLLRDHUP | libc::POLLPRI,
            };
            if waits && sockopt::state(fd, special(fd)) == 0 {
                seen.set(got);
                return AGAIN;
            }
            got
        });
        match answer < 0 && seen.get() > 0 {
            true => seen.get(),
            false => answer,
        }
    }

    /// Does the program only look?
    pub fn peeks(&self) -> bool {
        self.flags & PEEK != 0
    }
}

//! Single calls of the kernel that do not wait: the ways of asking, by kind of descriptor. EAGAIN means
//! that the caller has to. Called by `bytes` and `vectors`, and by whoever must know whether a descriptor
//! is ready. Nothing here parks but the one call for which the kernel gives no other way.
#![allow(unsafe_code)]

use super::terminal;
use crate::abi::forbidden::forbids;
use crate::call::{AGAIN, Answer, NATIVE, error};
use crate::fds;
use crate::handlers::offload::by_helper;
use crate::handlers::{kernel, socket};
use lichen_runtime::mutants::{Mutant, mutant};
use lichen_runtime::sched::runtime;

/// The flag of a socket call that is not to wait.
pub const DONTWAIT: usize = libc::MSG_DONTWAIT as usize;
/// The flag of preadv2 and pwritev2 that does not wait.
pub const RWF_NOWAIT: usize = 8;
/// The flag of pwritev2 that raises no SIGPIPE (6.18 and later).
pub const RWF_NOSIGNAL: usize = 0x100;
/// What a description answers that does not know RWF_NOWAIT.
pub const NO_NOWAIT: Answer = error(libc::EOPNOTSUPP);

/// Polled kinds get no more than this at once: a pipe takes so much or says it is full (PIPE_BUF).
pub const CHUNK: usize = 4096;

/// Is something ready right now? (`POLLERR` and `POLLHUP` count: the call will not wait.)
pub fn ready(fd: i32, events: i16) -> bool {
    said(fd, events) != 0
}

/// Was a socket shut down for reading, by whomever?
pub fn is_shut(fd: i32) -> bool {
    let events = libc::POLLRDHUP;
    let shut = libc::POLLHUP | events;
    !forbids(libc::SYS_poll) && said(fd, events) & shut != 0
}

/// What poll(2) says of it now.
fn said(fd: i32, events: i16) -> i16 {
    if forbids(libc::SYS_poll) {
        return events; // nobody may ask: the call itself has to wait
    }
    let mut poll = libc::pollfd {
        fd,
        events,
        revents: 0,
    };
    let at = &raw mut poll as usize;
    // SAFETY: one pollfd of ours, no waiting.
    let answer = unsafe { kernel(libc::SYS_poll as usize, [at, 1, 0, 0, 0, 0]) };
    if answer < 0 { events } else { poll.revents }
}

/// Polls, then calls; for kinds that have no other way. What would not wait anyway has its answer from
/// the kernel, which is asked for that only if the poll says no.
pub fn polled(fd: i32, events: i16, number: usize, args: [usize; 6]) -> Answer {
    let reading = events == libc::POLLIN;
    let said = said(fd, events);
    let waits = said == 0 && fds::may_wait(fd, reading);
    if reading
        && (waits || terminal::has_handler())
        && let Some(answer) = terminal::background_read(fd)
    {
        return answer;
    }
    if !reading && let Some(answer) = terminal::background_write(fd) {
        return answer;
    }
    if waits && has_no_such_call(fd, reading) {
        return error(libc::EINVAL);
    }
    let args = [fd as usize, args[1], args[2], args[3], args[4], args[5]];
    if waits {
        return match reading {
            true => from_quiet(fd, number, args),
            false => into_full(fd, number, args),
        };
    }
    if reading && said == libc::POLLERR {
        // An error and nothing to read: a description that does not let itself be polled while it blocks
        // (userfaultfd) looks like that, and then the call may wait.
        return by_helper(runtime(), number, args);
    }
    // SAFETY: the program's call, with its own arguments but perhaps another descriptor.
    unsafe { kernel(number, args) }
}

/// A read from what polls as empty. A FIFO that was opened without waiting and has had no writer since does that too, but a
/// read of it ends.
#[cold]
fn from_quiet(fd: i32, number: usize, args: [usize; 6]) -> Answer {
    if !is_private_pipe(fd) {
        return AGAIN;
    }
    // SAFETY: the program's call, with its own arguments but perhaps another descriptor.
    socket::not_waiting(fd, || unsafe { kernel(number, args) })
}

/// A write to what polls as full. A pipe, which is full by its pages then, may have room in the last one. What that one
/// takes a helper knows where others may have the description.
#[cold]
pub fn into_full(fd: i32, number: usize, args: [usize; 6]) -> Answer {
    if !fds::is_pipe(fd) {
        return AGAIN;
    }
    // SAFETY: the program's call, with its own arguments but perhaps another descriptor.
    let call = || unsafe { kernel(number, args) };
    if is_private(fd) {
        return socket::not_waiting(fd, call);
    }
    match by_helper(runtime(), number, args) {
        NATIVE => AGAIN,
        // The signal that goes with it is the caller's.
        answer if answer == error(libc::EPIPE) => call(),
        answer => answer,
    }
}

/// Does a description say EINVAL to all reads (epoll) or writes (timerfd, signalfd, epoll)? It never polls ready for
/// them. The kernel says so of a vector with no bytes too, which moves nothing anywhere.
#[cold]
fn has_no_such_call(fd: i32, reading: bool) -> bool {
    let number = if reading {
        libc::SYS_readv
    } else {
        libc::SYS_writev
    };
    if forbids(number) {
        return false;
    }
    let none = [0usize; 2];
    let args = [fd as usize, none.as_ptr() as usize, 1, 0, 0, 0];
    // SAFETY: the vector is ours and holds no byte.
    unsafe { kernel(number as usize, args) == error(libc::EINVAL) }
}

/// Is it a pipe that waits, of which nobody else has the description? A FIFO does not know RWF_NOWAIT, nor does a pipe any
/// more that was spliced from or to.
pub fn is_private_pipe(fd: i32) -> bool {
    is_private(fd) && fds::is_pipe(fd)
}

/// Can it be made non-blocking for a moment, since it waits and nobody else has the description?
fn is_private(fd: i32) -> bool {
    fds::is_own(fd) && !fds::is_nonblocking(fd) && !forbids(libc::SYS_ioctl)
}

/// Writes to a private pipe what there is room for. `flags` are those of pwritev2(2).
pub fn write_not_waiting(fd: i32, buffer: usize, len: usize, flags: usize) -> Answer {
    let vector = [[buffer, len]];
    write_parts_not_waiting(fd, &vector, flags)
}

/// The call that writes from these places (address, length), and its arguments. `flags` are those of pwritev2(2).
pub fn writing(fd: i32, parts: &[[usize; 2]], flags: usize) -> (usize, [usize; 6]) {
    let (vector, count, here) = (parts.as_ptr() as usize, parts.len(), usize::MAX);
    // The plainest that will do: others a filter may forbid although it allows the program's own call.
    let (number, args) = match parts {
        &[[buffer, len]] if flags == 0 => (libc::SYS_write, [fd as usize, buffer, len, 0, 0, 0]),
        _ if flags == 0 && !forbids(libc::SYS_writev) => {
            (libc::SYS_writev, [fd as usize, vector, count, 0, 0, 0])
        }
        _ => (
            libc::SYS_pwritev2,
            [fd as usize, vector, count, here, here, flags],
        ),
    };
    (number as usize, args)
}

/// As [`write_not_waiting`], from several places (address, length).
pub fn write_parts_not_waiting(fd: i32, parts: &[[usize; 2]], flags: usize) -> Answer {
    let (number, args) = writing(fd, parts, flags);
    // SAFETY: the vector is ours and describes the program's buffers.
    socket::not_waiting(fd, || unsafe { kernel(number, args) })
}

/// Polls, then writes with flags of pwritev2.
pub fn polled_flags(fd: i32, buffer: usize, len: usize, flags: usize) -> Answer {
    let vector = [buffer, len];
    let here = usize::MAX;
    let args = [0, vector.as_ptr() as usize, 1, here, here, flags];
    polled(fd, libc::POLLOUT, libc::SYS_pwritev2 as usize, args)
}

pub fn receive(fd: i32, buffer: usize, len: usize, flags: usize) -> Answer {
    if flags == 0 && forbids(libc::SYS_recvfrom) {
        return receive_otherwise(fd, buffer, len);
    }
    // SAFETY: the program's buffer.
    unsafe {
        kernel(
            libc::SYS_recvfrom as usize,
            [fd as usize, buffer, len, flags | DONTWAIT, 0, 0],
        )
    }
}

pub fn send(fd: i32, buffer: usize, len: usize, flags: usize) -> Answer {
    if forbids(libc::SYS_sendto) {
        return send_otherwise(fd, buffer, len);
    }
    let quiet = mutant(Mutant::LostSigpipe);
    let flags = flags
        | if quiet {
            libc::MSG_NOSIGNAL as usize
        } else {
            0
        };
    // SAFETY: the program's buffer.
    unsafe {
        kernel(
            libc::SYS_sendto as usize,
            [fd as usize, buffer, len, flags | DONTWAIT, 0, 0],
        )
    }
}

/// What read(2) on a socket is made of where recvfrom may not be called.
#[cold]
fn receive_otherwise(fd: i32, buffer: usize, len: usize) -> Answer {
    match nowait_one(libc::SYS_preadv2, fd, buffer, len) {
        NO_NOWAIT => polled(
            fd,
            libc::POLLIN,
            libc::SYS_read as usize,
            [0, buffer, len, 0, 0, 0],
        ),
        answer => answer,
    }
}

/// What write(2) on a socket is made of where sendto may not be called. What only poll can tell of goes into streams in
/// chunks that fit.
#[cold]
fn send_otherwise(fd: i32, buffer: usize, len: usize) -> Answer {
    match nowait_one(libc::SYS_pwritev2, fd, buffer, len) {
        NO_NOWAIT => {
            let most = if fds::kind(fd).is_stream() {
                CHUNK
            } else {
                len
            };
            let args = [0, buffer, len.min(most), 0, 0, 0];
            polled(fd, libc::POLLOUT, libc::SYS_write as usize, args)
        }
        answer => answer,
    }
}

/// `preadv2`/`pwritev2` at the current position with RWF_NOWAIT. [`NO_NOWAIT`] also where they may not be called.
pub fn nowait(number: i64, fd: i32, vector: usize, count: usize) -> Answer {
    nowait_flags(number, fd, vector, count, 0)
}

/// As [`nowait`], with one buffer.
pub fn nowait_one(number: i64, fd: i32, buffer: usize, len: usize) -> Answer {
    let vector = [buffer, len];
    nowait(number, fd, vector.as_ptr() as usize, 1)
}

/// As [`nowait`], with more flags.
pub fn nowait_flags(number: i64, fd: i32, vector: usize, count: usize, flags: usize) -> Answer {
    if forbids(number) {
        return NO_NOWAIT;
    }
    let here = usize::MAX;
    let flags = RWF_NOWAIT | flags;
    // SAFETY: the vector is the program's, or ours and describes the program's buffer.
    unsafe {
        kernel(
            number as usize,
            [fd as usize, vector, count, here, here, flags],
        )
    }
}

//! With an offset or with flags: preadv2, pwritev2, pread64, pwrite64, preadv, pwritev.
//!
//! An offset is for what can seek: sockets, pipes and the like say ESPIPE at once, and files are native
//! as in all of this module. What is left are devices that take an offset, do not use it, and wait.
//! Without an offset preadv2 is a readv with flags. The program's own RWF_NOWAIT does not wait.
#![allow(unsafe_code)]

use super::attempt::{NO_NOWAIT, RWF_NOSIGNAL, RWF_NOWAIT, polled};
use super::files;
use super::vectors::{finish_vector, readv, writev};
use crate::call::{Answer, Frame, NATIVE};
use crate::fds::{self, Kind};
use crate::handlers::kernel;
use crate::handlers::wait::OnFd;
use lichen_runtime::Runtime;
use lichen_runtime::reactor::{READ, WRITE};

/// Flags that change nothing about waiting: HIPRI, DSYNC, SYNC, APPEND, NOAPPEND, NOSIGNAL. All others
/// are errors on what can be waited for.
const PLAIN_FLAGS: usize = 0x137;
/// The offset that means: the current position.
pub const HERE: usize = usize::MAX;

/// `preadv2(2)`.
pub fn preadv2(frame: &mut Frame, runtime: &Runtime) -> Answer {
    match (frame.r10, frame.r9) {
        (HERE, 0) => readv(frame, runtime),
        (HERE, flags) => flagged(frame, runtime, READ, flags),
        (_, flags) => at_offset(frame, runtime, READ, frame.rsi, frame.rdx, flags),
    }
}

/// `pwritev2(2)`.
pub fn pwritev2(frame: &mut Frame, runtime: &Runtime) -> Answer {
    match (frame.r10, frame.r9) {
        (HERE, 0) => writev(frame, runtime),
        (HERE, flags) => flagged(frame, runtime, WRITE, flags),
        (_, flags) => at_offset(frame, runtime, WRITE, frame.rsi, frame.rdx, flags),
    }
}

/// `pread64`, the call behind pread(2).
pub fn pread64(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let vector = [frame.rsi, frame.rdx];
    at_offset(frame, runtime, READ, vector.as_ptr() as usize, 1, 0)
}

/// `pwrite64`, the call behind pwrite(2).
pub fn pwrite64(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let vector = [frame.rsi, frame.rdx];
    at_offset(frame, runtime, WRITE, vector.as_ptr() as usize, 1, 0)
}

/// `preadv(2)`.
pub fn preadv(frame: &mut Frame, runtime: &Runtime) -> Answer {
    at_offset(frame, runtime, READ, frame.rsi, frame.rdx, 0)
}

/// `pwritev(2)`.
pub fn pwritev(frame: &mut Frame, runtime: &Runtime) -> Answer {
    at_offset(frame, runtime, WRITE, frame.rsi, frame.rdx, 0)
}

fn events(interest: u8) -> i16 {
    if interest == READ {
        libc::POLLIN
    } else {
        libc::POLLOUT
    }
}

/// The call as preadv2 or pwritev2, told not to wait.
fn nowait(fd: i32, interest: u8, [vector, count, at, flags]: [usize; 4]) -> Answer {
    let number = if interest == READ {
        libc::SYS_preadv2
    } else {
        libc::SYS_pwritev2
    };
    let args = [fd as usize, vector, count, at, 0, flags | RWF_NOWAIT];
    // SAFETY: the vector is the program's, or ours and describes the program's buffer.
    unsafe { kernel(number as usize, args) }
}

/// At an offset: only devices can wait.
#[inline(always)]
fn at_offset(
    frame: &Frame,
    runtime: &Runtime,
    interest: u8,
    vector: usize,
    count: usize,
    flags: usize,
) -> Answer {
    let kind = fds::kind(frame.fd());
    if kind == Kind::File && flags == 0 && (frame.r10 as isize) >= 0 {
        return match interest {
            READ => files::read(frame, runtime, vector, count, frame.r10),
            _ => files::write(frame, runtime, frame.r10),
        };
    }
    if kind != Kind::Polled || flags & !PLAIN_FLAGS != 0 {
        return NATIVE;
    }
    device(frame, runtime, interest, [vector, count, frame.r10, flags])
}

#[inline(never)]
fn device(frame: &Frame, runtime: &Runtime, interest: u8, call: [usize; 4]) -> Answer {
    let wait = OnFd::new(runtime, frame.fd(), Kind::Polled, interest);
    let answer = wait.run(|fd| nowait(fd, interest, call));
    if answer != NO_NOWAIT {
        return answer;
    }
    wait.run(|fd| polled(fd, events(interest), frame.number, frame.args()))
}

/// At the current position, with flags.
fn flagged(frame: &Frame, runtime: &Runtime, interest: u8, flags: usize) -> Answer {
    let (fd, vector, count) = (frame.fd(), frame.rsi, frame.rdx);
    let kind = fds::kind(fd);
    if kind == Kind::File || count == 0 || flags & !PLAIN_FLAGS != 0 {
        return NATIVE;
    }
    let wait = OnFd::new(runtime, fd, kind, interest);
    let first = wait.run(|fd| nowait(fd, interest, [vector, count, HERE, flags]));
    if first == NO_NOWAIT && (interest == READ || kind == Kind::Event) {
        return wait.run(|fd| polled(fd, events(interest), frame.number, frame.args()));
    }
    if first == NO_NOWAIT {
        if wait.is_nonblocking() {
            return NATIVE;
        }
        return finish_vector(&wait, Kind::Polled, vector, count, 0, flags);
    }
    let streams = kind.is_stream() || matches!(kind, Kind::Pipe | Kind::Polled);
    if first <= 0 || interest == READ || !streams || wait.is_nonblocking() {
        return first;
    }
    let flags = match kind.is_socket() {
        true if flags & RWF_NOSIGNAL != 0 => libc::MSG_NOSIGNAL as usize,
        true => 0,
        false => flags,
    };
    finish_vector(&wait, kind, vector, count, first as usize, flags)
}

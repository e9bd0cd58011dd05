//! One buffer: read, write, recvfrom, sendto.
#![allow(unsafe_code)]

use super::attempt::{DONTWAIT, NO_NOWAIT, nowait_one, polled, polled_flags, receive, send};
use crate::call::{Answer, Frame, NATIVE};
use crate::fds::{self, Kind};
use crate::handlers::kernel;
use crate::handlers::wait::OnFd;
use lichen_runtime::Runtime;
use lichen_runtime::reactor::{READ, WRITE};

/// eventfd, timerfd and signalfd give eight bytes or more at once, or EINVAL.
const EVENT: usize = 8;
/// A pipe takes this much at once or says it is full (PIPE_BUF); polled kinds get no more at once.
const CHUNK: usize = 4096;

/// A read on a TCP stream of ours: a short one tells that the stream is empty now.
#[inline(always)]
fn note_short(runtime: &Runtime, fd: i32, trusted: bool, got: Answer, asked: usize) {
    if trusted && got > 0 && (got as usize) < asked {
        runtime.slots.drained(fd);
    }
}

/// `read(2)`.
pub fn read(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, buffer, len) = (frame.fd(), frame.rsi, frame.rdx);
    let kind = fds::kind(fd);
    if kind == Kind::File || len == 0 {
        return NATIVE;
    }
    if kind == Kind::Tcp {
        return read_tcp(runtime, fd, buffer, len);
    }
    let wait = OnFd::new(runtime, fd, kind, READ);
    match kind {
        Kind::Stream | Kind::Datagram | Kind::SeqPacket => {
            wait.run(|fd| receive(fd, buffer, len, 0))
        }
        Kind::Pipe | Kind::Event if runtime.caps.get().nowait => {
            let answer = wait.run(|fd| nowait_one(libc::SYS_preadv2, fd, buffer, len));
            if answer == NO_NOWAIT {
                fds::has_no_nowait(fd);
                return read(frame, runtime);
            }
            answer
        }
        Kind::Event if len < EVENT => NATIVE, // EINVAL
        _ => wait.run(|fd| polled(fd, libc::POLLIN, libc::SYS_read as usize, frame.args())),
    }
}

#[inline(always)]
fn read_tcp(runtime: &Runtime, fd: i32, buffer: usize, len: usize) -> Answer {
    let trusted = runtime.caps.get().short_read && fds::trusts_short_read(fd);
    let wait = OnFd::new(runtime, fd, Kind::Tcp, READ).skipping(trusted);
    let got = wait.run(|fd| receive(fd, buffer, len, 0));
    note_short(runtime, fd, trusted, got, len);
    got
}

/// `write(2)`.
pub fn write(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, buffer, len) = (frame.fd(), frame.rsi, frame.rdx);
    let kind = fds::kind(fd);
    match kind {
        Kind::File => NATIVE,
        Kind::Tcp | Kind::Stream if len != 0 => {
            whole(runtime, fd, kind, buffer, len, |fd, at, len| {
                send(fd, at, len, 0)
            })
        }
        Kind::SeqPacket => {
            let wait = OnFd::new(runtime, fd, kind, WRITE);
            wait.run(|fd| send(fd, buffer, len, libc::MSG_EOR as usize))
        }
        Kind::Datagram => {
            let wait = OnFd::new(runtime, fd, kind, WRITE);
            wait.run(|fd| send(fd, buffer, len, 0))
        }
        Kind::Pipe if len != 0 => {
            let answer = whole(runtime, fd, kind, buffer, len, |fd, at, len| {
                nowait_one(libc::SYS_pwritev2, fd, at, len)
            });
            if answer == NO_NOWAIT {
                fds::has_no_nowait(fd);
                return write(frame, runtime);
            }
            answer
        }
        Kind::Polled if len != 0 => write_polled(runtime, fd, buffer, len, 0),
        Kind::Event => {
            let wait = OnFd::new(runtime, fd, kind, WRITE);
            wait.run(|fd| polled(fd, libc::POLLOUT, libc::SYS_write as usize, frame.args()))
        }
        _ => NATIVE,
    }
}

/// A terminal or FIFO: polled, then written a chunk at a time. What the program made non-blocking
/// writes what fits, in one call of the kernel's. `flags` are those of pwritev2(2).
pub fn write_polled(runtime: &Runtime, fd: i32, buffer: usize, len: usize, flags: usize) -> Answer {
    if len > CHUNK && fds::is_nonblocking(fd) {
        return NATIVE;
    }
    whole(runtime, fd, Kind::Polled, buffer, len, |fd, at, len| {
        let len = len.min(CHUNK);
        if flags != 0 {
            return polled_flags(fd, at, len, flags);
        }
        let args = [0, at, len, 0, 0, 0];
        polled(fd, libc::POLLOUT, libc::SYS_write as usize, args)
    })
}

/// Writes all of a buffer, waiting for room between parts.
pub fn whole(
    runtime: &Runtime,
    fd: i32,
    kind: Kind,
    buffer: usize,
    len: usize,
    part: impl Fn(i32, usize, usize) -> Answer,
) -> Answer {
    let wait = OnFd::new(runtime, fd, kind, WRITE);
    let mut done = 0;
    loop {
        let answer = wait.run(|fd| part(fd, buffer + done, len - done));
        if answer <= 0 {
            return if done > 0 { done as Answer } else { answer };
        }
        done += answer as usize;
        // A non-blocking descriptor gives what fits at once.
        if done >= len || fds::is_nonblocking(fd) {
            return done as Answer;
        }
    }
}

/// `recvfrom(2)`, and `recv(3)`.
pub fn recvfrom(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, flags) = (frame.fd(), frame.r10);
    let kind = fds::kind(fd);
    let special = libc::MSG_DONTWAIT | libc::MSG_ERRQUEUE;
    if !kind.is_socket() || flags & special as usize != 0 {
        return NATIVE;
    }
    let plain = flags & !(libc::MSG_NOSIGNAL | libc::MSG_WAITALL) as usize == 0;
    let trusted = plain
        && kind == Kind::Tcp
        && frame.rdx != 0
        && runtime.caps.get().short_read
        && fds::trusts_short_read(fd);
    let all = flags & libc::MSG_WAITALL as usize != 0 && kind.is_stream();
    let wait = OnFd::new(runtime, fd, kind, READ).skipping(trusted);
    let [_, buffer, len, _, address, address_len] = frame.args();
    let attempt = |fd: i32, at: usize, len: usize| {
        let args = [fd as usize, at, len, flags | DONTWAIT, address, address_len];
        // SAFETY: the program's own arguments.
        unsafe { kernel(libc::SYS_recvfrom as usize, args) }
    };
    let first = wait.run(|fd| attempt(fd, buffer, len));
    note_short(runtime, fd, trusted, first, len);
    let peeks = flags & libc::MSG_PEEK as usize != 0;
    if !all || peeks || first <= 0 || fds::is_nonblocking(fd) {
        return first;
    }
    let mut done = first as usize;
    while done < len {
        let more = wait.run(|fd| attempt(fd, buffer + done, len - done));
        note_short(runtime, fd, trusted, more, len - done);
        if more <= 0 {
            break;
        }
        done += more as usize;
    }
    done as Answer
}

/// `sendto(2)`, and `send(3)`.
pub fn sendto(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, flags) = (frame.fd(), frame.r10);
    let kind = fds::kind(fd);
    if !kind.is_socket() || flags & DONTWAIT != 0 {
        return NATIVE;
    }
    let [_, buffer, len, _, address, address_len] = frame.args();
    let attempt = |fd: i32, at: usize, len: usize| {
        let args = [fd as usize, at, len, flags | DONTWAIT, address, address_len];
        // SAFETY: the program's own arguments.
        unsafe { kernel(libc::SYS_sendto as usize, args) }
    };
    if kind.is_stream() && len != 0 {
        return whole(runtime, fd, kind, buffer, len, attempt);
    }
    let wait = OnFd::new(runtime, fd, kind, WRITE);
    wait.run(|fd| attempt(fd, buffer, len))
}

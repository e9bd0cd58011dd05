//! Bytes: read, write, readv, writev, recvfrom, sendto.
//!
//! Per-call ways of not blocking, by the descriptor's kind; never O_NONBLOCK on a description.
//! A blocking write to a stream or pipe is complete, as Linux's is: it loops until everything is
//! written, and gives the part that was when it is interrupted.
#![allow(unsafe_code)]

use super::kernel;
use super::wait::OnFd;
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, error};
use crate::fds::{self, Kind};
use lichen_runtime::Runtime;
use lichen_runtime::reactor::{READ, WRITE};

const DONTWAIT: usize = libc::MSG_DONTWAIT as usize;
const RWF_NOWAIT: usize = 8;
/// eventfd, timerfd and signalfd give eight bytes or more at once, or EINVAL.
const EVENT: usize = 8;
/// What a description answers that does not know RWF_NOWAIT.
const NO_NOWAIT: Answer = error(libc::EOPNOTSUPP);
/// A pipe takes this much at once or says it is full (PIPE_BUF); polled kinds get no more at once.
const CHUNK: usize = 4096;

/// Is something ready right now? (`POLLERR` and `POLLHUP` count: the call will not wait.)
pub fn ready(fd: i32, events: i16) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events,
        revents: 0,
    };
    // SAFETY: one pollfd of ours, no waiting.
    unsafe {
        kernel(
            libc::SYS_poll as usize,
            [&raw mut poll as usize, 1, 0, 0, 0, 0],
        ) != 0
    }
}

/// Polls, then calls; for kinds that have no other way.
fn polled(fd: i32, events: i16, number: usize, args: [usize; 6]) -> Answer {
    if !ready(fd, events) {
        return error(libc::EAGAIN);
    }
    // SAFETY: the program's call, with its own arguments but perhaps another descriptor.
    unsafe {
        kernel(
            number,
            [fd as usize, args[1], args[2], args[3], args[4], args[5]],
        )
    }
}

fn receive(fd: i32, buffer: usize, len: usize, flags: usize) -> Answer {
    // SAFETY: the program's buffer.
    unsafe {
        kernel(
            libc::SYS_recvfrom as usize,
            [fd as usize, buffer, len, flags | DONTWAIT, 0, 0],
        )
    }
}

fn send(fd: i32, buffer: usize, len: usize, flags: usize) -> Answer {
    // SAFETY: the program's buffer.
    unsafe {
        kernel(
            libc::SYS_sendto as usize,
            [fd as usize, buffer, len, flags | DONTWAIT, 0, 0],
        )
    }
}

/// `preadv2`/`pwritev2` at the current position with RWF_NOWAIT.
fn nowait(number: i64, fd: i32, vector: usize, count: usize) -> Answer {
    let here = usize::MAX;
    // SAFETY: the vector is the program's, or ours and describes the program's buffer.
    unsafe {
        kernel(
            number as usize,
            [fd as usize, vector, count, here, here, RWF_NOWAIT],
        )
    }
}

fn nowait_one(number: i64, fd: i32, buffer: usize, len: usize) -> Answer {
    let vector = libc::iovec {
        iov_base: buffer as *mut _,
        iov_len: len,
    };
    nowait(number, fd, &raw const vector as usize, 1)
}

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
    let wait = OnFd {
        runtime,
        fd,
        interest: READ,
        socket: kind.is_socket(),
        skips: false,
    };
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
        Kind::Event if len < EVENT => NATIVE,  // EINVAL
        _ if fds::is_write_only(fd) => NATIVE, // EBADF
        _ => wait.run(|fd| polled(fd, libc::POLLIN, libc::SYS_read as usize, frame.args())),
    }
}

#[inline(always)]
fn read_tcp(runtime: &Runtime, fd: i32, buffer: usize, len: usize) -> Answer {
    let trusted = runtime.caps.get().short_read && fds::trusts_short_read(fd);
    let wait = OnFd {
        runtime,
        fd,
        interest: READ,
        socket: true,
        skips: trusted,
    };
    let got = wait.run(|fd| receive(fd, buffer, len, 0));
    note_short(runtime, fd, trusted, got, len);
    got
}

/// Is it a good vector, and not empty?
fn asks_for_bytes(vector: usize, count: usize) -> bool {
    let len = |i: usize| user::read::<[usize; 2]>(vector + i * 16).map(|[_, len]| len);
    let mut total = 0;
    for i in 0..count.min(1024) {
        match len(i) {
            Ok(len) => total |= len,
            Err(_) => return false,
        }
    }
    total != 0 && count <= 1024
}

/// `readv(2)`.
pub fn readv(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, vector, count) = (frame.fd(), frame.rsi, frame.rdx);
    let kind = fds::kind(fd);
    if kind == Kind::File || count == 0 {
        return NATIVE;
    }
    let wait = OnFd {
        runtime,
        fd,
        interest: READ,
        socket: kind.is_socket(),
        skips: false,
    };
    if kind == Kind::Polled || !runtime.caps.get().nowait && !kind.is_socket() {
        // Errors and empty reads come before waiting.
        if fds::is_write_only(fd) || !asks_for_bytes(vector, count) {
            return NATIVE;
        }
        return wait.run(|fd| polled(fd, libc::POLLIN, libc::SYS_readv as usize, frame.args()));
    }
    if kind.is_socket() && !runtime.caps.get().nowait {
        return wait.run(|fd| super::message::receive_vector(fd, vector, count, DONTWAIT));
    }
    let answer = wait.run(|fd| nowait(libc::SYS_preadv2, fd, vector, count));
    if answer == NO_NOWAIT && !kind.is_socket() {
        fds::has_no_nowait(fd);
        return readv(frame, runtime);
    }
    answer
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
            let wait = OnFd {
                runtime,
                fd,
                interest: WRITE,
                socket: true,
                skips: false,
            };
            wait.run(|fd| send(fd, buffer, len, libc::MSG_EOR as usize))
        }
        Kind::Datagram => {
            let wait = OnFd {
                runtime,
                fd,
                interest: WRITE,
                socket: true,
                skips: false,
            };
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
        Kind::Polled if len != 0 => write_polled(runtime, fd, buffer, len),
        Kind::Event => {
            let wait = OnFd {
                runtime,
                fd,
                interest: WRITE,
                socket: false,
                skips: false,
            };
            wait.run(|fd| polled(fd, libc::POLLOUT, libc::SYS_write as usize, frame.args()))
        }
        _ => NATIVE,
    }
}

/// A terminal or FIFO: polled, then written a chunk at a time. What the program made non-blocking
/// writes what fits, in one call of the kernel's.
fn write_polled(runtime: &Runtime, fd: i32, buffer: usize, len: usize) -> Answer {
    if fds::is_nonblocking(fd) || fds::is_read_only(fd) {
        return NATIVE;
    }
    whole(runtime, fd, Kind::Polled, buffer, len, |fd, at, len| {
        let args = [0, at, len.min(CHUNK), 0, 0, 0];
        polled(fd, libc::POLLOUT, libc::SYS_write as usize, args)
    })
}

/// Writes all of a buffer, waiting for room between parts.
fn whole(
    runtime: &Runtime,
    fd: i32,
    kind: Kind,
    buffer: usize,
    len: usize,
    part: impl Fn(i32, usize, usize) -> Answer,
) -> Answer {
    let wait = OnFd {
        runtime,
        fd,
        interest: WRITE,
        socket: kind.is_socket(),
        skips: false,
    };
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

/// `writev(2)`.
pub fn writev(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, vector, count) = (frame.fd(), frame.rsi, frame.rdx);
    let kind = fds::kind(fd);
    if kind == Kind::File || count == 0 || count > 1024 {
        return NATIVE;
    }
    let wait = OnFd {
        runtime,
        fd,
        interest: WRITE,
        socket: kind.is_socket(),
        skips: false,
    };
    let first = match kind {
        Kind::Polled | Kind::Event => return write_vector_polled(frame, runtime, fd, kind),
        _ if !runtime.caps.get().nowait && kind.is_socket() => {
            let eor = if kind == Kind::SeqPacket {
                libc::MSG_EOR as usize
            } else {
                0
            };
            wait.run(|fd| super::message::send_vector(fd, vector, count, DONTWAIT | eor))
        }
        _ => wait.run(|fd| nowait(libc::SYS_pwritev2, fd, vector, count)),
    };
    if first == NO_NOWAIT && kind == Kind::Pipe {
        fds::has_no_nowait(fd);
        return writev(frame, runtime);
    }
    let streams = kind.is_stream() || kind == Kind::Pipe;
    if first <= 0 || !streams || fds::is_nonblocking(fd) {
        return first;
    }
    finish_vector(runtime, fd, kind, vector, count, first as usize)
}

fn write_vector_polled(frame: &Frame, runtime: &Runtime, fd: i32, kind: Kind) -> Answer {
    if kind == Kind::Event || fds::is_nonblocking(fd) {
        let wait = OnFd {
            runtime,
            fd,
            interest: WRITE,
            socket: false,
            skips: false,
        };
        return wait.run(|fd| polled(fd, libc::POLLOUT, libc::SYS_writev as usize, frame.args()));
    }
    finish_vector(runtime, fd, kind, frame.rsi, frame.rdx, 0)
}

/// Writes what is left of a vector after `done` bytes, piece by piece.
pub fn finish_vector(
    runtime: &Runtime,
    fd: i32,
    kind: Kind,
    vector: usize,
    count: usize,
    mut done: usize,
) -> Answer {
    let mut skip = done;
    for i in 0..count {
        let Ok([base, len]) = user::read::<[usize; 2]>(vector + i * 16) else {
            return if done > 0 {
                done as Answer
            } else {
                error(libc::EFAULT)
            };
        };
        if skip >= len {
            skip -= len;
            continue;
        }
        let (at, left) = (base + skip, len - skip);
        skip = 0;
        let answer = match kind {
            Kind::Pipe => whole(runtime, fd, kind, at, left, |fd, at, len| {
                nowait_one(libc::SYS_pwritev2, fd, at, len)
            }),
            Kind::Polled => write_polled(runtime, fd, at, left),
            _ => whole(runtime, fd, kind, at, left, |fd, at, len| {
                send(fd, at, len, 0)
            }),
        };
        if answer <= 0 {
            return if done > 0 { done as Answer } else { answer };
        }
        done += answer as usize;
        if (answer as usize) < left {
            break;
        }
    }
    done as Answer
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
    let wait = OnFd {
        runtime,
        fd,
        interest: READ,
        socket: true,
        skips: trusted,
    };
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
    let wait = OnFd {
        runtime,
        fd,
        interest: WRITE,
        socket: true,
        skips: false,
    };
    wait.run(|fd| attempt(fd, buffer, len))
}

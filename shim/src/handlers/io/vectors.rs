//! Several buffers: readv, writev. A vector is the program's, so it is read with care, and what a first
//! call left of it is written as the kernel would have gone on.

use super::attempt::{
    CHUNK, DONTWAIT, NO_NOWAIT, into_full, is_private_pipe, nowait, nowait_flags, polled, ready,
    receive, send, write_parts_not_waiting, writing,
};
use super::bytes::write_polled;
use super::positioned::HERE;
use super::stream::{Fill, send_datagram, send_part};
use super::{files, turns};
use crate::abi::forbidden::forbids;
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, error};
use crate::fds::{self, Kind};
use crate::handlers::message;
use crate::handlers::offload::by_helper;
use crate::handlers::wait::OnFd;
use lichen_runtime::Runtime;
use lichen_runtime::reactor::{READ, WRITE};

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
    if count == 0 {
        return NATIVE;
    }
    if kind == Kind::File {
        return files::read(frame, runtime, vector, count, HERE);
    }
    let wait = OnFd::new(runtime, fd, kind, READ);
    let low = fds::low_water(fd, usize::MAX);
    let by_message = kind.is_socket() && !forbids(libc::SYS_recvmsg);
    if kind == Kind::Polled || !runtime.caps.get().nowait && !by_message {
        // Errors and empty reads come before waiting.
        if !asks_for_bytes(vector, count) {
            return NATIVE;
        }
        return wait.run(|fd| polled(fd, libc::POLLIN, libc::SYS_readv as usize, frame.args()));
    }
    if kind == Kind::Stream && low > 1 && by_message {
        return read_stream(&wait, vector, count, low);
    }
    let answer = if kind.is_socket() && !runtime.caps.get().nowait {
        if !asks_for_bytes(vector, count) {
            return NATIVE;
        }
        wait.run(|fd| message::receive_vector(fd, vector, count, DONTWAIT))
    } else {
        wait.run(|fd| nowait(libc::SYS_preadv2, fd, vector, count))
    };
    if kind.is_stream() && answer > 0 && low > answer as usize {
        return read_on(&wait, kind, vector, count, low, answer);
    }
    if answer == NO_NOWAIT && !kind.is_socket() {
        fds::has_no_nowait(fd);
        return readv(frame, runtime);
    }
    // Forbidden while this thread waited.
    if answer == NO_NOWAIT && (forbids(libc::SYS_preadv2) || !by_message) {
        return readv(frame, runtime);
    }
    answer
}

/// `writev(2)`.
pub fn writev(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, vector, count) = (frame.fd(), frame.rsi, frame.rdx);
    let kind = fds::kind(fd);
    if count == 0 || count > 1024 {
        return NATIVE;
    }
    if kind == Kind::File {
        return files::write(frame, runtime, HERE);
    }
    turns::sends(runtime, fd, kind);
    let wait = OnFd::new(runtime, fd, kind, WRITE);
    let first = match kind {
        Kind::Polled | Kind::Event => return write_vector_polled(frame, runtime, &wait, kind),
        Kind::Tcp | Kind::Stream
            if asks_for_bytes(vector, count) && !forbids(libc::SYS_sendmsg) =>
        {
            wait.run(|fd| {
                send_part(&wait, kind, 0, fd, |flags| {
                    message::send_vector(fd, vector, count, DONTWAIT | flags)
                })
            })
        }
        _ if kind.is_socket() && forbids(libc::SYS_sendmsg) && !runtime.caps.get().nowait => {
            wait.run(|fd| polled(fd, libc::POLLOUT, libc::SYS_writev as usize, frame.args()))
        }
        _ if !runtime.caps.get().nowait && kind.is_socket() => {
            let eor = if kind == Kind::SeqPacket {
                libc::MSG_EOR as usize
            } else {
                0
            };
            wait.run(|fd| message::send_vector(fd, vector, count, DONTWAIT | eor))
        }
        Kind::Datagram => {
            let call = (libc::SYS_writev, frame.args());
            send_datagram(runtime, &wait, kind, call, |fd| {
                nowait(libc::SYS_pwritev2, fd, vector, count)
            })
        }
        _ => wait.run(|fd| nowait(libc::SYS_pwritev2, fd, vector, count)),
    };
    if first == NO_NOWAIT && kind == Kind::Pipe {
        fds::has_no_nowait(fd);
        return writev(frame, runtime);
    }
    let forbidden = forbids(libc::SYS_pwritev2) || forbids(libc::SYS_sendmsg);
    if first == NO_NOWAIT && forbidden && kind.is_socket() {
        return writev(frame, runtime);
    }
    let streams = kind.is_stream() || kind == Kind::Pipe;
    if first <= 0 || !streams || wait.is_nonblocking() {
        return first;
    }
    finish_vector(&wait, kind, vector, count, first as usize, 0)
}

/// What fits into one chunk is one call of the kernel's, so that lines of several writers do not mix and a bad address
/// is told before anything is written.
fn write_vector_polled(frame: &Frame, runtime: &Runtime, wait: &OnFd<'_>, kind: Kind) -> Answer {
    if kind == Kind::Event && !wait.is_nonblocking() {
        return by_helper(runtime, frame.number, frame.args()); // as in `bytes::write_event`
    }
    let (vector, count) = (frame.rsi, frame.rdx);
    let len = length(vector, count);
    if len == 0 {
        return NATIVE; // 0, EBADF, EFAULT
    }
    let at_once = kind == Kind::Event || wait.is_nonblocking() || len != 0 && len <= CHUNK;
    if !at_once {
        return finish_vector(wait, kind, vector, count, 0, 0);
    }
    let first = wait.run(|fd| polled(fd, libc::POLLOUT, libc::SYS_writev as usize, frame.args()));
    if first <= 0 || first as usize >= len || kind == Kind::Event || wait.is_nonblocking() {
        return first;
    }
    finish_vector(wait, kind, vector, count, first as usize, 0)
}

/// How many parts of a vector go on together: a pipe's pages and a socket's buffers are filled across parts, so how much
/// they take depends on it. A small stack has room for these.
const TOGETHER: usize = 16;

/// The first parts of what is left of a vector.
pub struct Rest {
    parts: [[usize; 2]; TOGETHER],
    filled: usize,
    bytes: usize,
}

impl Rest {
    /// After `done` bytes. EFAULT if the program took the vector away meanwhile.
    pub fn of(vector: usize, count: usize, done: usize) -> Result<Rest, Answer> {
        let mut rest = Rest {
            parts: [[0; 2]; TOGETHER],
            filled: 0,
            bytes: 0,
        };
        let mut skip = done;
        for i in 0..count.min(1024) {
            let part = user::read::<[usize; 2]>(vector + i * 16);
            let [base, len] = part.map_err(|_| error(libc::EFAULT))?;
            if skip >= len {
                skip -= len;
                continue;
            }
            let Some(place) = rest.parts.get_mut(rest.filled) else {
                break;
            };
            *place = [base + skip, len - skip];
            rest.filled += 1;
            rest.bytes += len - skip;
            skip = 0;
        }
        Ok(rest)
    }

    /// Their addresses and lengths.
    pub fn parts(&self) -> &[[usize; 2]] {
        self.parts.get(..self.filled).unwrap_or(&[])
    }

    /// One attempt to read into it, from a socket.
    fn read(&self, fd: i32) -> Answer {
        let (vector, count) = (self.parts.as_ptr() as usize, self.filled);
        match message::receive_vector(fd, vector, count, DONTWAIT) {
            NO_NOWAIT => {
                let [at, len] = self.parts[0];
                receive(fd, at, len, 0)
            }
            answer => answer,
        }
    }

    /// As [`Rest::write`], into what is polled first.
    fn write_polled(&self, fd: i32, flags: usize) -> Answer {
        let (number, args) = writing(fd, self.parts(), flags);
        polled(fd, libc::POLLOUT, number, args)
    }

    /// As [`Rest::write`], into a pipe that was seen to be full.
    fn write_into_full(&self, fd: i32, flags: usize) -> Answer {
        let (number, args) = writing(fd, self.parts(), flags);
        into_full(fd, number, args)
    }

    /// One attempt to write it. `flags` are those of send(2) for a socket, those of pwritev2(2) for a pipe.
    fn write(&self, kind: Kind, fd: i32, flags: usize) -> Answer {
        let (vector, count) = (self.parts.as_ptr() as usize, self.filled);
        if kind == Kind::Pipe {
            return nowait_flags(libc::SYS_pwritev2, fd, vector, count, flags);
        }
        if forbids(libc::SYS_sendmsg) {
            let [at, len] = self.parts[0];
            return send(fd, at, len, flags);
        }
        message::send_vector(fd, vector, count, DONTWAIT | flags)
    }
}

/// Writes what is left of a vector after `done` bytes. `flags` are those of send(2) for a socket, those of pwritev2(2)
/// otherwise. Returns all bytes of the call, or an error if there are none. Parks.
#[inline(never)]
pub fn finish_vector(
    wait: &OnFd<'_>,
    kind: Kind,
    vector: usize,
    count: usize,
    mut done: usize,
    flags: usize,
) -> Answer {
    loop {
        if kind == Kind::Stream && done > 0 {
            wait.renew();
        }
        let rest = match Rest::of(vector, count, done) {
            Ok(rest) if rest.filled == 0 => return done as Answer,
            Ok(rest) => rest,
            Err(error) => return if done > 0 { done as Answer } else { error },
        };
        let mut stops = false;
        let (answer, asked) = match kind {
            Kind::Polled if rest.bytes > CHUNK && is_private_pipe(wait.fd()) => {
                let part = |fd| write_parts_not_waiting(fd, rest.parts(), flags);
                (wait.run(part), rest.bytes)
            }
            // What fits into a page is one call of the kernel's, as a whole; so is what waits for a full pipe.
            Kind::Polled if rest.bytes <= CHUNK => {
                (wait.run(|fd| rest.write_polled(fd, flags)), rest.bytes)
            }
            Kind::Polled if !ready(wait.fd(), libc::POLLOUT) && fds::is_pipe(wait.fd()) => {
                (wait.run(|fd| rest.write_into_full(fd, flags)), rest.bytes)
            }
            Kind::Polled => {
                let [at, len] = rest.parts[0];
                stops = true;
                (write_polled(wait, at, len, flags), len)
            }
            _ => {
                let part = |fd| {
                    send_part(wait, kind, done, fd, |more| {
                        rest.write(kind, fd, flags | more)
                    })
                };
                (wait.run(part), rest.bytes)
            }
        };
        if answer <= 0 {
            return if done > 0 { done as Answer } else { answer };
        }
        done += answer as usize;
        // A non-blocking descriptor gives what fits at once.
        if (answer as usize) < asked && (stops || wait.is_nonblocking()) {
            return done as Answer;
        }
    }
}

/// How many bytes a vector asks for.
pub fn length(vector: usize, count: usize) -> usize {
    let len = |i: usize| user::read::<[usize; 2]>(vector + i * 16).map_or(0, |[_, len]| len);
    (0..count.min(1024)).fold(0, |sum, i| sum.saturating_add(len(i)))
}

/// A read of at least `low` bytes from a local stream: passed descriptors, which it throws away, end it.
fn read_stream(wait: &OnFd<'_>, vector: usize, count: usize, low: usize) -> Answer {
    let fill = Fill {
        wait,
        kind: Kind::Stream,
        flags: 0,
        len: length(vector, count),
        low,
        writer: None,
    };
    let mut part = |fd: i32, done: usize| match Rest::of(vector, count, done) {
        Ok(rest) => message::receive_piece(fd, rest.parts(), DONTWAIT, &mut [0; 2], &mut [0; 3]),
        Err(answer) => (answer, true),
    };
    match fill.begin(&mut part) {
        (first, true) => first,
        (first, false) => fill.go_on(first, &mut part),
    }
}

/// Reads on if there is a low-water mark that was not reached.
fn read_on(
    wait: &OnFd<'_>,
    kind: Kind,
    vector: usize,
    count: usize,
    low: usize,
    got: Answer,
) -> Answer {
    let fill = Fill {
        wait,
        kind,
        flags: 0,
        len: length(vector, count),
        low,
        writer: None,
    };
    if fill.is_enough(got) {
        return got;
    }
    fill.go_on(got, &mut |fd, done| match Rest::of(vector, count, done) {
        Ok(rest) => (rest.read(fd), false),
        Err(_) => (0, true),
    })
}

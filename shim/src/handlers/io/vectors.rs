//! Several buffers: readv, writev. A vector is the program's, so it is read with care, and what a first
//! call left of it is written piece by piece.

use super::attempt::{DONTWAIT, NO_NOWAIT, nowait, nowait_flags, polled, send};
use super::bytes::{whole, write_polled};
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, error};
use crate::fds::{self, Kind};
use crate::handlers::message;
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
    if kind == Kind::File || count == 0 {
        return NATIVE;
    }
    let wait = OnFd::new(runtime, fd, kind, READ);
    if kind == Kind::Polled || !runtime.caps.get().nowait && !kind.is_socket() {
        // Errors and empty reads come before waiting.
        if !asks_for_bytes(vector, count) {
            return NATIVE;
        }
        return wait.run(|fd| polled(fd, libc::POLLIN, libc::SYS_readv as usize, frame.args()));
    }
    if kind.is_socket() && !runtime.caps.get().nowait {
        return wait.run(|fd| message::receive_vector(fd, vector, count, DONTWAIT));
    }
    let answer = wait.run(|fd| nowait(libc::SYS_preadv2, fd, vector, count));
    if answer == NO_NOWAIT && !kind.is_socket() {
        fds::has_no_nowait(fd);
        return readv(frame, runtime);
    }
    answer
}

/// `writev(2)`.
pub fn writev(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, vector, count) = (frame.fd(), frame.rsi, frame.rdx);
    let kind = fds::kind(fd);
    if kind == Kind::File || count == 0 || count > 1024 {
        return NATIVE;
    }
    let wait = OnFd::new(runtime, fd, kind, WRITE);
    let first = match kind {
        Kind::Polled | Kind::Event => return write_vector_polled(frame, runtime, fd, kind),
        _ if !runtime.caps.get().nowait && kind.is_socket() => {
            let eor = if kind == Kind::SeqPacket {
                libc::MSG_EOR as usize
            } else {
                0
            };
            wait.run(|fd| message::send_vector(fd, vector, count, DONTWAIT | eor))
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
    finish_vector(runtime, fd, kind, vector, count, first as usize, 0)
}

fn write_vector_polled(frame: &Frame, runtime: &Runtime, fd: i32, kind: Kind) -> Answer {
    if kind == Kind::Event || fds::is_nonblocking(fd) {
        let wait = OnFd::new(runtime, fd, kind, WRITE);
        return wait.run(|fd| polled(fd, libc::POLLOUT, libc::SYS_writev as usize, frame.args()));
    }
    finish_vector(runtime, fd, kind, frame.rsi, frame.rdx, 0, 0)
}

/// Writes what is left of a vector after `done` bytes, piece by piece. `flags` are those of
/// send(2) for a socket, those of pwritev2(2) otherwise.
pub fn finish_vector(
    runtime: &Runtime,
    fd: i32,
    kind: Kind,
    vector: usize,
    count: usize,
    mut done: usize,
    flags: usize,
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
                nowait_flags(libc::SYS_pwritev2, fd, at, len, flags)
            }),
            Kind::Polled => write_polled(runtime, fd, at, left, flags),
            _ => whole(runtime, fd, kind, at, left, |fd, at, len| {
                send(fd, at, len, flags)
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

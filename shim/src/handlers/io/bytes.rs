//! One buffer: read, write, recvfrom, sendto.
#![allow(unsafe_code)]

use super::attempt::{
    CHUNK, DONTWAIT, NO_NOWAIT, is_private_pipe, nowait_one, polled, polled_flags, ready, receive,
    send, write_not_waiting,
};
use super::files;
use super::positioned::HERE;
use super::quick::{self, Woken};
use super::stream::{Fill, never_waits, of_no_bytes, send_datagram, whole, whole_after};
use super::{turns, writers};
use crate::abi::forbidden::forbids;
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, error};
use crate::fds::{self, Kind};
use crate::handlers::offload::by_helper;
use crate::handlers::wait::OnFd;
use crate::handlers::{kernel, message};
use lichen_runtime::Runtime;
use lichen_runtime::mutants::{Mutant, mutant};
use lichen_runtime::reactor::{READ, WRITE};

/// eventfd, timerfd and signalfd give eight bytes or more at once, or EINVAL.
const EVENT: usize = 8;

/// A read on a TCP stream of ours: a short one tells that the stream is empty now.
#[inline(always)]
pub fn note_short(runtime: &Runtime, fd: i32, trusted: bool, got: Answer, asked: usize) {
    if trusted && got > 0 && (got as usize) < asked {
        runtime.slots.drained(fd);
    }
}

/// `read(2)`.
pub fn read(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, buffer, len) = (frame.fd(), frame.rsi, frame.rdx);
    let kind = fds::kind(fd);
    if kind == Kind::Tcp && len != 0 {
        return quick::read(runtime, fd, buffer, len);
    }
    read_other(frame, runtime, kind)
}

/// `read(2)` of no bytes, or from anything but a TCP socket.
#[inline(never)]
fn read_other(frame: &mut Frame, runtime: &Runtime, kind: Kind) -> Answer {
    let (fd, buffer, len) = (frame.fd(), frame.rsi, frame.rdx);
    if mutant(Mutant::ZeroReadBlocks) && len == 0 && kind != Kind::File {
        let wait = OnFd::new(runtime, fd, kind, READ);
        return wait.run(|fd| polled(fd, libc::POLLIN, frame.number, frame.args()));
    }
    if len == 0 {
        return NATIVE;
    }
    if kind == Kind::File {
        let vector = [buffer, len];
        return files::read(frame, runtime, vector.as_ptr() as usize, 1, HERE);
    }
    let wait = OnFd::new(runtime, fd, kind, READ);
    match kind {
        Kind::Stream => read_stream(&wait, fds::low_water(fd, len), buffer, len),
        Kind::Datagram | Kind::SeqPacket => wait.run(|fd| receive(fd, buffer, len, 0)),
        Kind::Pipe | Kind::Event if runtime.caps.get().nowait => {
            let answer = wait.run(|fd| nowait_one(libc::SYS_preadv2, fd, buffer, len));
            if answer == NO_NOWAIT {
                fds::has_no_nowait(fd);
                return read_other(frame, runtime, fds::kind(fd));
            }
            answer
        }
        Kind::Event if len < EVENT => NATIVE, // EINVAL
        _ => wait.run(|fd| polled(fd, libc::POLLIN, libc::SYS_read as usize, frame.args())),
    }
}

/// A read from a TCP socket, not of no bytes; `woken` from a wait of the same call if that is how it comes here.
#[cold]
#[inline(never)]
pub fn read_tcp(runtime: &Runtime, fd: i32, buffer: usize, len: usize, woken: Woken) -> Answer {
    let trusted = runtime.caps.get().short_read && fds::trusts_short_read(fd);
    let wait = OnFd::new(runtime, fd, Kind::Tcp, READ).skipping(trusted);
    // What was set while it waited is for the next call.
    let low = match woken {
        None => fds::low_water(fd, len),
        Some(_) => 1,
    };
    let mut attempt = |fd| receive(fd, buffer, len, 0);
    let got = match woken {
        None => wait.run(attempt),
        Some(woken) => wait.resume(woken, &mut attempt),
    };
    note_short(runtime, fd, trusted, got, len);
    read_on(&wait, Kind::Tcp, low, got, buffer, len)
}

/// Reads on if there is a low-water mark that was not reached.
#[inline(always)]
fn read_on(
    wait: &OnFd<'_>,
    kind: Kind,
    low: usize,
    got: Answer,
    buffer: usize,
    len: usize,
) -> Answer {
    let fill = Fill {
        wait,
        kind,
        flags: 0,
        len,
        low,
        writer: None,
    };
    match fill.is_enough(got) {
        true => got,
        false => fill.go_on(got, &mut |fd, done| {
            (receive(fd, buffer + done, len - done, 0), false)
        }),
    }
}

/// A read from a local stream.
fn read_stream(wait: &OnFd<'_>, low: usize, buffer: usize, len: usize) -> Answer {
    let fill = Fill {
        wait,
        kind: Kind::Stream,
        flags: 0,
        len,
        low,
        writer: None,
    };
    if tells_of_rights(&fill)
        && let Some(answer) = receive_all(&fill, buffer, [0; 2])
    {
        return answer;
    }
    let got = wait.run(|fd| receive(fd, buffer, len, 0));
    read_on(wait, Kind::Stream, low, got, buffer, len)
}

/// Does a read from a local stream have to be told of descriptors that were passed to it?
fn tells_of_rights(fill: &Fill<'_, '_>) -> bool {
    fill.target() > 1 && !forbids(libc::SYS_recvmsg)
}

/// `write(2)`.
pub fn write(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, buffer, len) = (frame.fd(), frame.rsi, frame.rdx);
    let kind = fds::kind(fd);
    turns::sends(runtime, fd, kind);
    if kind == Kind::Tcp && len != 0 {
        return quick::write(runtime, fd, buffer, len, 0);
    }
    write_other(frame, runtime, kind)
}

/// The rest of a write to a TCP socket, with flags of send(2), after the first `sent` bytes.
#[cold]
#[inline(never)]
pub fn write_rest(runtime: &Runtime, fd: i32, call: [usize; 3], sent: usize) -> Answer {
    let [buffer, len, flags] = call;
    let wait = OnFd::new(runtime, fd, Kind::Tcp, WRITE);
    let part = |fd, at, len, more| send(fd, at, len, flags | more);
    whole_after(&wait, Kind::Tcp, [buffer, len], [0, sent], part)
}

/// `write(2)` of no bytes, or to anything but a TCP socket.
#[inline(never)]
fn write_other(frame: &mut Frame, runtime: &Runtime, kind: Kind) -> Answer {
    let (fd, buffer, len) = (frame.fd(), frame.rsi, frame.rdx);
    let wait = OnFd::new(runtime, fd, kind, WRITE);
    match kind {
        Kind::File if len != 0 || fds::is_comm(fd) => files::write(frame, runtime, HERE),
        Kind::File => NATIVE,
        Kind::Stream if len != 0 => whole(&wait, kind, buffer, len, 0, send),
        // Of no bytes too: a connection that is on its way is waited for.
        Kind::Tcp => wait.run(|fd| send(fd, buffer, len, 0)),
        Kind::SeqPacket => wait.run(|fd| send(fd, buffer, len, libc::MSG_EOR as usize)),
        Kind::Datagram => {
            let call = (libc::SYS_write, frame.args());
            send_datagram(runtime, &wait, kind, call, |fd| send(fd, buffer, len, 0))
        }
        Kind::Pipe if len != 0 => {
            let answer = whole(&wait, kind, buffer, len, 0, write_pipe);
            if answer == NO_NOWAIT {
                fds::has_no_nowait(fd);
                return write_other(frame, runtime, fds::kind(fd));
            }
            answer
        }
        Kind::Polled if len != 0 => write_polled(&wait, buffer, len, 0),
        Kind::Event => write_event(frame, runtime, &wait),
        _ => NATIVE,
    }
}

/// An eventfd takes 1 when poll(2) says so. More may not fit all the same, and others of this kind say
/// EINVAL without being ready: a helper makes those calls.
fn write_event(frame: &Frame, runtime: &Runtime, wait: &OnFd<'_>) -> Answer {
    if frame.rdx < EVENT {
        return NATIVE;
    }
    match user::read::<u64>(frame.rsi) {
        Ok(0 | 1) if ready(frame.fd(), libc::POLLOUT) => NATIVE,
        Ok(_) if !wait.is_nonblocking() => by_helper(runtime, frame.number, frame.args()),
        _ => NATIVE,
    }
}

/// A part of a write to a pipe.
pub fn write_pipe(fd: i32, at: usize, len: usize, _: usize) -> Answer {
    nowait_one(libc::SYS_pwritev2, fd, at, len)
}

/// A terminal or FIFO: polled, then written a chunk at a time; a FIFO of ours, what fits at once. What the program made
/// non-blocking writes what fits, in one call of the kernel's. `flags` are those of pwritev2(2).
pub fn write_polled(wait: &OnFd<'_>, buffer: usize, len: usize, flags: usize) -> Answer {
    if len > CHUNK && wait.is_nonblocking() {
        return NATIVE;
    }
    whole(wait, Kind::Polled, buffer, len, 0, |fd, at, len, _| {
        if len > CHUNK && is_private_pipe(fd) {
            return write_not_waiting(fd, at, len, flags);
        }
        let len = len.min(CHUNK);
        if flags != 0 {
            return polled_flags(fd, at, len, flags);
        }
        let args = [0, at, len, 0, 0, 0];
        polled(fd, libc::POLLOUT, libc::SYS_write as usize, args)
    })
}

/// `recvfrom(2)`, and `recv(3)`.
pub fn recvfrom(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, flags) = (frame.fd(), frame.r10);
    let kind = fds::kind(fd);
    if kind == Kind::Tcp && flags == 0 && frame.r8 == 0 && frame.rdx != 0 {
        return quick::read(runtime, fd, frame.rsi, frame.rdx);
    }
    receive_other(frame, runtime, kind)
}

/// `recvfrom(2)` that is not just a read from a TCP socket.
#[inline(never)]
fn receive_other(frame: &mut Frame, runtime: &Runtime, kind: Kind) -> Answer {
    let (fd, mut flags) = (frame.fd(), frame.r10);
    if kind == Kind::Datagram && mutant(Mutant::DatagramNotTruncated) {
        flags |= libc::MSG_TRUNC as usize;
    }
    if turns::takes_at_once(kind, flags) {
        return turns::at_once(frame, runtime, libc::SYS_recvfrom);
    }
    if !kind.is_socket() || never_waits(kind, flags) {
        return NATIVE;
    }
    let plain = flags & !(libc::MSG_NOSIGNAL | libc::MSG_WAITALL) as usize == 0;
    let trusted = plain
        && kind == Kind::Tcp
        && frame.rdx != 0
        && runtime.caps.get().short_read
        && fds::trusts_short_read(fd);
    let wait = OnFd::new(runtime, fd, kind, READ).skipping(trusted);
    let [_, buffer, len, _, address, address_len] = frame.args();
    let attempt = |fd: i32, at: usize, len: usize| {
        let args = [fd as usize, at, len, flags | DONTWAIT, address, address_len];
        // SAFETY: the program's own arguments.
        unsafe { kernel(libc::SYS_recvfrom as usize, args) }
    };
    if !kind.is_stream() {
        return wait.run(|fd| attempt(fd, buffer, len));
    }
    let fill = Fill {
        wait: &wait,
        kind,
        flags,
        len,
        low: fds::low_water(fd, len),
        writer: writers::first(&wait, kind, flags),
    };
    if fill.peeks() {
        let answer = fill.peek(|fd| attempt(fd, buffer, len));
        return of_no_bytes(&wait, kind, len, answer);
    }
    if kind == Kind::Stream
        && tells_of_rights(&fill)
        && let Some(answer) = receive_all(&fill, buffer, [address, address_len])
    {
        return answer;
    }
    let first = wait.run(|fd| attempt(fd, buffer, len));
    let first = of_no_bytes(&wait, kind, len, first);
    note_short(runtime, fd, trusted, first, len);
    if fill.is_enough(first) {
        return first;
    }
    fill.go_on(first, &mut |fd, done| {
        let (at, left) = (buffer + done, len - done);
        let more = attempt(fd, at, left);
        note_short(runtime, fd, trusted, more, left);
        (more, false)
    })
}

fn part_of_stream(
    fd: i32,
    at: usize,
    left: usize,
    flags: usize,
    name: &mut [usize; 2],
) -> (Answer, bool) {
    message::receive_piece(fd, &[[at, left]], flags, name, &mut [0; 3])
}

/// A read of more than there may be at once from a local stream: passed descriptors, which it throws away, end it. `to` is
/// where the sender's address goes: its place, and that of its length. `None` if that is not a length: what comes of it is
/// the kernel's.
fn receive_all(fill: &Fill<'_, '_>, buffer: usize, to: [usize; 2]) -> Option<Answer> {
    let [address, address_len] = to;
    let mut name = [0; 2];
    if address != 0 {
        let room = user::read_u32(address_len).ok()?;
        name = [address, usize::try_from(room as i32).ok()?];
    }
    let flags = fill.flags | DONTWAIT;
    let (first, all) =
        fill.begin(&mut |fd, _| part_of_stream(fd, buffer, fill.len, flags, &mut name));
    let told = address == 0 || first < 0 || user::write_u32(address_len, name[1] as u32).is_ok();
    if !told {
        return Some(error(libc::EFAULT));
    }
    if all {
        return Some(first);
    }
    Some(fill.go_on(first, &mut |fd, done| {
        part_of_stream(fd, buffer + done, fill.len - done, flags, &mut [0; 2])
    }))
}

/// `sendto(2)`, and `send(3)`.
pub fn sendto(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, flags) = (frame.fd(), frame.r10);
    let kind = fds::kind(fd);
    turns::sends(runtime, fd, kind);
    let quiet = flags & !(libc::MSG_NOSIGNAL as usize) == 0;
    if kind == Kind::Tcp && quiet && frame.r8 == 0 && frame.rdx != 0 {
        return quick::write(runtime, fd, frame.rsi, frame.rdx, flags);
    }
    send_other(frame, runtime, kind)
}

/// `sendto(2)` that is not just a write to a TCP socket.
#[inline(never)]
fn send_other(frame: &mut Frame, runtime: &Runtime, kind: Kind) -> Answer {
    let (fd, flags) = (frame.fd(), frame.r10);
    if !kind.is_socket() || flags & DONTWAIT != 0 {
        return NATIVE;
    }
    let [_, buffer, len, _, address, address_len] = frame.args();
    let attempt = |fd: i32, at: usize, len: usize, more: usize| {
        let flags = flags | more | DONTWAIT;
        let args = [fd as usize, at, len, flags, address, address_len];
        // SAFETY: the program's own arguments.
        unsafe { kernel(libc::SYS_sendto as usize, args) }
    };
    let wait = OnFd::new(runtime, fd, kind, WRITE);
    if kind.is_stream() && len != 0 {
        return whole(&wait, kind, buffer, len, 0, attempt);
    }
    let call = (libc::SYS_sendto, frame.args());
    send_datagram(runtime, &wait, kind, call, |fd| attempt(fd, buffer, len, 0))
}

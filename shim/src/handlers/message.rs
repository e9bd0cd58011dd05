//! Messages: recvmsg, sendmsg, recvmmsg, sendmmsg.
#![allow(unsafe_code)]

use super::io::{self, DONTWAIT};
use super::kernel;
use super::rights;
use super::time::{read_timespec, write_timespec};
use super::wait::OnFd;
use crate::abi::forbidden::forbids;
use crate::abi::user;
use crate::call::{AGAIN, Answer, Frame, NATIVE, error};
use crate::fds::{self, Kind};
use crate::sockopt;
use lichen_runtime::Runtime;
use lichen_runtime::reactor::{READ, WRITE};
use lichen_runtime::sys;

/// Offsets in `struct msghdr`.
const IOV: usize = 16;
const IOV_LEN: usize = 24;
pub const CONTROL: usize = 32;
const FLAGS: usize = 48;
/// Bytes of a `struct mmsghdr`, and where its `msg_len` is.
const MMSG: usize = 64;
const MMSG_LEN: usize = 56;

fn call_with(number: i64, fd: i32, message: usize, flags: usize) -> Answer {
    // SAFETY: the program's message header.
    unsafe { kernel(number as usize, [fd as usize, message, flags, 0, 0, 0]) }
}

fn header(vector: usize, count: usize) -> [usize; 7] {
    [0, 0, vector, count, 0, 0, 0]
}

/// `recvmsg` into the program's vector, for kernels without RWF_NOWAIT. EOPNOTSUPP where it may not be called.
pub fn receive_vector(fd: i32, vector: usize, count: usize, flags: usize) -> Answer {
    if forbids(libc::SYS_recvmsg) {
        return error(libc::EOPNOTSUPP);
    }
    let header = header(vector, count);
    call_with(libc::SYS_recvmsg, fd, header.as_ptr() as usize, flags)
}

/// `sendmsg` of the program's vector, for kernels without RWF_NOWAIT.
pub fn send_vector(fd: i32, vector: usize, count: usize, flags: usize) -> Answer {
    if forbids(libc::SYS_sendmsg) {
        return error(libc::EOPNOTSUPP);
    }
    let header = header(vector, count);
    call_with(libc::SYS_sendmsg, fd, header.as_ptr() as usize, flags)
}

pub fn word(message: usize, offset: usize) -> usize {
    user::read(message.wrapping_add(offset)).unwrap_or(0)
}

/// `recvmsg(2)`.
pub fn recvmsg(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, message, flags) = (frame.fd(), frame.rsi, frame.rdx);
    if io::turns::takes_at_once(fds::kind(fd), flags) {
        return io::turns::at_once(frame, runtime, libc::SYS_recvmsg);
    }
    receive(runtime, fd, message, flags, false)
}

/// `behind`: messages were received already, so an error of the socket is left to the next call.
fn receive(runtime: &Runtime, fd: i32, message: usize, flags: usize, behind: bool) -> Answer {
    let kind = fds::kind(fd);
    if !kind.is_socket() || io::never_waits(kind, flags) {
        return NATIVE;
    }
    let wait = OnFd::new(runtime, fd, kind, READ);
    let attempt = |fd: i32| match behind && !kind.is_stream() && has_error(fd) {
        true => error(libc::EIO),
        false => call_with(libc::SYS_recvmsg, fd, message, flags | DONTWAIT),
    };
    let all = flags & libc::MSG_WAITALL as usize != 0;
    let (vector, count) = (word(message, IOV), word(message, IOV_LEN));
    let low = fds::low_water(fd, usize::MAX);
    if !kind.is_stream() || !all && low <= 1 {
        let answer = wait.run(attempt);
        return match answer < 0 && kind == Kind::Tcp {
            true => io::of_no_bytes(&wait, kind, io::length(vector, count), answer),
            false => answer,
        };
    }
    let fill = io::Fill {
        wait: &wait,
        kind,
        flags,
        len: io::length(vector, count),
        low,
        writer: io::first_writer(&wait, kind, flags),
    };
    if fill.peeks() {
        let answer = fill.peek(attempt);
        return io::of_no_bytes(&wait, kind, fill.len, answer);
    }
    let room = word(message, CONTROL + 8);
    let first = io::of_no_bytes(&wait, kind, fill.len, wait.run(attempt));
    let control = rights::control_of(message);
    let passed = || rights::are_in(control) || rights::were_lost(fd, word(message, FLAGS));
    if fill.is_enough(first) || kind == Kind::Stream && passed() {
        return first;
    }
    // What comes with a later part goes where the program wanted it, unless something is there.
    let mut space = match control {
        [at, 0] => [at, room, 0],
        _ => [0, 0, 0],
    };
    fill.go_on(first, &mut |fd, done| {
        let Ok(rest) = io::Rest::of(vector, count, done) else {
            return (0, true);
        };
        let flags = flags | DONTWAIT;
        let got = receive_piece(fd, rest.parts(), flags, &mut [0; 2], &mut space);
        if got.1 && space[0] != 0 {
            let _ = user::write(message.wrapping_add(CONTROL + 8), &[space[1], space[2]]);
        } else if got.1 {
            // No room for them: MSG_CTRUNC.
            let _ = user::write_u32(message.wrapping_add(FLAGS), space[2] as u32);
        }
        got
    })
}

/// One more part of a message into these places (address, length); the sender's address goes to `name` (address, room;
/// its length comes back), control data to `control` (address, room, then the flags that came). Tells whether descriptors were passed with it: they end a read.
pub fn receive_piece(
    fd: i32,
    parts: &[[usize; 2]],
    flags: usize,
    name: &mut [usize; 2],
    control: &mut [usize; 3],
) -> (Answer, bool) {
    let [space, room, _] = *control;
    let mut header = [
        name[0],
        name[1],
        parts.as_ptr() as usize,
        parts.len(),
        space,
        room,
        0,
    ];
    let answer = call_with(libc::SYS_recvmsg, fd, header.as_mut_ptr() as usize, flags);
    if answer < 0 {
        return (answer, false);
    }
    name[1] = header[1] & 0xffff_ffff;
    let passed = rights::are_in([space, header[5]]);
    *control = [space, header[5], header[6] & 0xffff_ffff];
    let ends = passed || rights::were_lost(fd, header[6]);
    if !ends {
        control[1] = room;
    }
    (answer, ends)
}

/// `sendmsg(2)`.
pub fn sendmsg(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, message, flags) = (frame.fd(), frame.rsi, frame.rdx);
    transmit(runtime, fd, message, flags)
}

fn transmit(runtime: &Runtime, fd: i32, message: usize, flags: usize) -> Answer {
    let kind = fds::kind(fd);
    if !kind.is_socket() {
        return NATIVE;
    }
    if kind != Kind::Tcp {
        rights::note(message);
    }
    io::turns::sends(runtime, fd, kind);
    if flags & DONTWAIT != 0 {
        return NATIVE;
    }
    let wait = OnFd::new(runtime, fd, kind, WRITE);
    if kind == Kind::Tcp || !rights::are_in(rights::control_of(message)) {
        return send_waiting(runtime, &wait, kind, message, flags);
    }
    match call_with(libc::SYS_sendmsg, fd, message, flags | DONTWAIT) {
        // The kernel looks the descriptors up when the call begins, and not again at each attempt.
        AGAIN if !wait.is_nonblocking() => {
            let kept = rights::Kept::of(runtime, message);
            send_waiting(runtime, &wait, kind, kept.message(), flags)
        }
        sent => send_rest(&wait, kind, message, flags, sent),
    }
}

fn send_waiting(
    runtime: &Runtime,
    wait: &OnFd<'_>,
    kind: Kind,
    message: usize,
    flags: usize,
) -> Answer {
    let attempt =
        |fd: i32, more: usize| call_with(libc::SYS_sendmsg, fd, message, flags | more | DONTWAIT);
    if !kind.is_stream() {
        let args = [wait.fd() as usize, message, flags, 0, 0, 0];
        let call = (libc::SYS_sendmsg, args);
        return io::send_datagram(runtime, wait, kind, call, |fd| attempt(fd, 0));
    }
    let sent = wait.run(|fd| io::send_part(wait, kind, 0, fd, |more| attempt(fd, more)));
    send_rest(wait, kind, message, flags, sent)
}

/// A stream waits for room for the rest of what was sent in part.
fn send_rest(wait: &OnFd<'_>, kind: Kind, message: usize, flags: usize, sent: Answer) -> Answer {
    if !kind.is_stream() || sent <= 0 || wait.is_nonblocking() {
        return sent;
    }
    let (vector, count) = (word(message, IOV), word(message, IOV_LEN).min(1024));
    io::finish_vector(wait, kind, vector, count, sent as usize, flags)
}

/// `recvmmsg(2)`: one message after the other. The time-out is looked at between messages, as the
/// manual page says of the kernel.
pub fn recvmmsg(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [_, vector, count, flags, timeout, _] = frame.args();
    let fd = frame.fd();
    if io::turns::takes_at_once(fds::kind(fd), flags) {
        return io::turns::at_once(frame, runtime, libc::SYS_recvmmsg);
    }
    if !may_divide(fd, flags, libc::SYS_recvmsg) {
        return NATIVE;
    }
    let ends = match timeout {
        0 => None,
        at => match read_timespec(at) {
            Ok(ns) => Some(sys::clock_ns(libc::CLOCK_MONOTONIC).saturating_add(ns)),
            Err(answer) => return answer,
        },
    };
    // What went wrong since the last call comes first (do_recvmmsg).
    if let Some(error) = sockopt::take_error(fd) {
        return error;
    }
    let begun = match receive_there(fd, vector, count as u32 as usize, flags) {
        Ok(begun) => begun,
        Err(answer) => return answer,
    };
    let mut flags = flags;
    let mut behind = begun > 0;
    let one = &mut |message: usize| {
        let once = flags & !(libc::MSG_WAITFORONE as usize);
        let got = receive(runtime, fd, message, once, behind);
        behind = true;
        if flags & libc::MSG_WAITFORONE as usize != 0 {
            flags |= DONTWAIT;
        }
        or_plain(got, libc::SYS_recvmsg, fd, message, once)
    };
    let generation = runtime.slots.generation(fd);
    let enough = &|message: usize| {
        // Urgent data is told at once. And what has the number now must not be read.
        let urgent = word(message, FLAGS) & libc::MSG_OOB as usize != 0
            || runtime.slots.generation(fd) != generation;
        let Some(end) = ends else {
            return urgent;
        };
        let left = end.saturating_sub(sys::clock_ns(libc::CLOCK_MONOTONIC));
        let _ = write_timespec(timeout, left);
        left == 0 || urgent
    };
    if begun > 0 && enough(vector + (begun - 1) * MMSG) {
        return begun as Answer;
    }
    one_by_one(vector, begun..count as u32 as usize, one, enough)
}

/// The datagrams that are there already, by one call, which leaves an error behind some of them in the socket as the
/// program's own would. `Err`: all that there will be.
fn receive_there(fd: i32, vector: usize, count: usize, flags: usize) -> Result<usize, Answer> {
    if fds::kind(fd).is_stream() {
        return Ok(0);
    }
    let args = [fd as usize, vector, count, flags | DONTWAIT, 0, 0];
    // SAFETY: the program's vector.
    let got = unsafe { kernel(libc::SYS_recvmmsg as usize, args) };
    match got {
        AGAIN => Ok(0),
        ..=0 => Err(got),
        _ if got as usize >= count || flags & libc::MSG_WAITFORONE as usize != 0 => Err(got),
        _ if has_error(fd) => Err(got),
        _ => Ok(got as usize),
    }
}

fn has_error(fd: i32) -> bool {
    sockopt::state(fd, 0) & libc::POLLERR != 0
}

/// `sendmmsg(2)`: one message after the other.
pub fn sendmmsg(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [_, vector, count, flags, _, _] = frame.args();
    let fd = frame.fd();
    let count = (count as u32 as usize).min(1024);
    if !fds::kind(fd).is_socket() || forbids(libc::SYS_sendmsg) {
        return NATIVE;
    }
    if flags & DONTWAIT != 0 {
        (0..count).for_each(|i| rights::note(vector + i * MMSG));
        return NATIVE;
    }
    let one = &mut |message: usize| {
        let sent = transmit(runtime, fd, message, flags);
        or_plain(sent, libc::SYS_sendmsg, fd, message, flags)
    };
    // A message that was sent in part is the last one. And nothing goes to what has the number now.
    let generation = runtime.slots.generation(fd);
    one_by_one(vector, 0..count, one, &|message| {
        let sent = word(message, MMSG_LEN) & 0xffff_ffff;
        runtime.slots.generation(fd) != generation
            || sent < io::length(word(message, IOV), word(message, IOV_LEN))
    })
}

/// May a call with several messages be made one message at a time, by calls of number `single`?
fn may_divide(fd: i32, flags: usize, single: i64) -> bool {
    fds::kind(fd).is_socket() && flags & DONTWAIT == 0 && !forbids(single)
}

/// For one message of several there is no site to go native by: the plain call is made here.
fn or_plain(answer: Answer, number: i64, fd: i32, message: usize, flags: usize) -> Answer {
    match answer {
        NATIVE => call_with(number, fd, message, flags),
        answer => answer,
    }
}

/// Makes a call for each `struct mmsghdr` of a part of a vector, stores what it gave, and counts them. Ends
/// early when a call fails or `enough` says so; an error counts only if nothing was done before.
fn one_by_one(
    vector: usize,
    part: core::ops::Range<usize>,
    one: &mut dyn FnMut(usize) -> Answer,
    enough: &dyn Fn(usize) -> bool,
) -> Answer {
    let mut done = part.start;
    while done < part.end {
        let message = vector + done * MMSG;
        let mut answer = one(message);
        if answer >= 0 && user::write_u32(message + MMSG_LEN, answer as u32).is_err() {
            answer = error(libc::EFAULT);
        }
        if answer < 0 {
            return if done > 0 { done as Answer } else { answer };
        }
        done += 1;
        if enough(message) {
            break;
        }
    }
    done as Answer
}

//! Messages: recvmsg, sendmsg, recvmmsg, sendmmsg.
#![allow(unsafe_code)]

use super::wait::OnFd;
use super::{io, kernel};
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, error};
use crate::fds;
use lichen_runtime::Runtime;
use lichen_runtime::reactor::{READ, WRITE};
use lichen_runtime::sys;

const DONTWAIT: usize = libc::MSG_DONTWAIT as usize;
/// Offsets in `struct msghdr`.
const IOV: usize = 16;
const IOV_LEN: usize = 24;
const CONTROL: usize = 32;
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

/// `recvmsg` into the program's vector, for kernels without RWF_NOWAIT.
pub fn receive_vector(fd: i32, vector: usize, count: usize, flags: usize) -> Answer {
    let header = header(vector, count);
    call_with(libc::SYS_recvmsg, fd, header.as_ptr() as usize, flags)
}

/// `sendmsg` of the program's vector, for kernels without RWF_NOWAIT.
pub fn send_vector(fd: i32, vector: usize, count: usize, flags: usize) -> Answer {
    let header = header(vector, count);
    call_with(libc::SYS_sendmsg, fd, header.as_ptr() as usize, flags)
}

fn word(message: usize, offset: usize) -> usize {
    user::read(message.wrapping_add(offset)).unwrap_or(0)
}

/// `recvmsg(2)`.
pub fn recvmsg(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, message, flags) = (frame.fd(), frame.rsi, frame.rdx);
    receive(runtime, fd, message, flags)
}

fn receive(runtime: &Runtime, fd: i32, message: usize, flags: usize) -> Answer {
    let kind = fds::kind(fd);
    let special = libc::MSG_DONTWAIT | libc::MSG_ERRQUEUE;
    if !kind.is_socket() || flags & special as usize != 0 {
        return NATIVE;
    }
    let wait = OnFd::new(runtime, fd, kind, READ);
    let first = wait.run(|fd| call_with(libc::SYS_recvmsg, fd, message, flags | DONTWAIT));
    let all = flags & libc::MSG_WAITALL as usize != 0 && flags & libc::MSG_PEEK as usize == 0;
    // Ancillary data ends a MSG_WAITALL read, as in the kernel.
    if !all || !kind.is_stream() || first <= 0 || word(message, CONTROL + 8) != 0 {
        return first;
    }
    wait_for_rest(&wait, message, flags, first as usize)
}

/// MSG_WAITALL: fills the rest of the vector piece by piece.
fn wait_for_rest(wait: &OnFd<'_>, message: usize, flags: usize, mut done: usize) -> Answer {
    let (vector, count) = (word(message, IOV), word(message, IOV_LEN).min(1024));
    let mut skip = done;
    for i in 0..count {
        let Ok([base, len]) = user::read::<[usize; 2]>(vector + i * 16) else {
            break;
        };
        if skip >= len {
            skip -= len;
            continue;
        }
        while skip < len {
            let (at, left) = (base + skip, len - skip);
            let more = wait.run(|fd| {
                let args = [fd as usize, at, left, flags | DONTWAIT, 0, 0];
                // SAFETY: a part of the program's own vector.
                unsafe { kernel(libc::SYS_recvfrom as usize, args) }
            });
            if more <= 0 {
                return done as Answer;
            }
            skip += more as usize;
            done += more as usize;
        }
        skip = 0;
    }
    done as Answer
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
    if word(message, CONTROL + 8) != 0 {
        // SCM_RIGHTS may hand any of our descriptions to another process.
        fds::share_all();
    }
    if flags & DONTWAIT != 0 {
        return NATIVE;
    }
    let wait = OnFd::new(runtime, fd, kind, WRITE);
    let first = wait.run(|fd| call_with(libc::SYS_sendmsg, fd, message, flags | DONTWAIT));
    if first <= 0 || !kind.is_stream() || fds::is_nonblocking(fd) {
        return first;
    }
    let (vector, count) = (word(message, IOV), word(message, IOV_LEN).min(1024));
    io::finish_vector(runtime, fd, kind, vector, count, first as usize, flags)
}

/// `recvmmsg(2)`: one message after the other. The time-out is looked at between messages, as the
/// manual page says of the kernel.
pub fn recvmmsg(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [_, vector, count, flags, timeout, _] = frame.args();
    let fd = frame.fd();
    if !fds::kind(fd).is_socket() || flags & DONTWAIT != 0 {
        return NATIVE;
    }
    let deadline = match timeout {
        0 => None,
        at => match user::read::<[i64; 2]>(at) {
            Ok([s, ns]) if s >= 0 && (0..1_000_000_000).contains(&ns) => Some(
                sys::clock_ns(libc::CLOCK_MONOTONIC).saturating_add(
                    (s as u64)
                        .saturating_mul(sys::SECOND_NS)
                        .saturating_add(ns as u64),
                ),
            ),
            Ok(_) => return error(libc::EINVAL),
            Err(_) => return error(libc::EFAULT),
        },
    };
    let mut flags = flags;
    let one = &mut |message: usize| {
        let once = flags & !(libc::MSG_WAITFORONE as usize);
        let got = receive(runtime, fd, message, once);
        if flags & libc::MSG_WAITFORONE as usize != 0 {
            flags |= DONTWAIT;
        }
        if got == NATIVE {
            return call_with(libc::SYS_recvmsg, fd, message, once);
        }
        got
    };
    one_by_one(vector, count, one, &|| {
        let Some(deadline) = deadline else {
            return false;
        };
        let left = deadline.saturating_sub(sys::clock_ns(libc::CLOCK_MONOTONIC));
        let spec = [
            (left / sys::SECOND_NS) as i64,
            (left % sys::SECOND_NS) as i64,
        ];
        let _ = user::write(timeout, &spec);
        left == 0
    })
}

/// `sendmmsg(2)`: one message after the other.
pub fn sendmmsg(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [_, vector, count, flags, _, _] = frame.args();
    let fd = frame.fd();
    if !fds::kind(fd).is_socket() || flags & DONTWAIT != 0 {
        return NATIVE;
    }
    let one = &mut |message: usize| match transmit(runtime, fd, message, flags) {
        NATIVE => call_with(libc::SYS_sendmsg, fd, message, flags),
        sent => sent,
    };
    one_by_one(vector, count, one, &|| false)
}

/// Makes a call for each `struct mmsghdr` of a vector, stores what it gave, and counts them. Ends
/// early when a call fails or `enough` says so; an error counts only if nothing was done before.
fn one_by_one(
    vector: usize,
    count: usize,
    one: &mut dyn FnMut(usize) -> Answer,
    enough: &dyn Fn() -> bool,
) -> Answer {
    let mut done = 0;
    while done < count.min(1024) {
        let message = vector + done * MMSG;
        let mut answer = one(message);
        if answer >= 0 && user::write_u32(message + MMSG_LEN, answer as u32).is_err() {
            answer = error(libc::EFAULT);
        }
        if answer < 0 {
            return if done > 0 { done as Answer } else { answer };
        }
        done += 1;
        if enough() {
            break;
        }
    }
    done as Answer
}

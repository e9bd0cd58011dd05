//! What a socket says of itself: options and states that decide how a call on it must be made. Called
//! by `fds` and the handlers, mostly when a call would block; one system call each, no parking, no
//! allocation. Green side.
#![allow(unsafe_code)]

use crate::abi::forbidden::forbids;
use crate::handlers::kernel;
use lichen_runtime::sys;

/// An integer option of level SOL_SOCKET; 0 if there is no answer.
pub fn option(fd: i32, name: i32) -> i32 {
    if forbids(libc::SYS_getsockopt) {
        return 0;
    }
    let mut value = 0i32;
    let mut len = 4u32;
    let args = [
        fd as usize,
        libc::SOL_SOCKET as usize,
        name as usize,
        &raw mut value as usize,
        &raw mut len as usize,
        0,
    ];
    // SAFETY: value and len are ours.
    unsafe { kernel(libc::SYS_getsockopt as usize, args) };
    value
}

/// SO_RCVTIMEO or SO_SNDTIMEO in nanoseconds, if one is set.
pub fn timeout(fd: i32, sending: bool) -> Option<u64> {
    if forbids(libc::SYS_getsockopt) {
        return None;
    }
    let mut time = [0i64; 2];
    let mut len = 16u32;
    let name = match sending {
        true => libc::SO_SNDTIMEO,
        false => libc::SO_RCVTIMEO,
    };
    let args = [
        fd as usize,
        libc::SOL_SOCKET as usize,
        name as usize,
        &raw mut time as usize,
        &raw mut len as usize,
        0,
    ];
    // SAFETY: time and len are ours.
    let got = unsafe { kernel(libc::SYS_getsockopt as usize, args) };
    let ns = (time[0] as u64)
        .saturating_mul(sys::SECOND_NS)
        .saturating_add(time[1] as u64 * 1000);
    (got == 0 && ns != 0).then_some(ns)
}

/// Is it a listening socket?
pub fn is_listening(fd: i32) -> bool {
    option(fd, libc::SO_ACCEPTCONN) != 0
}

/// Is it a Unix socket?
pub fn is_unix(fd: i32) -> bool {
    option(fd, libc::SO_DOMAIN) == libc::AF_UNIX
}

/// The socket's pending error as an answer (SO_ERROR, which takes it), if there is one.
pub fn take_error(fd: i32) -> Option<isize> {
    let error = option(fd, libc::SO_ERROR);
    (error != 0).then_some(-(error as isize))
}

/// What poll(2) says of it now, asked for `events`.
pub fn state(fd: i32, events: i16) -> i16 {
    if forbids(libc::SYS_poll) {
        return 0;
    }
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
        )
    };
    poll.revents
}

/// A connection that was reset or timed out: the next call would take its error.
pub fn is_broken(fd: i32) -> bool {
    let both = libc::POLLERR | libc::POLLHUP;
    state(fd, 0) & both == both
}

/// An integer that ioctl(2) writes; 0 if there is no answer.
fn asked(fd: i32, request: usize) -> i32 {
    if forbids(libc::SYS_ioctl) {
        return 0;
    }
    let mut value = 0i32;
    let args = [fd as usize, request, &raw mut value as usize, 0, 0, 0];
    // SAFETY: the value is ours.
    unsafe { kernel(libc::SYS_ioctl as usize, args) };
    value
}

/// Does it stand at the mark of urgent data (sockatmark(3))?
pub fn at_mark(fd: i32) -> bool {
    const SIOCATMARK: usize = 0x8905;
    asked(fd, SIOCATMARK) != 0
}

/// Is there nothing to read?
pub fn is_empty(fd: i32) -> bool {
    asked(fd, libc::FIONREAD as usize) == 0
}

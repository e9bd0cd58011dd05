//! The short way of the two calls that servers live on: reading from, and writing to, a TCP socket that was made here,
//! blocks, and has no option set that changes what a read or write is.
//!
//! It does what `bytes` does in general, for what comes nearly always: a read that finds something, or waits and then
//! does; a write for which there is room. All else goes on in `bytes`, from where it stands. What is gained is stack: with
//! thousands of connections each line of a parked stack is a cache miss, and the frames of the general way are as
//! large as all frames of a small server (docs/decisions/0021-the-short-way.md).

use super::attempt::{receive, send};
use super::{bytes, turns};
use crate::call::{AGAIN, Answer};
use crate::fds;
use lichen_runtime::Runtime;
use lichen_runtime::green::Wake;
use lichen_runtime::park;
use lichen_runtime::reactor::READ;

/// How a wait ended that did not end in the short way: why the thread woke, and the descriptor to try
/// ([`park::wait_fd`]).
pub type Woken = Option<(Wake, i32)>;

/// A read of `len` bytes, not 0, from a TCP socket. Green side; parks.
#[inline(always)]
pub fn read(runtime: &Runtime, fd: i32, buffer: usize, len: usize) -> Answer {
    if !runtime.caps.get().short_read || !fds::is_plain_tcp(fd) {
        return bytes::read_tcp(runtime, fd, buffer, len, None);
    }
    if runtime.slots.may_read(fd) {
        let got = receive(fd, buffer, len, 0);
        if got != AGAIN {
            turns::has_read(runtime, fd, got);
            bytes::note_short(runtime, fd, true, got, len);
            return got;
        }
        runtime.slots.drained(fd);
    }
    let (wake, again) = park::wait_watched_fd(runtime, fd, READ);
    if wake == Wake::Ready && again == fd {
        let got = receive(fd, buffer, len, 0);
        if got != AGAIN {
            bytes::note_short(runtime, fd, true, got, len);
            return got;
        }
    }
    bytes::read_tcp(runtime, fd, buffer, len, Some((wake, again)))
}

/// A write of `len` bytes, not 0, to a TCP socket, with flags of send(2). Green side; parks.
#[inline(always)]
pub fn write(runtime: &Runtime, fd: i32, buffer: usize, len: usize, flags: usize) -> Answer {
    let sent = send(fd, buffer, len, flags);
    if sent as usize == len || sent < 0 && sent != AGAIN {
        return sent;
    }
    bytes::write_rest(runtime, fd, [buffer, len, flags], sent.max(0) as usize)
}

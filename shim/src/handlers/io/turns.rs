//! Whose turn it is among connections. A thread that answered a request and finds the next one there already would go on
//! for as long as its client keeps up, until its slice ends; natively the others have processors of their own. So it lets
//! all others run first, who have waited longer. So does one that polls again and again and never has to wait for an answer:
//! what it sees may change only when another thread has run.
//!
//! Called by whoever reads and writes stream sockets, and by poll and its relatives. Green side.
#![allow(unsafe_code)]

use super::attempt::DONTWAIT;
use crate::call::{Answer, Frame};
use crate::fds::Kind;
use crate::handlers::kernel;
use crate::handlers::signal::slices;
use lichen_runtime::Runtime;

/// Looks in a row, with no wait between, before the others have their turn. An event loop that is never idle does more in
/// as many than the turn costs.
const LOOKS: u64 = 16;

/// What is true until the running thread parks, and of one descriptor.
#[inline(always)]
fn turn_on(runtime: &Runtime, fd: i32) -> u64 {
    runtime.worker.parks.get() << 32 | u64::from(fd as u32)
}

/// Something is about to be sent on a descriptor, which is of this kind.
#[inline(always)]
pub fn sends(runtime: &Runtime, fd: i32, kind: Kind) {
    if kind.is_stream() {
        runtime.worker.sent.set(turn_on(runtime, fd));
    }
}

/// Something was read at once, without a wait: if this thread has sent on the same descriptor since it last parked, the
/// others run before it goes on. (One that serves many connections itself, reads another one then.) May park.
#[inline(always)]
pub fn has_read(runtime: &Runtime, fd: i32, answer: Answer) {
    if answer > 0 && runtime.worker.sent.get() == turn_on(runtime, fd) {
        let_others_run(runtime);
    }
}

/// Is this a read that is not to wait, as programs make it that poll first?
#[inline(always)]
pub fn takes_at_once(kind: Kind, flags: usize) -> bool {
    flags & DONTWAIT != 0 && kind.is_stream()
}

/// Makes such a read: `number` is the call's own. May park, behind it.
pub fn at_once(frame: &Frame, runtime: &Runtime, number: i64) -> Answer {
    // SAFETY: the program's own call.
    let answer = unsafe { kernel(number as usize, frame.args()) };
    has_read(runtime, frame.fd(), answer);
    answer
}

/// Somebody is about to look at descriptors. May park, before it.
#[inline(always)]
pub fn looks(runtime: &Runtime) {
    let worker = &runtime.worker;
    let none = worker.parks.get() << 8;
    let before = worker.looks.get();
    let now = 1 + if before & !0xff == none { before } else { none };
    worker.looks.set(now);
    if now > none + LOOKS {
        let_others_run(runtime);
    }
}

#[cold]
#[inline(never)]
fn let_others_run(runtime: &Runtime) {
    slices::rest(runtime);
}

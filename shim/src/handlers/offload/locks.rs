//! Waiting for whoever has a lock on a file: `flock`, and record locks for `handlers::fd`. Tried first; if
//! somebody has it, a helper waits. Green side.
#![allow(unsafe_code)]

use super::by_helper;
use super::ways::try_first;
use crate::call::{AGAIN, Answer, Frame, error};
use crate::handlers::kernel;
use lichen_runtime::Runtime;

/// `flock(2)`.
pub fn flock(frame: &mut Frame, runtime: &Runtime) -> Answer {
    try_first(frame, runtime, 1, libc::LOCK_NB, AGAIN)
}

/// A record lock that waits: tried first; if somebody has it, a helper waits. Record locks belong to
/// the process, or to the description, so it does not matter which kernel thread asks.
pub fn record_lock(frame: &mut Frame, runtime: &Runtime, command: i32) -> Answer {
    let once = if command == libc::F_SETLKW {
        libc::F_SETLK
    } else {
        libc::F_OFD_SETLK
    };
    let [fd, _, place, ..] = frame.args();
    // SAFETY: the program's own lock, without waiting.
    let answer = unsafe { kernel(frame.number, [fd, once as usize, place, 0, 0, 0]) };
    if answer != AGAIN && answer != error(libc::EACCES) {
        return answer;
    }
    by_helper(runtime, frame.number, frame.args())
}

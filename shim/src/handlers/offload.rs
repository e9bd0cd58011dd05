//! Calls that a kernel thread must wait for: tried without waiting where that is possible, then made
//! by a helper while only the caller is parked (see `lichen_runtime::offload`).
#![allow(unsafe_code)]

use super::kernel;
use crate::call::{Answer, Frame, NATIVE, RESTART, error};
use lichen_runtime::Runtime;
use lichen_runtime::offload::{self, Outcome};

/// Has a helper make the call.
pub fn by_helper(runtime: &Runtime, number: usize, args: [usize; 6]) -> Answer {
    match offload::call(runtime, number, args) {
        Outcome::Done(answer) => answer,
        Outcome::Interrupted => RESTART,
        Outcome::NoHelper => NATIVE,
    }
}

/// Tries with `flag` set in argument `at`; if that would wait, the plain call goes to a helper.
fn try_first(frame: &Frame, runtime: &Runtime, at: usize, flag: i32, busy: Answer) -> Answer {
    let args = frame.args();
    let mut first = args;
    if let Some(word) = first.get_mut(at) {
        if *word & flag as usize != 0 {
            return NATIVE;
        }
        *word |= flag as usize;
    }
    // SAFETY: the program's own arguments with one more flag.
    let answer = unsafe { kernel(frame.number, first) };
    if answer != busy {
        return answer;
    }
    by_helper(runtime, frame.number, args)
}

/// `wait4(2)`.
pub fn wait4(frame: &mut Frame, runtime: &Runtime) -> Answer {
    try_first(frame, runtime, 2, libc::WNOHANG, 0)
}

/// `waitid(2)`: with WNOHANG its answer does not tell whether there was a child, so a helper waits
/// unless the program itself does not want to.
pub fn waitid(frame: &mut Frame, runtime: &Runtime) -> Answer {
    if frame.r10 & libc::WNOHANG as usize != 0 {
        return NATIVE;
    }
    by_helper(runtime, frame.number, frame.args())
}

/// `flock(2)`.
pub fn flock(frame: &mut Frame, runtime: &Runtime) -> Answer {
    try_first(frame, runtime, 1, libc::LOCK_NB, error(libc::EAGAIN))
}

/// `semop(2)` and `semtimedop(2)`: the flag that does not wait is in the operations, in the
/// program's memory, so a helper makes every call.
pub fn semop(frame: &mut Frame, runtime: &Runtime) -> Answer {
    by_helper(runtime, frame.number, frame.args())
}

/// `msgsnd(2)`.
pub fn msgsnd(frame: &mut Frame, runtime: &Runtime) -> Answer {
    try_first(frame, runtime, 3, libc::IPC_NOWAIT, error(libc::EAGAIN))
}

/// `msgrcv(2)`.
pub fn msgrcv(frame: &mut Frame, runtime: &Runtime) -> Answer {
    try_first(frame, runtime, 4, libc::IPC_NOWAIT, error(libc::ENOMSG))
}

/// A change of credentials: they belong to a kernel thread, so helpers with the old ones must never
/// make a call again.
pub fn credentials(_: &mut Frame, runtime: &Runtime) -> Answer {
    runtime.helpers.retire();
    NATIVE
}

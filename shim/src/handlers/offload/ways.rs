//! The ways to have a kernel thread of ours make a call: called by the handlers of this folder and by
//! others whose call waits for another party. Green side; parks.
#![allow(unsafe_code)]

use crate::call::{Answer, Frame, NATIVE, RESTART, error};
use crate::handlers::kernel;
use lichen_runtime::Runtime;
use lichen_runtime::offload::{self, Outcome, Work};

/// Has a helper make the call.
pub fn by_helper(runtime: &Runtime, number: usize, args: [usize; 6]) -> Answer {
    match offload::call(runtime, number, args) {
        Outcome::Done(answer) => answer,
        Outcome::Interrupted => RESTART,
        Outcome::NoHelper => NATIVE,
    }
}

/// Has the pool do work that ends by itself, whatever becomes of other parties; the call's own number and
/// arguments unless `work` says otherwise. While the caller is the only thread there is nobody to hold up.
pub fn by_pool(runtime: &Runtime, frame: &Frame, work: Work, args: [usize; 6]) -> Answer {
    if is_alone(runtime) {
        return NATIVE;
    }
    match offload::run_on_pool(runtime, work, frame.number, args) {
        // The signal that goes with it (SIGXFSZ) is for the thread that makes the call: once more there.
        Some(answer) if answer == error(libc::EFBIG) => NATIVE,
        Some(answer) => answer,
        None => NATIVE,
    }
}

/// Has the pool make the program's own call.
pub fn call_by_pool(runtime: &Runtime, frame: &Frame) -> Answer {
    by_pool(runtime, frame, Work::Call(frame.number), frame.args())
}

/// Is there no other thread that the caller could hold up?
pub fn is_alone(runtime: &Runtime) -> bool {
    runtime.table.header().is_none_or(|h| h.alive.get() <= 1)
}

/// Tries with `flag` set in argument `at`; if that would wait, the plain call goes to a helper.
pub fn try_first(frame: &Frame, runtime: &Runtime, at: usize, flag: i32, busy: Answer) -> Answer {
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

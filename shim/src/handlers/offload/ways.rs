//! The ways to have a kernel thread of ours make a call: called by the handlers of this folder and by
//! others whose call waits for another party. Green side; parks.
#![allow(unsafe_code)]

use crate::call::{Answer, Frame, NATIVE, RESTART};
use crate::handlers::kernel;
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

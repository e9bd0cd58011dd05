//! Waiting for another user of a System V semaphore, or of a message queue of either kind. Green side; a
//! helper waits.
#![allow(unsafe_code)]

use super::by_helper;
use super::ways::try_first;
use crate::call::{AGAIN, Answer, Frame, NATIVE, RESTART, error};
use crate::handlers::kernel;
use crate::handlers::time::read_timespec;
use lichen_runtime::Runtime;

/// None of these calls begins again behind a handler, whatever SA_RESTART says (signal(7)).
fn never_again(answer: Answer) -> Answer {
    if answer == RESTART {
        error(libc::EINTR)
    } else {
        answer
    }
}

/// `semop(2)` and `semtimedop(2)`: the flag that does not wait is in the operations, in the
/// program's memory, so a helper makes every call.
pub fn semop(frame: &mut Frame, runtime: &Runtime) -> Answer {
    never_again(by_helper(runtime, frame.number, frame.args()))
}

/// `msgsnd(2)`.
pub fn msgsnd(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let answer = try_first(frame, runtime, 3, libc::IPC_NOWAIT, AGAIN);
    never_again(answer)
}

/// `msgrcv(2)`.
pub fn msgrcv(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let answer = try_first(frame, runtime, 4, libc::IPC_NOWAIT, error(libc::ENOMSG));
    never_again(answer)
}

/// `mq_timedsend(2)`, `mq_timedreceive(2)`: with a time that is long past they do not wait. (A poll would say
/// when to try again; but a queue hands a message to who waits in it before it sends a notice, so somebody
/// has to wait there.)
pub fn mq_timed(frame: &mut Frame, runtime: &Runtime) -> Answer {
    if frame.r8 != 0 && read_timespec(frame.r8).is_err() {
        return NATIVE; // EFAULT, EINVAL: before anything else
    }
    let past = [0i64; 2];
    let mut first = frame.args();
    first[4] = past.as_ptr() as usize;
    // SAFETY: the program's own arguments with a time of ours.
    let answer = unsafe { kernel(frame.number, first) };
    if answer != error(libc::ETIMEDOUT) && answer != error(libc::EINTR) {
        return answer;
    }
    by_helper(runtime, frame.number, frame.args())
}

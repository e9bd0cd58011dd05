//! Waiting for another user of a System V semaphore or message queue. Green side; a helper waits.

use super::by_helper;
use super::ways::try_first;
use crate::call::{Answer, Frame, error};
use lichen_runtime::Runtime;

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

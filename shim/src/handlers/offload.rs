//! Calls that a kernel thread must wait for: tried without waiting where that is possible, then made
//! by a helper while only the caller is parked (see `lichen_runtime::offload`).
#![allow(unsafe_code)]

use super::kernel;
use crate::call::{Answer, Frame, NATIVE, RESTART, error};
use lichen_runtime::green::Wake;
use lichen_runtime::offload::{self, Outcome};
use lichen_runtime::park::{self, Deadline};
use lichen_runtime::reactor::READ;
use lichen_runtime::{Runtime, sys};

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

/// Parks until a child of this process has ended, by a descriptor for it; `false` if there is no such
/// way (no child with that id, an old kernel). Its answer is only a hint to ask again.
fn child_ended(runtime: &Runtime, pid: i32) -> Option<Wake> {
    // SAFETY: no pointers.
    let fd = unsafe { kernel(libc::SYS_pidfd_open as usize, [pid as usize, 0, 0, 0, 0, 0]) };
    if fd < 0 {
        return None;
    }
    let fd = sys::lift(fd as i32);
    let (wake, again) = park::wait_fd(runtime, fd, READ, Deadline::Never);
    runtime.slots.forget(fd);
    sys::close(fd);
    (again >= 0).then_some(wake)
}

/// `wait4(2)`: for one child by a pidfd in the reactor; for any child, or for stops, by a helper.
pub fn wait4(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (pid, options) = (frame.rdi as i32, frame.rdx as i32);
    if options & libc::WNOHANG != 0 {
        return NATIVE;
    }
    let mut at_once = frame.args();
    at_once[2] |= libc::WNOHANG as usize;
    loop {
        // SAFETY: the program's own arguments, without waiting.
        let answer = unsafe { kernel(frame.number, at_once) };
        if answer != 0 {
            return answer;
        }
        let ends_only = pid > 0 && options & (libc::WUNTRACED | libc::WCONTINUED) == 0;
        match ends_only.then(|| child_ended(runtime, pid)).flatten() {
            Some(Wake::Interrupted) => return RESTART,
            Some(_) => {}
            None => return by_helper(runtime, frame.number, frame.args()),
        }
    }
}

/// `waitid(2)`: with WNOHANG its answer does not tell whether there was a child, so for one child a
/// pidfd tells when to ask, and otherwise a helper waits.
pub fn waitid(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (kind, pid, options) = (frame.rdi, frame.rsi as i32, frame.r10 as i32);
    if options & libc::WNOHANG != 0 {
        return NATIVE;
    }
    let ends_only = options & (libc::WSTOPPED | libc::WCONTINUED) == 0;
    if kind == libc::P_PID as usize && pid > 0 && ends_only {
        match child_ended(runtime, pid) {
            Some(Wake::Interrupted) => return RESTART,
            // SAFETY: the program's own arguments; the child has ended, so this does not wait.
            Some(_) => return unsafe { kernel(frame.number, frame.args()) },
            None => {}
        }
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

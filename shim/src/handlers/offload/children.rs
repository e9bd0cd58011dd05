//! Waiting for a child: `wait4` and `waitid`. For the end of one child its pidfd is in the reactor; for any
//! child, or for a stop, a helper waits. Green side; no child is ever reaped for the program.
#![allow(unsafe_code)]

use super::by_helper;
use crate::call::{Answer, Frame, NATIVE, RESTART};
use crate::handlers::kernel;
use lichen_runtime::green::Wake;
use lichen_runtime::park::{self, Deadline};
use lichen_runtime::reactor::READ;
use lichen_runtime::{Runtime, sys};

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

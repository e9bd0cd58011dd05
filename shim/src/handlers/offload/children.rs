//! Waiting for a child: `wait4` and `waitid`. For the end of one child its pidfd is in the reactor; for any
//! child, or for a stop, a helper waits. Green side; no child is ever reaped for the program.
//!
//! A tracer is told of each stop of what it traces, also where it asks for the end only (ptrace(2)). No pidfd says so: once
//! the program has attached to a process, a helper makes all waits. A child can also ask to be traced (PTRACE_TRACEME), which
//! the parent does not see; it does so early in its life, so the kernel is asked some more times in the first second.
#![allow(unsafe_code)]

use super::by_helper;
use crate::abi::forbidden::forbids;
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, RESTART, error};
use crate::handlers::kernel;
use core::sync::atomic::{AtomicBool, Ordering};
use lichen_runtime::green::Wake;
use lichen_runtime::park::{self, Deadline};
use lichen_runtime::reactor::READ;
use lichen_runtime::{Runtime, sys};

const MS: u64 = 1_000_000;

/// The program has made a call of `ptrace` that a tracer makes.
static TRACES: AtomicBool = AtomicBool::new(false);

/// `ptrace(2)`: noted, if it may be for another process to stop.
pub fn ptrace(frame: &mut Frame, _: &Runtime) -> Answer {
    if frame.rdi != libc::PTRACE_TRACEME as usize {
        TRACES.store(true, Ordering::Relaxed);
    }
    NATIVE
}

/// A helper makes the call. Children and what is traced belong to the worker, so a helper that looked at its own only
/// (__WNOTHREAD) would find none; `options` is which argument they are.
fn wait_by_helper(runtime: &Runtime, frame: &Frame, options: usize) -> Answer {
    let mut args = frame.args();
    if let Some(options) = args.get_mut(options) {
        *options &= !(libc::__WNOTHREAD as usize);
    }
    by_helper(runtime, frame.number, args)
}

/// How long the `asked`-th park for a child may last: 1 ms, 2 ms and so on for a second, then for ever.
fn patience(asked: u32) -> Deadline {
    if asked < 10 {
        Deadline::In(MS.wrapping_shl(asked))
    } else {
        Deadline::Never
    }
}

/// Parks until a child of this process has ended, by a descriptor for it; `None` if there is no such
/// way (no child with that id, an old kernel, a tracer). Its answer is only a hint to ask again.
fn child_ended(runtime: &Runtime, pid: i32, asked: u32) -> Option<Wake> {
    if TRACES.load(Ordering::Relaxed) || forbids(libc::SYS_pidfd_open) {
        return None;
    }
    // SAFETY: no pointers.
    let fd = unsafe { kernel(libc::SYS_pidfd_open as usize, [pid as usize, 0, 0, 0, 0, 0]) };
    if fd < 0 {
        return None;
    }
    let fd = sys::lift(fd as i32);
    let (wake, again) = park::wait_fd(runtime, fd, READ, patience(asked));
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
    let mut asked = 0;
    loop {
        // SAFETY: the program's own arguments, without waiting.
        let answer = unsafe { kernel(frame.number, at_once) };
        if answer != 0 {
            return answer;
        }
        let ends_only = pid > 0 && options & (libc::WUNTRACED | libc::WCONTINUED) == 0;
        match ends_only
            .then(|| child_ended(runtime, pid, asked))
            .flatten()
        {
            Some(Wake::Interrupted) => return RESTART,
            Some(_) => asked = asked.saturating_add(1),
            None => return wait_by_helper(runtime, frame, 2),
        }
    }
}

/// `waitid(2)`: asked without waiting first, into a record of ours that tells whether there was a child;
/// then for the end of one child a pidfd tells when to ask again, and otherwise a helper waits.
pub fn waitid(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [kind, pid, place, options, usage, _] = frame.args();
    if options & libc::WNOHANG as usize != 0 {
        return NATIVE;
    }
    let one = kind == libc::P_PID as usize && pid as i32 > 0;
    let ends_only = options & (libc::WSTOPPED | libc::WCONTINUED) as usize == 0;
    let at_once = options | libc::WNOHANG as usize;
    let mut asked = 0;
    loop {
        let mut seen = [0u64; 16];
        let args = [kind, pid, &raw mut seen as usize, at_once, usage, 0];
        // SAFETY: the program's own arguments, without waiting; the record is ours.
        let answer = unsafe { kernel(frame.number, args) };
        if answer != 0 {
            return answer;
        }
        if seen[0] as i32 == libc::SIGCHLD {
            return tell(place, &seen);
        }
        match (one && ends_only)
            .then(|| child_ended(runtime, pid as i32, asked))
            .flatten()
        {
            Some(Wake::Interrupted) => return RESTART,
            Some(_) => asked = asked.saturating_add(1),
            None => return wait_by_helper(runtime, frame, 3),
        }
    }
}

/// Gives the program what the kernel would write: the six fields of a child, and none between.
fn tell(place: usize, seen: &[u64; 16]) -> Answer {
    const FIELDS: usize = 12;
    let from = seen.as_ptr() as usize;
    if place == 0 {
        return 0;
    }
    let copied = user::copy(place, from, FIELDS)
        .and_then(|()| user::copy(place.wrapping_add(16), from + 16, FIELDS));
    if copied.is_ok() {
        0
    } else {
        error(libc::EFAULT)
    }
}

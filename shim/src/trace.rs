//! `--trace`: one line for each call that comes through a door, strace-like.
//!
//! `init` opens it at activation and has every understood site rewritten then, so that calls without
//! a handler are seen too; [`dispatch`] is asked by the real one, once a call, when it is on. Lines
//! are made on the scheduler side and written raw, each in one `write`. It must never change what a
//! call does, nor its result; calls that stay native and may wait are named before they are made.
#![allow(unsafe_code)]

mod line;
mod signatures;
mod words;

use crate::call::Frame;
use crate::dispatch::{self, numbers};
use crate::handlers::kernel;
use crate::init;
use core::ffi::c_long;
use core::sync::atomic::Ordering;
use lichen_runtime::green::GreenRef;
use lichen_runtime::{Runtime, park, sys};
use line::{By, Call, Came};

/// Calls that do not come back when they do their work.
const GONE: [c_long; 5] = [
    numbers::SYS_exit,
    numbers::SYS_exit_group,
    numbers::SYS_execve,
    numbers::SYS_execveat,
    numbers::SYS_vfork,
];

/// Is there to be a trace?
pub fn asked_for() -> bool {
    init::settled().is_some_and(|loaded| loaded.settings.trace.is_some())
}

/// Calls that only the site itself can make: they return twice, or elsewhere, or not at all.
const AT_THE_SITE: [c_long; 7] = [
    numbers::SYS_clone,
    numbers::SYS_clone3,
    numbers::SYS_fork,
    numbers::SYS_rt_sigreturn,
    numbers::SYS_restart_syscall,
    numbers::SYS_uprobe,
    numbers::SYS_uretprobe,
];

/// Begins to write to `fd`, which becomes ours.
pub fn begin(runtime: &Runtime, fd: i32) {
    runtime.set_trace_fd(sys::lift(fd));
    runtime.worker.watched.set(true);
}

/// In the child of a fork: a file that has the process id in its name is another one.
pub fn after_fork(runtime: &Runtime) {
    let Some(loaded) = init::settled().filter(|_| runtime.trace_fd() >= 0) else {
        return;
    };
    let Some(template) = &loaded.settings.trace else {
        return;
    };
    if !template.windows(2).any(|pair| pair == b"%p") {
        return;
    }
    park::serve(runtime, &mut |_| {
        if let Some(fd) = init::open_ours(template) {
            sys::close(runtime.trace_fd());
            begin(runtime, fd);
        }
    });
}

/// Stands for one call, as [`dispatch::stand_for`] does, and tells of it. Green side; may park.
#[cold]
#[inline(never)]
pub fn dispatch(frame: &mut Frame, runtime: &Runtime) -> usize {
    let Some(green) = runtime.worker.current.get() else {
        return dispatch::stand_for(frame, runtime);
    };
    let call = Call {
        number: frame.number,
        args: frame.args(),
    };
    let tell = |came| say(runtime, green, &call, came);
    if among(&GONE, call.number) {
        tell(Came::NoReturn);
        let native = dispatch::stand_for(frame, runtime);
        if native == 0 {
            tell(Came::Answer(frame.rax as isize, By::Lichen)); // it failed
        }
        return native;
    }
    let parks = green.park_count.load(Ordering::Relaxed);
    let begun = sys::clock_ns(libc::CLOCK_MONOTONIC);
    if dispatch::stand_for(frame, runtime) == 0 {
        let ns = sys::clock_ns(libc::CLOCK_MONOTONIC).saturating_sub(begun);
        let parked = green.park_count.load(Ordering::Relaxed) != parks;
        let by = if parked { By::Parked(ns) } else { By::Lichen };
        tell(Came::Answer(frame.rax as isize, by));
        return 0;
    }
    if dispatch::is_quick(call.number) && !among(&AT_THE_SITE, call.number) {
        // Made here or at its site: that is the same for a call that no signal can interrupt.
        // SAFETY: the program's own call.
        let answer = unsafe { kernel(frame.number, frame.args()) };
        frame.rax = answer as usize;
        tell(Came::Answer(answer, By::Kernel));
        return 0;
    }
    tell(Came::Native);
    1
}

fn among(list: &[c_long], number: usize) -> bool {
    list.iter().any(|&one| one as usize == number)
}

/// Writes the line, on the scheduler side.
fn say(runtime: &Runtime, green: GreenRef, call: &Call, came: Came) {
    park::serve(runtime, &mut |_| {
        line::line([sys::getpid(), green.tid.get()], call, came).send(runtime.trace_fd());
    });
}

//! `execve(2)`: the new program inherits what the kernel has, so the kernel is given what is the calling
//! thread's: its mask, the signals that are pending for it and for the process, and the signals the program
//! ignores although the master handler stands for them. Green side.
#![allow(unsafe_code)]

use super::kernel;
use super::signal::{actions, notes, slices};
use crate::call::{Answer, Frame};
use lichen_runtime::green::masks::ALL;
use lichen_runtime::{Runtime, sys};

/// `execve(2)` and `execveat(2)`. Returns only if it fails, with everything as before.
pub fn execve(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let Some(green) = runtime.worker.current.get() else {
        // SAFETY: the program's own arguments.
        return unsafe { kernel(frame.number, frame.args()) };
    };
    slices::stop();
    let before = sys::set_kernel_mask(ALL);
    let handed = notes::hand_to_kernel(runtime, green);
    actions::really_ignore();
    sys::set_kernel_mask(green.mask.get());
    // SAFETY: the program's own arguments.
    let answer = unsafe { kernel(frame.number, frame.args()) };
    sys::set_kernel_mask(ALL);
    actions::stand_for_ignored();
    notes::take_back(green, handed);
    sys::set_kernel_mask(before);
    slices::start(runtime);
    answer
}

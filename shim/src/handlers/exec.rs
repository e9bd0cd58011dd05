//! `execve(2)`: the new program inherits the calling thread's mask, which the kernel may not have.
#![allow(unsafe_code)]

use super::kernel;
use super::signal::slices;
use crate::call::{Answer, Frame};
use lichen_runtime::Runtime;
use lichen_runtime::sys;

/// `execve(2)` and `execveat(2)`. Returns only if it fails.
pub fn execve(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let own = runtime.worker.current.get().map_or(0, |g| g.mask.get());
    slices::stop();
    let before = sys::set_kernel_mask(own);
    // SAFETY: the program's own arguments.
    let answer = unsafe { kernel(frame.number, frame.args()) };
    sys::set_kernel_mask(before);
    slices::start(runtime);
    answer
}

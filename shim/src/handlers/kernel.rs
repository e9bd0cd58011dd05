//! The way from a handler to the kernel, past every door. Called by all handlers; it calls the one
//! instruction, and must do nothing else: it stands in the middle of what has to be fast.
#![allow(unsafe_code)]

use crate::call::Answer;
use lichen_runtime::arch::syscall6;

/// The program's call with other arguments, made by us.
///
/// # Safety
/// As the system call: pointers among the arguments come from the program, or are ours and right.
#[inline(always)]
pub unsafe fn kernel(number: usize, a: [usize; 6]) -> Answer {
    // SAFETY: by the caller's contract.
    unsafe { syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]) }
}

//! What stands for each call of the table, cut by what the call waits for. Green side throughout:
//! straight-line code, `loop { try; park }`. Names are the kernel's: `handlers::io::read` is the
//! program asking us, `runtime::sys` is us asking the kernel.

pub mod exec;
pub mod fd;
pub mod fork;
pub mod futex;
pub mod futex_pi;
pub mod io;
pub mod memory;
pub mod message;
pub mod offload;
pub mod poll;
pub mod signal;
pub mod socket;
pub mod thread;
pub mod time;
pub mod wait;

use crate::call::Answer;
use lichen_runtime::arch::syscall6;

/// The program's call with other arguments, made by us.
///
/// # Safety
/// As the system call: pointers among the arguments come from the program, or are ours and right.
#[allow(unsafe_code)]
#[inline(always)]
pub unsafe fn kernel(number: usize, a: [usize; 6]) -> Answer {
    // SAFETY: by the caller's contract.
    unsafe { syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]) }
}

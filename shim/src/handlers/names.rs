//! Names of threads. The kernel keeps one for each kernel thread; ours are in the threads' records, each from its first
//! moment on. The first thread's is the process's too, so what it is called the kernel is told.
//!
//! Called by `thread` (`prctl(2)`), `comm` (the files in /proc), at activation and after a fork. Green side; never parks.
#![allow(unsafe_code)]

use super::kernel;
use crate::abi::user;
use crate::call::{Answer, error};
use lichen_runtime::green::GreenRef;

/// TASK_COMM_LEN: a name and the zero byte behind it.
pub const SIZE: usize = 16;

/// A name as the kernel keeps it: zeros from its end on.
pub type Name = [u8; SIZE];

/// What is left of `bytes` as a name: at most 15 of them, up to the first zero.
pub fn cut(bytes: &Name) -> Name {
    let mut name = [0; SIZE];
    let text = bytes.iter().take(SIZE - 1).take_while(|&&byte| byte != 0);
    for (to, from) in name.iter_mut().zip(text) {
        *to = *from;
    }
    name
}

/// The first thread has the process's name. Activation.
pub fn adopt(green: GreenRef) {
    let mut name = [0u8; SIZE];
    let args = [
        libc::PR_GET_NAME as usize,
        name.as_mut_ptr() as usize,
        0,
        0,
        0,
        0,
    ];
    // SAFETY: the kernel writes 16 bytes.
    unsafe { kernel(libc::SYS_prctl as usize, args) };
    green.name.set(name);
}

/// Names a thread.
pub fn set(green: GreenRef, name: &Name) {
    green.name.set(*name);
    if green.is_first.get() {
        name_process(green);
    }
}

/// Tells the kernel that the process is called as this thread is; also in the child of a fork.
pub fn name_process(green: GreenRef) {
    let name = green.name.get();
    let args = [
        libc::PR_SET_NAME as usize,
        name.as_ptr() as usize,
        0,
        0,
        0,
        0,
    ];
    // SAFETY: our copy of the name, with a zero byte at its end.
    unsafe { kernel(libc::SYS_prctl as usize, args) };
}

/// `prctl(PR_SET_NAME)`. The kernel reads up to the zero byte and no further, and no more than 15 bytes.
pub fn set_own(green: GreenRef, address: usize) -> Answer {
    let mut name = [0u8; SIZE];
    for (i, byte) in name.iter_mut().take(SIZE - 1).enumerate() {
        let to = core::ptr::from_mut(byte) as usize;
        if user::copy(to, address.wrapping_add(i), 1).is_err() {
            return error(libc::EFAULT);
        }
        if *byte == 0 {
            break;
        }
    }
    set(green, &name);
    0
}

/// `prctl(PR_GET_NAME)`.
pub fn get_own(green: GreenRef, address: usize) -> Answer {
    match user::write(address, &green.name.get()) {
        Ok(()) => 0,
        Err(_) => error(libc::EFAULT),
    }
}

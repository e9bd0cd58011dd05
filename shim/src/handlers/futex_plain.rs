//! The two futex operations that mutexes, condition variables and semaphores of one process are made of: a private wait for
//! anybody without a time-out, and waking one. Called by `futex`, which does all others, and these too where kernel
//! threads of the program's own have part. Green side.

use super::futex::{ANY, FOREIGN, PRIVATE, REALTIME, WAIT, WAIT_BITSET, WAKE, is_still};
use crate::call::{Answer, Frame, RESTART, error};
use core::sync::atomic::Ordering;
use lichen_runtime::Runtime;
use lichen_runtime::futexes::{Key, Waiter, Who, hand_on};
use lichen_runtime::green::Wake;
use lichen_runtime::park::{self, Deadline};

/// The answer if it is one of the two. May park.
#[inline(always)]
pub fn futex(frame: &Frame, runtime: &Runtime) -> Option<Answer> {
    let [address, operation, value, time, _, bits] = frame.args();
    if !address.is_multiple_of(4) {
        return None;
    }
    // A count of 0 wakes one too, in the kernel.
    if operation == WAKE | PRIVATE && value as i32 <= 1 && !FOREIGN.load(Ordering::Relaxed) {
        return Some(wake_one(runtime, address));
    }
    let for_anybody = operation == WAIT | PRIVATE
        || operation & !REALTIME == WAIT_BITSET | PRIVATE && bits as u32 == ANY;
    (for_anybody && time == 0).then(|| wait(runtime, address, value as u32))
}

fn key(address: usize) -> Key {
    Key {
        address,
        private: true,
    }
}

/// Mostly nobody waits: libc asks whenever somebody may.
#[inline(always)]
fn wake_one(runtime: &Runtime, address: usize) -> Answer {
    match runtime.futexes.take_first(key(address)) {
        None => 0,
        Some(waiter) => {
            hand_on(runtime, true, waiter);
            1
        }
    }
}

#[inline(never)]
fn wait(runtime: &Runtime, address: usize, value: u32) -> Answer {
    if let Err(errno) = is_still(address, value) {
        return error(errno);
    }
    let waiter = Waiter::new(key(address), ANY, Who::Kernel);
    // Between that look and the queue nobody can have changed it, unless another kernel thread has part.
    let woken = match FOREIGN.load(Ordering::Relaxed) {
        false => Ok(park::wait_own_futex(runtime, &waiter, address)),
        true => {
            let check = || is_still(address, value);
            park::wait_futex(runtime, &waiter, address, &check, Deadline::Never)
        }
    };
    match woken {
        Err(errno) => error(errno),
        Ok(Wake::Interrupted) => RESTART,
        Ok(_) => 0,
    }
}

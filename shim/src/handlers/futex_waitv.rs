//! futex_waitv(2): a wait on several addresses at once. As with `futex`, memory decides: private addresses wait in
//! our queues; if all are shared with other processes a helper waits in the kernel. If there are both, a
//! helper waits too, and from then on all wakes go to the kernel as well.
//!
//! The kernel is asked first, with a time that is past: it checks what we would have to check, in its order,
//! and does not wait. Green side; the queues are entered on the scheduler side, where there is room for them.
#![allow(unsafe_code)]

use super::offload::by_helper;
use super::time::read_timespec;
use super::{futex, kernel};
use crate::abi::{maps, user};
use crate::call::{Answer, Frame, NATIVE, RESTART, error};
use lichen_runtime::Runtime;
use lichen_runtime::futexes::Key;
use lichen_runtime::green::Wake;
use lichen_runtime::park::{self, Deadline};

/// FUTEX_WAITV_MAX.
const MOST: usize = 128;
/// FUTEX2_SIZE_U32 and FUTEX2_PRIVATE, all that our queues know.
const SIZE_32: u32 = 2;
const PRIVATE: u32 = libc::FUTEX_PRIVATE_FLAG as u32;

/// `struct futex_waitv`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct One {
    value: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}

/// The i-th of the program's vector.
fn one(vector: usize, i: usize) -> Result<One, i32> {
    let at = vector.wrapping_add(i * size_of::<One>());
    user::read::<One>(at).map_err(|_| libc::EFAULT)
}

fn key(vector: usize, i: usize) -> Key {
    let one = one(vector, i).unwrap_or_default();
    Key {
        address: one.address as usize,
        private: one.flags & PRIVATE != 0,
    }
}

/// Does the word still have its value? Under its queue's lock.
fn check(vector: usize, i: usize) -> Result<(), i32> {
    let one = one(vector, i)?;
    match user::read_u32(one.address as usize) {
        Ok(now) if now == one.value as u32 => Ok(()),
        Ok(_) => Err(libc::EAGAIN),
        Err(_) => Err(libc::EFAULT),
    }
}

/// Where the addresses are to be waited for.
#[derive(PartialEq, Eq)]
enum Place {
    Here,
    Kernel,
    Both,
}

fn place(vector: usize, count: usize) -> Place {
    let (mut ours, mut others) = (false, false);
    for i in 0..count {
        let Ok(one) = one(vector, i) else {
            return Place::Kernel; // EFAULT
        };
        let private = one.flags & PRIVATE != 0;
        let unknown = one.flags & !PRIVATE != SIZE_32;
        if unknown || !private && maps::is_shared(one.address as usize) {
            others = true;
        } else {
            ours = true;
        }
    }
    match (ours, others) {
        (_, false) => Place::Here,
        (false, true) => Place::Kernel,
        (true, true) => Place::Both,
    }
}

/// `futex_waitv(2)`.
pub fn futex_waitv(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [vector, count, flags, time, clock, _] = frame.args();
    let count = count as u32 as usize;
    if flags as u32 != 0 || count == 0 || count > MOST {
        return NATIVE; // EINVAL
    }
    let deadline = match (time, clock as i32) {
        (0, _) => Deadline::Never,
        (_, libc::CLOCK_MONOTONIC | libc::CLOCK_REALTIME) => match read_timespec(time) {
            Ok(ns) if clock as i32 == libc::CLOCK_REALTIME => Deadline::Realtime(ns),
            Ok(ns) => Deadline::At(ns),
            Err(answer) => return answer,
        },
        _ => return NATIVE, // EINVAL
    };
    let past = [0i64; 2];
    let past = past.as_ptr() as usize;
    let first = [vector, count, 0, past, libc::CLOCK_MONOTONIC as usize, 0];
    // SAFETY: the program's vector; the time is ours.
    let answer = unsafe { kernel(frame.number, first) };
    if answer != error(libc::ETIMEDOUT) && answer != error(libc::EINTR) {
        return answer;
    }
    match place(vector, count) {
        Place::Here => wait(runtime, vector, count, deadline),
        Place::Kernel => by_helper(runtime, frame.number, frame.args()),
        Place::Both => {
            futex::wake_in_kernel_too();
            by_helper(runtime, frame.number, frame.args())
        }
    }
}

fn wait(runtime: &Runtime, vector: usize, count: usize, deadline: Deadline) -> Answer {
    let (key, check) = (|i| key(vector, i), |i| check(vector, i));
    loop {
        match park::wait_futexes(runtime, count, &key, &check, deadline) {
            Err(errno) => return error(errno),
            Ok((_, Some(woken))) => return woken as Answer,
            Ok((Wake::TimedOut, None)) => return error(libc::ETIMEDOUT),
            Ok((Wake::Interrupted, None)) => return RESTART,
            Ok((Wake::Ready, None)) => {}
        }
    }
}

//! futex(2): the one place that decides whether a futex lives in our queues, in the kernel, or both.
//!
//! * A WAIT with FUTEX_PRIVATE_FLAG, or on memory that is private to this process, waits in our
//!   queue. Whether memory is private is asked of the kernel's map, never guessed from the flag
//!   alone: `pthread_join` and `std::future` wait without the flag on private memory.
//! * A WAIT on memory shared with other processes waits in the kernel.
//! * A WAKE wakes in our queue first. It goes to the kernel too if the memory may be shared, or
//!   kernel threads that are not ours exist and may have waited natively before we came.
//! * What libc's locks are mostly made of: `futex_plain`. Priority inheritance within this process: `futex_pi`.
#![allow(unsafe_code)]

use super::time::read_timespec;
use super::{futex_pi, futex_plain, kernel};
use crate::abi::{maps, user};
use crate::call::{Answer, Frame, NATIVE, RESTART, error};
use core::sync::atomic::{AtomicBool, Ordering};
use lichen_runtime::Runtime;
use lichen_runtime::futexes::{Key, Waiter, Who, hand_on, rouse};
use lichen_runtime::green::Wake;
use lichen_runtime::green::masks::NEVER;
use lichen_runtime::park::{self, Deadline};
use lichen_runtime::sched::runtime;
use lichen_runtime::sys;

pub(super) const WAIT: usize = libc::FUTEX_WAIT as usize;
pub(super) const WAKE: usize = libc::FUTEX_WAKE as usize;
const REQUEUE: usize = libc::FUTEX_REQUEUE as usize;
const CMP_REQUEUE: usize = libc::FUTEX_CMP_REQUEUE as usize;
const WAKE_OP: usize = libc::FUTEX_WAKE_OP as usize;
pub(super) const WAIT_BITSET: usize = libc::FUTEX_WAIT_BITSET as usize;
const WAKE_BITSET: usize = libc::FUTEX_WAKE_BITSET as usize;
const LOCK_PI: usize = libc::FUTEX_LOCK_PI as usize;
const LOCK_PI2: usize = 13;
const TRYLOCK_PI: usize = libc::FUTEX_TRYLOCK_PI as usize;
const UNLOCK_PI: usize = libc::FUTEX_UNLOCK_PI as usize;
pub(super) const PRIVATE: usize = libc::FUTEX_PRIVATE_FLAG as usize;
pub(super) const REALTIME: usize = libc::FUTEX_CLOCK_REALTIME as usize;
pub(super) const ANY: u32 = u32::MAX;

/// Kernel threads that are not ours existed at activation.
pub(super) static FOREIGN: AtomicBool = AtomicBool::new(false);

/// Notes whether other kernel threads exist. Activation.
pub fn set_foreign(foreign: bool) {
    FOREIGN.store(foreign, Ordering::Relaxed);
    runtime().futexes.set_contended(foreign);
}

/// From now on somebody may wait in the kernel for what is private to this process.
pub fn wake_in_kernel_too() {
    FOREIGN.store(true, Ordering::Relaxed);
}

/// A futex call, taken apart.
pub struct Call {
    operation: usize,
    pub private: bool,
    realtime: bool,
    pub address: usize,
    value: u32,
    /// The time-out's address, or the second count.
    pub fourth: usize,
    second: usize,
    third: u32,
}

impl Call {
    fn of(frame: &Frame) -> Call {
        let [address, operation, value, fourth, second, third] = frame.args();
        Call {
            operation: operation & !(PRIVATE | REALTIME),
            private: operation & PRIVATE != 0,
            realtime: operation & REALTIME != 0,
            address,
            value: value as u32,
            fourth,
            second,
            third: third as u32,
        }
    }

    fn key(&self) -> Key {
        Key {
            address: self.address,
            private: self.private,
        }
    }

    fn key2(&self) -> Key {
        Key {
            address: self.second,
            private: self.private,
        }
    }

    /// May waiters be in the kernel?
    fn kernel_too(&self) -> bool {
        FOREIGN.load(Ordering::Relaxed) || !self.private && maps::may_be_shared(self.address)
    }
}

/// `futex(2)` of a green.
pub fn futex(frame: &mut Frame, runtime: &Runtime) -> Answer {
    if let Some(answer) = futex_plain::futex(frame, runtime) {
        return answer;
    }
    any(frame, runtime)
}

/// Any operation.
#[inline(never)]
fn any(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let call = Call::of(frame);
    if !call.address.is_multiple_of(4) {
        return NATIVE; // EINVAL
    }
    match call.operation {
        WAIT | WAIT_BITSET => wait(runtime, frame, &call, call.operation == WAIT_BITSET),
        WAKE => wake(runtime, &call, ANY, true),
        WAKE_BITSET if call.third != 0 => wake(runtime, &call, call.third, true),
        REQUEUE | CMP_REQUEUE => requeue(runtime, &call, true),
        WAKE_OP => wake_op(runtime, &call, true),
        LOCK_PI | LOCK_PI2 | TRYLOCK_PI | UNLOCK_PI
            if !call.private && maps::is_shared(call.address) =>
        {
            NATIVE // with other processes: the kernel's, which knows the kernel thread only
        }
        LOCK_PI => futex_pi::lock(runtime, &call, false),
        LOCK_PI2 => futex_pi::lock(runtime, &call, !call.realtime),
        TRYLOCK_PI => futex_pi::try_lock(runtime, &call),
        UNLOCK_PI => futex_pi::unlock(runtime, &call),
        _ => NATIVE,
    }
}

fn check(call: &Call) -> Result<(), i32> {
    is_still(call.address, call.value)
}

/// The condition of a wait.
pub(super) fn is_still(address: usize, value: u32) -> Result<(), i32> {
    match user::read_u32(address) {
        Ok(now) if now == value => Ok(()),
        Ok(_) => Err(libc::EAGAIN),
        Err(_) => Err(libc::EFAULT),
    }
}

fn deadline(call: &Call, bitset: bool) -> Result<Deadline, Answer> {
    if call.fourth == 0 {
        return Ok(Deadline::Never);
    }
    let ns = read_timespec(call.fourth)?;
    Ok(match (bitset, call.realtime) {
        (false, _) => Deadline::In(ns),
        (true, false) => Deadline::At(ns),
        (true, true) => Deadline::Realtime(ns),
    })
}

fn wait(runtime: &Runtime, frame: &Frame, call: &Call, bitset: bool) -> Answer {
    let bits = if bitset { call.third } else { ANY };
    if bits == 0 {
        return error(libc::EINVAL);
    }
    let deadline = match deadline(call, bitset) {
        Ok(deadline) => deadline,
        Err(answer) => return answer,
    };
    if let Err(errno) = check(call) {
        return error(errno);
    }
    if !call.private && maps::is_shared(call.address) {
        return super::offload::by_helper(runtime, libc::SYS_futex as usize, frame.args());
    }
    let waiter = Waiter::new(call.key(), bits, Who::Kernel);
    match park::wait_futex(runtime, &waiter, call.address, &|| check(call), deadline) {
        Err(errno) => error(errno),
        Ok(Wake::Ready) => 0,
        Ok(Wake::TimedOut) => error(libc::ETIMEDOUT),
        Ok(Wake::Interrupted) if deadline == Deadline::Never => RESTART,
        Ok(Wake::Interrupted) if super::signal::notes::any_for_current(runtime) => {
            error(libc::EINTR)
        }
        Ok(Wake::Interrupted) => RESTART,
    }
}

/// Makes the call in the kernel for `count` waiters that were not found here.
fn in_kernel(call: &Call, operation: usize, count: u32) -> Answer {
    let flag = if call.private { PRIVATE } else { 0 };
    let args = [
        call.address,
        operation | flag,
        count as usize,
        call.fourth,
        call.second,
        call.third as usize,
    ];
    // SAFETY: the program's own arguments.
    unsafe { kernel(libc::SYS_futex as usize, args) }
}

fn wake(runtime: &Runtime, call: &Call, bits: u32, on_carrier: bool) -> Answer {
    // The kernel wakes one waiter for a count of 0 too.
    let count = (call.value as i32).max(1) as u32;
    let woken = runtime
        .futexes
        .wake(call.key(), count, bits, &|w| match count {
            1 => hand_on(runtime, on_carrier, w),
            _ => rouse(runtime, on_carrier, w),
        });
    if woken < count && call.kernel_too() {
        let more = in_kernel(call, call.operation, count - woken);
        if more < 0 && woken == 0 {
            return more;
        }
        return woken as Answer + more.max(0);
    }
    woken as Answer
}

fn requeue(runtime: &Runtime, call: &Call, on_carrier: bool) -> Answer {
    if (call.value as i32) < 0 || (call.fourth as i32) < 0 {
        return error(libc::EINVAL);
    }
    let compare = || {
        if call.operation == REQUEUE {
            return Ok(());
        }
        match user::read_u32(call.address) {
            Ok(now) if now == call.third => Ok(()),
            Ok(_) => Err(libc::EAGAIN),
            Err(_) => Err(libc::EFAULT),
        }
    };
    let counts = (call.value, call.fourth as u32);
    let moved = runtime
        .futexes
        .requeue(call.key(), call.key2(), counts, &compare, &|w| {
            rouse(runtime, on_carrier, w);
        });
    match moved {
        Err(errno) => error(errno),
        Ok((woken, _)) if woken < counts.0 && call.kernel_too() => {
            woken as Answer + in_kernel(call, call.operation, counts.0 - woken).max(0)
        }
        // CMP_REQUEUE counts the moved, REQUEUE too: both return woken plus requeued.
        Ok((woken, moved)) => (woken + moved) as Answer,
    }
}

/// FUTEX_WAKE_OP: changes the second word atomically, wakes on the first, and, if the old value of
/// the second compares, on the second.
fn wake_op(runtime: &Runtime, call: &Call, on_carrier: bool) -> Answer {
    let code = call.third;
    let (operation, comparison) = (code >> 28 & 0xf, code >> 24 & 0xf);
    let sign_extend = |v: u32| ((v << 20) as i32) >> 20;
    let mut operand = sign_extend(code >> 12 & 0xfff);
    let against = sign_extend(code & 0xfff);
    if operation & 8 != 0 {
        operand = 1i32.wrapping_shl(operand as u32);
    }
    let old = loop {
        let Ok(old) = user::read_u32(call.second) else {
            return error(libc::EFAULT);
        };
        let new = match operation & 7 {
            0 => operand as u32,
            1 => old.wrapping_add(operand as u32),
            2 => old | operand as u32,
            3 => old & !(operand as u32),
            4 => old ^ operand as u32,
            _ => return error(libc::ENOSYS),
        };
        match user::compare_exchange_u32(call.second, old, new) {
            Ok(seen) if seen == old => break old as i32,
            Ok(_) => {}
            Err(_) => return error(libc::EFAULT),
        }
    };
    let agrees = match comparison {
        0 => old == against,
        1 => old != against,
        2 => old < against,
        3 => old <= against,
        4 => old > against,
        5 => old >= against,
        _ => return error(libc::ENOSYS),
    };
    let rouse = |w: &Waiter| rouse(runtime, on_carrier, w);
    let count = (call.value as i32).max(1) as u32;
    let mut woken = runtime.futexes.wake(call.key(), count, ANY, &rouse);
    if call.kernel_too() {
        woken += in_kernel(call, WAKE, count - woken).max(0) as u32;
    }
    if agrees {
        let count = (call.fourth as i32).max(1) as u32;
        woken += runtime.futexes.wake(call.key2(), count, ANY, &rouse);
    }
    woken as Answer
}

/// A futex call of a kernel thread that is not ours, from the doors. It waits in the same queues, on
/// a word of its own. Returns 0 when `frame.rax` holds the result, 1 for native.
///
/// # Safety
/// Called by the entries only, with their frame.
#[unsafe(no_mangle)]
unsafe extern "C" fn lichen_dispatch_foreign(frame: &mut Frame) -> usize {
    let runtime = runtime();
    if !runtime.is_active() {
        return 1;
    }
    let call = Call::of(frame);
    if !call.address.is_multiple_of(4) {
        return 1;
    }
    // A handler that ran while a bucket is locked would lock it again. Faults stay open: the look at
    // the word may have to say EFAULT.
    let mask = sys::set_kernel_mask(!NEVER);
    let answer = match call.operation {
        WAIT | WAIT_BITSET if !call.private && maps::is_shared(call.address) => NATIVE,
        WAIT | WAIT_BITSET => wait_foreign(runtime, &call, mask),
        WAKE => wake(runtime, &call, ANY, false),
        WAKE_BITSET if call.third != 0 => wake(runtime, &call, call.third, false),
        REQUEUE | CMP_REQUEUE => requeue(runtime, &call, false),
        WAKE_OP => wake_op(runtime, &call, false),
        _ => NATIVE,
    };
    sys::set_kernel_mask(mask);
    if answer == NATIVE {
        return 1;
    }
    frame.rax = answer as usize;
    0
}

fn wait_foreign(runtime: &Runtime, call: &Call, mask: u64) -> Answer {
    let bitset = call.operation == WAIT_BITSET;
    let bits = if bitset { call.third } else { ANY };
    if bits == 0 {
        return error(libc::EINVAL);
    }
    let waiter = Waiter::new(call.key(), bits, Who::Kernel);
    if let Err(errno) = runtime.futexes.enqueue(&waiter, &|| check(call)) {
        return error(errno);
    }
    sys::set_kernel_mask(mask);
    let word = waiter.word.as_ptr() as usize;
    let operation = call.operation | PRIVATE | if call.realtime { REALTIME } else { 0 };
    let args = [word, operation, 0, call.fourth, 0, ANY as usize];
    // SAFETY: our own word, the program's time-out.
    let slept = unsafe { kernel(libc::SYS_futex as usize, args) };
    sys::set_kernel_mask(!NEVER);
    if !runtime.futexes.cancel(&waiter) {
        // The waker may still be about to touch the word: wait until it has.
        while waiter.word.load(Ordering::Acquire) == 0 {
            lichen_runtime::arch::relax();
        }
        return 0;
    }
    if slept == 0 {
        error(libc::EAGAIN)
    } else {
        slept
    }
}

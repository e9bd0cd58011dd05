//! Clocks of processor time that belong to one thread: CLOCK_THREAD_CPUTIME_ID, and what `pthread_getcpuclockid` names. The
//! kernel counts for its own threads only; ours are counted by the scheduler at each switch
//! (`runtime::sched::Worker::charge`), but only from the first question on, since that costs a system call each time. What
//! was used before is charged to the thread that asks first, but for what the process used before it had threads.
//!
//! libc asks the vDSO, which makes the system call; both are rewritten at activation. After `seccomp` nothing is counted any
//! more, and the kernel thread's time is the answer, which is no less. Called by `dispatch`, and by `symbols` and `init`
//! about whether all this works here. Green side; never parks.
#![allow(unsafe_code)]

use super::kernel;
use super::thread::current;
use super::time::write_timespec;
use crate::call::{Answer, Frame, NATIVE};
use core::sync::atomic::{AtomicBool, Ordering};
use lichen_runtime::Runtime;
use lichen_runtime::green::GreenRef;

/// Every question for such a clock reaches us.
static OWN: AtomicBool = AtomicBool::new(false);

/// Activation.
pub fn set_own(own: bool) {
    OWN.store(own, Ordering::Relaxed);
}

/// Does every question for a thread's clock reach us? Any context.
pub fn are_own() -> bool {
    OWN.load(Ordering::Relaxed)
}

/// The thread of ours whose clock it is. A clock with a negative number is the complement of an id, shifted by three;
/// bit 2 says that it is one thread's, bits 0 and 1 which of three sorts (linux/posix-timers.h).
fn thread_of(runtime: &Runtime, clock: i32) -> Option<GreenRef> {
    const OF_THREAD: i32 = 4;
    const NO_SORT: i32 = 3;
    if clock == libc::CLOCK_THREAD_CPUTIME_ID {
        return runtime.worker.current.get();
    }
    if clock >= 0 || clock & OF_THREAD == 0 || clock & NO_SORT == NO_SORT {
        return None;
    }
    let tid = !(clock >> 3) as u32;
    match tid {
        0 => runtime.worker.current.get(),
        tid if tid == runtime.worker.tid.get() || tid >> 22 != 0 => runtime.table.find(tid),
        _ => None,
    }
}

/// The clock to tell the kernel: that of the kernel thread for that of any thread of ours.
pub fn for_kernel(runtime: &Runtime, clock: usize) -> usize {
    match thread_of(runtime, clock as i32) {
        Some(_) => libc::CLOCK_THREAD_CPUTIME_ID as usize,
        None => clock,
    }
}

/// The program's own call, of the kernel thread's clock.
fn of_kernel_thread(frame: &Frame) -> Answer {
    let clock = libc::CLOCK_THREAD_CPUTIME_ID as usize;
    // SAFETY: the program's own arguments but for the clock.
    unsafe { kernel(frame.number, [clock, frame.rsi, 0, 0, 0, 0]) }
}

/// `clock_gettime(2)`.
pub fn clock_gettime(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let Some(green) = thread_of(runtime, frame.rdi as i32) else {
        return NATIVE;
    };
    let worker = &runtime.worker;
    if runtime.helpers.are_barred() || !are_own() {
        worker.counts_cpu.set(false);
        return of_kernel_thread(frame);
    }
    worker.counts_cpu.set(true);
    worker.charge(current(runtime));
    match write_timespec(frame.rsi, green.cpu_ns.get()) {
        Ok(()) => 0,
        Err(answer) => answer,
    }
}

/// `clock_getres(2)`.
pub fn clock_getres(frame: &mut Frame, runtime: &Runtime) -> Answer {
    match thread_of(runtime, frame.rdi as i32) {
        Some(_) => of_kernel_thread(frame),
        None => NATIVE,
    }
}

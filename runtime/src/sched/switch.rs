//! Changing sides: the two switches between a green and the scheduler, in this order because the
//! doors ask GS who they are and libc asks FS:
//!
//! ```text
//! green side                                scheduler side
//!   to_scheduler(request)
//!     inside := 1; FS := scheduler's
//!     switch ═══════════════════════════════► resume returns
//!                                             keeps the green's context, serves the request
//!                                             ... picks a green
//!                                             FS := the green's; inside := 0
//!     returns why it was woken ◄═════════════ switch
//! ```
//! The vector registers of a green are dead here: its door saved what its function keeps.
#![allow(unsafe_code)]

use super::Runtime;
use crate::arch;
use crate::green::{GreenRef, State, Wait, Wake, context};
use crate::park::Request;
use core::sync::atomic::Ordering;

/// Runs `green` until it asks for something, then serves that. Scheduler side.
pub fn resume(runtime: &Runtime, green: GreenRef, serve: impl FnOnce(&mut Request<'_>)) {
    let worker = &runtime.worker;
    green.enter(
        State::Running,
        Wait::Nothing,
        0,
        runtime.carrier.now_ns.get(),
    );
    worker.current.set(Some(green));
    if green.pending.get() & !green.mask.get() != 0 {
        worker.attention.store(1, Ordering::Relaxed);
    }
    give_rights(runtime, green);
    // SAFETY: the context was suspended by `to_scheduler` or made by `spawn` and is used once;
    // FS goes with it.
    let (context, data) = unsafe {
        arch::wrfsbase(green.fs.get());
        worker.inside.store(0, Ordering::Relaxed);
        context::switch(green.context.get(), 0)
    };
    green.context.set(context);
    keep_rights(runtime, green);
    if worker.counts_cpu.get() {
        worker.charge(green);
    }
    // SAFETY: `to_scheduler` passes the address of a request that lives on the suspended stack.
    serve(unsafe { &mut *(data as *mut Request<'_>) });
}

/// Notes which rights to pages with protection keys the running thread has (pkeys(7)): each has its own, and in a signal
/// handler, where a slice ends, there are none but those to key 0.
#[inline(always)]
pub fn keep_rights(runtime: &Runtime, green: GreenRef) {
    if runtime.worker.has_rights.get() {
        // SAFETY: there are protection keys.
        let rights = unsafe { arch::rdpkru() };
        let usual = runtime.worker.usual_rights.get();
        green.set_own_rights((rights != usual).then_some(rights));
    }
}

/// The rights of a thread that is about to run. To read them costs nothing, to set them as much as a switch.
#[inline(always)]
fn give_rights(runtime: &Runtime, green: GreenRef) {
    if !runtime.worker.has_rights.get() {
        return;
    }
    let rights = green
        .own_rights()
        .unwrap_or(runtime.worker.usual_rights.get());
    // SAFETY: there are protection keys, and `keep_rights` noted these.
    unsafe {
        if rights != arch::rdpkru() {
            arch::wrpkru(rights);
        }
    }
}

/// Begins to load what the next green in line will touch first, while this one runs: with thousands
/// of connections none of it is in the cache. Its suspended context with the frames above it, the
/// head of its TCB and the words that libc's cancellation points look at, and the record behind it.
#[inline(always)]
pub fn fetch_ahead(next: Option<GreenRef>) {
    let Some(green) = next else { return };
    let (stack, tcb) = (green.context.get(), green.fs.get());
    for line in 0..FETCH_LINES {
        arch::prefetch(stack + line * 64);
    }
    arch::prefetch(tcb);
    arch::prefetch(tcb + TCB_CANCEL);
    if let Some(after) = green.next.get() {
        arch::prefetch(core::ptr::from_ref(after) as usize);
    }
}

/// Lines of a parked stack worth fetching: the switch's 64 bytes, our frames, the door's, libc's.
const FETCH_LINES: usize = 14;
/// Where glibc keeps `cancelhandling` and its neighbours in `struct pthread` (a hint, no more).
const TCB_CANCEL: usize = 0x300;

/// Leaves the running green for the scheduler, which serves `request`. Returns why it came back.
/// Green side; parks.
pub fn to_scheduler(runtime: &Runtime, request: &mut Request<'_>) -> Wake {
    let worker = &runtime.worker;
    let data = core::ptr::from_mut(request) as usize;
    // SAFETY: the scheduler is suspended in `resume` while a green runs; FS goes with it.
    let (scheduler, _) = unsafe {
        worker.inside.store(1, Ordering::Relaxed);
        arch::wrfsbase(worker.scheduler_fs.get());
        context::switch(worker.scheduler.get(), data)
    };
    worker.scheduler.set(scheduler);
    match worker.current.get() {
        Some(green) => green.wake.get(),
        None => crate::sys::die("a green woke up on a worker that runs none"),
    }
}

/// Where a fresh green begins.
pub extern "C" fn begin(transfer: ::context::Transfer) -> ! {
    let (scheduler, _) = context::unpack(transfer);
    let runtime = super::runtime();
    runtime.worker.scheduler.set(scheduler);
    match (runtime.worker.current.get(), runtime.hooks.get()) {
        // SAFETY: `spawn` stored the frame of this green.
        (Some(green), Some(hooks)) => unsafe { (hooks.start)(green.frame.get()) },
        _ => crate::sys::die("a thread began before activation"),
    }
}

/// Where the scheduler begins: on its own stack, resumed by the first green that parks.
extern "C" fn begin_scheduler(transfer: ::context::Transfer) -> ! {
    let (context, data) = context::unpack(transfer);
    let runtime = super::runtime();
    let mut slot: Option<Box<super::Scheduler>> = runtime.take_scheduler();
    let (Some(scheduler), Some(green)) = (slot.as_mut(), runtime.worker.current.get()) else {
        crate::sys::die("the scheduler began twice")
    };
    green.context.set(context);
    keep_rights(runtime, green);
    // SAFETY: as in `resume`.
    scheduler.serve(green, unsafe { &mut *(data as *mut Request<'_>) });
    scheduler.run()
}

/// Prepares the scheduler's context on a stack of its own, `len` bytes below `top`.
///
/// # Safety
/// The stack must live for ever; `fs` must be a TCB made for the scheduler alone.
pub unsafe fn prepare_scheduler(runtime: &Runtime, top: usize, len: usize, fs: usize) {
    // SAFETY: by the caller's contract.
    let context = unsafe { context::make(top, len, begin_scheduler) };
    runtime.worker.scheduler.set(context);
    runtime.worker.scheduler_fs.set(fs);
}

/// A clock through the vDSO, so without a system call. Scheduler side: libc may be used there.
pub fn clock_ns(clock: i32) -> u64 {
    let mut t = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `t` is ours.
    unsafe { libc::clock_gettime(clock, &raw mut t) };
    t.tv_sec as u64 * crate::sys::SECOND_NS + t.tv_nsec as u64
}

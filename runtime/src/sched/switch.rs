//! Changing sides: the switches between a green and the scheduler, in this order because the
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
//! and, for the waits that servers live on, from one green straight to the next in line ([`pass_on`]):
//!
//! ```text
//! a green                                   the next in line
//!   pass_on
//!     inside := 1; queued for what it waits for
//!     the next one is Running; FS := its; inside := 0
//!     switch ═══════════════════════════════► keeps the first one's context: that one is Parked
//!                                             returns why it was woken
//! ```
//! The vector registers of a green are dead here: its door saved what its function keeps.
#![allow(unsafe_code)]

use super::Runtime;
use crate::arch;
use crate::green::{Green, GreenRef, State, Wait, Wake, context};
use crate::park::Request;
use core::sync::atomic::Ordering;

/// Runs `green`, and whomever it passes its turn on to, until one asks for something; then serves that. Scheduler side.
pub fn resume(runtime: &Runtime, green: GreenRef, serve: impl FnOnce(GreenRef, &mut Request<'_>)) {
    let worker = &runtime.worker;
    take_over(runtime, green);
    // SAFETY: the context was suspended by `leave` or made by `spawn` and is used once; FS went with it.
    let (context, data) = unsafe { context::switch(green.context.get(), FROM_SCHEDULER) };
    let Some(green) = worker.current.get() else {
        crate::sys::die("the scheduler was resumed by nobody")
    };
    green.context.set(context);
    keep_rights(runtime, green);
    if worker.counts_cpu.get() {
        worker.charge(green);
    }
    // SAFETY: `to_scheduler` passes the address of a request that lives on the suspended stack.
    serve(green, unsafe { &mut *(data as *mut Request<'_>) });
}

/// What a context is resumed with by the scheduler; a green passes its own address.
const FROM_SCHEDULER: usize = 0;

/// Makes `green` the one that runs, but for the stack. The last thing before the switch to it.
#[inline(always)]
fn take_over(runtime: &Runtime, green: GreenRef) {
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
    // SAFETY: the FS base that belongs to the stack which is switched to next.
    unsafe { arch::wrfsbase(green.fs.get()) };
    worker.inside.store(0, Ordering::Relaxed);
}

/// Leaves the running green's stack for the suspended `context`, and comes back when somebody resumes it: why.
///
/// # Safety
/// `context` is suspended and used up by this; FS is its.
#[inline(always)]
unsafe fn leave(runtime: &Runtime, context: usize, data: usize) -> Wake {
    // SAFETY: by the caller's contract.
    let (left, by) = unsafe { context::switch(context, data) };
    arrive(runtime, left, by);
    match runtime.worker.current.get() {
        Some(green) => green.wake.get(),
        None => crate::sys::die("a green woke up on a worker that runs none"),
    }
}

/// Keeps the context of who resumed the running green. If that was a green, it is parked from now on: its stack is left.
#[inline(always)]
fn arrive(runtime: &Runtime, left: usize, by: usize) {
    if by == FROM_SCHEDULER {
        runtime.worker.scheduler.set(left);
    } else {
        // SAFETY: `pass_on` passes the record of the green that left; records are never unmapped.
        let green = unsafe { &*(by as *const Green) };
        green.context.set(left);
        green.state.set(State::Parked);
    }
}

/// Parks the running green for `wait` and runs the next in line, without the scheduler. `None`, and nothing was done, if
/// that has something to do for either of them or for others. `queue` puts the green where it will be woken from; it
/// runs as the scheduler side would run it, but with the green's FS: it must not call libc. Green side; parks.
#[inline(always)]
pub fn pass_on(
    runtime: &Runtime,
    green: GreenRef,
    wait: Wait,
    argument: u64,
    queue: impl FnOnce(),
) -> Option<Wake> {
    let (worker, carrier) = (&runtime.worker, &runtime.carrier);
    let next = carrier.ready.first()?;
    let signals = green.pending.get() & (!green.mask.get() | green.sigwait.get());
    let busy = carrier.is_over()
        || signals != 0
        || next.timer_position.get() != 0
        || next.wait.get() == Wait::Descriptors
        || worker.counts_cpu.get()
        || worker.unrouted.load(Ordering::Relaxed) != 0;
    if busy {
        return None;
    }
    worker.inside.store(1, Ordering::Relaxed);
    carrier.pop();
    fetch_ahead(next.next.get());
    green.enter(State::Running, wait, argument, carrier.now_ns.get());
    queue();
    keep_rights(runtime, green);
    take_over(runtime, next);
    let me = core::ptr::from_ref(green) as usize;
    // SAFETY: whoever is ready has a suspended context, which is used once; FS went with it.
    Some(unsafe { leave(runtime, next.context.get(), me) })
}

/// Notes which rights to pages with protection keys the running thread has (pkeys(7)): each has its own, and in a signal
/// handler, where a slice ends, there are none but those to key 0.
#[inline(always)]
pub fn keep_rights(runtime: &Runtime, green: GreenRef) {
    let worker = &runtime.worker;
    if worker.has_rights.get() {
        // SAFETY: there are protection keys.
        let rights = unsafe { arch::rdpkru() };
        worker.rights.set(rights);
        green.set_own_rights((rights != worker.usual_rights.get()).then_some(rights));
    }
}

/// The rights of a thread that is about to run. To set them costs as much as a switch; between two threads nobody changes
/// what `keep_rights` read.
#[inline(always)]
fn give_rights(runtime: &Runtime, green: GreenRef) {
    let worker = &runtime.worker;
    if !worker.has_rights.get() {
        return;
    }
    let rights = green.own_rights().unwrap_or(worker.usual_rights.get());
    if rights != worker.rights.get() {
        worker.rights.set(rights);
        // SAFETY: there are protection keys, and `keep_rights` noted these.
        unsafe { arch::wrpkru(rights) };
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
    // SAFETY: the scheduler is suspended in `resume` while greens run; FS goes with it.
    unsafe {
        worker.inside.store(1, Ordering::Relaxed);
        arch::wrfsbase(worker.scheduler_fs.get());
        leave(runtime, worker.scheduler.get(), data)
    }
}

/// Where a fresh green begins.
pub extern "C" fn begin(transfer: ::context::Transfer) -> ! {
    let (left, by) = context::unpack(transfer);
    let runtime = super::runtime();
    arrive(runtime, left, by);
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

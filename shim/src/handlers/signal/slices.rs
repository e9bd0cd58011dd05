//! Slices: a thread that computes for a while without a call that waits makes room for the others.
//!
//! A timer on the worker's own processor time sends it a signal every [`SLICE_NS`]; a worker that sleeps
//! gets none. If no thread has parked since the last one, the running thread has had its slice:
//!
//! ```text
//! program code ── signal ──► lichen_tick, on the worker's alternate stack: all registers are in the frame
//!                              the worker gets another alternate stack; this one is now the thread's
//!                              park: others run ═══════════► its turn again
//!                              takes a signal noted meanwhile (frames::enter)
//!              ◄── sigreturn ── gives the stack back
//! ```
//! In our own code nothing is interrupted: the thread rests at the exit edge of its door instead. A
//! vector state of any size is in the kernel's frame, and the program's stack is not touched.
//!
//! The same signal ends the call of a helper thread (`lichen_runtime::offload`). Nothing here may
//! allocate, but for a mapping, or take a lock.
#![allow(unsafe_code)]

use super::frames::{self, Context};
use super::notes::{self, Info};
use super::{actions, calls, delivery, masks};
use crate::abi::forbidden::forbids;
use crate::doors::x86_64::Place;
use crate::handlers::kernel;
use core::cell::Cell;
use core::sync::atomic::Ordering;
use lichen_runtime::green::Wait;
use lichen_runtime::green::masks::ALL;
use lichen_runtime::offload::POKE;
use lichen_runtime::park::{self, Deadline};
use lichen_runtime::sched::runtime;
use lichen_runtime::{Runtime, arch, sys};

/// Processor time between two looks. A thread is interrupted after one to two of them.
const SLICE_NS: i64 = 10_000_000;
/// Bytes of an alternate stack. Frames with AMX state take about 11 KiB.
const STACK: usize = 64 << 10;

struct Slices {
    /// The timer's id plus one; 0: none.
    timer: Cell<i32>,
    /// The parks counted when the timer fired last.
    parks: Cell<u64>,
    /// The running thread is to rest at the end of its call.
    due: Cell<bool>,
    /// Alternate stacks nobody uses, linked through their first words.
    free: Cell<usize>,
}

// SAFETY: touched by the one worker, and by its own signal handler.
unsafe impl Sync for Slices {}

static SLICES: Slices = Slices {
    timer: Cell::new(0),
    parks: Cell::new(0),
    due: Cell::new(false),
    free: Cell::new(0),
};

/// Activation: the signal is ours from here on.
pub fn set_up() {
    actions::install_own(POKE, lichen_tick as *const () as usize);
}

/// Begins to cut the calling worker's time into slices: at activation, in the child of a fork, after an
/// exec that failed. Without such a timer threads run until they wait.
pub fn start(runtime: &Runtime) {
    SLICES.timer.set(0);
    if !runtime.caps.get().slices
        || forbids(libc::SYS_timer_create)
        || forbids(libc::SYS_timer_settime)
    {
        return;
    }
    let event = [
        0,
        POKE as u64 | (libc::SIGEV_THREAD_ID as u64) << 32,
        u64::from(runtime.worker.tid.get()),
        0,
        0,
        0,
        0,
        0,
    ];
    let mut id = 0i32;
    let clock = libc::CLOCK_THREAD_CPUTIME_ID as usize;
    let args = [
        clock,
        event.as_ptr() as usize,
        &raw mut id as usize,
        0,
        0,
        0,
    ];
    // SAFETY: event and id are ours.
    if unsafe { kernel(libc::SYS_timer_create as usize, args) } != 0 {
        return;
    }
    SLICES.timer.set(id + 1);
    let every = [0, SLICE_NS, 0, SLICE_NS];
    let args = [id as usize, 0, every.as_ptr() as usize, 0, 0, 0];
    // SAFETY: the setting is ours.
    unsafe { kernel(libc::SYS_timer_settime as usize, args) };
}

/// Before an exec: the new program must not find our signal pending.
pub fn stop() {
    let id = SLICES.timer.replace(0);
    if id != 0 && !forbids(libc::SYS_timer_delete) {
        let args = [id as usize - 1, 0, 0, 0, 0, 0];
        // SAFETY: integers only.
        unsafe { kernel(libc::SYS_timer_delete as usize, args) };
    }
}

/// A fresh alternate stack, or one that is free; its address.
pub fn new_stack() -> Option<usize> {
    let free = SLICES.free.get();
    if free == 0 {
        return sys::map_anonymous(STACK).map(|stack| stack as usize);
    }
    // SAFETY: stacks in the list are ours and nobody's.
    SLICES.free.set(unsafe { *(free as *const usize) });
    Some(free)
}

/// The worker's signals arrive on this stack from now on. Not to be called on an alternate stack.
pub fn stand_on(stack: usize) {
    let setting = [stack, 0, STACK];
    let args = [setting.as_ptr() as usize, 0, 0, 0, 0, 0];
    // SAFETY: the stack is ours and never unmapped.
    unsafe { kernel(libc::SYS_sigaltstack as usize, args) };
    delivery::note_stack(setting);
}

/// At the exit edge: the slice ended while our code ran. Green side; may park.
pub fn rest_if_due(runtime: &Runtime) {
    if SLICES.due.replace(false) {
        rest(runtime);
    }
}

/// Lets everybody run who is ready or due by now. Green side; parks.
pub fn rest(runtime: &Runtime) {
    park::sleep(runtime, Wait::Turn, 0, Deadline::In(0));
}

/// The handler of [`POKE`], for helpers and for the worker's timer.
///
/// # Safety
/// Called by the kernel.
pub unsafe extern "C" fn lichen_tick(_: i32, _: *mut Info, context: *mut Context) {
    // SAFETY: the kernel passes its frame, which is ours to change.
    let context = unsafe { &mut *context };
    if arch::rdgsbase() == 0 {
        if let Some((rip, result)) = arch::interrupt_call(context.rip) {
            context.rip = rip;
            context.rax = result as usize;
        }
        return;
    }
    let runtime = runtime();
    let worker = &runtime.worker;
    let parks = worker.parks.get();
    let alone = runtime.table.header().is_none_or(|h| h.alive.get() <= 1);
    if alone || worker.inside.load(Ordering::Relaxed) != 0 || SLICES.parks.replace(parks) != parks {
        return;
    }
    match delivery::place_of(context.rip) {
        Place::Program => interrupt(runtime, context),
        place => {
            SLICES.due.set(true);
            worker.attention.store(1, Ordering::Relaxed);
            if let Place::ExitEdge(check) = place {
                context.rip = check;
            }
        }
    }
}

/// Takes the running thread off the worker in the midst of its computing, and brings it back.
fn interrupt(runtime: &Runtime, context: &mut Context) {
    let worker = &runtime.worker;
    let (Some(green), Some(other)) = (worker.current.get(), new_stack()) else {
        return;
    };
    let [own, ..] = delivery::stack();
    park::serve(runtime, &mut |_| {
        stand_on(other);
        sys::set_kernel_mask(worker.kernel_mask.get());
    });
    rest(runtime);
    sys::set_kernel_mask(ALL);
    // From here to the return no signal comes, so nobody takes the stack we stand on.
    // SAFETY: the lowest word of our alternate stack, far below the frames on it.
    unsafe { *(own as *mut usize) = SLICES.free.replace(own) };
    context.stack = delivery::stack();
    if let Some(note) = notes::take(green) {
        match actions::get(note.signal).handler {
            0 => _ = calls::native_default(runtime, note.signal),
            1 => {}
            _ => frames::enter(runtime, green, note.signal, &note.info, context),
        }
    }
    notes::update(green);
    if notes::any_for(green) {
        worker.attention.store(1, Ordering::Relaxed);
    }
    worker.kernel_mask.set(masks::wanted(runtime));
    context.mask = worker.kernel_mask.get();
}

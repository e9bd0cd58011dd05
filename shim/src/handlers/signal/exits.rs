//! On the way back to the program: noted signals are delivered.
//!
//! Three ways back, each entered from the doors: [`lichen_exit_slow`] at the exit edge, [`lichen_native_slow`]
//! before a call that runs natively, [`lichen_sigreturn`] behind a handler. At the first two the kernel is
//! asked to send the signal once more, to this kernel thread, at a place where the master handler
//! (`delivery`) knows the program's registers: so there is one way of building frames only, and the kernel
//! builds them. Behind a handler it is sent so that it comes with the return itself.
//!
//! Green side: may park, must not allocate.
#![allow(unsafe_code)]

use super::frames::{Context, set_mask_quietly};
use super::{actions, calls, delivery, masks, notes, sent, slices};
use crate::call::{self, Frame};
use crate::doors::rewrite::restart_address;
use core::cell::Cell;
use core::sync::atomic::Ordering;
use lichen_runtime::green::masks::{ALL, bit};
use lichen_runtime::mutants::{Mutant, mutant};
use lichen_runtime::sched::runtime;
use lichen_runtime::sys;

/// Handlers that followed upon each other without a step of the program between.
struct Chain {
    length: Cell<u32>,
}

/// After so many the other threads have their turn: a stream of signals must not keep them from running.
const LONGEST_CHAIN: u32 = 16;

// SAFETY: touched by the one worker only; a handler that comes between a look and a change costs a turn at most.
unsafe impl Sync for Chain {}

static CHAIN: Chain = Chain {
    length: Cell::new(0),
};

/// At the exit edge with attention: delivers a noted signal, if the running green has one open.
/// `kind` is that of the entry. Returns when there is none; otherwise the program goes on in its
/// handler.
#[unsafe(no_mangle)]
extern "C" fn lichen_exit_slow(frame: &mut Frame, kind: usize) {
    let runtime = runtime();
    runtime.worker.attention.store(0, Ordering::Relaxed);
    let Some(green) = runtime.worker.current.get() else {
        return;
    };
    slices::rest_if_due(runtime);
    if let Some(note) = notes::take(green) {
        let action = actions::get(note.signal);
        if action.handler > 1 {
            settle_result(frame, &action);
            return sent::raise(runtime, &note, frame, kind);
        }
        if action.handler == 0 {
            calls::native_default(runtime, note.signal);
        }
    }
    notes::update(green);
    if notes::any_for(green) {
        runtime.worker.attention.store(1, Ordering::Relaxed);
    }
    masks::push(runtime);
    masks::restore_saved(runtime, green);
    if call::is_restart(frame.rax as isize) {
        again(frame);
    }
}

/// The call begins again at its site.
fn again(frame: &mut Frame) {
    frame.rip = restart_address(frame.slot);
    frame.rax = frame.number;
}

/// signal(7): a call that was interrupted begins again behind a handler with SA_RESTART, or says
/// EINTR.
fn settle_result(frame: &mut Frame, action: &actions::Action) {
    match frame.rax as isize {
        call::RESTART
            if action.flags & libc::SA_RESTART as u64 != 0 || mutant(Mutant::AlwaysRestarted) =>
        {
            again(frame);
        }
        call::RESTART | call::RESTART_NO_HANDLER => frame.rax = call::error(libc::EINTR) as usize,
        _ => {}
    }
}

/// A call that is to run natively while a signal waits: the signal first, then the call again.
#[unsafe(no_mangle)]
extern "C" fn lichen_native_slow(frame: &mut Frame, kind: usize) {
    again(frame);
    let rax = frame.rax;
    lichen_exit_slow(frame, kind);
    frame.rax = rax;
}

/// Before the kernel's sigreturn: takes back the mask that the frame carries, and gives the kernel
/// the one it should have. All signals are blocked from here until the return.
#[unsafe(no_mangle)]
extern "C" fn lichen_sigreturn(context: &mut Context) {
    let runtime = runtime();
    if CHAIN.length.get() >= LONGEST_CHAIN {
        CHAIN.length.set(0);
        slices::rest(runtime);
    }
    sys::set_kernel_mask(ALL);
    context.stack = delivery::stack();
    let Some(green) = runtime.worker.current.get() else {
        return;
    };
    set_mask_quietly(runtime, green, context.mask & !super::UNBLOCKABLE);
    // What became open meanwhile arrives behind the return.
    let next = if sent::is_under_way() {
        None
    } else {
        notes::take(green)
    };
    CHAIN.length.set(if next.is_some() {
        CHAIN.length.get() + 1
    } else {
        0
    });
    context.mask = masks::wanted(runtime) & !next.map_or(0, |n| bit(n.signal));
    runtime.worker.kernel_mask.set(context.mask);
    if let Some(note) = next
        && !sent::send(runtime, green, &note)
    {
        notes::add(note);
        runtime.worker.attention.store(1, Ordering::Relaxed);
    }
}

//! The master handler: what is done with a signal, and when.
//!
//! The kernel enters [`lichen_master`] on the worker's alternate stack with all signals blocked.
//! Depending on where the program was interrupted it
//!
//! * enters the program's handler at once, if all registers are the program's and the running green
//!   has the signal open: see `frames`;
//! * repairs a fault of ours on the program's memory (EFAULT), or judges it: see `faults`;
//! * otherwise notes the signal; it is delivered at the exit edge of the door: see `exits`; or the
//!   scheduler hands it to another green.
#![allow(unsafe_code)]

use super::frames::{Context, enter, load_registers};
use super::notes::{self, Info, Note};
use super::{actions, faults, masks, overflow, sent, timers};
use crate::abi::user;
use crate::doors::x86_64::{self as asm, Place};
use crate::modules::Module;
use core::cell::Cell;
use core::sync::atomic::Ordering;
use lichen_runtime::green::masks::bit;
use lichen_runtime::green::{GreenRef, State};
use lichen_runtime::sched::runtime;
use lichen_runtime::sched::worker::INSIDE_LENT;
use lichen_runtime::{Runtime, arch, sys};

/// What the master handler must know and activation found out.
struct Known {
    text: Cell<(usize, usize)>,
    stack: Cell<[usize; 3]>,
}

// SAFETY: `text` is written at activation; `stack` then and by the one worker, which alone reads it.
unsafe impl Sync for Known {}

static KNOWN: Known = Known {
    text: Cell::new((0, 0)),
    stack: Cell::new([0, 2, 0]),
};

/// Notes where our own text lies.
pub fn note_own_text(modules: &[Module]) {
    let here = lichen_master as *const () as usize;
    if let Some(own) = modules.iter().find(|m| m.contains(here))
        && let Some((at, len)) = own
            .text_ranges()
            .find(|&(at, len)| (at..at + len).contains(&here))
    {
        KNOWN.text.set((at, at + len));
    }
}

/// Our own text: its address and its end.
pub fn own_text() -> (usize, usize) {
    KNOWN.text.get()
}

/// Notes the worker's alternate stack, as sigaltstack(2) wants it.
pub fn note_stack(setting: [usize; 3]) {
    KNOWN.stack.set(setting);
}

/// The worker's alternate stack, as sigaltstack(2) wants it.
pub fn stack() -> [usize; 3] {
    KNOWN.stack.get()
}

/// Where an instruction pointer stands with respect to our own code.
pub fn place_of(rip: usize) -> Place {
    let (from, to) = KNOWN.text.get();
    if (from..to).contains(&rip) {
        asm::place(rip)
    } else {
        Place::Program
    }
}

/// What stands in the kernel for every handler of the program.
///
/// # Safety
/// Called by the kernel.
pub unsafe extern "C" fn lichen_master(signal: i32, info: *mut Info, context: *mut Context) {
    // SAFETY: the kernel passes its frame, which is ours to change.
    let (info, context) = unsafe { (&mut *info, &mut *context) };
    let code = (info[1] & 0xffff_ffff) as u32 as i32;
    let fault = code > 0
        && matches!(
            signal,
            libc::SIGSEGV | libc::SIGBUS | libc::SIGFPE | libc::SIGILL | libc::SIGTRAP
        );
    if let Some(goes_on) = user::recovers(context.rip).filter(|_| fault) {
        context.rip = goes_on;
        return;
    }
    if arch::rdgsbase() == 0 {
        return foreign(signal, info, context);
    }
    let runtime = runtime();
    let worker = &runtime.worker;
    let place = place_of(context.rip);
    if fault {
        faults::name_guard(signal, info);
        if place == Place::Elsewhere {
            return faults::within(runtime, signal, info, context);
        }
    }
    let target = whose(runtime, signal, info);
    let inside = worker.inside.load(Ordering::Relaxed);
    if fault && inside == INSIDE_LENT {
        // The child of a vfork: it dies of it, as it would if it had a handler table of its own.
        return actions::to_default(signal);
    }
    if inside == INSIDE_LENT {
        // Ours are all blocked, so this is the child of a vfork: its handlers run in it, as natively.
        return foreign(signal, info, context);
    }
    if fault && inside != 0 {
        faults::die_of(signal, context);
    }
    let Some(green) = worker.current.get().filter(|_| inside == 0) else {
        return note(runtime, signal, target, info, context, true);
    };
    match place {
        Place::Raised => {
            // Another signal can come first here: the one that was sent is still pending behind it.
            let Some((raised, frame)) = sent::raised(signal) else {
                notes::add(Note {
                    signal,
                    target,
                    info: *info,
                });
                runtime.worker.attention.store(1, Ordering::Relaxed);
                return runtime.worker.unrouted.store(1, Ordering::Relaxed);
            };
            // SAFETY: `exit_slow` stored the frame it stands on.
            load_registers(context, unsafe { &*frame });
            // Not what the kernel says of it: a full queue loses that (RLIMIT_SIGPENDING).
            enter(runtime, green, raised.signal, &raised.info, context);
        }
        Place::Elsewhere => note(runtime, signal, target, info, context, false),
        Place::ExitEdge(check) => {
            note(runtime, signal, target, info, context, false);
            context.rip = check;
        }
        Place::Program if fault && green.mask.get() & bit(signal) != 0 => {
            // As the kernel does for a fault that is blocked: the default action.
            actions::to_default(signal);
        }
        Place::Program if fault && actions::get(signal).handler == 0 => {
            if overflow::happened(signal, info, context) {
                overflow::tell(green, info);
            }
            actions::to_default(signal);
        }
        Place::Program if fault || takes(runtime, green, signal, target) => {
            enter(runtime, green, signal, info, context);
        }
        Place::Program => note(runtime, signal, target, info, context, false),
    }
}

/// The thread a signal is for: tgkill(2) from outside names a real thread id, that of the first
/// thread; a timer's signal says which timer; that of a timer on processor time is for who spends it.
fn directed(runtime: &Runtime, signal: i32, info: &Info) -> Option<GreenRef> {
    const SI_TKILL: i32 = -6;
    const SI_KERNEL: i32 = 0x80;
    // SIGPIPE and SIGXFSZ that the kernel raises look as if the process had sent them to itself; they are for
    // the thread that made the call.
    const SI_USER: i32 = 0;
    let raised = matches!(signal, libc::SIGPIPE | libc::SIGXFSZ);
    match info[1] as u32 as i32 {
        SI_USER if raised && info[2] as u32 == sys::getpid() => runtime.worker.current.get(),
        SI_KERNEL if signal == libc::SIGPROF || signal == libc::SIGVTALRM => {
            // Also while it is just being taken off for the end of its slice; a thread that ended is none.
            let running = |green: &GreenRef| green.state.get() == State::Running;
            let current = runtime.worker.current.get().filter(running);
            current.filter(|green| green.mask.get() & bit(signal) == 0)
        }
        SI_TKILL => runtime.table.iter().find(|g| g.is_first.get()),
        timers::SI_TIMER => timers::target(runtime, info[2] as u32 as i32),
        _ => None,
    }
}

/// As [`directed`]; but a signal that was sent once more is for the thread that took it, if it still can.
fn whose(runtime: &Runtime, signal: i32, info: &Info) -> Option<GreenRef> {
    sent::arrived(signal, info).unwrap_or_else(|| directed(runtime, signal, info))
}

/// Does the running green take a process-directed signal now? The first thread comes first, if it
/// has the signal open (the kernel's `complete_signal`).
fn takes(runtime: &Runtime, green: GreenRef, signal: i32, target: Option<GreenRef>) -> bool {
    if green.mask.get() & bit(signal) != 0 {
        return false;
    }
    if let Some(target) = target {
        return core::ptr::eq(target, green);
    }
    if green.is_first.get() {
        return !notes::is_wanted(signal);
    }
    if notes::is_wanted(signal) {
        return false;
    }
    let first = runtime.table.iter().find(|g| g.is_first.get());
    first.is_none_or(|f| f.mask.get() & bit(signal) != 0)
}

/// Keeps a signal for later, and sees to it that later comes.
fn note(
    runtime: &Runtime,
    signal: i32,
    target: Option<GreenRef>,
    info: &Info,
    context: &mut Context,
    inside: bool,
) {
    notes::add(Note {
        signal,
        target,
        info: *info,
    });
    if notes::are_scarce() {
        context.mask |= masks::KEPT;
        runtime.worker.kernel_mask.set(context.mask);
    }
    runtime.worker.attention.store(1, Ordering::Relaxed);
    runtime.worker.unrouted.store(1, Ordering::Relaxed);
    if inside {
        runtime.ring();
    }
}

/// A kernel thread that is not ours: its handlers run as ever, on our frame, with the mask the
/// program asked for.
fn foreign(signal: i32, info: &mut Info, context: &mut Context) {
    let action = actions::get(signal);
    if action.handler <= 1 {
        actions::to_default(signal);
        return;
    }
    sys::set_kernel_mask(context.mask | action.mask | bit(signal));
    // SAFETY: the program's handler, called as the kernel would.
    unsafe {
        let handler: extern "C" fn(i32, *mut Info, *mut Context) =
            core::mem::transmute(action.handler);
        handler(signal, info, context);
    }
}

//! The master handler: what is done with a signal, and when.
//!
//! The kernel enters [`lichen_master`] on the worker's alternate stack with all signals blocked.
//! Depending on where the program was interrupted it
//!
//! * enters the program's handler at once, if all registers are the program's and the running green
//!   has the signal open: see `frames`;
//! * repairs a fault of ours on the program's memory (EFAULT);
//! * otherwise notes the signal; it is delivered at the exit edge of the door
//!   ([`lichen_exit_slow`]), or the scheduler hands it to another green.
//!
//! At the exit edge the kernel is asked to send the signal once more, to this kernel thread, at a
//! place where the master handler knows the program's registers: so there is one way of building
//! frames only, and the kernel builds them.
#![allow(unsafe_code)]

use super::frames::{Context, enter, load_registers, set_mask_quietly};
use super::notes::{self, Info, Note};
use super::{actions, masks, overflow, sent, slices, timers};
use crate::abi::user;
use crate::call::{self, Frame};
use crate::doors::rewrite::restart_address;
use crate::doors::x86_64::{self as asm, Place};
use crate::modules::Module;
use core::cell::Cell;
use core::sync::atomic::Ordering;
use lichen_runtime::green::masks::{ALL, bit};
use lichen_runtime::green::{GreenRef, State};
use lichen_runtime::mutants::{Mutant, mutant};
use lichen_runtime::sched::runtime;
use lichen_runtime::sched::worker::INSIDE_LENT;
use lichen_runtime::{Runtime, arch, sys};

/// What the master handler must know and activation found out.
struct Known {
    text: Cell<(usize, usize)>,
    stack: Cell<[usize; 3]>,
    /// Handlers that followed upon each other without a step of the program between.
    chain: Cell<u32>,
}

/// After so many the other threads have their turn: a stream of signals must not keep them from running.
const CHAIN: u32 = 16;

// SAFETY: written at activation; `raised` by the one worker.
unsafe impl Sync for Known {}

static KNOWN: Known = Known {
    text: Cell::new((0, 0)),
    stack: Cell::new([0, 2, 0]),
    chain: Cell::new(0),
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
        name_guard_fault(signal, info);
        if place == Place::Elsewhere {
            return within(runtime, signal, info, context);
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
        die_of_fault(signal, context);
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

/// A guard page inside a mapping faults as if nothing were mapped; natively a stack's guard is a
/// mapping without access.
fn name_guard_fault(signal: i32, info: &mut Info) {
    const SEGV_MAPERR: u64 = 1;
    const SEGV_ACCERR: u64 = 2;
    let [_, code, address, ..] = info;
    if signal == libc::SIGSEGV
        && *code & 0xffff_ffff == SEGV_MAPERR
        && crate::handlers::memory::is_slot(*address as usize)
    {
        *code = *code & !0xffff_ffff | SEGV_ACCERR;
    }
}

/// A fault in our own code. On the program's stack it may be that the stack is used up: then the program
/// dies of SIGSEGV, as it would have a few frames further on.
fn within(runtime: &Runtime, signal: i32, info: &Info, context: &Context) {
    let [_, _, address, ..] = *info;
    // On the way to the scheduler `inside` is set while the stack is still the thread's.
    let on_its_stack = runtime.worker.inside.load(Ordering::Relaxed) == 0
        || crate::handlers::memory::is_slot(address as usize);
    match runtime.worker.current.get() {
        Some(green) if on_its_stack && overflow::happened(signal, info, context) => {
            overflow::tell(green, info);
            actions::to_default(signal);
        }
        _ => die_of_fault(signal, context),
    }
}

fn die_of_fault(signal: i32, context: &Context) -> ! {
    use core::fmt::Write;
    let mut line = lichen_runtime::log::Line::new();
    let (from, _) = KNOWN.text.get();
    let _ = write!(
        line,
        "internal error: signal {signal} at text+{:#x}, address {:#x}",
        context.rip.wrapping_sub(from),
        context.cr2
    );
    line.send(2);
    sys::die("a fault in liblichen.so")
}

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
            super::calls::native_default(runtime, note.signal);
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
    if KNOWN.chain.get() >= CHAIN {
        KNOWN.chain.set(0);
        slices::rest(runtime);
    }
    sys::set_kernel_mask(ALL);
    context.stack = KNOWN.stack.get();
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
    KNOWN.chain.set(if next.is_some() {
        KNOWN.chain.get() + 1
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

//! Faults (SIGSEGV and the like) in our own code, and in a thread's guard page: used-up stacks are told from
//! errors of ours.
//!
//! Called by `delivery`, from the master handler, so nothing here may park, allocate, or take a lock.
//! `overflow` says what is known of a stack.

use super::frames::Context;
use super::notes::Info;
use super::{actions, delivery, overflow};
use crate::handlers::memory;
use core::sync::atomic::Ordering;
use lichen_runtime::{Runtime, sys};

/// A guard page inside a mapping faults as if nothing were mapped; natively a stack's guard is a
/// mapping without access.
pub fn name_guard(signal: i32, info: &mut Info) {
    const SEGV_MAPERR: u64 = 1;
    const SEGV_ACCERR: u64 = 2;
    let [_, code, address, ..] = info;
    if signal == libc::SIGSEGV
        && *code & 0xffff_ffff == SEGV_MAPERR
        && memory::is_slot(*address as usize)
    {
        *code = *code & !0xffff_ffff | SEGV_ACCERR;
    }
}

/// A fault in our own code. On the program's stack it may be that the stack is used up: then the program
/// dies of SIGSEGV, as it would have a few frames further on.
pub fn within(runtime: &Runtime, signal: i32, info: &Info, context: &Context) {
    let [_, _, address, ..] = *info;
    // On the way to the scheduler `inside` is set while the stack is still the thread's.
    let on_its_stack =
        runtime.worker.inside.load(Ordering::Relaxed) == 0 || memory::is_slot(address as usize);
    match runtime.worker.current.get() {
        Some(green) if on_its_stack && overflow::happened(signal, info, context) => {
            overflow::tell(green, info);
            actions::to_default(signal);
        }
        _ => die_of(signal, context),
    }
}

/// Last words: an instruction of ours faulted, and on nothing of the program's.
pub fn die_of(signal: i32, context: &Context) -> ! {
    use core::fmt::Write;
    let mut line = lichen_runtime::log::Line::new();
    let (from, _) = delivery::own_text();
    let _ = write!(
        line,
        "internal error: signal {signal} at text+{:#x}, address {:#x}",
        context.rip.wrapping_sub(from),
        context.cr2
    );
    line.send(2);
    sys::die("a fault in liblichen.so")
}

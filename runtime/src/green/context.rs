//! The stack switch: one safe-looking face on the `context` crate. Its callers are `sched::switch`
//! and [`crate::park::spawn`]; nobody else may switch stacks.
//!
//! `context` keeps the callee-saved registers, MXCSR and the x87 control word. Vector registers are
//! the doors' business: they save what the program's function may keep alive over a call.
#![allow(unsafe_code)]

use context::{Context, Transfer, stack::Stack};
use core::arch::asm;
use core::mem::transmute;

/// The entry of a fresh context: the suspended context that resumed it, and the data passed.
pub type Entry = extern "C" fn(Transfer) -> !;

/// Splits what an [`Entry`] received into (suspended context, data).
pub fn unpack(transfer: Transfer) -> (usize, usize) {
    // SAFETY: `Context` is one pointer (repr(C) around a reference).
    (
        unsafe { transmute::<Context, usize>(transfer.context) },
        transfer.data,
    )
}

unsafe extern "C" {
    /// Of the `context` crate: what `Context::resume` calls.
    fn jump_fcontext(to: usize, data: usize) -> Transfer;
}

/// Leaves the running stack for `to`. Returns (the context that came back, its data).
///
/// `jump_fcontext` returns by a jump, on another stack than it was called on. So it is not called here but jumped to:
/// a `call` would leave the processor's stack of return addresses one too high each time, and every return of the
/// frames above would be predicted wrongly, although they mostly are the same functions as on the stack that was left.
///
/// # Safety
/// `to` must be a suspended context, and it is used up by this call.
#[inline(always)]
pub unsafe fn switch(to: usize, data: usize) -> (usize, usize) {
    let (context, back);
    // SAFETY: by the caller's contract `to` came out of `make` or an earlier `switch`. The jump finds its return address on
    // the stack as after a call and takes it off; it keeps what a C function keeps, and returns two words in rax and rdx.
    unsafe {
        asm!(
            "lea rax, [rip + 2f]",
            "push rax",
            "jmp {jump}",
            "2:",
            jump = sym jump_fcontext,
            inout("rdi") to => _,
            inout("rsi") data => _,
            out("rax") context,
            out("rdx") back,
            clobber_abi("C"),
        );
    }
    (context, back)
}

/// A context that will run `entry` on the `len` bytes below `top`.
/// It inherits the caller's MXCSR and x87 control word, as a thread does from its maker.
///
/// # Safety
/// The memory must be writable and belong to nobody else for as long as the context lives.
pub unsafe fn make(top: usize, len: usize, entry: Entry) -> usize {
    // SAFETY: by the caller's contract; `Context::new` writes 64 bytes below `top`.
    unsafe {
        let stack = Stack::new(top as *mut _, (top - len) as *mut _);
        transmute::<Context, usize>(Context::new(&stack, entry))
    }
}

//! FS and GS bases, protection keys, and the raw `syscall` instruction of x86-64.
//!
//! Called from both sides. Nothing here allocates, parks or touches thread-local storage.
#![allow(unsafe_code)]

use core::arch::asm;

/// Sets the FS base: from here on `errno`, `__thread` and `pthread_self()` are another thread's.
///
/// # Safety
/// `base` must be the TCB that belongs to the stack in use, and the processor must have FSGSBASE.
#[inline(always)]
pub unsafe fn wrfsbase(base: usize) {
    // SAFETY: by the caller's contract; the instruction touches no memory.
    unsafe { asm!("wrfsbase {}", in(reg) base, options(nostack, preserves_flags)) }
}

/// The FS base of the calling kernel thread.
#[inline(always)]
pub fn rdfsbase() -> usize {
    let base;
    // SAFETY: reads a register; FSGSBASE was checked before activation.
    unsafe { asm!("rdfsbase {}", out(reg) base, options(nomem, nostack, preserves_flags)) }
    base
}

/// Sets the GS base, by which a kernel thread knows its [`crate::Worker`].
///
/// # Safety
/// `base` must be 0 or a live `Worker` that belongs to this kernel thread.
#[inline(always)]
pub unsafe fn wrgsbase(base: usize) {
    // SAFETY: by the caller's contract; the instruction touches no memory.
    unsafe { asm!("wrgsbase {}", in(reg) base, options(nostack, preserves_flags)) }
}

/// The GS base: the address of this kernel thread's worker, or 0 for a thread that is not ours.
#[inline(always)]
pub fn rdgsbase() -> usize {
    let base;
    // SAFETY: reads a register; FSGSBASE was checked before activation. Not `nomem`: it must be
    // read again after every switch.
    unsafe { asm!("rdgsbase {}", out(reg) base, options(nostack, preserves_flags)) }
    base
}

/// A system call straight to the kernel, past every door. Returns the value or `-errno`.
///
/// # Safety
/// As the system call itself: pointers among the arguments must be right for `nr`.
#[inline(always)]
pub unsafe fn syscall6(
    nr: usize,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> isize {
    let result: isize;
    // SAFETY: by the caller's contract; the kernel keeps every register but rax, rcx and r11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") nr as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// One turn of a spin loop.
#[inline(always)]
pub fn relax() {
    core::hint::spin_loop();
}

/// The time-stamp counter: only good for "has a while passed".
#[inline(always)]
pub fn cycles() -> u64 {
    // SAFETY: every x86-64 processor has it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

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

/// Do the processor and the kernel have protection keys (pkeys(7)), so that each thread has a register of its rights?
pub fn has_protection_keys() -> bool {
    // Leaf 7 is there on every processor with FSGSBASE. Bit 4: CR4.PKE is set.
    core::arch::x86_64::__cpuid_count(7, 0).ecx & 1 << 4 != 0
}

/// The calling kernel thread's rights to pages with protection keys.
///
/// # Safety
/// [`has_protection_keys`] must have said so.
#[inline(always)]
pub unsafe fn rdpkru() -> u32 {
    let rights;
    // SAFETY: by the caller's contract; reads a register. Not `nomem`: it changes with each switch.
    unsafe {
        asm!("rdpkru", in("ecx") 0, out("eax") rights, out("edx") _, options(nostack, preserves_flags))
    }
    rights
}

/// Sets them. Pages without a key of their own have key 0: all of our memory.
///
/// # Safety
/// [`has_protection_keys`] must have said so, and `rights` be such as the program had: with all rights to key 0.
#[inline(always)]
pub unsafe fn wrpkru(rights: u32) {
    // SAFETY: by the caller's contract.
    unsafe {
        asm!("wrpkru", in("eax") rights, in("ecx") 0, in("edx") 0, options(nostack, preserves_flags))
    }
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

/// Makes a kernel thread of ours that runs `entry(argument)` on the stack below `top`, with GS base
/// 0 and the caller's signal mask. It shares everything with the process. The kernel stores its id
/// at `tid` and clears it when the thread ends. Returns the id or `-errno`.
///
/// # Safety
/// The stack and `tid` must live as long as the thread; `entry` may use neither TLS nor libc.
pub unsafe fn spawn_kernel_thread(
    top: usize,
    entry: extern "C" fn(usize) -> !,
    argument: usize,
    tid: *mut u32,
) -> isize {
    let flags = libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD
        | libc::CLONE_SYSVSEM
        | libc::CLONE_PARENT_SETTID
        | libc::CLONE_CHILD_CLEARTID;
    let result: isize;
    // SAFETY: by the caller's contract. The child has a stack of its own and never comes back here;
    // r12 and r13 carry its entry and argument over the call.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "wrgsbase rax",
            "xor ebp, ebp",
            "mov rdi, r13",
            "call r12",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone as isize => result,
            in("rdi") flags as usize, in("rsi") top & !15, in("rdx") tid, in("r10") tid,
            in("r8") 0usize,
            in("r12") entry, in("r13") argument,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    result
}

unsafe extern "C" {
    /// The call `nr` with the six words at `arguments`, for a helper thread: a signal that finds it
    /// before the result is there can have it say EINTR instead ([`interrupt_call`]).
    ///
    /// # Safety
    /// As the system call itself.
    pub fn lichen_helper_call(nr: usize, arguments: *const usize) -> isize;
    static lichen_helper_entered: u8;
}

core::arch::global_asm!(
    ".pushsection .text.lichen_helper_call,\"ax\",@progbits",
    ".globl lichen_helper_call",
    ".hidden lichen_helper_call",
    ".type lichen_helper_call,@function",
    "lichen_helper_call:",
    ".cfi_startproc",
    "mov rax, rdi",
    "mov r11, rsi",
    "mov rdi, [r11]",
    "mov rsi, [r11 + 8]",
    "mov rdx, [r11 + 16]",
    "mov r10, [r11 + 24]",
    "mov r8, [r11 + 32]",
    "mov r9, [r11 + 40]",
    ".globl lichen_helper_entered",
    ".hidden lichen_helper_entered",
    "lichen_helper_entered:",
    "syscall",
    "ret",
    ".cfi_endproc",
    ".size lichen_helper_call, . - lichen_helper_call",
    ".popsection",
);

/// In a signal handler of a helper thread: where it was interrupted at `rip` on its way into its
/// call, or where the kernel sent it back to begin the call again, it leaves with EINTR instead.
/// Returns the place to go on and the result.
pub fn interrupt_call(rip: usize) -> Option<(usize, isize)> {
    let first = lichen_helper_call as *const () as usize;
    let entered = (&raw const lichen_helper_entered) as usize;
    let syscall_bytes = 2;
    (first..=entered)
        .contains(&rip)
        .then_some((entered + syscall_bytes, -(libc::EINTR as isize)))
}

/// Begins to load the cache line at `address`; any address will do.
#[inline(always)]
pub fn prefetch(address: usize) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch never faults.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address as *const i8) }
}

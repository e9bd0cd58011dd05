//! The only code that touches the program's memory. A fault in here is caught by our SIGSEGV handler
//! (`handlers::signal::delivery` asks [`recovers`]) and becomes EFAULT, as in the kernel.
//!
//! Green side and scheduler side; never parks, never allocates.
#![allow(unsafe_code)]

use core::arch::global_asm;

/// The program gave an address that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// Result in rax, whether it faulted in rdx.
#[repr(C)]
struct Outcome {
    value: usize,
    fault: usize,
}

unsafe extern "C" {
    fn lichen_user_read32(address: usize) -> Outcome;
    fn lichen_user_write32(address: usize, value: u32) -> Outcome;
    fn lichen_user_cas32(address: usize, old: u32, new: u32) -> Outcome;
    fn lichen_user_copy(to: usize, from: usize, len: usize) -> Outcome;
    static lichen_user_begin: u8;
    static lichen_user_fault: u8;
}

// Leaf functions without a frame, so that a fault anywhere can go on at `lichen_user_fault`.
global_asm!(
    ".pushsection .text.lichen_user,\"ax\",@progbits",
    ".globl lichen_user_begin",
    ".hidden lichen_user_begin",
    ".globl lichen_user_fault",
    ".hidden lichen_user_fault",
    ".macro LICHEN_USER name",
    ".globl \\name",
    ".hidden \\name",
    ".type \\name,@function",
    "\\name:",
    ".cfi_startproc",
    ".endm",
    "lichen_user_begin:",
    "LICHEN_USER lichen_user_read32",
    "  mov (%rdi), %eax",
    "  xor %edx, %edx",
    "  ret",
    "  .cfi_endproc",
    "LICHEN_USER lichen_user_write32",
    "  mov %esi, (%rdi)",
    "  xor %edx, %edx",
    "  ret",
    "  .cfi_endproc",
    "LICHEN_USER lichen_user_cas32",
    "  mov %esi, %eax",
    "  mov %edx, %ecx",
    "  lock cmpxchg %ecx, (%rdi)",
    "  mov $0, %edx",
    "  ret",
    "  .cfi_endproc",
    "LICHEN_USER lichen_user_copy",
    "  mov %rdx, %rcx",
    "  rep movsb",
    "  xor %edx, %edx",
    "  ret",
    "  .cfi_endproc",
    "  .cfi_startproc",
    "lichen_user_fault:",
    "  mov $1, %edx",
    "  ret",
    "  .cfi_endproc",
    ".popsection",
    options(att_syntax),
);

/// If `rip` lies in a recoverable access: where to go on.
pub fn recovers(rip: usize) -> Option<usize> {
    let begin = &raw const lichen_user_begin as usize;
    let fault = &raw const lichen_user_fault as usize;
    (begin..fault).contains(&rip).then_some(fault)
}

fn checked(outcome: Outcome) -> Result<usize, Fault> {
    if outcome.fault == 0 {
        Ok(outcome.value)
    } else {
        Err(Fault)
    }
}

/// Reads a 32-bit word.
///
/// # Errors
/// [`Fault`] if the address cannot be read.
#[inline(always)]
pub fn read_u32(address: usize) -> Result<u32, Fault> {
    // SAFETY: a fault is recovered.
    checked(unsafe { lichen_user_read32(address) }).map(|v| v as u32)
}

/// Writes a 32-bit word.
///
/// # Errors
/// [`Fault`] if the address cannot be written.
pub fn write_u32(address: usize, value: u32) -> Result<(), Fault> {
    // SAFETY: a fault is recovered; the program asked us to write there.
    checked(unsafe { lichen_user_write32(address, value) }).map(|_| ())
}

/// Atomically replaces `old` by `new`; returns what was there.
///
/// # Errors
/// [`Fault`] if the address cannot be written.
pub fn compare_exchange_u32(address: usize, old: u32, new: u32) -> Result<u32, Fault> {
    // SAFETY: a fault is recovered; the program asked us to write there.
    checked(unsafe { lichen_user_cas32(address, old, new) }).map(|v| v as u32)
}

/// Copies a structure in.
///
/// # Errors
/// [`Fault`] if it cannot be read in full.
pub fn read<T: Copy>(address: usize) -> Result<T, Fault> {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    let to = value.as_mut_ptr() as usize;
    // SAFETY: `value` has room; a fault on the program's side is recovered.
    checked(unsafe { lichen_user_copy(to, address, size_of::<T>()) })?;
    // SAFETY: all bytes were written; callers use plain integer structures of the kernel's ABI.
    Ok(unsafe { value.assume_init() })
}

/// Copies a structure out.
///
/// # Errors
/// [`Fault`] if it cannot be written in full.
pub fn write<T: Copy>(address: usize, value: &T) -> Result<(), Fault> {
    let from = core::ptr::from_ref(value) as usize;
    // SAFETY: `value` is readable; a fault on the program's side is recovered.
    checked(unsafe { lichen_user_copy(address, from, size_of::<T>()) }).map(|_| ())
}

/// Copies bytes within reach of the program, both sides recoverable.
///
/// # Errors
/// [`Fault`] if either range cannot be used.
pub fn copy(to: usize, from: usize, len: usize) -> Result<(), Fault> {
    // SAFETY: a fault is recovered; the caller made room at `to`.
    checked(unsafe { lichen_user_copy(to, from, len) }).map(|_| ())
}

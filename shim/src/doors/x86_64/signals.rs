//! Signals: the call that sends one to ourselves at the exit edge, and what signal handlers return to.
//!
//! Called by `handlers::signal::sent`; the kernel learns of the restorers in `actions`, a copied frame in `frames`.
#![allow(unsafe_code)]

use super::frame::door_asm;
use crate::call::Frame;

unsafe extern "C" {
    /// Makes the call `number` that brings a signal, with the vectors of `frame`, which an entry of
    /// this `kind` built; if the master handler takes it at `lichen_raised`, this does not return.
    pub fn lichen_raise(
        a: usize,
        b: usize,
        c: usize,
        d: usize,
        frame: *const Frame,
        kind: usize,
        number: usize,
    ) -> isize;
    /// What a signal handler of the program returns to.
    pub fn lichen_restorer();
    /// What our master handler returns to: rt_sigreturn, nothing else.
    pub fn lichen_plain_restorer();
}

door_asm!(
    worker {}
    ".pushsection lichen_doors,\"ax\",@progbits",
    ".globl lichen_raise",
    ".hidden lichen_raise",
    ".type lichen_raise,@function",
    "lichen_raise:",
    "  .cfi_startproc",
    "  mov %rcx, %r10",
    // The kernel copies the vectors as they are at the syscall, and our own code has used them since the frame
    // was built. The offsets from rsp become offsets from the frame.
    "  mov %rsp, %r11",
    "  .cfi_def_cfa_register 11",
    "  mov %r8, %rsp",
    "  cmp $LICHEN_KIND_xmm, %r9d",
    "  jb 2f",
    "  ja 1f",
    "  LICHEN_VECTORS xmm",
    "  jmp 2f",
    "1:",
    "  mov %rdx, %r8",
    "  LICHEN_VECTORS wide",
    "  mov %r8, %rdx",
    "2:",
    "  mov %r11, %rsp",
    "  .cfi_def_cfa_register 7",
    "  mov 8(%rsp), %rax",
    "  syscall",
    ".globl lichen_raised",
    ".hidden lichen_raised",
    "lichen_raised:",
    "  ret",
    "  .cfi_endproc",
    "  .size lichen_raise, . - lichen_raise",
    "",
    // rsp points to the ucontext of the frame. Unwinders look one byte before a return address,
    // so the unwind entry begins with a nop; it describes where sigreturn takes each register.
    "  .cfi_startproc",
    "  .cfi_signal_frame",
    "  .cfi_escape 0x0f, 0x04, 0x77, 0xa0, 0x01, 0x06", // CFA := saved rsp, at uc + 160
    "  .cfi_escape 0x10, 8, 2, 0x77, 40",
    "  .cfi_escape 0x10, 9, 2, 0x77, 48",
    "  .cfi_escape 0x10, 10, 2, 0x77, 56",
    "  .cfi_escape 0x10, 11, 3, 0x77, 0xc0, 0x00",
    "  .cfi_escape 0x10, 12, 3, 0x77, 0xc8, 0x00",
    "  .cfi_escape 0x10, 13, 3, 0x77, 0xd0, 0x00",
    "  .cfi_escape 0x10, 14, 3, 0x77, 0xd8, 0x00",
    "  .cfi_escape 0x10, 15, 3, 0x77, 0xe0, 0x00",
    "  .cfi_escape 0x10, 5, 3, 0x77, 0xe8, 0x00",
    "  .cfi_escape 0x10, 4, 3, 0x77, 0xf0, 0x00",
    "  .cfi_escape 0x10, 6, 3, 0x77, 0xf8, 0x00",
    "  .cfi_escape 0x10, 3, 3, 0x77, 0x80, 0x01",
    "  .cfi_escape 0x10, 1, 3, 0x77, 0x88, 0x01",
    "  .cfi_escape 0x10, 0, 3, 0x77, 0x90, 0x01",
    "  .cfi_escape 0x10, 2, 3, 0x77, 0x98, 0x01",
    "  .cfi_escape 0x10, 16, 3, 0x77, 0xa8, 0x01",
    "  nop",
    ".globl lichen_restorer",
    ".hidden lichen_restorer",
    ".type lichen_restorer,@function",
    "lichen_restorer:",
    "  mov %rsp, %rdi",
    "  call lichen_sigreturn",
    "  mov $15, %eax",
    "  syscall",
    "  ud2",
    "  .cfi_endproc",
    "  .size lichen_restorer, . - lichen_restorer",
    "",
    ".globl lichen_plain_restorer",
    ".hidden lichen_plain_restorer",
    ".type lichen_plain_restorer,@function",
    "lichen_plain_restorer:",
    "  mov $15, %eax",
    "  syscall",
    "  ud2",
    ".size lichen_plain_restorer, . - lichen_plain_restorer",
    ".popsection",
);

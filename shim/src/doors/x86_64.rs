//! The asm of the doors: slots, entries, exits, and the few calls that may not return normally.
//!
//! # The way of a call
//! ```text
//!  libc, rewritten                  slot of the site (64 bytes, in our text)
//!    mov $NR,%eax  ─┐                 0: the displaced instructions (mov $NR,%eax)
//!    syscall        │  is now         d: lea native(%rip),%r11      <- the site's restart address
//!                   └► jmp slot  ──►     jmp lichen_entry_*
//!                                    40: syscall                    <- native: straight to the kernel
//!                                        cmp $-4096,%rax
//!                                        jmp resume in libc
//!                                    55: d (one byte)
//!                                    56: address of resume in libc
//! ```
//! An entry knows the site by %r11 (the slot's native part). Like the `syscall` instruction it may
//! change only %rax, %rcx, %r11 and the flags. Every exit does the `cmp` that some windows displace.
//!
//! # The stack at a door
//! ```text
//!   program's rsp ──►  | the function's frame       |
//!                      | red zone, 128 bytes        |
//!                      | vectors (entry_xmm, _wide) |
//!         frame ────►  | Frame, 144 bytes           |   16-byte aligned (64 for entry_wide)
//!                      | dispatch, handler, park    |
//! ```
//! Three entries for three kinds of function around the site, told apart by the planner: no vector
//! register lives over the call; xmm registers may; wider ones may.
//!
//! # The exit edge
//! From `lichen_exit_*` to `lichen_commit_*` is restartable: a signal that arrives there is noted,
//! and the handler moves the instruction pointer back to the check. From the commit on, all
//! registers are the program's and a handler may run at once. The way to a native call has the same
//! edge, from `lichen_native_*` to `lichen_leave_*`: a signal noted behind the last look would wait as
//! long as the call does.
#![allow(unsafe_code)]

use crate::call::Frame;
use core::arch::global_asm;
use core::mem::{offset_of, size_of};
use lichen_runtime::Worker;

/// Slots there are. Of libc's and ld.so's 572 sites (glibc 2.36) about half are rewritten; the rest is for the program,
/// its libraries, and second copies of libc (dlmopen).
pub const SLOTS: usize = 2048;
/// Bytes of a slot.
pub const SLOT: usize = 64;
/// Offset of a slot's native part, to which %r11 points at an entry.
pub const SLOT_NATIVE: usize = 40;
/// Offset of the byte that holds the offset of the restart address.
pub const SLOT_RESTART: usize = 55;
/// Offset of the address in libc where the call resumes.
pub const SLOT_RESUME: usize = 56;

unsafe extern "C" {
    pub static lichen_slots: [u8; SLOTS * SLOT];
    pub fn lichen_entry_none();
    pub fn lichen_entry_xmm();
    pub fn lichen_entry_wide();
    static lichen_raised: u8;
    /// Enters the program at `frame` as a new thread.
    pub fn lichen_start(frame: usize) -> !;
    /// `clone`/`clone3` with a stack of the child's own, made natively with the registers of
    /// `frame`. The child goes to the program, with the mask and by the address that wait at the top
    /// of its stack; `lent`: it keeps our GS base (it only borrows the address space until exec), else
    /// its GS base is 0.
    pub fn lichen_clone(frame: *const Frame, lent: usize) -> isize;
    /// `vfork`: leaves for good; the parent comes back through `lichen_vfork_done`.
    pub fn lichen_vfork(frame: *const Frame, worker: *const Worker) -> !;
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

/// The symbols that bound the edges of one kind of entry.
macro_rules! edges {
    ($($exit:ident $commit:ident $end:ident)*) => {
        unsafe extern "C" {
            $(static $exit: u8; static $commit: u8; static $end: u8;)*
        }

        /// From where to where each edge may be begun again, and up to where it is behind that.
        fn edges() -> impl Iterator<Item = [usize; 3]> {
            let at = |p: *const u8| p as usize;
            [$([at(&raw const $exit), at(&raw const $commit), at(&raw const $end)]),*].into_iter()
        }
    };
}

edges! {
    lichen_exit_none lichen_commit_none lichen_end_none
    lichen_exit_xmm lichen_commit_xmm lichen_end_xmm
    lichen_exit_wide lichen_commit_wide lichen_end_wide
    lichen_native_none lichen_leave_none lichen_left_none
    lichen_native_xmm lichen_leave_xmm lichen_left_xmm
    lichen_native_wide lichen_leave_wide lichen_left_wide
}

/// Where the instruction pointer stands with respect to the doors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In a slot or behind a commit: all registers are the program's.
    Program,
    /// In an edge, which begins at this address.
    ExitEdge(usize),
    /// Right behind the system call of `lichen_raise`.
    Raised,
    /// Anywhere else.
    Elsewhere,
}

/// Judges an instruction pointer within our own text.
pub fn place(rip: usize) -> Place {
    let slots = (&raw const lichen_slots) as usize;
    if (slots..slots + SLOTS * SLOT).contains(&rip) {
        return Place::Program;
    }
    for [exit, commit, end] in edges() {
        if (exit..commit).contains(&rip) {
            return Place::ExitEdge(exit);
        }
        if (commit..end).contains(&rip) {
            return Place::Program;
        }
    }
    if rip == (&raw const lichen_raised) as usize {
        Place::Raised
    } else {
        Place::Elsewhere
    }
}

// Slots: int3 until written. Unwinding: a slot has no frame of its own (CFA = rsp, nothing saved),
// and its return address is the word at its end, found from the instruction pointer.
global_asm!(
    ".pushsection .text.lichen_slots,\"ax\",@progbits",
    ".p2align 12",
    ".globl lichen_slots", ".hidden lichen_slots", ".type lichen_slots,@function",
    "lichen_slots:",
    ".cfi_startproc",
    ".cfi_def_cfa 7, 0",
    // RA := *((rip & -64) + 56)
    ".cfi_escape 0x16, 0x10, 8, 0x80, 0x00, 0x09, 0xc0, 0x1a, 0x23, 56, 0x06",
    ".fill {bytes}, 1, 0xcc",
    ".cfi_endproc",
    ".size lichen_slots, . - lichen_slots",
    ".popsection",
    options(att_syntax),
    bytes = const SLOTS * SLOT,
);

// The frame's registers, by name, for the asm below.
macro_rules! with_offsets {
    ($($line:expr),* $(,)?) => {
        global_asm!(
            $($line,)*
            options(att_syntax),
            RAX = const offset_of!(Frame, rax), NR = const offset_of!(Frame, number),
            RDI = const offset_of!(Frame, rdi), RSI = const offset_of!(Frame, rsi),
            RDX = const offset_of!(Frame, rdx), R10 = const offset_of!(Frame, r10),
            R8 = const offset_of!(Frame, r8), R9 = const offset_of!(Frame, r9),
            RBX = const offset_of!(Frame, rbx), RBP = const offset_of!(Frame, rbp),
            R12 = const offset_of!(Frame, r12), R13 = const offset_of!(Frame, r13),
            R14 = const offset_of!(Frame, r14), R15 = const offset_of!(Frame, r15),
            RSP = const offset_of!(Frame, rsp), RIP = const offset_of!(Frame, rip),
            SLOT_AT = const offset_of!(Frame, slot),
            SIZE = const size_of::<Frame>(),
            INSIDE = const offset_of!(Worker, inside),
            ATTENTION = const offset_of!(Worker, attention),
            SCRATCH = const offset_of!(Worker, scratch),
            RESUME = const SLOT_RESUME - SLOT_NATIVE,
        );
    };
}

with_offsets!(
    // Loads all of the program's registers but rax, rcx, r11 and rsp from the frame at rsp.
    ".macro LICHEN_LOAD base",
    "  mov {RDI}(\\base), %rdi",
    "  mov {RSI}(\\base), %rsi",
    "  mov {RDX}(\\base), %rdx",
    "  mov {R10}(\\base), %r10",
    "  mov {R8}(\\base), %r8",
    "  mov {R9}(\\base), %r9",
    "  mov {RBX}(\\base), %rbx",
    "  mov {RBP}(\\base), %rbp",
    "  mov {R12}(\\base), %r12",
    "  mov {R13}(\\base), %r13",
    "  mov {R14}(\\base), %r14",
    "  mov {R15}(\\base), %r15",
    ".endm",
    // Builds a frame: `room` bytes of vectors above it, `align` the alignment of rsp.
    // In: rax = number, r11 = the slot's native part, rsp = the program's. Changes rcx.
    ".macro LICHEN_FRAME room, align",
    "  mov %rsp, %rcx",
    "  lea -(128 + {SIZE} + \\room)(%rsp), %rsp",
    "  and $-\\align, %rsp",
    "  mov %rcx, {RSP}(%rsp)",
    "  .cfi_escape 0x0f, 0x04, 0x77, 0xf0, 0x00, 0x06", // CFA := *(rsp + 112)
    "  mov %r11, {SLOT_AT}(%rsp)",
    "  mov {RESUME}(%r11), %rcx",
    "  mov %rcx, {RIP}(%rsp)",
    "  .cfi_escape 0x10, 0x10, 0x03, 0x77, 0xf8, 0x00", // RA at rsp + 120
    "  mov %rax, {RAX}(%rsp)",
    "  mov %rax, {NR}(%rsp)",
    "  mov %rdi, {RDI}(%rsp)",
    "  mov %rsi, {RSI}(%rsp)",
    "  mov %rdx, {RDX}(%rsp)",
    "  mov %r10, {R10}(%rsp)",
    "  mov %r8, {R8}(%rsp)",
    "  mov %r9, {R9}(%rsp)",
    "  mov %rbx, {RBX}(%rsp)",
    "  mov %rbp, {RBP}(%rsp)",
    "  mov %r12, {R12}(%rsp)",
    "  mov %r13, {R13}(%rsp)",
    "  mov %r14, {R14}(%rsp)",
    "  mov %r15, {R15}(%rsp)",
    ".endm",
    ".macro LICHEN_XMM op, from, to",
    "  .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
    "  .ifc \\op,save",
    "  movaps %xmm\\n, {SIZE} + 16*\\n(%rsp)",
    "  .else",
    "  movaps {SIZE} + 16*\\n(%rsp), %xmm\\n",
    "  .endif",
    "  .endr",
    ".endm",
    // Loads the vectors that an entry of this kind saved; rsp is the frame. Changes rax and rdx.
    ".macro LICHEN_VECTORS kind",
    "  .ifc \\kind,xmm",
    "  LICHEN_XMM load",
    "  .endif",
    "  .ifc \\kind,wide",
    "  mov $0xe7, %eax",
    "  xor %edx, %edx",
    "  xrstor64 192(%rsp)",
    "  .endif",
    ".endm",
    ".set LICHEN_KIND_none, 0",
    ".set LICHEN_KIND_xmm, 1",
    ".set LICHEN_KIND_wide, 2",
    ".macro LICHEN_ENTRY kind, room, align",
    ".pushsection lichen_doors,\"ax\",@progbits",
    ".p2align 6",
    ".globl lichen_entry_\\kind",
    ".hidden lichen_entry_\\kind",
    ".type lichen_entry_\\kind,@function",
    "lichen_entry_\\kind:",
    "  .cfi_startproc",
    "  .cfi_def_cfa 7, 0",
    "  .cfi_escape 0x10, 0x10, 0x02, 0x7b, {RESUME}", // RA at r11 + RESUME
    "  rdgsbase %rcx",
    "  test %rcx, %rcx",
    "  jz 7f",
    "  cmpl $0, {INSIDE}(%rcx)",
    "  jne 8f",
    "  LICHEN_FRAME \\room, \\align",
    "  .ifc \\kind,xmm",
    "  LICHEN_XMM save",
    "  .endif",
    "  .ifc \\kind,wide",
    // x87, SSE, AVX and AVX-512 state (0xe7); AMX tiles and PKRU are not a function's to keep.
    // The header of the area must be zero first.
    "  xor %ecx, %ecx",
    "  .irp at,512,520,528,536,544,552,560,568",
    "  mov %rcx, 192+\\at(%rsp)",
    "  .endr",
    "  mov $0xe7, %eax",
    "  xor %edx, %edx",
    "  xsavec64 192(%rsp)",
    "  .endif",
    "  mov %rsp, %rdi",
    "  call lichen_dispatch",
    "  test %eax, %eax",
    "  jnz 6f",
    ".globl lichen_exit_\\kind",
    ".hidden lichen_exit_\\kind",
    "lichen_exit_\\kind:",
    "  cmpl $0, %gs:{ATTENTION}",
    "  jne 5f",
    "  LICHEN_VECTORS \\kind",
    "  mov {RAX}(%rsp), %rax",
    "  LICHEN_LOAD %rsp",
    "  mov {RIP}(%rsp), %rcx",
    "  .cfi_remember_state",
    "  mov {RSP}(%rsp), %rsp",
    ".globl lichen_commit_\\kind",
    ".hidden lichen_commit_\\kind",
    "lichen_commit_\\kind:",
    "  .cfi_def_cfa 7, 0",
    "  .cfi_register 16, 2",
    "  cmp $-4096, %rax",
    "  jmp *%rcx",
    ".globl lichen_end_\\kind",
    ".hidden lichen_end_\\kind",
    "lichen_end_\\kind:",
    "  .cfi_restore_state",
    // A signal may have to be delivered first.
    "5:",
    "  mov %rsp, %rdi",
    "  mov $LICHEN_KIND_\\kind, %esi",
    "  call lichen_exit_slow",
    "  jmp lichen_exit_\\kind",
    // Native after all: run the site's own syscall instruction. Signals noted so far come first:
    // the call begins again behind them.
    ".globl lichen_native_\\kind",
    ".hidden lichen_native_\\kind",
    "lichen_native_\\kind:",
    "6:",
    "  cmpl $0, %gs:{ATTENTION}",
    "  jne 4f",
    "  LICHEN_VECTORS \\kind",
    "  mov {NR}(%rsp), %rax",
    "  LICHEN_LOAD %rsp",
    "  mov {SLOT_AT}(%rsp), %r11",
    "  .cfi_remember_state",
    "  mov {RSP}(%rsp), %rsp",
    ".globl lichen_leave_\\kind",
    ".hidden lichen_leave_\\kind",
    "lichen_leave_\\kind:",
    "  .cfi_def_cfa 7, 0",
    "  .cfi_escape 0x10, 0x10, 0x02, 0x7b, {RESUME}",
    "  jmp *%r11",
    ".globl lichen_left_\\kind",
    ".hidden lichen_left_\\kind",
    "lichen_left_\\kind:",
    "  .cfi_restore_state",
    "4:",
    "  mov %rsp, %rdi",
    "  mov $LICHEN_KIND_\\kind, %esi",
    "  call lichen_native_slow",
    "  jmp lichen_exit_\\kind",
    // A kernel thread that is not ours: native, but a futex may be shared with greens.
    "7:",
    "  .cfi_def_cfa 7, 0",
    "  .cfi_escape 0x10, 0x10, 0x02, 0x7b, {RESUME}",
    "  cmp $202, %eax",
    "  jne 8f",
    "  LICHEN_FRAME 256, 16",
    "  LICHEN_XMM save",
    "  mov %rsp, %rdi",
    "  call lichen_dispatch_foreign",
    "  LICHEN_XMM load",
    "  test %eax, %eax",
    "  jnz 3f",
    "  mov {RAX}(%rsp), %rax",
    "  LICHEN_LOAD %rsp",
    "  mov {RIP}(%rsp), %rcx",
    "  .cfi_remember_state",
    "  mov {RSP}(%rsp), %rsp",
    "  .cfi_def_cfa 7, 0",
    "  .cfi_register 16, 2",
    "  cmp $-4096, %rax",
    "  jmp *%rcx",
    "  .cfi_restore_state",
    "3:",
    "  mov {NR}(%rsp), %rax",
    "  LICHEN_LOAD %rsp",
    "  mov {SLOT_AT}(%rsp), %r11",
    "  mov {RSP}(%rsp), %rsp",
    "  .cfi_def_cfa 7, 0",
    "  .cfi_escape 0x10, 0x10, 0x02, 0x7b, {RESUME}",
    "8:",
    "  jmp *%r11",
    "  .cfi_endproc",
    "  .size lichen_entry_\\kind, . - lichen_entry_\\kind",
    ".popsection",
    ".endm",
    "LICHEN_ENTRY none, 0, 16",
    "LICHEN_ENTRY xmm, 256, 16",
    // 48 bytes bring the area to an offset of 192; 2,752 bytes hold the state up to AVX-512.
    "LICHEN_ENTRY wide, 2816, 64",
    "",
    ".pushsection lichen_doors,\"ax\",@progbits",
    ".globl lichen_start",
    ".hidden lichen_start",
    ".type lichen_start,@function",
    "lichen_start:",
    "  .cfi_startproc",
    "  .cfi_undefined 16",
    "  mov %rdi, %rsp",
    "  jmp lichen_exit_none",
    "  .cfi_endproc",
    "  .size lichen_start, . - lichen_start",
    "",
    ".globl lichen_clone",
    ".hidden lichen_clone",
    ".type lichen_clone,@function",
    "lichen_clone:",
    "  .cfi_startproc",
    "  push %rbx",
    "  .cfi_adjust_cfa_offset 8",
    "  push %rbp",
    "  .cfi_adjust_cfa_offset 8",
    "  push %r12",
    "  .cfi_adjust_cfa_offset 8",
    "  push %r13",
    "  .cfi_adjust_cfa_offset 8",
    "  push %r14",
    "  .cfi_adjust_cfa_offset 8",
    "  push %r15",
    "  .cfi_adjust_cfa_offset 8",
    "  push %rsi",
    "  .cfi_adjust_cfa_offset 8",
    "  mov %rdi, %rcx",
    "  mov {NR}(%rcx), %rax",
    "  test %rsi, %rsi",
    "  jnz 2f",
    "  LICHEN_LOAD %rcx",
    "  syscall",
    "  test %rax, %rax",
    "  jnz 3f",
    "lichen_clone_child:",
    "  wrgsbase %rax",
    "  jmp 4f",
    "2:",
    "  LICHEN_LOAD %rcx",
    "  syscall",
    "  test %rax, %rax",
    "  jnz 3f",
    "lichen_clone_lent:",
    // The child opens its signals, which were shut for the clone. At the top of its stack: the mask, the way back.
    "4:",
    "  push %rdi",
    "  push %rsi",
    "  push %rdx",
    "  push %r10",
    "  mov $14, %eax",
    "  mov $2, %edi",
    "  lea 32(%rsp), %rsi",
    "  xor %edx, %edx",
    "  mov $8, %r10d",
    "  syscall",
    "  pop %r10",
    "  pop %rdx",
    "  pop %rsi",
    "  pop %rdi",
    "  xor %eax, %eax",
    "  pop %rcx",
    "  pop %rcx",
    "  jmp *%rcx",
    "lichen_clone_parent:",
    "3:",
    "  pop %rsi",
    "  .cfi_adjust_cfa_offset -8",
    "  pop %r15",
    "  .cfi_adjust_cfa_offset -8",
    "  pop %r14",
    "  .cfi_adjust_cfa_offset -8",
    "  pop %r13",
    "  .cfi_adjust_cfa_offset -8",
    "  pop %r12",
    "  .cfi_adjust_cfa_offset -8",
    "  pop %rbp",
    "  .cfi_adjust_cfa_offset -8",
    "  pop %rbx",
    "  .cfi_adjust_cfa_offset -8",
    "  ret",
    "  .cfi_endproc",
    "  .size lichen_clone, . - lichen_clone",
    "",
    // vfork: parent and child run on one stack, so nothing may be kept on it. The registers wait in
    // the worker's scratch words: 0 rip, 1 slot, 2 mask of the child, 3.. rdi rsi rdx r10 r8 r9.
    ".globl lichen_vfork",
    ".hidden lichen_vfork",
    ".type lichen_vfork,@function",
    "lichen_vfork:",
    "  .cfi_startproc",
    "  .cfi_undefined 16",
    "  mov {RIP}(%rdi), %rax",
    "  mov %rax, {SCRATCH}(%rsi)",
    "  mov {SLOT_AT}(%rdi), %rax",
    "  mov %rax, {SCRATCH}+8(%rsi)",
    "  mov {RDI}(%rdi), %rax",
    "  mov %rax, {SCRATCH}+24(%rsi)",
    "  mov {RSI}(%rdi), %rax",
    "  mov %rax, {SCRATCH}+32(%rsi)",
    "  mov {RDX}(%rdi), %rax",
    "  mov %rax, {SCRATCH}+40(%rsi)",
    "  mov {R10}(%rdi), %rax",
    "  mov %rax, {SCRATCH}+48(%rsi)",
    "  mov %rdi, %rcx",
    "  LICHEN_LOAD %rcx",
    "  mov {RSP}(%rcx), %rsp",
    "  mov $58, %eax",
    "  syscall",
    "  test %rax, %rax",
    "  jnz 2f",
    "lichen_vfork_child:",
    "  mov $14, %eax", // the child's signals are open again, as its thread's were
    "  mov $2, %edi",
    "  rdgsbase %rsi",
    "  lea {SCRATCH}+16(%rsi), %rsi",
    "  xor %edx, %edx",
    "  mov $8, %r10d",
    "  syscall",
    "  mov %gs:{SCRATCH}+24, %rdi",
    "  mov %gs:{SCRATCH}+32, %rsi",
    "  mov %gs:{SCRATCH}+40, %rdx",
    "  mov %gs:{SCRATCH}+48, %r10",
    "  xor %eax, %eax",
    "  jmp *%gs:{SCRATCH}",
    "lichen_vfork_parent:",
    "2:",
    "  mov %gs:{SCRATCH}+8, %r11",
    "  LICHEN_FRAME 0, 16",
    "  mov %rsp, %rdi",
    "  call lichen_vfork_done",
    "  jmp lichen_exit_none",
    "  .cfi_endproc",
    "  .size lichen_vfork, . - lichen_vfork",
    "",
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

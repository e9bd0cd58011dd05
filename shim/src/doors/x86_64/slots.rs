//! The slots: 64 bytes of our text for each rewritten site, empty until `doors::rewrite` fills them. The picture of a
//! slot is in `doors::x86_64`; here are its measures, and the asm that reserves the room.
#![allow(unsafe_code)]

use core::arch::global_asm;

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

//! The unwinder that Rust's standard library refers to, answering "nothing to unwind".
//!
//! We never unwind: a panic of ours aborts. Without these the library would need libgcc_s.so.1, and
//! every preloaded process would pay for loading it. Hidden, so the program's own unwinder is not
//! touched.
#![allow(unsafe_code)]

use core::arch::global_asm;

global_asm!(
    ".pushsection .text.lichen_unwind,\"ax\",@progbits",
    ".irp name,_Unwind_Backtrace,_Unwind_GetDataRelBase,_Unwind_GetIP,_Unwind_GetIPInfo,\
_Unwind_GetLanguageSpecificData,_Unwind_GetRegionStart,_Unwind_GetTextRelBase,_Unwind_Resume,\
_Unwind_SetGR,_Unwind_SetIP,_Unwind_GetCFA,_Unwind_RaiseException,_Unwind_DeleteException",
    ".globl \\name",
    ".hidden \\name",
    ".type \\name,@function",
    "\\name:",
    ".endr",
    "  .cfi_startproc",
    "  mov $5, %eax", // _URC_END_OF_STACK
    "  ret",
    "  .cfi_endproc",
    ".popsection",
    options(att_syntax),
);

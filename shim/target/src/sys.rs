//! The four system calls that looking at a file takes, made directly.
//!
//! Called by `file`. No libc, whose system calls the shim rewrites, and no crate for it: the usual ones
//! check descriptors with assertions, and code that runs between a program's call and the kernel must
//! have no panic in it at all.
#![allow(unsafe_code)]

use core::arch::asm;
use core::ffi::CStr;

const CLOSE: usize = 3;
const PREAD64: usize = 17;
const OPENAT: usize = 257;
const NEWFSTATAT: usize = 262;
/// Bytes of the kernel's `struct stat` on x86-64, and where `st_mode` lies in it.
const STAT_LEN: usize = 144;
const STAT_MODE: usize = 24;

/// An error number of the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    pub const NOENT: Self = Self(2);
    pub const NOEXEC: Self = Self(8);
    pub const ACCESS: Self = Self(13);
    pub const LOOP: Self = Self(40);
}

/// Makes one call with up to four arguments.
///
/// # Safety
/// Pointers among the arguments must be valid for what the call reads and writes.
unsafe fn call(number: usize, a: usize, b: usize, c: usize, d: usize) -> Result<usize, Errno> {
    let result: isize;
    // SAFETY: the x86-64 system-call convention (syscall(2)): rcx and r11 are lost, memory may change,
    // the stack is not touched; the pointers are the caller's promise.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    if (-4095..0).contains(&result) {
        Err(Errno(result.unsigned_abs() as i32))
    } else {
        Ok(result.unsigned_abs())
    }
}

/// openat(2); the descriptor.
pub(crate) fn openat(dir: i32, path: &CStr, flags: u32) -> Result<i32, Errno> {
    // SAFETY: `path` is a C string that outlives the call.
    let fd = unsafe {
        call(
            OPENAT,
            dir as usize,
            path.as_ptr().expose_provenance(),
            flags as usize,
            0,
        )
    };
    fd.map(|fd| fd as i32)
}

/// newfstatat(2), following links; the mode.
pub(crate) fn mode_at(dir: i32, path: &CStr) -> Result<u32, Errno> {
    let mut stat = [0_u8; STAT_LEN];
    let out = stat.as_mut_ptr().expose_provenance();
    // SAFETY: `path` is a C string; `stat` has the size of the structure.
    unsafe {
        call(
            NEWFSTATAT,
            dir as usize,
            path.as_ptr().expose_provenance(),
            out,
            0,
        )?
    };
    crate::bytes::u32_at(&stat, STAT_MODE).ok_or(Errno::ACCESS)
}

/// pread(2); the number of bytes read.
pub(crate) fn pread(fd: i32, bytes: &mut [u8], offset: u64) -> Result<usize, Errno> {
    let out = bytes.as_mut_ptr().expose_provenance();
    // SAFETY: `bytes` is writable for its length.
    unsafe { call(PREAD64, fd as usize, out, bytes.len(), offset as usize) }
}

/// close(2).
pub(crate) fn close(fd: i32) {
    // SAFETY: no pointers. An error leaves nothing to be done.
    let _ = unsafe { call(CLOSE, fd as usize, 0, 0, 0) };
}

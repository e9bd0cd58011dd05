//! A file read by raw system calls, and what stands in for it in tests.
//!
//! Called by `lib` and `elf`; calls `sys`. Must never call libc nor leave a descriptor behind.

use core::ffi::CStr;

use crate::{Errno, SCRATCH_LEN, Scratch, sys};

/// The directory descriptor that means the current directory.
pub const AT_FDCWD: i32 = -100;

const O_RDONLY_NOCTTY_NONBLOCK_CLOEXEC: u32 = 0o400 | 0o4000 | 0o2_000_000;
const S_IFMT: u32 = 0o170_000;
const S_IFREG: u32 = 0o100_000;

/// Something with bytes at offsets.
pub trait ReadAt {
    /// Fills `scratch` from `offset`; returns the bytes that are there (fewer at the end of the file, none
    /// after an error). The rest of `scratch` is zeroed.
    fn read_at<'a>(&self, offset: u64, scratch: &'a mut Scratch) -> &'a [u8];
}

/// A regular file, open for reading.
pub struct File(i32);

impl File {
    /// Opens `path`, relative to `dir` unless it is absolute; EACCES if it is no regular file, which
    /// execve(2) would refuse too. Looking first keeps FIFOs and devices, whose opening has effects,
    /// untouched.
    pub fn open(dir: i32, path: &CStr) -> Result<Self, Errno> {
        if sys::mode_at(dir, path)? & S_IFMT != S_IFREG {
            return Err(Errno::ACCESS);
        }
        sys::openat(dir, path, O_RDONLY_NOCTTY_NONBLOCK_CLOEXEC).map(Self)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        sys::close(self.0);
    }
}

impl ReadAt for File {
    fn read_at<'a>(&self, offset: u64, scratch: &'a mut Scratch) -> &'a [u8] {
        *scratch = [0; SCRATCH_LEN];
        let count = sys::pread(self.0, scratch, offset).unwrap_or(0);
        scratch.get(..count).unwrap_or_default()
    }
}

impl ReadAt for &[u8] {
    fn read_at<'a>(&self, offset: u64, scratch: &'a mut Scratch) -> &'a [u8] {
        *scratch = [0; SCRATCH_LEN];
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.get(offset..))
            .unwrap_or_default();
        for (to, from) in scratch.iter_mut().zip(rest) {
            *to = *from;
        }
        scratch
            .get(..rest.len().min(SCRATCH_LEN))
            .unwrap_or_default()
    }
}

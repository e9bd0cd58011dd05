//! A file read by raw system calls, and what stands in for it in tests.
//!
//! Called by `lib` and `elf`. Must never call libc nor leave a descriptor behind: dropping a std
//! descriptor may call libc's close(), so the descriptor is closed here by hand.
#![allow(unsafe_code)]

use core::ffi::CStr;
use core::mem::ManuallyDrop;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat};
use rustix::io::{Errno, pread};

use crate::{SCRATCH_LEN, Scratch};

/// Something with bytes at offsets.
pub trait ReadAt {
    /// Fills `scratch` from `offset`; returns the bytes that are there (fewer at the end of the file, none
    /// after an error). The rest of `scratch` is zeroed.
    fn read_at<'a>(&self, offset: u64, scratch: &'a mut Scratch) -> &'a [u8];
}

/// A regular file, open for reading.
pub struct File(ManuallyDrop<OwnedFd>);

impl File {
    /// Opens `path`; EACCES if it is no regular file, which execve(2) would refuse too. Looking first
    /// keeps FIFOs and devices, whose opening has effects, untouched.
    pub fn open(dir: BorrowedFd<'_>, path: &CStr) -> Result<Self, Errno> {
        let stat = statat(dir, path, AtFlags::empty())?;
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(Errno::ACCESS);
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        openat(dir, path, flags, Mode::empty()).map(|fd| Self(ManuallyDrop::new(fd)))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours, open, and not used again: the OwnedFd is never dropped.
        unsafe { rustix::io::close(self.0.as_raw_fd()) }
    }
}

impl ReadAt for File {
    fn read_at<'a>(&self, offset: u64, scratch: &'a mut Scratch) -> &'a [u8] {
        *scratch = [0; SCRATCH_LEN];
        let count = pread(self.0.as_fd(), &mut scratch[..], offset).unwrap_or(0);
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

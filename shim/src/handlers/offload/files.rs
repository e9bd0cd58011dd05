//! Waiting for the disk: syncs, allocation, and names that are made or go. The pool does it, and finishes what it began: no
//! signal ends these calls on Linux either, as long as a local disk is meant. Green side.

use super::ways::call_by_pool;
use crate::call::{Answer, Frame, NATIVE};
use crate::fds::{self, Kind};
use lichen_runtime::Runtime;

/// `fsync(2)`, `fdatasync(2)`, `sync_file_range(2)`, `fallocate(2)`, `ftruncate(2)`: what is no file has nothing on a disk,
/// and the kernel says so at once.
pub fn on_file(frame: &mut Frame, runtime: &Runtime) -> Answer {
    if fds::kind(frame.fd()) != Kind::File {
        return NATIVE;
    }
    call_by_pool(runtime, frame)
}

/// `sync(2)`, `syncfs(2)`; `unlink(2)`, `rename(2)`, `mkdir(2)`, `link(2)`, `truncate(2)` and the like, for which a file system writes
/// a journal or frees the blocks of a large file.
pub fn on_disk(frame: &mut Frame, runtime: &Runtime) -> Answer {
    call_by_pool(runtime, frame)
}

/// `msync(2)`: only MS_SYNC waits.
pub fn msync(frame: &mut Frame, runtime: &Runtime) -> Answer {
    if frame.rdx & libc::MS_SYNC as usize == 0 {
        return NATIVE;
    }
    call_by_pool(runtime, frame)
}

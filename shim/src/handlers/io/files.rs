//! Reads and writes of files. Native by default: what is read is mostly in memory, what is written goes to
//! memory. With `--file-io=offload` what is not in memory is read by the pool, and all writes are made
//! there. Called by `bytes`, `vectors` and `positioned` for what counts as a file. Green side.
//!
//! A read is first tried with RWF_NOWAIT. That gives what is in memory, so less than there is; a short read
//! is kept only if it ends where the file ends. Otherwise it is taken back and the pool makes the whole
//! call, so that it is one call to whoever else uses the description. For the same reason nothing is tried at a
//! description's position while a call of the pool may be using one.
#![allow(unsafe_code)]

use super::attempt::RWF_NOWAIT;
use super::positioned::HERE;
use super::vectors::length;
use crate::abi::forbidden::forbids;
use crate::call::{AGAIN, Answer, Frame, NATIVE, error};
use crate::fds;
use crate::handlers::offload::{call_by_pool, is_alone};
use crate::handlers::{comm, kernel};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use lichen_runtime::{Runtime, sys};

/// The user's choice.
static OFFLOAD: AtomicBool = AtomicBool::new(false);
/// Calls of the pool, waiting or under way, that use a description's position.
static POSITIONS_IN_USE: AtomicU32 = AtomicU32::new(0);
/// The kernel moves no more at once (MAX_RW_COUNT).
const MOST: usize = 0x7fff_f000;

/// Reads and writes go to the pool from now on. Activation.
pub fn set_offload(offload: bool) {
    OFFLOAD.store(offload, Ordering::Relaxed);
}

/// A read at `at`, or at the description's position; `vector` says where to. Parks if it is off-loaded.
#[inline(always)]
pub fn read(frame: &Frame, runtime: &Runtime, vector: usize, count: usize, at: usize) -> Answer {
    match OFFLOAD.load(Ordering::Relaxed) {
        true => read_offloaded(frame, runtime, [vector, count, at]),
        false => NATIVE,
    }
}

/// A write at an offset, or at the description's position. Parks if it is off-loaded.
#[inline(always)]
pub fn write(frame: &Frame, runtime: &Runtime, at: usize) -> Answer {
    match OFFLOAD.load(Ordering::Relaxed) {
        _ if fds::is_comm(frame.fd()) => comm::write(frame, runtime),
        true => write_offloaded(frame, runtime, at),
        false => NATIVE,
    }
}

#[inline(never)]
fn read_offloaded(frame: &Frame, runtime: &Runtime, [vector, count, at]: [usize; 3]) -> Answer {
    let fd = frame.fd();
    let asked = length(vector, count).min(MOST);
    const NEEDED: [i64; 3] = [libc::SYS_preadv2, libc::SYS_fstat, libc::SYS_lseek];
    if is_alone(runtime) || asked == 0 || NEEDED.into_iter().any(forbids) || !is_on_disk(fd) {
        return NATIVE;
    }
    let in_use = at == HERE && POSITIONS_IN_USE.load(Ordering::Relaxed) != 0;
    // A direct read waits for its own transfer, whatever it is told.
    if in_use || sys::fcntl(fd, libc::F_GETFL, 0) & libc::O_DIRECT as isize != 0 {
        return on_pool(frame, runtime, at);
    }
    let args = [fd as usize, vector, count, at, 0, RWF_NOWAIT];
    // SAFETY: the vector is the program's, or ours and describes the program's buffer.
    let got = unsafe { kernel(libc::SYS_preadv2 as usize, args) };
    match got {
        0 => 0,
        got if got > 0 && (got as usize >= asked || is_end(fd, at, got)) => got,
        got if got > 0 && !taken_back(fd, at, got) => got,
        got if got > 0 || got == AGAIN || got == error(libc::EOPNOTSUPP) => {
            on_pool(frame, runtime, at)
        }
        _ => NATIVE, // an error, which is the native call's to say
    }
}

#[inline(never)]
fn write_offloaded(frame: &Frame, runtime: &Runtime, at: usize) -> Answer {
    if is_alone(runtime) || forbids(libc::SYS_fstat) || !is_on_disk(frame.fd()) {
        return NATIVE;
    }
    on_pool(frame, runtime, at)
}

fn on_pool(frame: &Frame, runtime: &Runtime, at: usize) -> Answer {
    let one = u32::from(at == HERE);
    POSITIONS_IN_USE.fetch_add(one, Ordering::Relaxed);
    let answer = call_by_pool(runtime, frame);
    POSITIONS_IN_USE.fetch_sub(one, Ordering::Relaxed);
    answer
}

/// In the child of a fork: the pool has no work.
pub fn forget_work() {
    POSITIONS_IN_USE.store(0, Ordering::Relaxed);
}

/// Devices of memory, directories and what is not open answer at once.
fn is_on_disk(fd: i32) -> bool {
    // SAFETY: zero is a valid `stat`; the kernel fills it.
    let mut stat: libc::stat = unsafe { core::mem::zeroed() };
    let args = [fd as usize, &raw mut stat as usize, 0, 0, 0, 0];
    // SAFETY: `stat` is ours.
    let failed = unsafe { kernel(libc::SYS_fstat as usize, args) } < 0;
    !failed && matches!(stat.st_mode & libc::S_IFMT, libc::S_IFREG | libc::S_IFBLK)
}

fn seek(fd: i32, by: isize) -> Answer {
    let args = [fd as usize, by as usize, libc::SEEK_CUR as usize, 0, 0, 0];
    // SAFETY: no pointers.
    unsafe { kernel(libc::SYS_lseek as usize, args) }
}

/// Does the file end behind the `got` bytes that were read?
fn is_end(fd: i32, at: usize, got: Answer) -> bool {
    let next = match at {
        HERE => seek(fd, 0) as usize,
        at => at.wrapping_add(got as usize),
    };
    let mut byte = 0u8;
    let vector = [&raw mut byte as usize, 1];
    let args = [
        fd as usize,
        vector.as_ptr() as usize,
        1,
        next,
        0,
        RWF_NOWAIT,
    ];
    // SAFETY: one byte of ours.
    (next as isize) >= 0 && unsafe { kernel(libc::SYS_preadv2 as usize, args) } == 0
}

/// Makes a read of `got` bytes not have been.
fn taken_back(fd: i32, at: usize, got: Answer) -> bool {
    at != HERE || seek(fd, -got) >= 0
}

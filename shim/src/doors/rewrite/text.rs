//! Writing to program text. Two ways: `pwrite` to /proc/self/mem, which needs no change of
//! protection, so libc is executable all the time and MemoryDenyWriteExecute does not mind; and
//! `mprotect`, for where /proc is missing or closed, allowed only while this is the only task.
//!
//! At activation, with every signal blocked; and on the scheduler side, for text that nobody runs yet. While the second way is under way nothing of libc
//! may be called: raw calls and our own memcpy only.
#![allow(unsafe_code)]

use super::job::Piece;
use super::{Job, slots_address};
use crate::doors::x86_64::{SLOT, SLOTS};
use lichen_runtime::{arch::syscall6, sys};

const PAGE: usize = 4096;

/// Writes the slots, then the jumps.
///
/// # Errors
/// A sentence; no jump is left half-written then.
pub fn write(job: Job, use_proc_mem: bool) -> Result<(), &'static str> {
    let memory = if use_proc_mem { open_memory() } else { None };
    match memory {
        Some(fd) => {
            let done = through_memory(&job, fd);
            sys::close(fd);
            done?;
        }
        None if is_alone() => through_protection(&job)?,
        None => {
            return Err("/proc/self/mem cannot be opened and other kernel threads may be running");
        }
    }
    job.done();
    Ok(())
}

/// The same in the first way only.
///
/// # Errors
/// A sentence; no jump is left half-written then.
pub fn write_by_memory(job: Job) -> Result<(), &'static str> {
    let fd = open_memory().ok_or("/proc/self/mem cannot be opened")?;
    let done = through_memory(&job, fd);
    sys::close(fd);
    done?;
    job.done();
    Ok(())
}

/// Is the caller the only kernel thread of the process? `unshare(CLONE_THREAD)` changes nothing for
/// a process with one thread and is EINVAL for others (unshare(2)); it needs no /proc. `false` where
/// a seccomp filter forbids it.
pub fn is_alone() -> bool {
    // SAFETY: no pointers; without effect as said.
    unsafe {
        syscall6(
            libc::SYS_unshare as usize,
            libc::CLONE_THREAD as usize,
            0,
            0,
            0,
            0,
            0,
        ) == 0
    }
}

fn open_memory() -> Option<i32> {
    let flags = (libc::O_RDWR | libc::O_CLOEXEC) as usize;
    let path = c"/proc/self/mem".as_ptr() as usize;
    // SAFETY: a constant path.
    let fd = unsafe {
        syscall6(
            libc::SYS_openat as usize,
            libc::AT_FDCWD as usize,
            path,
            flags,
            0,
            0,
            0,
        )
    };
    (fd >= 0).then_some(fd as i32)
}

fn pwrite(fd: i32, address: usize, bytes: &[u8]) -> bool {
    let (from, len) = (bytes.as_ptr() as usize, bytes.len());
    // SAFETY: the kernel reads `bytes` and writes where the plan, checked against memory, says.
    let n = unsafe {
        syscall6(
            libc::SYS_pwrite64 as usize,
            fd as usize,
            from,
            len,
            address,
            0,
            0,
        )
    };
    n == len as isize
}

/// One write per run of slots, and per page that has jumps, since each costs a walk to the page and a copy of it.
fn through_memory(job: &Job, fd: i32) -> Result<(), &'static str> {
    let mut slots = job.slots.clone();
    slots.sort_unstable_by_key(|piece| piece.at);
    for run in slots.chunk_by(|a, b| a.end() == b.at) {
        let content: Vec<u8> = run
            .iter()
            .flat_map(|piece| piece.bytes())
            .copied()
            .collect();
        if !pwrite(fd, run[0].at, &content) {
            return Err("/proc/self/mem cannot be written");
        }
    }
    let mut done = 0;
    for group in job.jumps.chunk_by(|a, b| a.at / PAGE == b.at / PAGE) {
        if !pwrite(fd, group[0].at, &with_jumps(group)) {
            undo(job, fd, done);
            return Err("/proc/self/mem cannot be written in libc's text");
        }
        done += group.len();
    }
    Ok(())
}

/// The text from the first to the last of some jumps that lie in order in one page, with them in it.
fn with_jumps(group: &[Piece]) -> Vec<u8> {
    let (first, last) = (group[0].at, group[group.len() - 1].end());
    // SAFETY: from the first to the last window of one page of mapped text.
    let text = unsafe { core::slice::from_raw_parts(first as *const u8, last - first) };
    let mut text = text.to_vec();
    for piece in group {
        text[piece.at - first..piece.end() - first].copy_from_slice(piece.bytes());
    }
    text
}

/// Takes back the first `count` jumps.
fn undo(job: &Job, fd: i32, count: usize) {
    for (jump, original) in job.jumps.iter().zip(&job.originals).take(count) {
        pwrite(fd, jump.at, original);
    }
}

fn through_protection(job: &Job) -> Result<(), &'static str> {
    let slots = (slots_address(), SLOTS * SLOT);
    // Only text that is written to; above all, never our own, which does the writing.
    let is_written = |&(at, len): &(usize, usize)| {
        job.jumps
            .iter()
            .any(|jump| (at..at + len).contains(&jump.at))
    };
    let ranges: Vec<(usize, usize)> = job
        .texts
        .iter()
        .copied()
        .filter(is_written)
        .chain(job.areas())
        .chain([slots])
        .collect();
    // Where text may not become executable again (MemoryDenyWriteExecute, SELinux) it shows on the
    // slots, which nobody runs yet, before libc is touched.
    for protection in [
        libc::PROT_READ | libc::PROT_WRITE,
        libc::PROT_READ | libc::PROT_EXEC,
    ] {
        // SAFETY: our own slots, empty so far.
        if unsafe { sys::protect(slots.0 as *mut u8, slots.1, protection) } != 0 {
            return Err("this process may not change program text (MemoryDenyWriteExecute?)");
        }
    }
    let protect = |protection: i32| {
        // SAFETY: one task, all signals blocked, and only our own code runs until it is undone.
        ranges
            .iter()
            .all(|&(at, len)| unsafe { sys::protect(at as *mut u8, len, protection) } == 0)
    };
    if !protect(libc::PROT_READ | libc::PROT_WRITE) {
        protect(libc::PROT_READ | libc::PROT_EXEC);
        return Err("libc's text cannot be made writable");
    }
    // SAFETY: the ranges are writable now and hold the windows and the slots.
    unsafe {
        for piece in job.slots.iter().chain(&job.jumps) {
            copy(piece.at, piece.bytes());
        }
    }
    if protect(libc::PROT_READ | libc::PROT_EXEC) {
        Ok(())
    } else {
        sys::die("libc's text cannot be made executable again")
    }
}

/// # Safety
/// `to` must be writable for `bytes.len()` bytes.
unsafe fn copy(to: usize, bytes: &[u8]) {
    // SAFETY: by the caller's contract; memcpy here is our own.
    unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to as *mut u8, bytes.len()) }
}

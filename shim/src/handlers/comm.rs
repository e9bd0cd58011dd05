//! The files `comm` below /proc, by which one thread asks and sets another one's name (proc(5), and what
//! `pthread_setname_np` and `pthread_getname_np` of libc do). The kernel has them for its own threads only.
//!
//! ```text
//! /proc/self/task/TID/comm, /proc/PID/task/TID/comm, /proc/TID/comm, /proc/thread-self/comm
//!   of a thread of ours     a file in memory with the name in it as it is now; what is written names the thread
//!   of the first thread     the kernel's; what is written we must know of too
//! ```
//! Which thread a descriptor for writing names is kept here, by its number. Called by `offload::open`, by `io::files` for
//! what is written, and by `fd` for duplicates. Green side; never parks.
#![allow(unsafe_code)]

use super::io::HERE;
use super::names::{self, Name, SIZE};
use super::{kernel, thread};
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, error};
use crate::fds;
use core::cell::Cell;
use lichen_runtime::green::GreenRef;
use lichen_runtime::{Runtime, sys};

/// Descriptors for writing names that can be open at one time; libc has one for as long as its call lasts.
const MOST: usize = 64;
/// Longer than any of these paths.
const LONGEST: usize = 48;
/// Ids of our threads are not below (`runtime::green::table`).
const LEAST_ID: u32 = 1 << 22;

/// (descriptor, thread it names). Those whose descriptor was closed since are free.
struct Named([Cell<(i32, u32)>; MOST]);

// SAFETY: the green side of the one carrier only.
unsafe impl Sync for Named {}

static NAMED: Named = Named([const { Cell::new((-1, 0)) }; MOST]);

/// Opens what begins with `/proc/`. NATIVE for all that is not a name of ours.
pub fn open(runtime: &Runtime, frame: &Frame, path: usize, flags: i32, resolve: u64) -> Answer {
    let Some(green) = thread_of(runtime, path).filter(|_| resolve == 0) else {
        return NATIVE;
    };
    let writes = flags & libc::O_PATH == 0 && flags & libc::O_ACCMODE != libc::O_RDONLY;
    let fd = match green.is_first.get() {
        true if !writes => return NATIVE,
        // SAFETY: the program's own call.
        true => unsafe { kernel(frame.number, frame.args()) },
        false => open_copy(green, flags),
    };
    if fd < 0 {
        return fd;
    }
    fds::forget(fd as i32);
    if writes && !(fds::made_comm(fd as i32) && note(fd as i32, green.tid.get())) {
        fds::forget(fd as i32);
        sys::close(fd as i32);
        return error(libc::ENFILE);
    }
    fd
}

/// A file of one line, opened as the program asks. The first descriptor it takes is the one it keeps, so it is the
/// lowest that is free, as for any open(2).
fn open_copy(green: GreenRef, flags: i32) -> Answer {
    if flags & (libc::O_CREAT | libc::O_EXCL) == libc::O_CREAT | libc::O_EXCL {
        return error(libc::EEXIST);
    }
    let args = [
        c"comm".as_ptr() as usize,
        libc::MFD_CLOEXEC as usize,
        0,
        0,
        0,
        0,
    ];
    // SAFETY: a constant name.
    let memory = unsafe { kernel(libc::SYS_memfd_create as usize, args) };
    if memory < 0 {
        return memory;
    }
    put(memory as i32, &green.name.get());
    let opened = open_again(memory as i32, flags);
    if opened < 0 {
        sys::close(memory as i32);
        return opened;
    }
    let args = [
        opened as usize,
        memory as usize,
        (flags & libc::O_CLOEXEC) as usize,
        0,
        0,
        0,
    ];
    // SAFETY: two descriptors of ours.
    let kept = unsafe { kernel(libc::SYS_dup3 as usize, args) };
    sys::close(opened as i32);
    kept
}

/// The same file with other flags.
fn open_again(fd: i32, flags: i32) -> Answer {
    let flags = flags & !(libc::O_CREAT | libc::O_TRUNC | libc::O_NOFOLLOW | libc::O_EXCL);
    let mut path = *b"/proc/self/fd/0000000000\0";
    let mut rest = fd;
    for digit in path.iter_mut().rev().skip(1).take(10) {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    // The kernel takes no zeros in front of a number.
    let zeros = path
        .iter()
        .skip(14)
        .take(9)
        .take_while(|&&digit| digit == b'0')
        .count();
    let mut short = [0u8; 25];
    let kept = path.iter().take(14).chain(path.iter().skip(14 + zeros));
    for (to, from) in short.iter_mut().zip(kept) {
        *to = *from;
    }
    let here = libc::AT_FDCWD as usize;
    let args = [here, short.as_ptr() as usize, flags as usize, 0, 0, 0];
    // SAFETY: our own path, with a zero byte at its end.
    unsafe { kernel(libc::SYS_openat as usize, args) }
}

/// Makes the file say the name.
fn put(fd: i32, name: &Name) {
    let len = name.iter().take_while(|&&byte| byte != 0).count();
    let mut line = *name;
    if let Some(end) = line.get_mut(len) {
        *end = b'\n';
    }
    let args = [fd as usize, line.as_ptr() as usize, len + 1, 0, 0, 0];
    // SAFETY: at most 16 bytes of ours, at the file's start.
    unsafe {
        kernel(
            libc::SYS_ftruncate as usize,
            [fd as usize, len + 1, 0, 0, 0, 0],
        );
        kernel(libc::SYS_pwrite64 as usize, args);
    }
}

fn note(fd: i32, tid: u32) -> bool {
    let is_free = |&(old, _): &(i32, u32)| old < 0 || old == fd || !fds::is_comm(old);
    match NAMED.0.iter().find(|c| is_free(&c.get())) {
        Some(free) => {
            forget(fd);
            free.set((fd, tid));
            true
        }
        None => false,
    }
}

fn forget(fd: i32) {
    for known in NAMED.0.iter().filter(|c| c.get().0 == fd) {
        known.set((-1, 0));
    }
}

fn named_by(fd: i32) -> Option<u32> {
    let known = NAMED.0.iter().map(Cell::get);
    known
        .filter(|&(known, _)| known == fd)
        .map(|(_, tid)| tid)
        .next()
}

/// `new` is a duplicate of `old`, which writes a name. If there is no room left, what is written to it names nobody.
pub fn duplicated(old: i32, new: i32) {
    forget(new);
    if let Some(tid) = named_by(old) {
        note(new, tid);
    }
}

/// A call that writes to a file of ours: `write(2)` and its family. Each buffer is a name (comm_write in fs/proc/base.c),
/// and there are no offsets (seq_open in fs/seq_file.c).
#[cold]
#[inline(never)]
pub fn write(frame: &Frame, runtime: &Runtime) -> Answer {
    let Some(green) = named_by(frame.fd()).and_then(|tid| runtime.table.find(tid)) else {
        return error(libc::ESRCH);
    };
    match frame.number as i64 {
        libc::SYS_write => write_one(frame, green, frame.rsi, frame.rdx),
        libc::SYS_writev => write_many(frame, green),
        libc::SYS_pwritev2 if frame.r10 == HERE => write_many(frame, green),
        _ => error(libc::ESPIPE),
    }
}

fn write_many(frame: &Frame, green: GreenRef) -> Answer {
    let mut written = 0;
    for i in 0..frame.rdx {
        let answer = match user::read::<[usize; 2]>(frame.rsi.wrapping_add(i * 16)) {
            Ok([_, 0]) => continue,
            Ok([buffer, len]) => write_one(frame, green, buffer, len),
            Err(_) => error(libc::EFAULT),
        };
        if answer < 0 {
            return if written > 0 { written } else { answer };
        }
        written += answer;
    }
    written
}

fn write_one(frame: &Frame, green: GreenRef, buffer: usize, len: usize) -> Answer {
    let mut bytes = [0u8; SIZE];
    if user::copy(bytes.as_mut_ptr() as usize, buffer, len.min(SIZE - 1)).is_err() {
        return error(libc::EFAULT);
    }
    let name = names::cut(&bytes);
    names::set(green, &name);
    if !green.is_first.get() {
        put(frame.fd(), &name);
    }
    len as Answer
}

/// Whose name the path is, if it is one of a thread of this process that lives.
fn thread_of(runtime: &Runtime, path: usize) -> Option<GreenRef> {
    let mut bytes = [0u8; LONGEST];
    for (i, byte) in bytes.iter_mut().enumerate() {
        user::copy(core::ptr::from_mut(byte) as usize, path.wrapping_add(i), 1).ok()?;
        if *byte == 0 {
            break;
        }
    }
    let text = bytes.strip_prefix(b"/proc/")?;
    let end = text.iter().position(|&byte| byte == 0)?;
    let mut parts = text.get(..end)?.split(|&byte| byte == b'/');
    let process = parts.next()?;
    let first = runtime.worker.tid.get();
    let mut tid = match process {
        b"thread-self" => thread::current(runtime).tid.get(),
        b"self" => first,
        digits => number(digits)?,
    };
    let mut part = parts.next()?;
    if part == b"task" && process != b"thread-self" {
        if tid != first && tid < LEAST_ID {
            return None;
        }
        tid = number(parts.next()?)?;
        part = parts.next()?;
    }
    let ours = tid == first || tid >= LEAST_ID;
    match part == b"comm" && parts.next().is_none() && ours {
        true => runtime.table.find(tid),
        false => None,
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.first() == Some(&b'0') {
        return None;
    }
    digits.iter().try_fold(0u32, |sum, &digit| {
        let digit = digit
            .is_ascii_digit()
            .then_some(u32::from(digit).wrapping_sub(48))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

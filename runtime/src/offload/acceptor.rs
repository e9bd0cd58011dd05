//! accept(2) that does not wait, on listeners whose flags are not ours to change: an io_uring of one entry,
//! `IORING_OP_ACCEPT` with IORING_ACCEPT_DONTWAIT. The call is done when `io_uring_enter` returns; no
//! kernel thread has to do with it.
//!
//! Called by the handler of `accept` for what other processes may share. The ring is made at first use; where
//! there is no such thing (before Linux 6.10, or io_uring forbidden) the answer is `None` for ever. So it is
//! under a seccomp filter, which may kill whoever asks. A child of a fork has none at first: the ring is its
//! parent's. Green side: raw system calls, no allocation.
#![allow(unsafe_code)]

use crate::Runtime;
use crate::arch::syscall6;
use crate::sys;
use core::cell::Cell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, Ordering};

const OP_ACCEPT: u8 = 13;
const ACCEPT_DONTWAIT: u16 = 1 << 1;
const FEAT_SINGLE_MMAP: u32 = 1;
const OFF_SQES: usize = 0x1000_0000;
const ENTRY: usize = 64;
const COMPLETION: usize = 16;

/// `struct io_uring_params` as words: what the kernel tells of the ring.
mod told {
    pub const SQ_ENTRIES: usize = 0;
    pub const CQ_ENTRIES: usize = 1;
    pub const FEATURES: usize = 5;
    pub const SQ_TAIL: usize = 11;
    pub const SQ_ARRAY: usize = 16;
    pub const CQ_HEAD: usize = 20;
    pub const CQ_TAIL: usize = 21;
    pub const CQ_MASK: usize = 22;
    pub const CQES: usize = 25;
    pub const WORDS: usize = 30;
}

/// `struct io_uring_sqe` of an accept.
#[repr(C)]
struct Entry {
    opcode: u8,
    flags: u8,
    ioprio: u16,
    fd: i32,
    address_len: u64,
    address: u64,
    len: u32,
    accept_flags: u32,
    user_data: u64,
    rest: [u64; 3],
}

const _: () = assert!(size_of::<Entry>() == ENTRY);

/// Where the parts of the ring lie.
#[derive(Clone, Copy)]
struct Ring {
    entry: *mut Entry,
    sq_tail: *mut u32,
    sq_index: *mut u32,
    cq_head: *mut u32,
    cq_tail: *mut u32,
    cq_mask: u32,
    completions: *mut u8,
}

/// The ring of the one carrier.
pub struct Acceptor {
    ring: Cell<Ring>,
    tried: Cell<bool>,
}

impl Acceptor {
    /// No ring yet.
    pub const fn new() -> Acceptor {
        Acceptor {
            ring: Cell::new(Ring {
                entry: null_mut(),
                sq_tail: null_mut(),
                sq_index: null_mut(),
                cq_head: null_mut(),
                cq_tail: null_mut(),
                cq_mask: 0,
                completions: null_mut(),
            }),
            tried: Cell::new(false),
        }
    }

    /// In the child of a fork: the ring is the parent's, and its memory is not here.
    pub fn clear(&self, runtime: &Runtime) {
        if runtime.ring_fd() >= 0 {
            sys::close(runtime.ring_fd());
            runtime.set_ring_fd(-1);
        }
        self.tried.set(false);
    }

    /// accept4(2) with these arguments, EAGAIN where it would wait. `None`: there is no such way. Green side;
    /// does not park.
    pub fn accept(&self, runtime: &Runtime, args: [usize; 6]) -> Option<isize> {
        // A filter of the program's own would not see the call.
        if !runtime.caps.get().ring_accept || runtime.helpers.are_barred() {
            return None;
        }
        if !self.tried.replace(true) {
            self.make(runtime);
        }
        if runtime.ring_fd() < 0 {
            return None;
        }
        self.submit(runtime, args)
    }

    fn make(&self, runtime: &Runtime) {
        if sys::is_filtered() {
            return;
        }
        let mut params = [0u32; told::WORDS];
        // SAFETY: `params` is as large as the kernel's structure.
        let fd = unsafe {
            let at = params.as_mut_ptr() as usize;
            syscall6(libc::SYS_io_uring_setup as usize, 1, at, 0, 0, 0, 0)
        };
        if fd < 0 {
            return;
        }
        let fd = sys::lift(fd as i32);
        let Some(ring) = map(fd, &params) else {
            sys::close(fd);
            return;
        };
        self.ring.set(ring);
        runtime.set_ring_fd(fd);
        // EBADF, if the kernel knows DONTWAIT; EINVAL, if not.
        if self.submit(runtime, [usize::MAX, 0, 0, 0, 0, 0]) != Some(-(libc::EBADF as isize)) {
            runtime.set_ring_fd(-1);
            sys::close(fd);
        }
    }

    fn submit(&self, runtime: &Runtime, args: [usize; 6]) -> Option<isize> {
        let ring = self.ring.get();
        let [fd, address, address_len, flags, ..] = args;
        // SAFETY: the ring is mapped as long as `ring_fd` is set, and has room for one entry, since each is
        // taken before the next is made.
        unsafe {
            ring.entry.write(Entry {
                opcode: OP_ACCEPT,
                flags: 0,
                ioprio: ACCEPT_DONTWAIT,
                fd: fd as i32,
                address_len: address_len as u64,
                address: address as u64,
                len: 0,
                accept_flags: flags as u32,
                user_data: 0,
                rest: [0; 3],
            });
            ring.sq_index.write(0);
            let tail = AtomicU32::from_ptr(ring.sq_tail);
            let before = tail.load(Ordering::Relaxed);
            tail.store(before.wrapping_add(1), Ordering::Release);
            let ring_fd = runtime.ring_fd() as usize;
            let enter = libc::SYS_io_uring_enter as usize;
            if syscall6(enter, ring_fd, 1, 0, 0, 0, 0) != 1 {
                tail.store(before, Ordering::Release);
                return None;
            }
        }
        self.result()
    }

    /// Takes the completion, which is there: an accept that may not wait is over at once.
    fn result(&self) -> Option<isize> {
        let ring = self.ring.get();
        // SAFETY: as in `submit`; the mask keeps the index within the ring.
        unsafe {
            let head = AtomicU32::from_ptr(ring.cq_head);
            let at = head.load(Ordering::Relaxed);
            if at == AtomicU32::from_ptr(ring.cq_tail).load(Ordering::Acquire) {
                sys::die("io_uring has not answered an accept that may not wait");
            }
            let completion = ring
                .completions
                .add((at & ring.cq_mask) as usize * COMPLETION);
            let answer = completion.add(8).cast::<i32>().read();
            head.store(at.wrapping_add(1), Ordering::Release);
            Some(answer as isize)
        }
    }
}

impl Default for Acceptor {
    fn default() -> Self {
        Acceptor::new()
    }
}

/// Maps the two parts of a ring.
fn map(fd: i32, params: &[u32; told::WORDS]) -> Option<Ring> {
    let word = |i: usize| params.get(i).copied().unwrap_or(0) as usize;
    if word(told::FEATURES) as u32 & FEAT_SINGLE_MMAP == 0 {
        return None;
    }
    let submissions = word(told::SQ_ARRAY) + word(told::SQ_ENTRIES) * size_of::<u32>();
    let completions = word(told::CQES) + word(told::CQ_ENTRIES) * COMPLETION;
    let len = submissions.max(completions);
    let base = sys::map_ring(fd, len, 0)?;
    let Some(entries) = sys::map_ring(fd, word(told::SQ_ENTRIES) * ENTRY, OFF_SQES) else {
        // SAFETY: mapped above, and nobody knows of it.
        unsafe { sys::unmap(base, len) };
        return None;
    };
    // SAFETY: the kernel's offsets lie within the mapping.
    unsafe {
        Some(Ring {
            entry: entries.cast(),
            sq_tail: base.add(word(told::SQ_TAIL)).cast(),
            sq_index: base.add(word(told::SQ_ARRAY)).cast(),
            cq_head: base.add(word(told::CQ_HEAD)).cast(),
            cq_tail: base.add(word(told::CQ_TAIL)).cast(),
            cq_mask: base.add(word(told::CQ_MASK)).cast::<u32>().read(),
            completions: base.add(word(told::CQES)),
        })
    }
}

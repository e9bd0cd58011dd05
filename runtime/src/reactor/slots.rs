//! What the green side may ask and note of a descriptor without a system call: is this stream known to be
//! empty, does anybody wait for it. Written by the green side and by the reactor, on one kernel thread.
//!
//! Generations keep late events of a closed descriptor from waking the users of the next one with its number.
#![allow(unsafe_code)]

use super::waiters::FdWaiter;
use crate::mutants::{Mutant, mutant};
use crate::{Runtime, sys};
use core::cell::Cell;
use core::ptr::null;

/// Bits of an interest, and of what an edge said.
pub const READ: u8 = 1;
/// Room to write, or an error.
pub const WRITE: u8 = 2;
/// Urgent data.
pub const URGENT: u8 = 4;

pub(super) const REGISTERED: u8 = 1;
/// The stream was seen empty, and no edge came since.
pub(super) const EMPTY: u8 = 2;
/// Urgent data or the end of the stream was announced once: a short read no longer proves that an
/// attempt would block (the end may have come in the same edge as the data).
pub(super) const SAW_SPECIAL: u8 = 4;
/// A duplicate of our own, made for a waiter when the program closed the number.
pub(super) const PRIVATE: u8 = 16;
/// A helper makes a call on it.
pub(super) const CLAIMED: u8 = 32;
/// Registered with EPOLLEXCLUSIVE, for as long as somebody waits.
pub(super) const EXCLUSIVE: u8 = 64;
/// The end of the stream in one direction or both, or an error.
pub const END: u8 = 8;
/// Of a wait for several: the end of what the peer sends is asked for (POLLRDHUP), not only errors and hang-ups.
pub const HALF: u8 = 16;

/// Descriptors beyond this number are not watched; calls on them stay native.
const SLOTS_MAX: usize = 1 << 20;

/// How many descriptors a table needs to know: the process's hard limit, as far as we go.
pub fn descriptors() -> usize {
    let limit = sys::hard_limit(libc::RLIMIT_NOFILE).max(1024);
    usize::try_from(limit).unwrap_or(SLOTS_MAX).min(SLOTS_MAX)
}

/// What the reactor knows of one descriptor.
pub struct Slot {
    pub(super) waiters: Cell<*const FdWaiter>,
    pub(super) generation: Cell<u32>,
    pub(super) flags: Cell<u8>,
}

/// The slots of all descriptors. Green side and scheduler side of the one carrier.
pub struct Slots {
    base: Cell<*const Slot>,
    capacity: Cell<usize>,
    /// One more than the highest descriptor ever registered.
    pub(super) end: Cell<i32>,
    /// How many private duplicates the scheduler side holds for `park::release_held`.
    pub held: Cell<usize>,
}

impl Slots {
    /// Before activation.
    pub const fn new() -> Slots {
        Slots {
            base: Cell::new(null()),
            capacity: Cell::new(0),
            end: Cell::new(0),
            held: Cell::new(0),
        }
    }

    /// Maps the table. `false` if there is no address space for it.
    pub fn map(&self) -> bool {
        let count = descriptors();
        match sys::map_anonymous(count * size_of::<Slot>()) {
            Some(address) => {
                self.base.set(address.cast());
                self.capacity.set(count);
                true
            }
            None => false,
        }
    }

    /// Takes the table away again: activation failed.
    pub fn unmap(&self) {
        let len = self.capacity.replace(0) * size_of::<Slot>();
        if len != 0 {
            // SAFETY: the mapping made above; nobody waits for a descriptor.
            unsafe { sys::unmap(self.base.get().cast_mut().cast(), len) };
        }
    }

    #[inline(always)]
    pub(super) fn get(&self, fd: i32) -> Option<&Slot> {
        if fd as u32 as usize >= self.capacity.get() {
            return None;
        }
        // SAFETY: the mapping holds `capacity` zeroed slots for ever, and zeros are a valid slot.
        Some(unsafe { &*self.base.get().add(fd as usize) })
    }

    /// Is an attempt to read worth a system call? No, if the stream was seen empty and no edge
    /// came since.
    #[inline(always)]
    pub fn may_read(&self, fd: i32) -> bool {
        const NOTHING: u8 = REGISTERED | EMPTY;
        self.get(fd)
            .is_none_or(|s| s.flags.get() & NOTHING != NOTHING)
    }

    /// Notes that the stream is empty: a read came back short or with EAGAIN.
    #[inline(always)]
    pub fn drained(&self, fd: i32) {
        if let Some(slot) = self.get(fd)
            && slot.flags.get() & SAW_SPECIAL == 0
        {
            slot.flags.set(slot.flags.get() | EMPTY);
        }
    }

    /// The epoll instance knows this descriptor.
    #[inline(always)]
    pub fn is_registered(&self, fd: i32) -> bool {
        self.get(fd)
            .is_some_and(|s| s.flags.get() & REGISTERED != 0)
    }

    /// As [`Slots::is_registered`], and each edge is told of: nothing is left to do to begin a wait but to link the waiter.
    #[inline(always)]
    pub(crate) fn is_watched(&self, fd: i32) -> bool {
        self.get(fd)
            .is_some_and(|s| s.flags.get() & (REGISTERED | EXCLUSIVE) == REGISTERED)
    }

    /// Some green waits for it.
    #[inline(always)]
    pub fn has_waiters(&self, fd: i32) -> bool {
        self.get(fd).is_some_and(|s| !s.waiters.get().is_null())
    }

    /// The descriptor is about to be closed or replaced: late events must find nobody.
    pub fn forget(&self, fd: i32) {
        if let Some(slot) = self.get(fd) {
            let stale = mutant(Mutant::StaleEpollEntry);
            slot.flags.set(if stale { slot.flags.get() } else { 0 });
            slot.generation.set(slot.generation.get().wrapping_add(1));
        }
    }

    /// Changes whenever the number is closed or replaced; 0 for a number that is not watched.
    pub fn generation(&self, fd: i32) -> u32 {
        self.get(fd).map_or(0, |s| s.generation.get())
    }

    /// One more than the highest descriptor ever registered.
    pub fn end(&self) -> i32 {
        self.end.get()
    }

    /// Wakes everybody who waits for a descriptor, to look for himself. Scheduler side.
    pub fn wake_all(&self, runtime: &Runtime) {
        for fd in 0..self.end.get() {
            if let Some(slot) = self.get(fd) {
                self.fire(runtime, fd, slot.generation.get(), u8::MAX);
            }
        }
    }

    /// In the child of a fork: no epoll instance of this process knows any descriptor, and nobody
    /// waits.
    pub fn clear(&self) {
        for fd in 0..self.end.replace(0) {
            if self.get(fd).is_some_and(|s| s.flags.get() & PRIVATE != 0) {
                sys::close(fd); // it was made for a thread that is not here
            }
            self.forget(fd);
            if let Some(slot) = self.get(fd) {
                slot.waiters.set(null());
            }
        }
    }

    /// Closes a private duplicate whose wait is over.
    pub fn close_private(&self, fd: i32) {
        self.forget(fd);
        sys::close(fd);
    }

    /// Ends an exclusive registration, if there is one.
    pub(super) fn leave_exclusive(&self, fd: i32) {
        if let Some(slot) = self.get(fd)
            && slot.flags.get() & EXCLUSIVE != 0
        {
            slot.flags.set(slot.flags.get() & !(REGISTERED | EXCLUSIVE));
            sys::epoll_delete(crate::sched::runtime().epoll_fd(), fd);
        }
    }

    /// Takes hold of a descriptor for a helper's call on it; `false` if somebody has. Until it is released
    /// nobody registers it exclusively: an event that woke us for the others here would be one that the
    /// helper is not woken for.
    pub fn claim(&self, fd: i32) -> bool {
        let Some(slot) = self.get(fd) else {
            return true;
        };
        if slot.flags.get() & CLAIMED != 0 {
            return false;
        }
        self.leave_exclusive(fd);
        slot.flags.set(slot.flags.get() | CLAIMED);
        true
    }

    /// Gives up what [`Slots::claim`] gave.
    pub fn release(&self, fd: i32) {
        if let Some(slot) = self.get(fd) {
            slot.flags.set(slot.flags.get() & !CLAIMED);
        }
    }
}

impl Default for Slots {
    fn default() -> Self {
        Slots::new()
    }
}

//! One bucket of the futex queues: its spin lock, the list of waiters, and what is done with the list under the lock.
//!
//! Used by `futexes` alone, which takes the lock, or, while only the one carrier comes here, does without. By the
//! strictest rules of all places: it runs on the green side, the scheduler side, and kernel threads that are not ours.
#![allow(unsafe_code)]

use crate::arch::relax;
use crate::green::GreenRef;
use core::cell::Cell;
use core::ptr::null;
use core::sync::atomic::{AtomicU32, Ordering};

pub(super) const BUCKETS: usize = 1 << 14;

/// What a waiter waits on: an address and whether it was called private.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub address: usize,
    pub private: bool,
}

impl Key {
    pub(super) fn bucket(self) -> usize {
        let mixed = (self.address as u64 >> 2).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 50) as usize
    }
}

/// Who waits.
#[derive(Clone, Copy)]
pub enum Who {
    /// A green, and the number of the park it is in.
    Green(GreenRef, u32),
    /// A kernel thread asleep on [`Waiter::word`].
    Kernel,
}

/// One wait. Lives on the waiter's stack and must be out of the queue before that frame ends:
/// [`super::Futexes::cancel`].
pub struct Waiter {
    next: Cell<*const Waiter>,
    prev: Cell<*const Waiter>,
    pub(super) key: Cell<Key>,
    bitset: u32,
    pub(super) queued: Cell<bool>,
    pub who: Cell<Who>,
    /// For a kernel thread: 0 while it waits, 1 when woken.
    pub word: AtomicU32,
}

impl Waiter {
    /// A wait that has not begun. `bitset` as in FUTEX_WAIT_BITSET.
    pub fn new(key: Key, bitset: u32, who: Who) -> Waiter {
        Waiter {
            next: Cell::new(null()),
            prev: Cell::new(null()),
            key: Cell::new(key),
            bitset,
            queued: Cell::new(false),
            who: Cell::new(who),
            word: AtomicU32::new(0),
        }
    }
}

/// A bucket: its lock, and a doubly linked list.
pub(super) struct Bucket {
    locked: AtomicU32,
    head: Cell<*const Waiter>,
    tail: Cell<*const Waiter>,
}

impl Bucket {
    pub(super) const fn new() -> Bucket {
        Bucket {
            locked: AtomicU32::new(0),
            head: Cell::new(null()),
            tail: Cell::new(null()),
        }
    }

    /// Forgets its waiters, and whoever held the lock.
    pub(super) fn clear(&self) {
        if !self.head.get().is_null() || self.locked.load(Ordering::Relaxed) != 0 {
            self.head.set(null());
            self.tail.set(null());
            self.unlock();
        }
    }

    pub(super) fn lock(&self) {
        while self.locked.swap(1, Ordering::Acquire) != 0 {
            relax();
        }
    }

    pub(super) fn unlock(&self) {
        self.locked.store(0, Ordering::Release);
    }

    /// # Safety
    /// The lock is held, and `waiter` stays where it is while queued.
    pub(super) unsafe fn append(&self, waiter: &Waiter) {
        let tail = self.tail.get();
        waiter.prev.set(tail);
        waiter.next.set(null());
        // SAFETY: queued waiters are alive (their frames end only after `cancel`).
        match unsafe { tail.as_ref() } {
            Some(last) => last.next.set(waiter),
            None => self.head.set(waiter),
        }
        self.tail.set(waiter);
        waiter.queued.set(true);
    }

    /// # Safety
    /// The lock is held and `waiter` is in this bucket.
    pub(super) unsafe fn unlink(&self, waiter: &Waiter) {
        let (prev, next) = (waiter.prev.get(), waiter.next.get());
        // SAFETY: neighbours of a queued waiter are queued, so alive.
        match unsafe { prev.as_ref() } {
            Some(p) => p.next.set(next),
            None => self.head.set(next),
        }
        // SAFETY: as above.
        match unsafe { next.as_ref() } {
            Some(n) => n.prev.set(prev),
            None => self.tail.set(prev),
        }
        waiter.queued.set(false);
    }

    /// Takes out the first waiter of `key`. Nobody else may be here: no lock is asked for.
    #[inline(always)]
    pub(super) fn take_first(&self, key: Key) -> Option<&Waiter> {
        let mut at = self.head.get();
        // SAFETY: queued waiters are alive.
        while let Some(waiter) = unsafe { at.as_ref() } {
            if waiter.key.get() == key {
                // SAFETY: it was found in this bucket, and nobody else is here.
                unsafe { self.unlink(waiter) };
                return Some(waiter);
            }
            at = waiter.next.get();
        }
        None
    }
}

/// Takes up to `count` waiters of `key` whose bitset meets `bitset` out, and calls `wake` with each. The lock is held.
pub(super) fn wake_locked(
    bucket: &Bucket,
    key: Key,
    count: u32,
    bitset: u32,
    wake: &dyn Fn(&Waiter),
) -> u32 {
    let mut woken = 0;
    let mut at = bucket.head.get();
    // SAFETY: the lock is held by our callers; queued waiters are alive.
    while let Some(waiter) = unsafe { at.as_ref() } {
        if woken == count {
            break;
        }
        at = waiter.next.get();
        if waiter.key.get() == key && waiter.bitset & bitset != 0 {
            // SAFETY: locked; it was found in this bucket.
            unsafe { bucket.unlink(waiter) };
            woken += 1;
            // After this call the waiter's frame may be gone.
            wake(waiter);
        }
    }
    woken
}

/// Moves up to `count` waiters of `from`, in `a`, to the end of `b` as waiters of `to`. Both locks are held.
pub(super) fn move_locked(a: &Bucket, b: &Bucket, from: Key, to: Key, count: u32) -> u32 {
    let mut moved = 0;
    let mut at = a.head.get();
    // SAFETY: both locks are held by our caller; queued waiters are alive.
    while let Some(waiter) = unsafe { at.as_ref() } {
        if moved == count {
            break;
        }
        at = waiter.next.get();
        if waiter.key.get() == from {
            // SAFETY: locked; it is in bucket `a` and goes to bucket `b`.
            unsafe {
                a.unlink(waiter);
                waiter.key.set(to);
                b.append(waiter);
            }
            moved += 1;
        }
        if from == to {
            break;
        }
    }
    moved
}

//! Futex queues: who waits on which address, in order of arrival.
//!
//! A waiter is a green or a kernel thread of the program that is not ours (`who`), so that both can
//! wake each other. The record of a wait lies on the waiter's own stack; nothing is allocated.
//! Buckets have spin locks, because kernel threads that are not ours come here in parallel.
//! Reading the futex word is the caller's business: it hands in a closure that runs under the lock.
//!
//! Whether a futex belongs here or in the kernel is decided in `shim::handlers::futex`, once.
//! See futex(2); the key rules are those of `get_futex_key` in the kernel: private and shared
//! operations on one address never meet.
#![allow(unsafe_code)]

use crate::arch::relax;
use crate::green::{GreenRef, Wake};
use core::cell::Cell;
use core::ptr::null;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const BUCKETS: usize = 1 << 14;

/// What a waiter waits on: an address and whether it was called private.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub address: usize,
    pub private: bool,
}

impl Key {
    fn bucket(self) -> usize {
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
/// [`Futexes::cancel`].
pub struct Waiter {
    next: Cell<*const Waiter>,
    prev: Cell<*const Waiter>,
    key: Cell<Key>,
    bitset: u32,
    queued: Cell<bool>,
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
struct Bucket {
    locked: AtomicU32,
    head: Cell<*const Waiter>,
    tail: Cell<*const Waiter>,
}

impl Bucket {
    fn lock(&self) {
        while self.locked.swap(1, Ordering::Acquire) != 0 {
            relax();
        }
    }

    fn unlock(&self) {
        self.locked.store(0, Ordering::Release);
    }

    /// # Safety
    /// The lock is held, and `waiter` stays where it is while queued.
    unsafe fn append(&self, waiter: &Waiter) {
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
    unsafe fn unlink(&self, waiter: &Waiter) {
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
}

/// All queues of the process.
pub struct Futexes {
    /// Kernel threads that are not ours come here too: buckets must be locked. While there are none
    /// everything happens on the one carrier, and locked instructions would be a third of a
    /// hand-off's cost.
    contended: AtomicBool,
    buckets: [Bucket; BUCKETS],
}

// SAFETY: a bucket's cells, and the queue links of waiters in it, are used only under its lock, or,
// until `set_contended`, by the one carrier.
unsafe impl Sync for Futexes {}

impl Futexes {
    /// Empty queues; as a static this is zero pages until used.
    pub const fn new() -> Futexes {
        Futexes {
            contended: AtomicBool::new(false),
            buckets: [const {
                Bucket {
                    locked: AtomicU32::new(0),
                    head: Cell::new(null()),
                    tail: Cell::new(null()),
                }
            }; BUCKETS],
        }
    }

    #[inline(always)]
    fn bucket(&self, key: Key) -> &Bucket {
        // SAFETY: `Key::bucket` yields 14 bits.
        unsafe { self.buckets.get_unchecked(key.bucket() & (BUCKETS - 1)) }
    }

    /// Forgets every waiter (the child of a fork: their threads are gone).
    pub fn clear(&self) {
        for bucket in &self.buckets {
            if !bucket.head.get().is_null() || bucket.locked.load(Ordering::Relaxed) != 0 {
                bucket.head.set(null());
                bucket.tail.set(null());
                bucket.unlock();
            }
        }
    }

    /// From now on kernel threads that are not ours may come here (or no more, after a fork). No
    /// operation may be under way.
    pub fn set_contended(&self, contended: bool) {
        self.contended.store(contended, Ordering::Release);
    }

    #[inline(always)]
    fn lock(&self, bucket: &Bucket) {
        if self.contended.load(Ordering::Relaxed) {
            bucket.lock();
        }
    }

    #[inline(always)]
    fn unlock(&self, bucket: &Bucket) {
        if self.contended.load(Ordering::Relaxed) {
            bucket.unlock();
        }
    }

    /// Queues `waiter` if `check`, run under the lock, agrees; otherwise returns what it said.
    ///
    /// # Errors
    /// Whatever `check` returns: EAGAIN when the word changed, EFAULT when it cannot be read.
    pub fn enqueue(&self, waiter: &Waiter, check: &dyn Fn() -> Result<(), i32>) -> Result<(), i32> {
        let bucket = self.bucket(waiter.key.get());
        self.lock(bucket);
        let verdict = check();
        if verdict.is_ok() {
            // SAFETY: locked; the waiter's frame outlives its place in the queue.
            unsafe { bucket.append(waiter) };
        }
        self.unlock(bucket);
        verdict
    }

    /// Takes `waiter` out. `true`: it was still queued, so nobody woke it.
    pub fn cancel(&self, waiter: &Waiter) -> bool {
        loop {
            let key = waiter.key.get();
            let bucket = self.bucket(key);
            self.lock(bucket);
            if waiter.key.get() != key {
                // Requeued elsewhere between the look and the lock.
                self.unlock(bucket);
                continue;
            }
            let queued = waiter.queued.get();
            if queued {
                // SAFETY: locked, and it is in this bucket.
                unsafe { bucket.unlink(waiter) };
            }
            self.unlock(bucket);
            return queued;
        }
    }

    /// Wakes up to `count` waiters of `key` whose bitset meets `bitset`; returns how many.
    pub fn wake(&self, key: Key, count: u32, bitset: u32, wake: &dyn Fn(&Waiter)) -> u32 {
        let bucket = self.bucket(key);
        // No look without the lock: the processor may make it before the program's own store, and
        // a kernel thread that queues itself meanwhile would miss both (`tests/loom_exit.rs`).
        self.lock(bucket);
        let woken = wake_locked(bucket, key, count, bitset, wake);
        self.unlock(bucket);
        woken
    }

    /// Wakes up to `wake_count` waiters of `from` and moves up to `move_count` others to `to`,
    /// if `check` agrees. Returns (woken, moved).
    ///
    /// # Errors
    /// Whatever `check` returns.
    pub fn requeue(
        &self,
        from: Key,
        to: Key,
        counts: (u32, u32),
        check: &dyn Fn() -> Result<(), i32>,
        wake: &dyn Fn(&Waiter),
    ) -> Result<(u32, u32), i32> {
        let (a, b) = (self.bucket(from), self.bucket(to));
        let same = core::ptr::eq(a, b);
        let (first, second) = if (a as *const Bucket) < b {
            (a, b)
        } else {
            (b, a)
        };
        self.lock(first);
        if !same {
            self.lock(second);
        }
        let result = check().map(|()| {
            let woken = wake_locked(a, from, counts.0, u32::MAX, wake);
            (woken, move_locked(a, b, from, to, counts.1))
        });
        if !same {
            self.unlock(second);
        }
        self.unlock(first);
        result
    }
}

impl Default for Futexes {
    fn default() -> Self {
        Futexes::new()
    }
}

fn wake_locked(bucket: &Bucket, key: Key, count: u32, bitset: u32, wake: &dyn Fn(&Waiter)) -> u32 {
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

fn move_locked(a: &Bucket, b: &Bucket, from: Key, to: Key, count: u32) -> u32 {
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

/// Wakes whoever `waiter` stands for. Under the bucket's lock; any kernel thread.
pub fn rouse(runtime: &crate::Runtime, on_carrier: bool, waiter: &Waiter) {
    match waiter.who.get() {
        Who::Green(green, _) if on_carrier => runtime.unpark(green, Wake::Ready),
        Who::Green(green, count) => {
            runtime.remote.push(green, count);
            runtime.ring();
        }
        Who::Kernel => {
            let word = core::ptr::from_ref(&waiter.word);
            waiter.word.store(1, Ordering::Release);
            crate::sys::futex_wake(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn key(address: usize) -> Key {
        Key {
            address,
            private: true,
        }
    }

    fn queue<'a>(futexes: &Futexes, waiters: &'a [Waiter]) -> Vec<&'a Waiter> {
        for waiter in waiters {
            futexes.enqueue(waiter, &|| Ok(())).unwrap();
        }
        waiters.iter().collect()
    }

    fn fresh() -> Box<Futexes> {
        Box::new(Futexes::new())
    }

    #[test]
    fn wakes_in_order_of_arrival_and_only_matching_bits() {
        let futexes = fresh();
        let waiters: Vec<Waiter> = [1, 2, 1, 3]
            .map(|bits| Waiter::new(key(64), bits, Who::Kernel))
            .into();
        let _all = queue(&futexes, &waiters);
        let order = RefCell::new(Vec::new());
        let note = |w: &Waiter| {
            order
                .borrow_mut()
                .push(waiters.iter().position(|x| std::ptr::eq(x, w)).unwrap())
        };
        assert_eq!(futexes.wake(key(64), 2, 1, &note), 2);
        assert_eq!(futexes.wake(key(128), 9, u32::MAX, &note), 0);
        assert_eq!(futexes.wake(key(64), 9, u32::MAX, &note), 2);
        assert_eq!(*order.borrow(), [0, 2, 1, 3]);
    }

    #[test]
    fn private_and_shared_operations_never_meet() {
        let futexes = fresh();
        let waiters = [Waiter::new(key(64), u32::MAX, Who::Kernel)];
        queue(&futexes, &waiters);
        let shared = Key {
            address: 64,
            private: false,
        };
        assert_eq!(futexes.wake(shared, 1, u32::MAX, &|_| ()), 0);
        assert!(futexes.cancel(&waiters[0]));
        assert!(!futexes.cancel(&waiters[0]));
    }

    #[test]
    fn requeue_moves_what_it_does_not_wake() {
        let futexes = fresh();
        let waiters: Vec<Waiter> = (0..5)
            .map(|_| Waiter::new(key(64), u32::MAX, Who::Kernel))
            .collect();
        queue(&futexes, &waiters);
        let moved = futexes.requeue(key(64), key(4096), (1, 3), &|| Ok(()), &|_| ());
        assert_eq!(moved, Ok((1, 3)));
        assert_eq!(futexes.wake(key(4096), 9, u32::MAX, &|_| ()), 3);
        assert_eq!(futexes.wake(key(64), 9, u32::MAX, &|_| ()), 1);
    }

    #[test]
    fn a_changed_word_keeps_the_waiter_out() {
        let futexes = fresh();
        let waiter = Waiter::new(key(64), u32::MAX, Who::Kernel);
        assert_eq!(
            futexes.enqueue(&waiter, &|| Err(libc::EAGAIN)),
            Err(libc::EAGAIN)
        );
        assert!(!futexes.cancel(&waiter));
    }
}

//! Futex queues: who waits on which address, in order of arrival.
//!
//! A waiter is a green or a kernel thread of the program that is not ours (`who`), so that both can
//! wake each other. The record of a wait lies on the waiter's own stack; nothing is allocated.
//! Buckets ([`bucket`]) have spin locks, because kernel threads that are not ours come here in parallel.
//! Reading the futex word is the caller's business: it hands in a closure that runs under the lock.
//!
//! Whether a futex belongs here or in the kernel is decided in `shim::handlers::futex`, once.
//! See futex(2); the key rules are those of `get_futex_key` in the kernel: private and shared
//! operations on one address never meet.
#![allow(unsafe_code)]

mod bucket;

pub use bucket::{Key, Waiter, Who};

use crate::green::Wake;
use bucket::{BUCKETS, Bucket, move_locked, wake_locked};
use core::sync::atomic::{AtomicBool, Ordering};

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
            buckets: [const { Bucket::new() }; BUCKETS],
        }
    }

    #[inline(always)]
    fn bucket(&self, key: Key) -> &Bucket {
        // SAFETY: `Key::bucket` yields 14 bits.
        unsafe { self.buckets.get_unchecked(key.bucket() & (BUCKETS - 1)) }
    }

    /// Forgets every waiter (the child of a fork: their threads are gone).
    pub fn clear(&self) {
        self.buckets.iter().for_each(Bucket::clear);
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

    /// As [`Futexes::enqueue`] without a check. Carrier only, and only while no kernel thread comes here.
    #[inline(always)]
    pub fn enqueue_own(&self, waiter: &Waiter) {
        // SAFETY: nobody else comes here; the waiter's frame outlives its place in the queue.
        unsafe { self.bucket(waiter.key.get()).append(waiter) };
    }

    /// Takes out the first waiter of `key`, whatever its bitset. Carrier only, and only while no kernel thread comes here
    /// ([`Futexes::set_contended`]).
    #[inline(always)]
    pub fn take_first(&self, key: Key) -> Option<&Waiter> {
        self.bucket(key).take_first(key)
    }

    /// Takes `waiter` out. `true`: it was still queued, so nobody woke it.
    pub fn cancel(&self, waiter: &Waiter) -> bool {
        if !self.contended.load(Ordering::Relaxed) && !waiter.queued.get() {
            return false;
        }
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

/// As [`rouse`], of the one waiter that is woken: a green runs next.
#[inline(always)]
pub fn hand_on(runtime: &crate::Runtime, on_carrier: bool, waiter: &Waiter) {
    match waiter.who.get() {
        Who::Green(green, _) if on_carrier => runtime.unpark_next(green, Wake::Ready),
        _ => rouse(runtime, on_carrier, waiter),
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

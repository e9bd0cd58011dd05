//! Wakes from kernel threads that own no carrier: a lock-free stack of greens, drained by the
//! carrier, and a doorbell (an eventfd) that ends its wait.
//!
//! ```text
//! another kernel thread                       the carrier
//!   remember the green's park count             (green is Parked)
//!   (if no later one is remembered)
//!   queued := true; was it already? ── yes: only the count is new
//!   push on the stack                           take the whole stack
//!   ring the doorbell                           queued := false (before reading the count)
//!                                               still Parked with that count? unpark : drop
//! ```
//! A wake that comes late (the green timed out meanwhile and parks elsewhere) finds another count, and
//! never replaces a later one.
//!
//! This very file is also compiled into `tests/loom_park.rs`, where `crate::sync` is loom's and
//! every interleaving is tried; so it names no type of this crate.

use crate::sync::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use core::ptr::null_mut;

/// What a record needs to be in the stack.
#[repr(C)]
pub struct Links<N> {
    next: AtomicPtr<N>,
    count: AtomicU32,
    queued: AtomicBool,
}

impl<N> Default for Links<N> {
    fn default() -> Self {
        Links {
            next: AtomicPtr::new(null_mut()),
            count: AtomicU32::new(0),
            queued: AtomicBool::new(false),
        }
    }
}

impl<N> Links<N> {
    /// In the child of a fork: whoever had marked the record and was about to push it is gone.
    pub fn forget(&self) {
        self.queued.store(false, Ordering::Relaxed);
    }
}

impl<N> Links<N> {
    /// Names the park to wake. `false` if a later one is named already: this wake comes late, and must
    /// not take the place of the other.
    fn names(&self, count: u32) -> bool {
        let mut named = self.count.load(Ordering::Acquire);
        while (count.wrapping_sub(named) as i32) >= 0 {
            match self.count.compare_exchange_weak(
                named,
                count,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return true,
                Err(now) => named = now,
            }
        }
        false
    }
}

/// A record that can be in the stack: a green.
pub trait Node: Sized + 'static {
    /// Its links.
    fn links(&self) -> &Links<Self>;
    /// The record behind a pointer taken from one, `None` for null.
    fn behind(pointer: *mut Self) -> Option<&'static Self>;
}

/// The stack.
pub struct Remote<N> {
    head: AtomicPtr<N>,
}

impl<N: Node> Remote<N> {
    /// Empty; `head` must be null.
    pub const fn new(head: AtomicPtr<N>) -> Remote<N> {
        Remote { head }
    }

    /// Nothing waits in it.
    pub fn is_empty(&self) -> bool {
        self.head.load(Ordering::Acquire).is_null()
    }

    /// Asks the carrier to wake `green` from its park number `count`. Any kernel thread, and
    /// signal handlers. The caller rings the doorbell afterwards.
    pub fn push(&self, green: &'static N, count: u32) {
        let links = green.links();
        if !links.names(count) {
            return;
        }
        if links.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let node = core::ptr::from_ref(green).cast_mut();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            links.next.store(head, Ordering::Relaxed);
            match self
                .head
                .compare_exchange_weak(head, node, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Takes all, oldest last, and hands each with its count to `wake`. The carrier only.
    pub fn drain(&self, mut wake: impl FnMut(&'static N, u32)) {
        let mut node = self.head.swap(null_mut(), Ordering::Acquire);
        while let Some(green) = N::behind(node) {
            let links = green.links();
            node = links.next.load(Ordering::Relaxed);
            // A swap, not a store: who found it queued left a count that must be seen below.
            links.queued.swap(false, Ordering::AcqRel);
            wake(green, links.count.load(Ordering::Acquire));
        }
    }
}

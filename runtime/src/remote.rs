//! Wakes from kernel threads that own no carrier: a lock-free stack of greens, drained by the
//! carrier, and a doorbell (an eventfd) that ends its wait.
//!
//! ```text
//! another kernel thread                       the carrier
//!   remember the green's park count             (green is Parked)
//!   queued := true; was it already? ── yes: only the count is new
//!   push on the stack                           take the whole stack
//!   ring the doorbell                           queued := false (before reading the count)
//!                                               still Parked with that count? unpark : drop
//! ```
//! A wake that comes late (the green timed out meanwhile and parks elsewhere) finds another count.

use crate::green::{Green, GreenRef, table};
use core::ptr::null_mut;
#[cfg(not(loom))]
use core::sync::atomic::{AtomicPtr, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicPtr, Ordering};

/// The stack.
pub struct Remote {
    head: AtomicPtr<Green>,
}

impl Remote {
    /// Empty.
    #[cfg(not(loom))]
    pub const fn new() -> Remote {
        Remote {
            head: AtomicPtr::new(null_mut()),
        }
    }

    /// Nothing waits in it.
    pub fn is_empty(&self) -> bool {
        self.head.load(Ordering::Acquire).is_null()
    }

    /// Asks the carrier to wake `green` from its park number `count`. Any kernel thread, and
    /// signal handlers. The caller rings the doorbell afterwards.
    pub fn push(&self, green: GreenRef, count: u32) {
        green.remote_count.store(count, Ordering::Release);
        if green.remote_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let node = core::ptr::from_ref(green).cast_mut();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            green.remote_next.store(head, Ordering::Relaxed);
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
    pub fn drain(&self, mut wake: impl FnMut(GreenRef, u32)) {
        let mut node = self.head.swap(null_mut(), Ordering::Acquire);
        while let Some(green) = table::handle(node) {
            node = green.remote_next.load(Ordering::Relaxed);
            green.remote_queued.store(false, Ordering::Release);
            wake(green, green.remote_count.load(Ordering::Acquire));
        }
    }
}

#[cfg(not(loom))]
impl Default for Remote {
    fn default() -> Self {
        Remote::new()
    }
}

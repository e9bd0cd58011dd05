//! The run queue: first come, first served, linked through the records themselves. Pure.

use crate::green::GreenRef;
use core::cell::Cell;

/// Greens that are ready to run.
pub struct Queue {
    head: Cell<Option<GreenRef>>,
    tail: Cell<Option<GreenRef>>,
    /// How many stand in it.
    len: Cell<usize>,
}

impl Queue {
    /// Empty.
    pub const fn new() -> Queue {
        Queue {
            head: Cell::new(None),
            tail: Cell::new(None),
            len: Cell::new(0),
        }
    }

    /// Nobody is ready.
    pub fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }

    /// Who stands first.
    #[inline(always)]
    pub fn first(&self) -> Option<GreenRef> {
        self.head.get()
    }

    /// Last in line. The green must be in no queue.
    pub fn push(&self, green: GreenRef) {
        self.len.set(self.len.get() + 1);
        green.next.set(None);
        match self.tail.replace(Some(green)) {
            Some(last) => last.next.set(Some(green)),
            None => self.head.set(Some(green)),
        }
    }

    /// First in line, for a green that only asked something of the scheduler side.
    pub fn push_front(&self, green: GreenRef) {
        self.len.set(self.len.get() + 1);
        green.next.set(self.head.replace(Some(green)));
        if self.tail.get().is_none() {
            self.tail.set(Some(green));
        }
    }

    /// Whose turn it is.
    pub fn pop(&self) -> Option<GreenRef> {
        let green = self.head.get()?;
        self.len.set(self.len.get() - 1);
        self.head.set(green.next.get());
        if self.head.get().is_none() {
            self.tail.set(None);
        }
        Some(green)
    }

    /// Forgets everybody (the child of a fork).
    pub fn clear(&self) {
        self.head.set(None);
        self.tail.set(None);
        self.len.set(0);
    }

    /// How many are ready.
    pub fn len(&self) -> usize {
        self.len.get()
    }
}

impl Default for Queue {
    fn default() -> Self {
        Queue::new()
    }
}

//! Waits for several descriptors or several addresses at once. Their waiters lie on the heap while the green is parked,
//! because nobody bounds their number; whoever goes on is taken out of all lists first. Scheduler side.

use super::Scheduler;
use crate::Runtime;
use crate::futexes::Waiter;
use crate::green::{GreenRef, Wake};
use crate::reactor::FdWaiter;

impl Scheduler {
    /// Waits for several descriptors: the waiters stay on the heap while the green is parked.
    pub(super) fn wait_many(&mut self, green: GreenRef, waiters: Box<[FdWaiter]>) {
        for waiter in &waiters {
            if self.reactor.begin(&self.runtime.slots, waiter).is_err() {
                self.runtime.unpark(green, Wake::Ready);
            }
        }
        self.many.insert(core::ptr::from_ref(green).addr(), waiters);
    }

    /// Queues a green at several addresses. What one of them says against it counts only if none has woken
    /// it meanwhile (futex_waitv(2)).
    pub(super) fn wait_addresses(
        &mut self,
        green: GreenRef,
        waiters: Box<[Waiter]>,
        check: &dyn Fn(usize) -> Result<(), i32>,
    ) -> Result<(), (Option<usize>, i32)> {
        let futexes = &self.runtime.futexes;
        let refused = waiters
            .iter()
            .enumerate()
            .find_map(|(i, w)| Some((i, futexes.enqueue(w, &|| check(i)).err()?)));
        let Some((queued, errno)) = refused else {
            self.addresses
                .insert(core::ptr::from_ref(green).addr(), waiters);
            return Ok(());
        };
        match last_woken(self.runtime, &waiters[..queued]) {
            None => Err((None, errno)),
            woken => Err((woken, 0)),
        }
    }

    /// Takes a green, which goes on, out of all its queues. Returns which of them had woken it.
    pub fn leave_addresses(&mut self, green: GreenRef) -> Option<usize> {
        let waiters = self.addresses.remove(&core::ptr::from_ref(green).addr())?;
        last_woken(self.runtime, &waiters)
    }

    pub(super) fn drop_waiters(&mut self, green: GreenRef) {
        let waiters = self.many.remove(&core::ptr::from_ref(green).addr());
        for waiter in waiters.iter().flatten() {
            self.runtime.slots.unlink(waiter);
            if waiter.is_private() {
                self.held.push((green, waiter.fd.get()));
            }
        }
        self.runtime.slots.held.set(self.held.len());
    }

    /// Closes the private duplicates that a wait for several descriptors of this green left.
    pub fn release_held(&mut self, green: GreenRef) {
        let slots = &self.runtime.slots;
        self.held.retain(|&(owner, fd)| {
            let keep = !core::ptr::eq(owner, green);
            if !keep {
                slots.close_private(fd);
            }
            keep
        });
        slots.held.set(self.held.len());
    }
}

/// Takes all, which were queued, out of their queues. Returns the place of the last that was not in its
/// queue any more because it was woken.
fn last_woken(runtime: &Runtime, waiters: &[Waiter]) -> Option<usize> {
    let mut last = None;
    for (i, waiter) in waiters.iter().enumerate() {
        if !runtime.futexes.cancel(waiter) {
            last = Some(i);
        }
    }
    last
}

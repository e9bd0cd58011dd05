//! Who waits for a descriptor: the list at its slot, and who of it an edge wakes. One kernel thread.
//!
//! A wait begins on the scheduler side ([`super::Reactor::begin`]), or where the turn is passed on
//! ([`crate::sched::switch::pass_on`]), and is unlinked by whichever side ends it; the list is
//! in order of arrival. Nothing here allocates.
#![allow(unsafe_code)]

use super::slots::{
    EMPTY, END, HALF, PRIVATE, READ, REGISTERED, SAW_SPECIAL, Slots, URGENT, WRITE,
};
use crate::green::{GreenRef, Wake};
use crate::mutants::{Mutant, every, mutant};
use crate::{Runtime, arch, sys};
use core::cell::Cell;
use core::ptr::null;

/// Whom an event wakes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wakes {
    /// Everybody who waits for it.
    All,
    /// One of those who wait so, the one that waits longest. Whoever leaves sees to it that the next is
    /// woken if there is more ([`Slots::wake_next`]).
    OneHere,
    /// As `OneHere`, and of several processes one is enough (EPOLLEXCLUSIVE): for what processes may
    /// share. The kernel is asked only while somebody waits, since it takes a process that sleeps for any
    /// other reason for one that will come and take what there is.
    OneAnywhere,
}

/// One green waiting for one descriptor. Lives on the green's stack (or in a list of the scheduler
/// side); must be out of the list before that ends: [`Slots::unlink`].
pub struct FdWaiter {
    next: Cell<*const FdWaiter>,
    prev: Cell<*const FdWaiter>,
    green: GreenRef,
    interest: u8,
    linked: Cell<bool>,
    /// One of several that its green waits for.
    many: bool,
    pub(super) wakes: Wakes,
    /// `fd` is a duplicate of our own, to be closed after the wait.
    private: Cell<bool>,
    /// The descriptor to try again; changes when the program closes the original meanwhile.
    pub fd: Cell<i32>,
}

impl FdWaiter {
    /// A wait of `green` that has not begun.
    pub fn new(green: GreenRef, fd: i32, interest: u8) -> FdWaiter {
        FdWaiter {
            next: Cell::new(null()),
            prev: Cell::new(null()),
            green,
            interest,
            linked: Cell::new(false),
            many: false,
            wakes: Wakes::All,
            private: Cell::new(false),
            fd: Cell::new(fd),
        }
    }

    /// As one of those of whom an event wakes so many.
    pub fn waking(self, wakes: Wakes) -> FdWaiter {
        FdWaiter { wakes, ..self }
    }

    /// Is `fd` a duplicate of our own?
    pub fn is_private(&self) -> bool {
        self.private.get()
    }

    /// As one of several that the green waits for.
    pub fn one_of_many(self) -> FdWaiter {
        FdWaiter { many: true, ..self }
    }
}

impl Slots {
    /// Behind those that wait already: the first is tried first, as in the kernel's queues. The first
    /// one's `prev` is the last one.
    pub(crate) fn link(&self, waiter: &FdWaiter) {
        let Some(slot) = self.get(waiter.fd.get()) else {
            return;
        };
        waiter.next.set(null());
        // SAFETY: linked waiters are alive.
        match unsafe { slot.waiters.get().as_ref() } {
            Some(first) => {
                let last = first.prev.replace(waiter);
                waiter.prev.set(last);
                // SAFETY: as above.
                if let Some(last) = unsafe { last.as_ref() } {
                    last.next.set(waiter);
                }
            }
            None => {
                waiter.prev.set(waiter);
                slot.waiters.set(waiter);
            }
        }
        waiter.linked.set(true);
    }

    /// Takes a waiter out of its list, if it is in one. The last one takes an exclusive registration along:
    /// one system call.
    pub fn unlink(&self, waiter: &FdWaiter) {
        if !waiter.linked.replace(false) {
            return;
        }
        self.take_out(waiter);
        let fd = waiter.fd.get();
        if !self.has_waiters(fd) {
            self.leave_exclusive(fd);
        }
    }

    fn take_out(&self, waiter: &FdWaiter) {
        let Some(slot) = self.get(waiter.fd.get()) else {
            return;
        };
        let (prev, next) = (waiter.prev.get(), waiter.next.get());
        if core::ptr::eq(slot.waiters.get(), waiter) {
            slot.waiters.set(next);
        // SAFETY: neighbours of a linked waiter are linked, so alive; the first has no `next` to it.
        } else if let Some(prev) = unsafe { prev.as_ref() } {
            prev.next.set(next);
        }
        // The next one's, or the first one's if this was the last.
        let heir = if next.is_null() {
            slot.waiters.get()
        } else {
            next
        };
        // SAFETY: as above.
        if let Some(heir) = unsafe { heir.as_ref() } {
            heir.prev.set(prev);
        }
    }

    /// Begins to load the first waiter of a descriptor.
    pub(super) fn fetch_waiter(&self, fd: i32) {
        if let Some(slot) = self.get(fd) {
            arch::prefetch(slot.waiters.get() as usize);
        }
    }

    /// Begins to load the record of the green that waits first for a descriptor.
    pub(super) fn fetch_green(&self, fd: i32) {
        // SAFETY: linked waiters are alive.
        let waiter = self
            .get(fd)
            .and_then(|s| unsafe { s.waiters.get().as_ref() });
        if let Some(waiter) = waiter {
            arch::prefetch(core::ptr::from_ref(waiter.green) as usize);
        }
    }

    /// An edge: keeps what it says and wakes whom it concerns.
    pub(super) fn fire(&self, runtime: &Runtime, fd: i32, generation: u32, said: u8) {
        let Some(slot) = self.get(fd) else { return };
        if slot.generation.get() != generation {
            return;
        }
        let mut flags = slot.flags.get();
        if said & (READ | URGENT) != 0 {
            flags &= !EMPTY;
        }
        if said & (URGENT | END) != 0 {
            flags |= SAW_SPECIAL;
        }
        slot.flags.set(flags);
        let mut at = slot.waiters.get();
        // SAFETY: linked waiters are alive; unparked greens do not run before this returns.
        while let Some(waiter) = unsafe { at.as_ref() } {
            at = waiter.next.get();
            if mutant(Mutant::DroppedWake) && every(3) {
                continue;
            }
            if waiter.interest & said != 0 && waiter.wakes == Wakes::All {
                runtime.unpark(waiter.green, Wake::Ready);
            }
        }
        if said & READ != 0 {
            self.wake_next(runtime, fd);
        }
    }

    /// Who waits longest among those that take turns becomes the last one: natively it was woken for nothing, and lined
    /// up again.
    pub fn send_to_the_end(&self, fd: i32) {
        let Some(slot) = self.get(fd) else { return };
        let mut at = slot.waiters.get();
        // SAFETY: linked waiters are alive.
        while let Some(waiter) = unsafe { at.as_ref() } {
            if waiter.wakes != Wakes::All {
                self.take_out(waiter);
                return self.link(waiter);
            }
            at = waiter.next.get();
        }
    }

    /// Wakes the one that waits longest among those that take turns.
    pub fn wake_next(&self, runtime: &Runtime, fd: i32) {
        let Some(slot) = self.get(fd) else { return };
        let mut at = slot.waiters.get();
        // SAFETY: linked waiters are alive; unparked greens do not run before this returns.
        while let Some(waiter) = unsafe { at.as_ref() } {
            if waiter.wakes != Wakes::All {
                return runtime.unpark(waiter.green, Wake::Ready);
            }
            at = waiter.next.get();
        }
    }

    /// The number `from` is about to go: each of its waiters gets a duplicate of its own, which keeps
    /// the description as the kernel keeps it for a call. A call on one descriptor wakes and tries
    /// again there; one that waits for several goes on waiting, and looks at the numbers when an event
    /// comes (poll(2) does no more). Green side.
    pub fn move_waiters(&self, runtime: &Runtime, from: i32) {
        let Some(slot) = self.get(from) else { return };
        // SAFETY: linked waiters are alive: their frames end only after `unlink`.
        while let Some(waiter) = unsafe { slot.waiters.get().as_ref() } {
            self.unlink(waiter);
            if mutant(Mutant::DuplicateWaiterLost) {
                continue;
            }
            let to = sys::fcntl(from, libc::F_DUPFD_CLOEXEC, sys::descriptor_floor());
            let to = to.max(-1) as i32;
            waiter.fd.set(to);
            if let Some(private) = self.get(to) {
                private.flags.set(PRIVATE);
                self.end.set(self.end.get().max(to + 1));
            }
            if waiter.many && to >= 0 && self.register_now(runtime, to, waiter.interest) {
                waiter.private.set(true);
                self.link(waiter);
            } else {
                runtime.unpark(waiter.green, Wake::Ready);
            }
        }
    }

    /// Registers a descriptor from the green side, for exactly what its one waiter was told to wait for: whatever else
    /// is so already would come as an edge at once. `false`: the kernel will not.
    fn register_now(&self, runtime: &Runtime, fd: i32, interest: u8) -> bool {
        let Some(slot) = self.get(fd) else {
            return false;
        };
        let wanted = |bit: u8, event: i32| if interest & bit != 0 { event } else { 0 };
        let events = wanted(READ, libc::EPOLLIN)
            | wanted(WRITE, libc::EPOLLOUT)
            | wanted(URGENT, libc::EPOLLPRI)
            | wanted(HALF, libc::EPOLLRDHUP);
        let done = sys::epoll_add(
            runtime.epoll_fd(),
            fd,
            (events | libc::EPOLLET) as u32,
            fd as u64 | u64::from(slot.generation.get()) << 32,
        );
        if done {
            slot.flags.set(slot.flags.get() | REGISTERED);
        }
        done
    }
}

//! What the green side may ask and note of a descriptor without a system call: is this stream known to be
//! empty, who waits on it. Written by the green side and by the reactor, on one kernel thread.
//!
//! Generations keep late events of a closed descriptor from waking the users of the next one with its number.
#![allow(unsafe_code)]

use crate::green::{GreenRef, Wake};
use crate::mutants::{Mutant, every, mutant};
use crate::{Runtime, arch, sys};
use core::cell::Cell;
use core::ptr::null;

/// Bits of an interest, and of what an edge said.
pub const READ: u8 = 1;
/// Room to write, or an error.
pub const WRITE: u8 = 2;
/// Urgent data.
pub const URGENT: u8 = 4;

pub(super) const REGISTERED: u8 = 1;
/// An edge came since the stream was last seen empty.
const MAY_READ: u8 = 2;
/// Urgent data or the end of the stream was announced once: a short read no longer proves that an
/// attempt would block (the end may have come in the same edge as the data).
const SAW_SPECIAL: u8 = 4;
/// A duplicate of our own, made for a waiter when the program closed the number.
const PRIVATE: u8 = 16;
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

/// What the reactor knows of one descriptor.
pub struct Slot {
    pub(super) waiters: Cell<*const FdWaiter>,
    pub(super) generation: Cell<u32>,
    pub(super) flags: Cell<u8>,
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
        self.get(fd)
            .is_none_or(|s| s.flags.get() & (REGISTERED | MAY_READ) != REGISTERED)
    }

    /// Notes that the stream is empty: a read came back short or with EAGAIN.
    #[inline(always)]
    pub fn drained(&self, fd: i32) {
        if let Some(slot) = self.get(fd)
            && slot.flags.get() & SAW_SPECIAL == 0
        {
            slot.flags.set(slot.flags.get() & !MAY_READ);
        }
    }

    /// The epoll instance knows this descriptor.
    #[inline(always)]
    pub fn is_registered(&self, fd: i32) -> bool {
        self.get(fd)
            .is_some_and(|s| s.flags.get() & REGISTERED != 0)
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

    /// Closes a private duplicate whose wait is over.
    pub fn close_private(&self, fd: i32) {
        self.forget(fd);
        sys::close(fd);
    }

    /// Behind those that wait already: the first is tried first, as in the kernel's queues. The first
    /// one's `prev` is the last one.
    pub(super) fn link(&self, waiter: &FdWaiter) {
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

    /// Ends an exclusive registration, if there is one.
    pub(super) fn leave_exclusive(&self, fd: i32) {
        if let Some(slot) = self.get(fd)
            && slot.flags.get() & EXCLUSIVE != 0
        {
            slot.flags.set(slot.flags.get() & !(REGISTERED | EXCLUSIVE));
            sys::epoll_delete(crate::sched::runtime().epoll_fd(), fd);
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
            flags |= MAY_READ;
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

//! What both sides share: [`Runtime`], one static. Its cells are touched by the one carrier only, its
//! atomics by anybody.
//!
//! The green side comes here through [`park`](crate::park) and the handlers of the shim, the scheduler
//! side from [`Scheduler`]. Nothing here may block, or allocate after activation.
#![allow(unsafe_code)]

use super::queue::Queue;
use super::{Scheduler, Worker};
use crate::arch;
use crate::caps::Caps;
use crate::futexes::Futexes;
use crate::green::masks::Masks;
use crate::green::table::Table;
use crate::green::{Green, GreenRef, State, Wake};
use crate::offload::{Acceptor, Helpers, Pool};
use crate::reactor::Slots;
use crate::remote::Remote;
use crate::sys;
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

/// What belongs to one carrier and is needed on its green side too.
pub struct Carrier {
    pub ready: Queue,
    /// Monotonic time, refreshed once per turn.
    pub now_ns: Cell<u64>,
    /// How many may still jump the line before the kernel is asked for news.
    pub jumps: Cell<u32>,
    /// The green that runs has let one jump the line.
    pub jumped: Cell<bool>,
    /// How many may still run before signals, deadlines and wakes from other kernel threads are looked at,
    pub left: Cell<usize>,
    /// and until when, by the processor's counter.
    pub until: Cell<u64>,
}

/// The counter is looked at once for so many. Never before one has run: a processor that is being single-stepped is always
/// late.
const LOOK_GREENS: usize = 16;

impl Carrier {
    /// Begins a turn of `greens` at most, and about `cycles` of the processor's counter.
    pub fn begin(&self, greens: usize, cycles: u64) {
        self.left.set(greens);
        self.until.set(arch::cycles().wrapping_add(cycles));
    }

    /// The turn is over.
    #[inline(always)]
    pub fn is_over(&self) -> bool {
        let left = self.left.get();
        left == 0 || left % LOOK_GREENS == 1 && self.is_late()
    }

    #[cold]
    fn is_late(&self) -> bool {
        arch::cycles().wrapping_sub(self.until.get()) as i64 >= 0
    }

    /// Takes the first in line out, to run it.
    #[inline(always)]
    pub fn pop(&self) -> Option<GreenRef> {
        let first = self.ready.pop()?;
        self.left.set(self.left.get().wrapping_sub(1));
        self.jumped.set(false);
        Some(first)
    }
}

/// What the shim lends the machine.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Enters the program as a new thread, from the door's frame at this address. Green side.
    pub start: unsafe extern "C" fn(usize) -> !,
    /// Hands noted signals to greens. Scheduler side.
    pub route_signals: fn(),
    /// Clears the dead thread's id word and wakes who joins it. Scheduler side: its stack is left.
    pub ended: fn(GreenRef),
}

/// Everything shared.
pub struct Runtime {
    pub carrier: Carrier,
    pub worker: Worker,
    pub table: Table,
    pub masks: Masks,
    pub slots: Slots,
    pub futexes: Futexes,
    pub remote: Remote<Green>,
    pub helpers: Helpers,
    pub pool: Pool,
    pub acceptor: Acceptor,
    pub caps: Cell<Caps>,
    pub hooks: Cell<Option<Hooks>>,
    /// The doors are open: libc is rewritten and greens exist.
    pub active: AtomicBool,
    /// Numbers plus one, so that an all-zero `Runtime` is right and costs no file pages.
    own_fds: [AtomicI32; 5],
    /// The scheduler between its making at activation and its first run.
    boot: Cell<Option<Box<Scheduler>>>,
}

// SAFETY: cells are touched by the one carrier only (its two sides are coroutines of one kernel
// thread); futex buckets and the pool lock themselves; the rest is atomic.
unsafe impl Sync for Runtime {}

/// The one instance.
#[unsafe(no_mangle)]
pub static LICHEN_RUNTIME: Runtime = Runtime {
    carrier: Carrier {
        ready: Queue::new(),
        now_ns: Cell::new(0),
        jumps: Cell::new(0),
        jumped: Cell::new(false),
        left: Cell::new(0),
        until: Cell::new(0),
    },
    worker: Worker::new(),
    table: Table::new(),
    masks: Masks::new(),
    slots: Slots::new(),
    futexes: Futexes::new(),
    remote: Remote::new(AtomicPtr::new(core::ptr::null_mut())),
    helpers: Helpers::new(),
    pool: Pool::new(),
    acceptor: Acceptor::new(),
    caps: Cell::new(Caps::NONE),
    hooks: Cell::new(None),
    active: AtomicBool::new(false),
    own_fds: [const { AtomicI32::new(0) }; 5],
    boot: Cell::new(None),
};

/// The one instance.
#[inline(always)]
pub fn runtime() -> &'static Runtime {
    &LICHEN_RUNTIME
}

impl Runtime {
    /// Greens exist and calls come through the doors.
    #[inline(always)]
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// Makes a parked green ready; does nothing if it is not parked. Carrier only, both sides;
    /// allocates nothing. Other kernel threads: [`Remote::push`] and [`Runtime::ring`].
    pub fn unpark(&self, green: GreenRef, wake: Wake) {
        if make_ready(green, wake) {
            self.carrier.ready.push(green);
        }
    }

    /// As [`Runtime::unpark`], for one to whom the running green hands something on, a lock mostly: it runs next, in front
    /// of those who are ready. At the end of the line it would find the lock taken again by one of them, and those
    /// behind it in the lock's queue would wait for a whole round each. One for each run of a green, and not without end,
    /// so that a few who hand something around do not keep all others from running. Green side.
    #[inline(always)]
    pub fn unpark_next(&self, green: GreenRef, wake: Wake) {
        if !make_ready(green, wake) {
            return;
        }
        let left = self.carrier.jumps.get();
        if left == 0 || self.carrier.jumped.get() {
            return self.carrier.ready.push(green);
        }
        self.carrier.jumps.set(left - 1);
        self.carrier.jumped.set(true);
        self.carrier.ready.push_front(green);
    }

    /// Ends the carrier's sleep. Any kernel thread, and signal handlers.
    pub fn ring(&self) {
        let bell = self.own_fds[1].load(Ordering::Relaxed) - 1;
        if bell >= 0 {
            sys::write(bell, &1u64.to_ne_bytes());
        }
    }

    /// Notes the descriptors that are ours: epoll, doorbell, clock.
    pub fn set_own_fds(&self, fds: [i32; 3]) {
        for (cell, fd) in self.own_fds.iter().zip(fds) {
            cell.store(fd + 1, Ordering::Relaxed);
        }
    }

    /// The epoll descriptor.
    pub fn epoll_fd(&self) -> i32 {
        self.own_fds[0].load(Ordering::Relaxed) - 1
    }

    /// Notes where the trace goes.
    pub fn set_trace_fd(&self, fd: i32) {
        self.own_fds[3].store(fd + 1, Ordering::Relaxed);
    }

    /// Where the trace goes, or -1.
    pub fn trace_fd(&self) -> i32 {
        self.own_fds[3].load(Ordering::Relaxed) - 1
    }

    /// Notes the ring of the [`Acceptor`]; -1: it has none.
    pub fn set_ring_fd(&self, fd: i32) {
        self.own_fds[4].store(fd + 1, Ordering::Relaxed);
    }

    /// The ring of the [`Acceptor`], or -1.
    pub fn ring_fd(&self) -> i32 {
        self.own_fds[4].load(Ordering::Relaxed) - 1
    }

    /// Is this descriptor ours, to be hidden from the program's close?
    pub fn is_own_fd(&self, fd: i32) -> bool {
        fd >= 0 && self.own_fds().contains(&fd)
    }

    /// Hands the scheduler to its context, which takes it when first resumed.
    pub fn set_scheduler(&self, scheduler: Box<Scheduler>) {
        self.boot.set(Some(scheduler));
    }

    /// Takes back what was made for the scheduler: activation failed.
    pub fn drop_scheduler(&self) {
        drop(self.boot.take());
        let [_, bell, clock, ..] = self.own_fds();
        for fd in [bell, clock] {
            if fd >= 0 {
                sys::close(fd);
            }
        }
        self.set_own_fds([-1; 3]);
    }

    pub(super) fn take_scheduler(&self) -> Option<Box<Scheduler>> {
        self.boot.take()
    }

    /// Our descriptors.
    pub fn own_fds(&self) -> [i32; 5] {
        core::array::from_fn(|i| self.own_fds[i].load(Ordering::Relaxed) - 1)
    }
}

/// Ends the park of a green, if it is in one; it is to be queued then.
#[inline(always)]
fn make_ready(green: GreenRef, wake: Wake) -> bool {
    let parked = green.state.get() == State::Parked;
    if parked {
        green.state.set(State::Ready);
        green.wake.set(wake);
    }
    parked
}

//! The record of a green thread. Records never move and are never unmapped, so a plain
//! `&'static Green` is a handle; all fields are cells.
//!
//! **Who may touch a record:** the carrier that owns the green (green side or scheduler side, never
//! both at once, they are coroutines of one kernel thread). The only exceptions are the atomics
//! of `remote` (see [`crate::remote`]). Reading from outside the process is for tools: see [`table`].

pub mod context;
pub mod masks;
pub mod table;

use crate::remote::{Links, Node};
use core::cell::Cell;
use core::sync::atomic::AtomicU32;

/// A handle on a green.
pub type GreenRef = &'static Green;

/// Where a green is in its life.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Free = 0,
    Ready = 1,
    Running = 2,
    Parked = 3,
    /// Ended, but its record stays: the first thread of the process after `pthread_exit`.
    Ended = 4,
}

/// What a parked green waits for.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    Nothing = 0,
    /// Its turn, after `sched_yield`. Argument: none.
    Turn = 1,
    /// A time. Argument: none.
    Time = 2,
    /// A descriptor. Argument: its number.
    Descriptor = 3,
    /// Several descriptors. Argument: how many.
    Descriptors = 4,
    /// An address. Argument: the address.
    Futex = 5,
    /// A kernel thread that makes the call for it. Argument: the call's number.
    Helper = 6,
    /// A signal or a child. Argument: none.
    Signal = 7,
    /// Several addresses. Argument: how many.
    Addresses = 8,
    /// As `Helper`, and no signal ends it sooner than it ends by itself. Argument: the call's number.
    Work = 9,
}

/// Why a parked green runs again.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wake {
    /// What it waited for has happened (or might have: look again).
    Ready = 0,
    /// Its deadline passed.
    TimedOut = 1,
    /// A signal is waiting for it.
    Interrupted = 2,
}

/// Accounted in [`masks`] (from its first own mask until its end).
const ACCOUNTED: u8 = 1;
/// Its rights to pages with protection keys are not the usual ones.
const OWN_RIGHTS: u8 = 2;

/// One green thread. 192 bytes; the layout is versioned by [`table::VERSION`]. The first cache line
/// holds all that parking and resuming touch: with thousands of greens every further line is a miss.
#[repr(C, align(64))]
pub struct Green {
    /// Where it goes on when resumed (a stack pointer of the `context` crate).
    pub context: Cell<usize>,
    /// Its FS base, that is its TCB, that is its `pthread_t`.
    pub fs: Cell<usize>,
    /// Link of the run queue or of the free list.
    pub next: Cell<Option<GreenRef>>,
    pub state: Cell<State>,
    pub wait: Cell<Wait>,
    pub wake: Cell<Wake>,
    /// [`ACCOUNTED`] and [`OWN_RIGHTS`].
    marks: Cell<u8>,
    /// Position in the timer heap plus one; 0 when it has no timer.
    pub timer_position: Cell<u32>,
    /// Counts parks, so that a late wake from another kernel thread is recognised.
    pub park_count: AtomicU32,
    /// When the present state began: monotonic time in units of 2^20 ns (about 1 ms), modulo 2^32.
    pub since: Cell<u32>,
    pub wait_argument: Cell<u64>,
    /// The signal mask the program sees.
    pub mask: Cell<u64>,
    /// Signals noted for this green and not yet delivered.
    pub pending: Cell<u64>,

    pub tid: Cell<u32>,
    /// Standard signals that other threads of the process sent to this one (bit 0 is signal 1).
    pub told: Cell<u32>,
    /// To put back when a call with a temporary mask (`ppoll`) ends; valid if `mask_saved`.
    pub saved_mask: Cell<u64>,
    pub mask_saved: Cell<bool>,
    pub is_first: Cell<bool>,
    /// Its rights to pages with protection keys while another runs, if they are its own ([`Green::own_rights`]).
    rights: Cell<u32>,
    /// The program's alternate signal stack: address, size, flags.
    pub altstack: Cell<[usize; 3]>,

    /// `set_robust_list`: address of the head.
    pub robust_list: Cell<usize>,
    /// CLONE_CHILD_CLEARTID: the word to clear and wake at the end.
    pub clear_tid: Cell<usize>,
    /// The function it was started with, as `pthread_create` got it; 0 for the first thread.
    pub start: Cell<usize>,
    /// The door's frame while it is parked or about to start, for backtraces from outside.
    pub frame: Cell<usize>,
    /// Its name (PR_SET_NAME), zeros from its end on; at first that of its maker.
    pub name: Cell<[u8; 16]>,
    /// Signals it waits for in sigwait(3): they come to it although it blocks them.
    pub sigwait: Cell<u64>,
    /// Processor time it has used, in nanoseconds, as far as that is counted ([`crate::sched::Worker::charge`]).
    pub cpu_ns: Cell<u64>,

    pub(crate) remote: Links<Green>,
}

const _: () = assert!(size_of::<Green>() == 192);
// What docs/debugging.md promises to tools. A change of any of these is a new `table::VERSION`.
const _: () = {
    use core::mem::offset_of;
    assert!(offset_of!(Green, state) == 24 && offset_of!(Green, wait) == 25);
    assert!(offset_of!(Green, since) == 36 && offset_of!(Green, wait_argument) == 40);
    assert!(offset_of!(Green, mask) == 48 && offset_of!(Green, pending) == 56);
    assert!(offset_of!(Green, tid) == 64 && offset_of!(Green, is_first) == 81);
    assert!(offset_of!(Green, altstack) == 88 && offset_of!(Green, start) == 128);
    assert!(offset_of!(Green, name) == 144);
};

impl Green {
    /// Makes the record fresh for a new thread.
    pub fn reset(&self, tid: u32) {
        self.context.set(0);
        self.fs.set(0);
        self.next.set(None);
        self.tid.set(tid);
        self.told.set(0);
        self.state.set(State::Ready);
        self.wait.set(Wait::Nothing);
        self.wake.set(Wake::Ready);
        self.marks.set(0);
        self.timer_position.set(0);
        self.mask.set(0);
        self.pending.set(0);
        self.mask_saved.set(false);
        self.sigwait.set(0);
        self.is_first.set(false);
        self.altstack.set([0, 0, libc::SS_DISABLE as usize]);
        self.robust_list.set(0);
        self.clear_tid.set(0);
        self.start.set(0);
        self.frame.set(0);
        self.name.set([0; 16]);
        self.cpu_ns.set(0);
    }

    fn mark(&self, mark: u8, on: bool) -> bool {
        let marks = self.marks.get();
        self.marks
            .set(if on { marks | mark } else { marks & !mark });
        marks & mark != 0
    }

    /// Is it accounted in [`masks`]?
    pub fn is_accounted(&self) -> bool {
        self.marks.get() & ACCOUNTED != 0
    }

    /// Notes whether it is accounted in [`masks`]; returns what was noted.
    pub fn account(&self, accounted: bool) -> bool {
        self.mark(ACCOUNTED, accounted)
    }

    /// Its rights to pages with protection keys, if they are not those that all threads have that never changed theirs.
    #[inline(always)]
    pub fn own_rights(&self) -> Option<u32> {
        (self.marks.get() & OWN_RIGHTS != 0).then(|| self.rights.get())
    }

    /// Notes them. `None` leaves the second cache line alone.
    #[inline(always)]
    pub fn set_own_rights(&self, rights: Option<u32>) {
        if let Some(rights) = rights {
            self.rights.set(rights);
        }
        self.mark(OWN_RIGHTS, rights.is_some());
    }

    /// Enters a state, noting when.
    pub fn enter(&self, state: State, wait: Wait, argument: u64, now_ns: u64) {
        self.state.set(state);
        self.wait.set(wait);
        self.wait_argument.set(argument);
        self.since.set((now_ns >> 20) as u32);
    }
}

impl Node for Green {
    fn links(&self) -> &Links<Green> {
        &self.remote
    }
    fn behind(pointer: *mut Green) -> Option<GreenRef> {
        table::handle(pointer)
    }
}

impl crate::timers::Slot for GreenRef {
    fn position(self) -> u32 {
        self.timer_position.get()
    }
    fn set_position(self, position: u32) {
        self.timer_position.set(position);
    }
}

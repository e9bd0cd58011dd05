//! A worker: a kernel thread that runs program code. Its GS base points here, which is how every
//! door knows who it is. The first fields are read by the doors' asm at fixed offsets.

use crate::green::GreenRef;
use core::cell::Cell;
use core::sync::atomic::AtomicU32;

/// Words the doors' asm may use over a `vfork`, when no stack can be trusted.
pub const SCRATCH: usize = 24;

/// [`Worker::inside`] while a child that will execute something runs in our memory.
pub const INSIDE_LENT: u32 = 2;

/// One kernel thread of ours.
#[repr(C)]
pub struct Worker {
    /// Not 0: this kernel thread is on the scheduler side (1), or its address space is lent to a
    /// `vfork` child ([`INSIDE_LENT`]). Doors pass everything straight to the kernel.
    pub inside: AtomicU32,
    /// Not 0: the exit edge of a door must look for signals before it returns to the program.
    pub attention: AtomicU32,
    /// Not 0: signals were noted that the scheduler has not handed to greens yet.
    pub unrouted: AtomicU32,
    /// The green that parked last although it has a signal open.
    pub signalled: Cell<Option<GreenRef>>,
    /// The green that runs on it.
    pub current: Cell<Option<GreenRef>>,
    /// The suspended scheduler, while a green runs.
    pub scheduler: Cell<usize>,
    /// The scheduler's FS base.
    pub scheduler_fs: Cell<usize>,
    pub scratch: [Cell<usize>; SCRATCH],
    /// Its real thread id.
    pub tid: Cell<u32>,
    /// The mask the kernel has for it.
    pub kernel_mask: Cell<u64>,
    /// Calls dispatched, for statistics.
    pub calls: Cell<u64>,
    pub parks: Cell<u64>,
    /// On which descriptor something was last sent, and `parks` then; see the shim's `handlers::io::turns`.
    pub sent: Cell<u64>,
    /// How often the running thread has looked at descriptors since it last parked, and `parks` then; see there too.
    pub looks: Cell<u64>,
    /// Each call is told of (`--trace`) or counted (an audit).
    pub watched: Cell<bool>,
    /// The processor time of each green is counted: somebody has asked for one.
    pub counts_cpu: Cell<bool>,
    /// There are protection keys, so each green has rights of its own.
    pub has_rights: Cell<bool>,
    /// The rights that greens have who did not change theirs: those of the thread that activated us.
    pub usual_rights: Cell<u32>,
    /// The rights that this kernel thread has, from the moment a green left its stack until the next one runs.
    pub rights: Cell<u32>,
    /// Processor time of this kernel thread that has been charged to greens, in nanoseconds.
    pub charged_ns: Cell<u64>,
}

impl Worker {
    /// Before activation.
    pub const fn new() -> Worker {
        Worker {
            inside: AtomicU32::new(0),
            attention: AtomicU32::new(0),
            unrouted: AtomicU32::new(0),
            signalled: Cell::new(None),
            current: Cell::new(None),
            scheduler: Cell::new(0),
            scheduler_fs: Cell::new(0),
            scratch: [const { Cell::new(0) }; SCRATCH],
            tid: Cell::new(0),
            kernel_mask: Cell::new(0),
            calls: Cell::new(0),
            parks: Cell::new(0),
            sent: Cell::new(u64::MAX),
            looks: Cell::new(0),
            watched: Cell::new(false),
            counts_cpu: Cell::new(false),
            has_rights: Cell::new(false),
            usual_rights: Cell::new(0),
            rights: Cell::new(0),
            charged_ns: Cell::new(0),
        }
    }

    /// Charges to `green` what this kernel thread has used since the last time: its own run, and what the scheduler did
    /// before. So all shares together are the kernel thread's time. One system call; either side.
    #[cold]
    #[inline(never)]
    pub fn charge(&self, green: GreenRef) {
        let now = crate::sys::clock_ns(libc::CLOCK_THREAD_CPUTIME_ID);
        let used = now.saturating_sub(self.charged_ns.replace(now));
        green.cpu_ns.set(green.cpu_ns.get().saturating_add(used));
    }

    /// In the child of a fork: the kernel counts anew.
    pub fn charge_anew(&self, green: GreenRef) {
        self.charged_ns.set(0);
        green.cpu_ns.set(0);
    }
}

impl Default for Worker {
    fn default() -> Self {
        Worker::new()
    }
}

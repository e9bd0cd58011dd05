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
    /// Each call is told of (`--trace`) or counted (an audit).
    pub watched: Cell<bool>,
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
            watched: Cell::new(false),
        }
    }
}

impl Default for Worker {
    fn default() -> Self {
        Worker::new()
    }
}

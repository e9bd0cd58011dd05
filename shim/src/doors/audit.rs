//! The audit (`LICHEN_AUDIT`, `lichen check --audit`): which system calls of the worker reached the
//! kernel past the doors, from where, how often, and whether they slept.
//!
//! ```text
//! program code, syscall ── Syscall User Dispatch ──► SIGSYS ──► lichen_caught, on the alternate stack:
//!                                                      makes the call, looks at RUSAGE_THREAD, notes
//!              ◄── sigreturn, with the result ──
//! our own text ── allowed: slots, handlers, the scheduler
//! ```
//! Calls that a door let go on natively (its slot is in our text) are noted by the doors: what slept
//! between the door and the next one was that call. The two sorts are told apart in the report.
//!
//! Only the worker is looked at, from activation on; a vfork child is not. It must not be left on: each
//! call costs more, and one that is made here cannot be told of a signal before it ends.
#![allow(unsafe_code)]

use crate::dispatch::{self, numbers};
use crate::handlers::kernel;
use crate::handlers::signal::{self, frames::Context, notes::Info};
use core::cell::Cell;
use core::ffi::c_long;
use core::sync::atomic::Ordering;
use lichen_runtime::green::masks::{ALL, bit};
use lichen_runtime::sched::runtime;
use lichen_runtime::{Runtime, sys};

/// `si_code` of a call that Syscall User Dispatch caught (asm-generic/siginfo.h).
const SYS_USER_DISPATCH: i32 = 2;
/// Bytes of the `syscall` instruction.
const SYSCALL: usize = 2;
/// Different calls, by site, that are told apart; the last takes the rest.
pub const RECORDS: usize = 2048;

/// Calls that only the site itself can make: they return twice, or elsewhere, or not at all. The next
/// door closes again what lets them through.
const AT_THE_SITE: [c_long; 12] = [
    numbers::SYS_clone,
    numbers::SYS_clone3,
    numbers::SYS_fork,
    numbers::SYS_vfork,
    numbers::SYS_execve,
    numbers::SYS_execveat,
    numbers::SYS_exit,
    numbers::SYS_exit_group,
    numbers::SYS_rt_sigreturn,
    numbers::SYS_restart_syscall,
    numbers::SYS_uprobe,
    numbers::SYS_uretprobe,
];

/// One call from one place.
#[derive(Clone, Copy, Default)]
pub struct Record {
    /// The address of the instruction, or where a door's call goes on; 0: unused.
    pub site: usize,
    pub number: u32,
    /// A door let it go on natively.
    pub by_door: bool,
    pub count: u64,
    pub slept: u64,
}

struct Audit {
    /// The kernel reads this byte at each call: 1 catches it, 0 lets it through.
    selector: Cell<u8>,
    on: Cell<bool>,
    records: Cell<usize>,
    /// What a door let go on: number plus one and place, 0 for nothing.
    native: Cell<(usize, usize)>,
    /// Sleeps of the worker when it did.
    sleeps: Cell<u64>,
}

// SAFETY: touched by the one worker, and by its own signal handler while program code runs.
unsafe impl Sync for Audit {}

static AUDIT: Audit = Audit {
    selector: Cell::new(0),
    on: Cell::new(false),
    records: Cell::new(0),
    native: Cell::new((0, 0)),
    sleeps: Cell::new(0),
};

/// Is SIGSYS ours?
pub fn is_on() -> bool {
    AUDIT.on.get()
}

/// Begins, on the calling worker, whose text lies at `text` (address and end). `false` if the kernel
/// has no Syscall User Dispatch (Linux 5.11), or there is no memory.
pub fn begin(runtime: &Runtime, text: (usize, usize)) -> bool {
    let Some(records) = sys::map_anonymous(RECORDS * size_of::<Record>()) else {
        return false;
    };
    AUDIT.records.set(records as usize);
    signal::actions::install_own(libc::SIGSYS, lichen_caught as *const () as usize);
    runtime.masks.keep_open(bit(libc::SIGSYS));
    AUDIT.on.set(arm(text));
    runtime
        .worker
        .watched
        .set(runtime.worker.watched.get() || AUDIT.on.get());
    AUDIT.on.get()
}

fn arm(text: (usize, usize)) -> bool {
    const PR_SET_SYSCALL_USER_DISPATCH: usize = 59;
    const ON: usize = 1;
    let (from, to) = text;
    let selector = AUDIT.selector.as_ptr() as usize;
    let args = [
        PR_SET_SYSCALL_USER_DISPATCH,
        ON,
        from,
        to - from,
        selector,
        0,
    ];
    // SAFETY: the selector is a static.
    let armed = unsafe { kernel(libc::SYS_prctl as usize, args) } == 0;
    AUDIT.selector.set(u8::from(armed));
    armed
}

/// In the child of a fork, which begins with nothing noted and without the kernel's help.
pub fn after_fork() {
    if is_on() {
        for at in 0..RECORDS {
            put(at, Record::default());
        }
        AUDIT.native.set((0, 0));
        arm(signal::delivery::own_text());
    }
}

/// A door is entered: the native call before it, if there was one, is over.
pub fn at_door() {
    if !is_on() {
        return;
    }
    AUDIT.selector.set(1);
    let (number, site) = AUDIT.native.replace((0, 0));
    if number != 0 {
        note(site, number - 1, true, sleeps() > AUDIT.sleeps.get());
    }
}

/// A door lets call `number` go on natively; the program goes on at `site`.
pub fn goes_on(number: usize, site: usize) {
    if is_on() && !at_the_site(number) {
        AUDIT.native.set((number + 1, site));
        AUDIT.sleeps.set(sleeps());
    }
}

/// The kernel caught a call outside our text.
///
/// # Safety
/// Called by the kernel, on the worker's alternate stack with all signals blocked.
unsafe extern "C" fn lichen_caught(signal: i32, info: *mut Info, context: *mut Context) {
    // SAFETY: the kernel passes its frame, which is ours to change.
    let (code, place) = unsafe { ((*info)[1] as u32 as i32, &mut *context) };
    if code != SYS_USER_DISPATCH {
        // A SIGSYS of the program's own.
        return match signal::actions::get(signal).handler {
            0 => end_of_it(signal),
            1 => {}
            // SAFETY: the kernel's own arguments.
            _ => unsafe { signal::delivery::lichen_master(signal, info, context) },
        };
    }
    let args = [
        place.rdi, place.rsi, place.rdx, place.r10, place.r8, place.r9,
    ];
    let number = place.rax;
    if runtime().worker.inside.load(Ordering::Relaxed) != 0 {
        // The standard library, on the scheduler side.
        // SAFETY: its own arguments.
        place.rax = unsafe { kernel(number, args) } as usize;
        return;
    }
    let site = place.rip - SYSCALL;
    if at_the_site(number) {
        note(site, number, false, false);
        AUDIT.selector.set(0);
        place.rip = site;
        return;
    }
    let before = sleeps();
    sys::set_kernel_mask(place.mask);
    // SAFETY: the program's own arguments.
    place.rax = unsafe { kernel(number, args) } as usize;
    sys::set_kernel_mask(ALL);
    let after = sleeps();
    note(site, number, false, after > before);
    AUDIT.sleeps.set(AUDIT.sleeps.get() + (after - before)); // not the native call's before it
}

/// The default action of a SIGSYS that nobody handles, when our handler returns.
fn end_of_it(signal: i32) {
    signal::actions::to_default(signal);
    let (process, thread) = (sys::getpid() as usize, sys::gettid() as usize);
    let args = [process, thread, signal as usize, 0, 0, 0];
    // SAFETY: no pointers.
    unsafe { kernel(libc::SYS_tgkill as usize, args) };
}

fn at_the_site(number: usize) -> bool {
    AT_THE_SITE.iter().any(|&one| one as usize == number)
}

/// How often this kernel thread has gone to sleep (`ru_nvcsw`).
fn sleeps() -> u64 {
    const RUSAGE_THREAD: usize = 1;
    const NVCSW: usize = 16; // words before it in `struct rusage`
    let mut usage = [0u64; 18];
    let args = [RUSAGE_THREAD, usage.as_mut_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: the structure has 18 words.
    unsafe { kernel(libc::SYS_getrusage as usize, args) };
    usage[NVCSW]
}

fn note(site: usize, number: usize, by_door: bool, slept: bool) {
    let mut at = (site >> 1) % RECORDS;
    for _ in 0..RECORDS {
        let mut record = get(at);
        let same = (record.site, record.number, record.by_door) == (site, number as u32, by_door);
        if same || record.site == 0 {
            record.site = site;
            record.number = number as u32;
            record.by_door = by_door;
            record.count += 1;
            record.slept += u64::from(slept);
            return put(at, record);
        }
        at = (at + 1) % RECORDS;
    }
}

fn record_at(at: usize) -> *mut Record {
    (AUDIT.records.get() + at * size_of::<Record>()) as *mut Record
}

/// The record at a place below [`RECORDS`]; unused ones have no site. Only while [`is_on`].
pub fn get(at: usize) -> Record {
    // SAFETY: the mapping has this many, and is there while we are on.
    unsafe { record_at(at).read() }
}

fn put(at: usize, record: Record) {
    // SAFETY: as in `get`.
    unsafe { record_at(at).write(record) }
}

/// The name of a record's call and what its line in the list says. Not for the green side.
pub fn name(record: &Record) -> &'static str {
    dispatch::name(record.number as usize).unwrap_or("unknown")
}

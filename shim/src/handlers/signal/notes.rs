//! Signals noted for later: they came while our code ran, for another green, or for all to see.
//!
//! The master handler writes notes while it interrupts anything; the green side and the scheduler
//! side take them. One kernel thread, so an entry needs only to be claimed and published in one
//! word each. A standard signal is noted once, a real-time signal as often as it comes, in its order.
//! A standard signal that one thread sends to another needs no entry: a bit of the green tells it all.
//!
//! When entries run short the kernel keeps what comes ([`are_scarce`], see `masks::wanted`), as it would have
//! anyway: nothing is lost, and the kernel's own limit (RLIMIT_SIGPENDING) holds.
#![allow(unsafe_code)]

use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use lichen_runtime::Runtime;
use lichen_runtime::green::masks::{ALL, bit};
use lichen_runtime::green::{GreenRef, State, Wake};
use lichen_runtime::sched::runtime;
use lichen_runtime::sys;

/// The kernel's `siginfo_t`.
pub type Info = [u64; 16];

/// si_code of tgkill(2), as the word it lies in.
const SI_TKILL: u64 = (-6i32) as u32 as u64;

/// A noted signal.
#[derive(Clone, Copy)]
pub struct Note {
    pub signal: i32,
    /// For this green alone; `None`: for any that has it open.
    pub target: Option<GreenRef>,
    pub info: Info,
}

impl Note {
    /// A signal that one thread of the program sends to another (`pthread_kill`).
    pub fn thread(signal: i32, target: GreenRef) -> Note {
        let mut info = [0; 16];
        // si_signo, si_errno | si_code, padding | si_pid, si_uid
        info[0] = signal as u64;
        info[1] = SI_TKILL;
        // SAFETY: no pointers.
        let uid = unsafe { crate::handlers::kernel(libc::SYS_getuid as usize, [0; 6]) };
        info[2] = u64::from(sys::getpid()) | (uid as u64) << 32;
        Note {
            signal,
            target: Some(target),
            info,
        }
    }
}

const EMPTY: u32 = 0;
const CLAIMED: u32 = 1;
const FULL: u32 = 2;
const NOTES: usize = 4096;
/// So many entries are left for what comes although the kernel was told to keep it.
const RESERVE: u32 = 256;

struct Entry {
    state: AtomicU32,
    /// Counts up: of two notes of one real-time signal the older goes first.
    order: Cell<u32>,
    note: UnsafeCell<Note>,
}

struct Notes {
    entries: [Entry; NOTES],
    /// How many are FULL.
    count: AtomicU32,
    /// No entry from here on was ever used.
    end: AtomicU32,
    order: Cell<u32>,
    /// Signals that parked greens wait for in sigwait.
    wanted: AtomicU64,
    lost: Cell<bool>,
}

// SAFETY: an entry's note is touched by whoever moved its state to CLAIMED.
unsafe impl Sync for Notes {}

static NOTES_LIST: Notes = Notes {
    entries: [const {
        Entry {
            state: AtomicU32::new(EMPTY),
            order: Cell::new(0),
            note: UnsafeCell::new(Note {
                signal: 0,
                target: None,
                info: [0; 16],
            }),
        }
    }; NOTES],
    count: AtomicU32::new(0),
    end: AtomicU32::new(0),
    order: Cell::new(0),
    wanted: AtomicU64::new(0),
    lost: Cell::new(false),
};

fn full() -> impl Iterator<Item = (&'static Entry, Note)> {
    let any = NOTES_LIST.count.load(Ordering::Acquire) != 0;
    let end = if any {
        NOTES_LIST.end.load(Ordering::Acquire)
    } else {
        0
    };
    NOTES_LIST
        .entries
        .iter()
        .take(end as usize)
        .filter(|e| e.state.load(Ordering::Acquire) == FULL)
        .map(|e| {
            // SAFETY: FULL entries are complete, and nobody else takes them on this kernel thread.
            (e, unsafe { *e.note.get() })
        })
}

fn same_target(a: Option<GreenRef>, b: Option<GreenRef>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => core::ptr::eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// Is a standard signal pending for the same thread, or the process, already? Another one is dropped then.
fn is_noted(signal: i32, target: Option<GreenRef>) -> bool {
    let told = target.is_some_and(|green| told(green) & bit(signal) != 0);
    told || full().any(|(_, n)| n.signal == signal && same_target(n.target, target))
}

/// Notes a signal; `false` if there is no entry for it. Signal handler, green side or scheduler side.
pub fn add(note: Note) -> bool {
    if note.signal < 32 && is_noted(note.signal, note.target) {
        return true;
    }
    for (index, entry) in NOTES_LIST.entries.iter().enumerate() {
        let claimed =
            entry
                .state
                .compare_exchange(EMPTY, CLAIMED, Ordering::Acquire, Ordering::Relaxed);
        if claimed.is_ok() {
            // SAFETY: claimed by us just now.
            unsafe { *entry.note.get() = note };
            entry.order.set(NOTES_LIST.order.get());
            NOTES_LIST.order.set(entry.order.get().wrapping_add(1));
            NOTES_LIST.end.fetch_max(index as u32 + 1, Ordering::AcqRel);
            entry.state.store(FULL, Ordering::Release);
            NOTES_LIST.count.fetch_add(1, Ordering::AcqRel);
            if let Some(green) = note.target {
                green.pending.set(green.pending.get() | bit(note.signal));
            }
            return true;
        }
    }
    if !NOTES_LIST.lost.replace(true) {
        sys::write(
            2,
            b"lichen: more signals are waiting for threads than can be noted; some are lost\n",
        );
    }
    false
}

/// Is the kernel to keep what comes for now?
pub fn are_scarce() -> bool {
    NOTES_LIST.count.load(Ordering::Relaxed) >= NOTES as u32 - RESERVE
}

/// Notes a signal that one thread of the program sends to another by tgkill(2). A standard one costs no system call:
/// who sent it is asked when it is taken. Green side.
///
/// # Errors
/// `false` where Linux says EAGAIN: too many real-time signals are pending.
pub fn tell(signal: i32, green: GreenRef) -> bool {
    if signal >= 32 {
        return !are_scarce() && add(Note::thread(signal, green));
    }
    if !is_noted(signal, Some(green)) {
        green.told.set(green.told.get() | bit(signal) as u32);
        green.pending.set(green.pending.get() | bit(signal));
    }
    true
}

/// The same of a signal with a siginfo of the sender's own. Green side.
///
/// # Errors
/// As [`tell`].
pub fn tell_with(signal: i32, green: GreenRef, info: &Info) -> bool {
    let as_by_tgkill =
        signal < 32 && info[1] == SI_TKILL && *info == Note::thread(signal, green).info;
    if as_by_tgkill {
        return tell(signal, green);
    }
    let note = Note {
        signal,
        target: Some(green),
        info: *info,
    };
    !are_scarce() && add(note)
}

/// The signals that `green` was told of, as a set.
fn told(green: GreenRef) -> u64 {
    u64::from(green.told.get())
}

fn remove(entry: &Entry) {
    entry.state.store(EMPTY, Ordering::Release);
    NOTES_LIST.count.fetch_sub(1, Ordering::AcqRel);
}

fn is_for(note: &Note, green: GreenRef) -> bool {
    note.target.is_none_or(|t| core::ptr::eq(t, green))
}

/// Makes `green.pending` exact: it may remember a signal that another green has taken.
pub fn update(green: GreenRef) {
    let mut pending = told(green);
    for (_, note) in full() {
        if note.target.is_some_and(|t| core::ptr::eq(t, green)) {
            pending |= bit(note.signal);
        }
    }
    green.pending.set(pending);
}

/// Every signal noted for this green or for all.
pub fn pending(green: GreenRef) -> u64 {
    full()
        .filter(|(_, n)| is_for(n, green))
        .fold(told(green), |set, (_, n)| set | bit(n.signal))
}

/// Is there one that this green has open?
pub fn any_for(green: GreenRef) -> bool {
    let any = NOTES_LIST.count.load(Ordering::Acquire) != 0 || told(green) != 0;
    any && pending(green) & !green.mask.get() != 0
}

/// Is there one for the running green?
pub fn any_for_current(runtime: &Runtime) -> bool {
    runtime.worker.current.get().is_some_and(any_for)
}

/// Takes the lowest open one for this green.
pub fn take(green: GreenRef) -> Option<Note> {
    take_from(green, !green.mask.get())
}

/// Takes the lowest one in `set` for this green.
pub fn take_from(green: GreenRef, set: u64) -> Option<Note> {
    let noted = full()
        .filter(|(_, n)| is_for(n, green) && set & bit(n.signal) != 0)
        .min_by_key(|(e, n)| (n.signal, e.order.get().wrapping_sub(NOTES_LIST.order.get())));
    let told = told(green) & set;
    let lowest = told.trailing_zeros() as i32 + 1;
    let note = match noted {
        Some((entry, note)) if told == 0 || note.signal <= lowest => {
            remove(entry);
            note
        }
        _ if told == 0 => return None,
        _ => {
            green.told.set(green.told.get() & !(bit(lowest) as u32));
            Note::thread(lowest, green)
        }
    };
    update(green);
    Some(note)
}

/// Before an exec: what is noted for this green or for all becomes pending in the kernel, which the new
/// program inherits. All signals are blocked. Returns what was for this green alone, and what for all.
pub fn hand_to_kernel(runtime: &Runtime, green: GreenRef) -> [u64; 2] {
    let (mut own, mut shared) = (0, 0);
    while let Some(note) = take_from(green, ALL) {
        let (process, thread) = (sys::getpid() as usize, runtime.worker.tid.get() as usize);
        let (signal, info) = (note.signal as usize, note.info.as_ptr() as usize);
        let (number, args) = if note.target.is_some() {
            own |= bit(note.signal);
            let args = [process, thread, signal, info, 0, 0];
            (libc::SYS_rt_tgsigqueueinfo, args)
        } else {
            shared |= bit(note.signal);
            (libc::SYS_rt_sigqueueinfo, [process, signal, info, 0, 0, 0])
        };
        // SAFETY: the siginfo is whole.
        unsafe { crate::handlers::kernel(number as usize, args) };
    }
    [own, shared]
}

/// The exec failed: takes the signals back that were handed to the kernel. All are blocked.
pub fn take_back(green: GreenRef, [own, shared]: [u64; 2]) {
    for (set, target) in [(own, Some(green)), (shared & !own, None)] {
        let (now, mut info) = ([0i64; 2], [0; 16]);
        let (set, at) = ([set], &raw mut info as usize);
        let args = [set.as_ptr() as usize, at, now.as_ptr() as usize, 8, 0, 0];
        loop {
            // SAFETY: set, siginfo and time are ours.
            let signal =
                unsafe { crate::handlers::kernel(libc::SYS_rt_sigtimedwait as usize, args) };
            if signal <= 0 {
                break;
            }
            let signal = signal as i32;
            add(Note {
                signal,
                target,
                info,
            });
        }
    }
}

/// Signals that a parked green waits for in sigwait: these come to it although it blocks them.
pub fn want(green: GreenRef, set: u64) {
    green.sigwait.set(set);
    let all = NOTES_LIST.wanted.load(Ordering::Relaxed);
    NOTES_LIST.wanted.store(all | set, Ordering::Relaxed);
}

/// Does some green wait for it in sigwait?
pub fn is_wanted(signal: i32) -> bool {
    NOTES_LIST.wanted.load(Ordering::Relaxed) & bit(signal) != 0
}

/// Wakes a parked green, or sees to it that a running one looks. Carrier.
pub fn poke(runtime: &Runtime, green: GreenRef) {
    match green.state.get() {
        State::Parked => runtime.unpark(green, Wake::Interrupted),
        State::Running => runtime.worker.attention.store(1, Ordering::Relaxed),
        _ => {}
    }
}

/// Tells greens of the signals noted for them or for all. A signal for all stays so until a green
/// takes it: the one told may end or block it first. The hook of `Hooks::route_signals`; scheduler
/// side.
pub fn route() {
    let runtime = runtime();
    for (_, note) in full() {
        let Some(target) = note.target.or_else(|| choose(runtime, note.signal)) else {
            continue;
        };
        target.pending.set(target.pending.get() | bit(note.signal));
        let sigwait = target.sigwait.get() & bit(note.signal) != 0;
        if target.mask.get() & bit(note.signal) == 0 || sigwait {
            poke(runtime, target);
        }
    }
}

/// Who gets a process-directed signal: whoever waits for it in sigwait, else the first thread, else
/// any that has it open (the kernel's order in `complete_signal`).
fn choose(runtime: &Runtime, signal: i32) -> Option<GreenRef> {
    if is_wanted(signal) {
        let waits =
            |g: &GreenRef| g.state.get() == State::Parked && g.sigwait.get() & bit(signal) != 0;
        let waiting = runtime.table.iter().find(waits);
        if waiting.is_some() {
            return waiting;
        }
    }
    let open = |g: &GreenRef| g.mask.get() & bit(signal) == 0;
    runtime
        .table
        .iter()
        .find(|g| g.is_first.get() && open(g))
        .or_else(|| runtime.table.iter().find(open))
}

/// A green has ended: its own notes go with it, and what it was told of is for others.
pub fn forget(green: GreenRef) {
    for (entry, note) in full() {
        if note.target.is_some_and(|t| core::ptr::eq(t, green)) {
            remove(entry);
        }
        runtime().worker.unrouted.store(1, Ordering::Relaxed);
    }
}

/// In the child of a fork: pending signals are the parent's.
pub fn clear() {
    for (entry, _) in full() {
        remove(entry);
    }
    for green in runtime().table.iter() {
        green.pending.set(0);
        green.told.set(0);
    }
}

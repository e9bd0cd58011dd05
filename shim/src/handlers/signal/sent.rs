//! Signals that we ask the kernel to send to our own kernel thread, so that it builds their frames.
//!
//! Called by `exits`, which takes a noted signal for the running green, and by `delivery`, which must know it
//! again when it comes: by its siginfo it looks like one for the process's first thread. Two ways: [`raise`]
//! at the exit edge of a door, and [`send`] when a handler returns. Of the latter at most one is under way;
//! one more stays noted until the next exit edge.
#![allow(unsafe_code)]

use super::masks;
use super::notes::{self, Info, Note};
use crate::call::Frame;
use crate::doors::x86_64 as asm;
use crate::handlers::kernel;
use core::cell::Cell;
use lichen_runtime::green::GreenRef;
use lichen_runtime::green::masks::bit;
use lichen_runtime::{Runtime, sys};

/// What tells one siginfo from another: number, code, sender, value.
type Words = [u64; 4];

struct Sent {
    signal: Cell<i32>,
    /// The thread that took it, and the one it was noted for.
    green: Cell<Option<GreenRef>>,
    target: Cell<Option<GreenRef>>,
    words: Cell<Words>,
}

// SAFETY: touched by the one worker only; its master handler interrupts `send` nowhere, because all
// signals are blocked then.
unsafe impl Sync for Sent {}

static SENT: Sent = Sent {
    signal: Cell::new(0),
    green: Cell::new(None),
    target: Cell::new(None),
    words: Cell::new([0; 4]),
};

fn words(info: &Info) -> Words {
    let [a, b, c, d, ..] = *info;
    [a, b, c, d]
}

/// What [`raise`] sends, while it does, and the signal that brings it.
struct Raised {
    note: Cell<Option<(Note, *const Frame)>>,
    by: Cell<i32>,
}

// SAFETY: as [`Sent`]; written before the signal is sent, read by the handler that it enters.
unsafe impl Sync for Raised {}

static RAISED: Raised = Raised {
    note: Cell::new(None),
    by: Cell::new(0),
};

/// Is one under way, so that [`send`] must not be called?
pub fn is_under_way() -> bool {
    let signal = SENT.signal.get();
    if signal == 0 {
        return false;
    }
    // It may have been dropped instead: its disposition can have become "ignore".
    let mut pending = 0u64;
    let to = [&raw mut pending as usize, 8, 0, 0, 0, 0];
    // SAFETY: the kernel writes 8 bytes to `pending`.
    unsafe { kernel(libc::SYS_rt_sigpending as usize, to) };
    if pending & bit(signal) == 0 {
        forget();
    }
    SENT.signal.get() != 0
}

/// Sends `note` to this kernel thread for `green`, the running one; `false` if the kernel's queue is full. All
/// signals are blocked, so it comes when the mask opens.
pub fn send(runtime: &Runtime, green: GreenRef, note: &Note) -> bool {
    SENT.signal.set(note.signal);
    SENT.green.set(Some(green));
    SENT.target.set(note.target);
    SENT.words.set(words(&note.info));
    let to = [
        sys::getpid() as usize,
        runtime.worker.tid.get() as usize,
        note.signal as usize,
        note.info.as_ptr() as usize,
        0,
        0,
    ];
    // SAFETY: the siginfo is whole.
    let sent = unsafe { kernel(libc::SYS_rt_tgsigqueueinfo as usize, to) } == 0;
    if !sent {
        forget();
    }
    sent
}

/// Whose `signal` is, if it is the one under way, which it is no longer then: the thread's that took
/// it, or, if that has blocked it meanwhile, as it was noted (`None` in it: the process's).
pub fn arrived(signal: i32, info: &Info) -> Option<Option<GreenRef>> {
    // A full queue loses what is known of a standard signal: code SI_USER, sender 0.
    let lost = info[1] as u32 == 0 && info[2] == 0;
    if SENT.signal.get() != signal || !lost && SENT.words.get() != words(info) {
        return None;
    }
    let taker = SENT.green.get();
    let open = |g: &GreenRef| g.mask.get() & bit(signal) == 0;
    let whose = taker.filter(open).or(SENT.target.get());
    forget();
    Some(whose)
}

/// Sends `note` to this kernel thread; the master handler takes it at `Place::Raised`, with the program's
/// registers from `frame`, which an entry of this `kind` built. Returns only if the kernel did not send; then
/// it is noted as before.
pub fn raise(runtime: &Runtime, note: &Note, frame: &Frame, kind: usize) {
    masks::push(runtime);
    RAISED.note.set(Some((*note, frame)));
    let queue = libc::SYS_rt_tgsigqueueinfo as usize;
    let info = note.info.as_ptr() as usize;
    raise_as(runtime, note.signal, queue, info, frame, kind);
    // No room in the kernel's queue. A standard signal that the master handler always has needs none.
    let kill = libc::SYS_tgkill as usize;
    raise_as(runtime, libc::SIGSEGV, kill, 0, frame, kind);
    RAISED.note.set(None);
    notes::add(*note);
}

/// Sends `signal` by the call `number`; returns only if the kernel did not.
fn raise_as(
    runtime: &Runtime,
    signal: i32,
    number: usize,
    info: usize,
    frame: &Frame,
    kind: usize,
) {
    RAISED.by.set(signal);
    let [a, b] = [sys::getpid() as usize, runtime.worker.tid.get() as usize];
    let c = signal as usize;
    if runtime.worker.kernel_mask.get() & bit(signal) == 0 {
        // SAFETY: the siginfo, if there is one, is whole.
        unsafe { asm::lichen_raise(a, b, c, info, frame, kind, number) };
        return;
    }
    // Blocked by all others, or kept by the kernel for now. It is sent first and opened alone, so that no
    // other comes through.
    // SAFETY: as above.
    if unsafe { kernel(number, [a, b, c, info, 0, 0]) } != 0 {
        return;
    }
    let mask = [runtime.worker.kernel_mask.get() & !bit(signal)];
    runtime.worker.kernel_mask.set(mask[0]);
    let (set, open) = (
        libc::SIG_SETMASK as usize,
        libc::SYS_rt_sigprocmask as usize,
    );
    // SAFETY: the mask is whole.
    unsafe { asm::lichen_raise(set, mask.as_ptr() as usize, 0, 8, frame, kind, open) };
}

/// What [`raise`] sends, if `signal` is the one that brings it, and the frame it was sent from. Taken once.
pub fn raised(signal: i32) -> Option<(Note, *const Frame)> {
    (RAISED.by.get() == signal)
        .then(|| RAISED.note.take())
        .flatten()
}

/// None is under way: it has arrived, or this is the child of a fork.
pub fn forget() {
    SENT.signal.set(0);
    SENT.green.set(None);
}

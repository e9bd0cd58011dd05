//! Timers that signal one thread (SIGEV_THREAD_ID), which is how glibc makes SIGEV_THREAD timers.
//! The kernel does not know our threads, so such a timer signals the process, and the note goes to
//! its thread by the timer's id.
#![allow(unsafe_code)]

use super::actions;
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, error};
use crate::handlers::{clocks, kernel};
use core::cell::Cell;
use lichen_runtime::Runtime;
use lichen_runtime::green::GreenRef;

/// si_code of a timer's signal.
pub const SI_TIMER: i32 = -2;
/// Timers told apart; more of them signal the process.
const TIMERS: usize = 256;

/// (kernel's timer id plus one, thread id).
struct Known([Cell<(i32, u32)>; TIMERS]);

// SAFETY: the green side of the one carrier writes; the master handler on the same kernel thread
// reads whole entries.
unsafe impl Sync for Known {}

static KNOWN: Known = Known([const { Cell::new((0, 0)) }; TIMERS]);

/// `timer_create(2)`. On the processor clock of a thread of ours it counts the kernel thread's time.
pub fn timer_create(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let clock = clocks::for_kernel(runtime, frame.rdi);
    let native = || match clock == frame.rdi {
        true => NATIVE,
        // SAFETY: the program's own call, on another clock.
        false => unsafe { kernel(frame.number, [clock, frame.rsi, frame.rdx, 0, 0, 0]) },
    };
    // value, signal | notify, thread id
    let Ok(mut event) = user::read::<[u64; 8]>(frame.rsi) else {
        return native();
    };
    let notify = (event[1] >> 32) as i32;
    let tid = event[2] as u32;
    let Some(target) = runtime
        .table
        .find(tid)
        .filter(|_| notify == libc::SIGEV_THREAD_ID)
    else {
        return native();
    };
    event[1] = event[1] & 0xffff_ffff | (libc::SIGEV_SIGNAL as u64) << 32;
    let args = [clock, event.as_ptr() as usize, frame.rdx, 0, 0, 0];
    // SAFETY: our copy of the event; the program's place for the id.
    let answer = unsafe { kernel(frame.number, args) };
    if answer == 0 {
        let id = user::read_u32(frame.rdx).unwrap_or(0) as i32;
        if let Some(free) = KNOWN.0.iter().find(|c| c.get().0 == 0) {
            free.set((id + 1, target.tid.get()));
        }
        actions::always_note(event[1] as u32 as i32);
    }
    answer
}

/// `timer_delete(2)`.
pub fn timer_delete(frame: &mut Frame, _: &Runtime) -> Answer {
    if let Some(known) = KNOWN.0.iter().find(|c| c.get().0 == frame.rdi as i32 + 1) {
        known.set((0, 0));
    }
    if (frame.rdi as i32) < 0 {
        error(libc::EINVAL)
    } else {
        NATIVE
    }
}

/// The thread that timer `id` signals.
pub fn target(runtime: &Runtime, id: i32) -> Option<GreenRef> {
    let (_, tid) = KNOWN
        .0
        .iter()
        .map(Cell::get)
        .find(|&(known, _)| known == id + 1)?;
    runtime.table.find(tid)
}

/// In the child of a fork: timers are not inherited (timer_create(2)).
pub fn clear() {
    KNOWN.0.iter().for_each(|c| c.set((0, 0)));
}

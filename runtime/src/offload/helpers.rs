//! Calls that wait for another party and that only a kernel thread can make: one helper thread each,
//! never capped, because the party that would end the wait may need a helper itself.
//!
//! All signals but one are blocked in a helper. That one ([`POKE`]) does nothing but end a call with EINTR
//! when a signal came for the green.
//!
//! ```text
//! the green                                   its helper
//!   job := number, arguments; word := JOB
//!   futex wake ────────────────────────────►    wakes; makes the call
//!   parks                                       result; word := DONE; ticket done
//!                  ◄──────────────────────────  remote wake, doorbell; sleeps on word
//!   takes the result; the helper is idle again
//! ```
//! Credentials belong to a kernel thread: when the program changes them, [`retire`] ends every idle
//! helper, and busy ones end after their call.
#![allow(unsafe_code)]

use super::Ticket;
use crate::arch::{self, syscall6};
use crate::green::{GreenRef, Wait, Wake};
use crate::park::{self, Deadline};
use crate::{Runtime, sys};
use core::cell::Cell;
use core::sync::atomic::{AtomicIsize, AtomicU32, Ordering};

/// The signal that interrupts a helper: SIGSETXID, which glibc keeps for itself and which no thread
/// of ours needs. Whoever activates gives it a handler that calls [`arch::interrupt_call`] (see
/// `shim::handlers::signal::slices`).
pub const POKE: i32 = 33;

const IDLE: u32 = 0;
const JOB: u32 = 1;
const DONE: u32 = 2;
const END: u32 = 3;
const STACK: usize = 16 << 10;
/// How often a helper that was not yet in its call is interrupted again.
const POKE_EVERY_NS: u64 = 1_000_000;

/// A helper; lives at the bottom of its own stack and is used again, never unmapped.
pub struct Helper {
    word: AtomicU32,
    /// The kernel's id; 0 when it has ended (CLONE_CHILD_CLEARTID).
    tid: AtomicU32,
    result: AtomicIsize,
    number: Cell<usize>,
    arguments: Cell<[usize; 6]>,
    green: Cell<Option<GreenRef>>,
    ticket: Ticket,
    generation: Cell<u32>,
    next: Cell<Option<&'static Helper>>,
}

/// The helpers that are not at work.
pub struct Helpers {
    idle: Cell<Option<&'static Helper>>,
    generation: Cell<u32>,
    made: Cell<u32>,
    barred: Cell<bool>,
}

impl Helpers {
    /// None yet.
    pub const fn new() -> Helpers {
        Helpers {
            idle: Cell::new(None),
            generation: Cell::new(0),
            made: Cell::new(0),
            barred: Cell::new(false),
        }
    }

    /// In the child of a fork: they are the parent's.
    pub fn clear(&self) {
        self.idle.set(None);
        self.made.set(0);
    }

    /// Helper threads made so far, for statistics.
    pub fn made(&self) -> u32 {
        self.made.get()
    }

    /// Ends all idle helpers; busy ones end after their call.
    pub fn retire(&self) {
        self.generation.set(self.generation.get() + 1);
        let mut at = self.idle.take();
        while let Some(helper) = at {
            at = helper.next.take();
            end(helper);
        }
    }

    /// No call is made by a helper any more. The children of forks neither.
    pub fn bar(&self) {
        self.barred.set(true);
    }

    /// Was [`Helpers::bar`] called?
    pub fn are_barred(&self) -> bool {
        self.barred.get()
    }

    fn take(&self) -> Option<&'static Helper> {
        if self.barred.get() {
            return None;
        }
        if let Some(helper) = self.idle.get() {
            self.idle.set(helper.next.take());
            return Some(helper);
        }
        let helper = spawn(self.generation.get())?;
        self.made.set(self.made.get() + 1);
        Some(helper)
    }

    fn give_back(&self, helper: &'static Helper) {
        if helper.generation.get() != self.generation.get() {
            return end(helper);
        }
        helper.word.store(IDLE, Ordering::Release);
        helper.next.set(self.idle.replace(Some(helper)));
    }
}

impl Default for Helpers {
    fn default() -> Self {
        Helpers::new()
    }
}

fn end(helper: &Helper) {
    helper.word.store(END, Ordering::Release);
    sys::futex_wake(&raw const helper.word);
}

/// What became of an off-loaded call.
pub enum Outcome {
    /// The kernel's answer.
    Done(isize),
    /// A signal for the green ended it before anything had happened.
    Interrupted,
    /// No kernel thread can be had.
    NoHelper,
}

/// Has a helper make the call and parks until it is done. `number` is shown as what the green waits
/// for. Green side; parks; allocates nothing but a mapping.
pub fn call(runtime: &Runtime, number: usize, arguments: [usize; 6]) -> Outcome {
    let Some(green) = runtime.worker.current.get() else {
        return Outcome::NoHelper;
    };
    let Some(helper) = runtime.helpers.take() else {
        return Outcome::NoHelper;
    };
    helper.number.set(number);
    helper.arguments.set(arguments);
    helper.green.set(Some(green));
    helper.ticket.open(green);
    helper.word.store(JOB, Ordering::Release);
    sys::futex_wake(&raw const helper.word);
    let mut interrupted = false;
    while helper.ticket.expects(green) {
        // The signal that ended the first wait stays open: it must not end those that follow.
        let (wait, deadline) = match interrupted {
            false => (Wait::Helper, Deadline::Never),
            true => (Wait::Work, Deadline::In(POKE_EVERY_NS)),
        };
        let wake = park::sleep(runtime, wait, number as u64, deadline);
        if helper.ticket.is_done() {
            break;
        }
        // Interrupted, or not yet in its call when it was poked before.
        interrupted |= wake == Wake::Interrupted;
        if interrupted {
            poke(helper);
        }
    }
    let result = helper.result.load(Ordering::Acquire);
    runtime.helpers.give_back(helper);
    if interrupted && result == -(libc::EINTR as isize) {
        return Outcome::Interrupted;
    }
    Outcome::Done(result)
}

fn poke(helper: &Helper) {
    let tid = helper.tid.load(Ordering::Acquire) as usize;
    // SAFETY: integers only.
    unsafe {
        let nr = libc::SYS_tgkill as usize;
        syscall6(nr, sys::getpid() as usize, tid, POKE as usize, 0, 0, 0)
    };
}

fn spawn(generation: u32) -> Option<&'static Helper> {
    let memory = sys::map_anonymous(STACK)?;
    let place = memory.cast::<Helper>();
    // SAFETY: the mapping is large enough, page-aligned and never unmapped.
    let helper = unsafe {
        place.write(Helper {
            word: AtomicU32::new(IDLE),
            tid: AtomicU32::new(0),
            result: AtomicIsize::new(0),
            number: Cell::new(0),
            arguments: Cell::new([0; 6]),
            green: Cell::new(None),
            ticket: Ticket::new(),
            generation: Cell::new(generation),
            next: Cell::new(None),
        });
        &*place
    };
    let mask = sys::set_kernel_mask(!(1 << (POKE - 1)));
    let top = memory as usize + STACK;
    // SAFETY: the stack is fresh; `run` never returns.
    let tid = unsafe {
        arch::spawn_kernel_thread(
            top,
            run,
            core::ptr::from_ref(helper) as usize,
            helper.tid.as_ptr(),
        )
    };
    sys::set_kernel_mask(mask);
    if tid < 0 {
        // SAFETY: nobody runs on it.
        unsafe { sys::unmap(memory, STACK) };
        return None;
    }
    Some(helper)
}

/// The life of a helper: raw system calls only.
extern "C" fn run(helper: usize) -> ! {
    // SAFETY: `spawn` passes a helper that is never unmapped.
    let helper = unsafe { &*(helper as *const Helper) };
    loop {
        match helper.word.load(Ordering::Acquire) {
            JOB => {
                let arguments = helper.arguments.get();
                // SAFETY: the program's call; it waits for the result, so its memory stays.
                let result =
                    unsafe { arch::lichen_helper_call(helper.number.get(), arguments.as_ptr()) };
                helper.result.store(result, Ordering::Release);
                let green = helper.green.get();
                helper.word.store(DONE, Ordering::Release);
                // From here on the helper may have its next job.
                let count = helper.ticket.done();
                if let Some(green) = green {
                    let runtime = crate::sched::runtime();
                    runtime.remote.push(green, count);
                    runtime.ring();
                }
            }
            END => {
                // SAFETY: ends this kernel thread; the kernel clears `tid`.
                unsafe { syscall6(libc::SYS_exit as usize, 0, 0, 0, 0, 0, 0) };
            }
            other => {
                sys::futex_wait(&helper.word, other);
            }
        }
    }
}

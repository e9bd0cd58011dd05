//! Signals: masks, dispositions and pending signals per thread, true to the kernel.
//!
//! * [`calls`]: the system calls themselves.
//! * [`masks`]: each green's mask; the kernel's is their intersection.
//! * [`actions`]: what the program wants done; the kernel has our master handler for every signal
//!   that the program handles.
//! * [`delivery`]: the master handler: what is done with a signal, and when.
//! * [`exits`]: on the way back to the program noted signals are delivered.
//! * [`faults`]: an instruction of ours that faulted.
//! * [`frames`]: how a handler of the program is entered.
//! * [`overflow`]: a stack that is used up.
//! * [`slices`]: a thread that computes makes room for others.
//! * [`notes`]: signals that came at a bad moment, or for somebody else.
//! * [`sent`]: signals that the kernel is to send to us, and how they are known again.

pub mod actions;
mod calls;
pub mod delivery;
mod exits;
mod faults;
pub mod frames;
pub mod masks;
pub mod notes;
mod overflow;
pub mod sent;
pub mod slices;
pub mod timers;

pub use calls::{
    pause, rt_sigaction, rt_sigpending, rt_sigprocmask, rt_sigsuspend, rt_sigtimedwait,
    rt_tgsigqueueinfo, sigaltstack, tgkill, tkill,
};

use lichen_runtime::green::masks::bit;

/// What nobody can block.
const UNBLOCKABLE: u64 = bit(libc::SIGKILL) | bit(libc::SIGSTOP);

//! The machine: green threads, and everything that parks and wakes them.
//!
//! The shim calls in from the *green side* (a green's own stack) through [`park`] and [`futexes`];
//! everything else happens on the *scheduler side* (the carrier's own stack and TCB).
//! This crate knows greens, carriers and descriptors. It must not know system-call numbers as the
//! program uses them, the layout of the program's memory, or ELF.
//!
//! A green's life:
//!
//! ```text
//!            create                 resume                    exit
//!   (record) ──────► Ready ───────────────────► Running ─────────────► Free
//!                      ▲                          │  │
//!                      │   yield                  │  │ park(reason, deadline)
//!                      ├──────────────────────────┘  ▼
//!                      └──────────────────────── Parked
//!                         unpark / deadline / signal
//! ```
//!
//! Read in this order: [`park`] (the only way to block), [`sched`] (who runs next), [`reactor`],
//! [`timers`], [`futexes`] (what wakes), [`green`] (the record and the stack switch).

pub mod park;
pub mod sched;

pub mod futexes;
pub mod offload;
pub mod reactor;
pub mod remote;
pub mod timers;

pub mod green;

pub mod caps;
pub mod heap;
pub mod log;

pub mod arch;
pub mod mutants;
mod sync;
pub mod sys;

pub use sched::{Carrier, Runtime, Worker};

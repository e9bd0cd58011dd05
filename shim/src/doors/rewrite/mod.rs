//! Rewriting `syscall` sites: from plans to slots and jumps.
//!
//! Called by `init` at activation, when the process has one thread. [`Job`] collects what is to be
//! written, checked against the bytes in memory; [`write`](text::write) does it all at once.

mod job;
pub mod text;

pub use job::{Job, restart_address, slots_address};

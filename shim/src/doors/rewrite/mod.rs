//! Rewriting `syscall` sites: from plans to slots and jumps.
//!
//! Called by `init` at activation, when the process has one thread, and by `handlers::memory` when the
//! program maps text ([`late`]); [`unlisted`] finds what ld.so does not tell `init` of. [`Job`] collects what is to be written, checked against the bytes in
//! memory, with [`space`] telling where; [`write`](text::write) does it all at once.

mod job;
pub mod late;
mod space;
pub mod text;
pub mod unlisted;

pub use job::{Job, restart_address, slots_address};

//! Descriptors: one edge-triggered registration each, and who waits for its edges.
//!
//! Two halves. [`Slots`] is what the green side may ask and note without a system call, with the lists of who waits
//! ([`waiters`]). [`Reactor`] is mio and belongs to the scheduler side.
//!
//! The rule: *attempt first, then wait for an edge*. A waiter comes here only after the call would
//! have blocked, so with edge triggering the next edge is news. An edge without waiters is kept as
//! "may be ready". Generations in the tokens keep late events of a closed descriptor from waking
//! the users of the next one with its number.

mod events;
mod slots;
mod waiters;

pub use events::Reactor;
pub use slots::{END, HALF, READ, Slots, URGENT, WRITE, descriptors};
pub use waiters::{FdWaiter, Wakes};

//! Calls that a kernel thread of ours makes while only the green that asked is parked.
//!
//! * [`helpers`]: waits for another party. One kernel thread for each waiter, never capped, because the
//!   party that would end the wait may need one itself.
//! * [`acceptor`]: accepts without waiting, by io_uring, where helpers would be slow. No kernel thread.
//! * [`pool`]: work that ends by itself. A few kernel threads and a queue.
//!
//! Both sorts of thread run raw system calls and nothing else: no libc, no TLS, no allocation; their GS
//! base is 0. They tell their green through [`Ticket`].

pub mod acceptor;
pub mod helpers;
pub mod pool;
mod ticket;

pub use acceptor::Acceptor;
pub use helpers::{Helpers, Outcome, POKE, call};
pub use pool::{Pool, Work, run_on_pool};
use ticket::Ticket;

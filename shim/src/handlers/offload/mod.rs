//! Calls that a kernel thread of ours makes while only the caller is parked, cut by what they wait for.
//! Green side throughout; see `lichen_runtime::offload`.
//!
//! * [`ways`]: how that is done.
//! * [`children`]: the end or stop of a child. [`locks`]: another holder of a lock. [`ipc`]: another user of
//!   a System V semaphore or queue. Each is tried without waiting where that is possible; then a helper
//!   waits, one for each waiter.
//! * [`aio`]: completions of asynchronous I/O.
//! * [`files`]: the disk. Ends by itself, so the pool does it.
//! * [`open`]: the disk, or the other end of a FIFO.
//! * [`credentials`]: what no kernel thread of ours may keep.

pub mod aio;
pub mod children;
pub mod credentials;
pub mod files;
pub mod ipc;
pub mod locks;
pub mod open;
mod ways;

pub use ways::{by_helper, by_pool, call_by_pool, is_alone};

//! What stands for each call of the table, cut by what the call waits for. Green side throughout:
//! straight-line code, `loop { try; park }`. Names are the kernel's: `handlers::io::read` is the
//! program asking us, `runtime::sys` is us asking the kernel.

mod borrowed;
pub mod clocks;
pub mod comm;
pub mod exec;
pub mod fd;
pub mod filter;
pub mod fork;
pub mod futex;
pub mod futex_pi;
mod futex_plain;
pub mod futex_waitv;
pub mod io;
mod kernel;
pub mod memory;
pub mod message;
pub mod names;
pub mod offload;
pub mod poll;
mod rights;
pub mod ring;
pub mod select;
pub mod signal;
pub mod socket;
pub mod thread;
pub mod time;
pub mod transfer;
pub mod wait;

pub use kernel::kernel;

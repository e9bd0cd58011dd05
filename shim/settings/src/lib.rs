//! Everything a user can set: one table of the `LICHEN_*` variables, and how their values are read.
//!
//! Called by the launcher (which turns flags into these variables and refuses bad ones) and by the
//! shim (which reads the environment once, before `main`, in every preloaded process). Calls nothing
//! outside `alloc`. It must never print, never read the environment itself and never panic: the
//! caller hands over the variables and decides what a [`Problem`] is worth (the launcher exits with
//! 125, the shim warns once and runs with the default).
//!
//! With no `LICHEN_*` variable present nothing is allocated; the cost is one prefix comparison per
//! variable.
#![no_std]

extern crate alloc;

pub mod essential;
pub mod log_file;
pub mod preload;
mod problem;
mod settings;
pub mod table;
mod values;
mod without;

pub use problem::{Fault, Problem};
pub use settings::Settings;
pub use values::{FileIo, LogLevel};
pub use without::{Cap, Without};

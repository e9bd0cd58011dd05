//! `lichen`, the launcher: looks at a program, sets up its environment and becomes it.
//!
//! The life of `lichen run CMD`:
//! 1. `entry`   C `main`: nothing has touched signals or descriptors yet
//! 2. `cli`     flags; what they mean as `LICHEN_*` variables
//! 3. `prepare` environment, with the shim found by `shim` in front of `LD_PRELOAD`
//! 4. `target`  can this be run, can it be accelerated, and what to say if not
//! 5. `run`     execve: from here on the process is the program
//!
//! `lichen check` stops before the last step and reports. Nothing here knows how green threads work.
#![no_main]

mod cli;
mod entry;
mod error;
mod prepare;
mod run;
mod search;
mod shim;

//! `lichen`, the launcher: looks at a program, sets up its environment and becomes it.
//!
//! The life of `lichen run CMD`:
//! 1. `entry`   C `main`: nothing has touched signals or descriptors yet
//! 2. `cli`     flags; what they mean as `LICHEN_*` variables
//! 3. `prepare` the environment as the program will see it
//! 4. `search`  which file the command word means
//! 5. `target`  can it be accelerated (`privileges`, `module`, `libc`), and what to say if not (`obstacle`)
//! 6. `shim`    where liblichen.so lies; it goes in front of `LD_PRELOAD`
//! 7. `run`     execve: from here on the process is the program
//!
//! `lichen check` (`check`, `blocking`, `report`) goes as far as 5 and tells. Nothing here knows how green
//! threads work.
// The test harness brings its own `main`.
#![cfg_attr(not(test), no_main)]
#![cfg_attr(test, allow(dead_code))]

mod blocking;
mod check;
mod cli;
mod entry;
mod error;
mod libc;
mod libraries;
mod module;
mod obstacle;
mod prepare;
mod privileges;
mod report;
mod run;
mod search;
mod shim;
mod target;

//! The workload side of Lichen's tests: a load generator, and two drivers that use it.
//!
//! A map, in the order in which a measurement passes through it:
//!
//! 1. `cli` reads the command line; `machine` says what this machine allows (descriptors, CPUs).
//! 2. `server` starts the program to be measured, on its own CPU (`spawn`), and learns its port.
//! 3. `http` opens the connections, warms up, and measures: closed loop or paced, each response checked.
//! 4. `measure` joins the two and `observe` reads what the kernel counted for the server, at moments when no request is in flight.
//! 5. `demo` and `bench` decide what is run in which order, and `table` prints it.
//!
//! Nothing here knows how Lichen works: it starts `lichen run -- PROGRAM` and looks from outside.

pub mod bench;
pub mod cli;
pub mod demo;
pub mod generate;
pub mod http;
pub mod machine;
pub mod measure;
pub mod observe;
pub mod server;
mod spawn;
pub mod stop;
pub mod table;

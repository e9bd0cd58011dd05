//! The harness shared by all test runners: where things are, how a C file becomes a program, how a program is run
//! natively and under Lichen, and what is known to fail.
//!
//! Used by the runners in `tests/tests/`. It builds C programs with the system compiler, but never the shim: that is
//! the work of `scripts/test`, and a missing shim is said in plain words.

pub mod client;
pub mod compile;
pub mod directives;
pub mod known;
pub mod paths;
pub mod plain_server;
pub mod run;
pub mod slow_server;
pub mod terminal;
pub mod tree;

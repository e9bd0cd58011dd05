//! The injection harness: steps a program through the doors of the library and sends it a signal at each instruction.
//!
//! [`target`] builds the program, [`section`] knows the instructions of the doors, [`rounds`] steps. Used by the tests
//! in `tests/injection.rs`. It traces only the program it started itself.

pub mod rounds;
pub mod section;
pub mod target;
mod trace;

//! The atomics of code that is also tried under loom: there, another module of this name stands in.

pub use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

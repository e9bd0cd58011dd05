//! What only this processor can say. Callers: the rest of this crate and the shim's doors.

pub mod x86_64;
pub use x86_64::*;

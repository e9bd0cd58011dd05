//! The program's memory and the kernel's structures.

pub mod bpf;
pub mod forbidden;
pub mod maps;
pub mod mem;
mod unwind;
pub mod user;

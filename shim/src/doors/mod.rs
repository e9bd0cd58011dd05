//! Doors: the ways by which a call of the program reaches [`crate::dispatch`].
//!
//! A door must deliver all registers of the call in a [`crate::call::Frame`], keep every register
//! the kernel keeps, run nothing of the program's, and describe itself to unwinders. There is one
//! kind so far: rewritten `syscall` instructions ([`rewrite`]). [`audit`] finds what passes them by.

pub mod audit;
pub mod report;
pub mod rewrite;
pub mod x86_64;

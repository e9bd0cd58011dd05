//! House rules proved on the library that is shipped: the tests in `tests/` open the release
//! `liblichen.so` as a file and look at its code, symbols and unwind tables. Nothing here runs it.
//!
//! Order: [`library`] (the file), [`code`] (one function's instructions), [`reach`] (what can be
//! called from where), [`lists`] (checked-in lists with reasons), [`support`] (docs/support.md).

pub mod code;
pub mod library;
pub mod lists;
pub mod reach;
pub mod support;

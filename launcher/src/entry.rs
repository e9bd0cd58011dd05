//! The C `main`, called by the C runtime; calls `cli::parse` and the chosen verb.
//!
//! Rust's own start-up code sets SIGPIPE to "ignore" and opens /dev/null on closed descriptors. Both
//! would be inherited by the program we become, so it is left out. This file must do nothing else that
//! a program could see.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int};

use crate::{check, cli, error::Error, prepare, run};

/// Entry point called by the C runtime; the standard library has kept the arguments already.
// SAFETY: nothing else in this program defines a symbol named `main`.
#[cfg_attr(not(test), unsafe(no_mangle))]
extern "C" fn main(_argc: c_int, _argv: *const *const c_char) -> c_int {
    match verb() {
        Ok(status) => status,
        Err(error) => {
            error.print();
            error.status()
        }
    }
}

fn verb() -> Result<c_int, Error> {
    let verb = match cli::parse()? {
        cli::Parsed::Done(status) => return Ok(status),
        cli::Parsed::Verb(verb) => verb,
    };
    match *verb {
        cli::Verb::Run(run) => run::run(&run).map(|never| match never {}),
        cli::Verb::Check(check) => match check.audited() {
            Some(run) => run::run(&run).map(|never| match never {}),
            None => check::check(&check),
        },
        cli::Verb::Env(env) => prepare::print_exports(&env),
    }
}

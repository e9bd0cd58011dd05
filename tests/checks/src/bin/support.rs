//! Prints `docs/support.md` from the release `liblichen.so`, which must have been built:
//! `cargo run -p lichen-checks --bin support > docs/support.md`.

use lichen_checks::library::Library;
use lichen_checks::support;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Library::release().and_then(|library| support::page(library.support()?)) {
        Ok(page) => {
            print!("{page}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("support: {why}");
            ExitCode::FAILURE
        }
    }
}

//! What liblichen.so takes from other libraries and what it offers them are closed lists: a new
//! libc function on the scheduler side may take a lock that a parked thread holds, and a new
//! exported name replaces the program's own.

use lichen_checks::library::Library;
use lichen_checks::lists;

fn library() -> Library {
    Library::release().unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn takes_only_what_is_listed_from_other_libraries() {
    let wrong = lists::compare("undefined.txt", &library().undefined);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn offers_only_what_is_listed_to_the_program() {
    let wrong = lists::compare("exported.txt", &library().exported);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

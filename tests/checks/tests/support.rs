//! `docs/support.md` says what the library does: it is what the library's own table prints.

use lichen_checks::library::Library;
use lichen_checks::support;
use std::path::Path;

#[test]
fn the_support_page_is_what_the_table_prints() {
    let library = Library::release().unwrap_or_else(|e| panic!("{e}"));
    let page = library
        .support()
        .and_then(support::page)
        .unwrap_or_else(|e| panic!("{e}"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/support.md");
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "docs/support.md is out of date; run: cargo run -p lichen-checks --bin support > docs/support.md"
    );
}

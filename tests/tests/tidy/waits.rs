//! Every call that `docs/support.md` calls cooperative or off-loaded is named, in a `waits:` line, by a C program that
//! proves its result and that other threads ran while it waited. (That the page is true to the code is another test.)
//!
//! Part of the tidy tests. It reads files only.

use std::collections::BTreeSet;

use lichen_tests::{directives, paths};

use super::{all_files, read, report};

/// What such a program must use of `check.h`, `waiting.h` or `disk.h`: the ticker that must have advanced.
const PROOF: [&str; 3] = ["WAITS(", "ticker_advanced(", "others_run_during"];

/// The calls of the page: name, and whether it waits without holding up the others.
fn listed() -> Vec<(String, bool)> {
    let file = paths::root().join("docs/support.md");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells.get(1)?.split('`').nth(1)?.to_owned();
        let how = cells.get(2)?;
        Some((name, ["cooperative", "off-loaded"].contains(how)))
    };
    text.lines().filter_map(row).collect()
}

#[test]
fn every_call_that_waits_has_a_program_that_shows_it() {
    let listed = listed();
    assert!(listed.len() > 300, "docs/support.md was not understood");
    let mut named = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in all_files().iter().filter_map(|path| read(path)) {
        let program = file.path.ends_with(".c") || file.path.ends_with(".cpp");
        if !program || !file.path.starts_with("tests/") {
            continue;
        }
        let Ok(rules) = directives::parse(&file.text) else {
            continue; // the runner says so
        };
        if !rules.waits.is_empty() && !PROOF.iter().any(|word| file.text.contains(word)) {
            wrong.push(format!(
                "{}: a `waits:` line, but no other thread is seen to run (tests/calls/waiting.h)",
                file.path
            ));
        }
        for call in rules.waits {
            let made = [format!("SYS_{call}"), format!("{call}(")];
            if !made.iter().any(|words| file.text.contains(words)) {
                wrong.push(format!("{}: never calls {call}", file.path));
            }
            if !listed.iter().any(|(name, _)| *name == call) {
                wrong.push(format!("{}: {call} is no system call", file.path));
            }
            named.insert(call);
        }
    }
    for (name, waits) in &listed {
        if *waits && !named.contains(name) {
            wrong.push(format!(
                "{name}: no program in tests/calls says `waits: {name}` (tests/calls/waiting.h)"
            ));
        }
    }
    report(&wrong);
}

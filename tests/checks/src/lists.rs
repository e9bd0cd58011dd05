//! Checked-in lists under `lists/`: one entry a line; a comment line above a group says why.
//!
//! Callers: the tests. A list never grows by itself: a test names the line to add, a person adds it
//! with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Entries of `lists/<name>` with the comment above them.
///
/// # Panics
/// When the list cannot be read, or an entry has no reason above it.
pub fn read(name: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("lists")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut entries = BTreeMap::new();
    let mut reason = String::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            reason.clear();
        } else if let Some(comment) = line.strip_prefix('#') {
            reason = format!("{reason} {}", comment.trim());
        } else {
            assert!(
                !reason.is_empty(),
                "lists/{name}: {line} has no reason above it"
            );
            entries.insert(line.to_owned(), reason.trim().to_owned());
        }
    }
    entries
}

/// What is in `seen` and not in the list, and the other way round, each as a line that says what
/// to do. Empty when they agree. Entries whose reason begins with "std:" may be absent.
pub fn compare(name: &str, seen: &BTreeSet<String>) -> Vec<String> {
    let entries = read(name);
    let listed: BTreeSet<String> = entries.keys().cloned().collect();
    let may_be_absent = |entry: &String| entries[entry].starts_with("std:");
    let file = format!("tests/checks/lists/{name}");
    let new = seen
        .difference(&listed)
        .map(|s| format!("{s}: not in {file}; do without it, or add it there with a reason"));
    let gone = listed
        .difference(seen)
        .filter(|entry| !may_be_absent(entry))
        .map(|s| format!("{s}: in {file}, but not in the library; delete the line"));
    new.chain(gone).collect()
}

//! The list of system calls: it is the kernel's table, whole; `docs/support.md` is its print; and what
//! can hold up all threads is named in `docs/limits.md`.

use lichen_checks::library::Library;
use lichen_checks::support::{self, Call, Class};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Ranges of the numbers that Linux 6.18 has on x86-64.
const NUMBERS: [std::ops::RangeInclusive<usize>; 2] = [0..=336, 424..=469];
/// The numbers on this machine, from its kernel headers: perhaps fewer than those of 6.18, or more.
const HEADERS: [&str; 2] = [
    "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "/usr/include/asm/unistd_64.h",
];

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name)
}

fn list() -> Vec<u8> {
    let library = Library::release().unwrap_or_else(|e| panic!("{e}"));
    library.support().unwrap_or_else(|e| panic!("{e}")).to_vec()
}

fn calls(list: &[u8]) -> Vec<Call<'_>> {
    support::calls(list).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_support_page_is_what_the_list_prints() {
    let page = support::page(&list()).unwrap_or_else(|e| panic!("{e}"));
    let written = std::fs::read_to_string(document("support.md")).unwrap_or_default();
    assert!(
        written == page,
        "docs/support.md is out of date; run: cargo run -p lichen-checks --bin support > docs/support.md"
    );
}

#[test]
fn every_number_of_the_kernel_is_listed_exactly_once() {
    let list = list();
    let mut listed: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for call in calls(&list) {
        listed.entry(call.number).or_default().push(call.name);
    }
    let mut wrong = Vec::new();
    for number in NUMBERS.into_iter().flatten() {
        if !listed.contains_key(&number) {
            wrong.push(format!("{number}: missing"));
        }
    }
    for (number, names) in &listed {
        if names.len() > 1 {
            wrong.push(format!(
                "{number}: {names:?}: a call with a handler is not in dispatch/natives.rs"
            ));
        }
        if !NUMBERS.iter().any(|range| range.contains(number)) {
            wrong.push(format!("{number}: {names:?}: Linux 6.18 has no such call"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn names_and_numbers_are_those_of_the_kernel_headers() {
    let text = HEADERS
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .expect("no <asm/unistd_64.h> here; install linux-libc-dev");
    let list = list();
    let calls = calls(&list);
    let mut seen = 0;
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["#define", name, number] = words[..] else {
            continue;
        };
        let Some(name) = name.strip_prefix("__NR_") else {
            continue;
        };
        let number: usize = number.parse().unwrap_or_else(|_| panic!("{line}"));
        let found = calls.iter().find(|call| call.name == name);
        if NUMBERS.iter().any(|range| range.contains(&number)) {
            assert_eq!(found.map(|call| call.number), Some(number), "{name}");
        }
        seen += 1;
    }
    assert!(seen > 300, "{seen} calls in the headers");
}

#[test]
fn every_line_gives_its_reason() {
    let list = list();
    for call in calls(&list) {
        let says = if call.class == Class::Quick {
            call.note
        } else {
            call.waits
        };
        assert!(!says.is_empty(), "{}", call.name);
        assert!(!call.waits.contains('|') && !call.note.contains('|'));
        let parks = matches!(call.class, Class::Cooperative | Class::Offloaded);
        assert!(
            !parks || !call.handler.is_empty(),
            "{}: who parks its caller?",
            call.name
        );
    }
}

#[test]
fn what_holds_up_all_threads_is_in_the_limits() {
    let limits = std::fs::read_to_string(document("limits.md")).unwrap_or_default();
    let list = list();
    let unnamed: Vec<&str> = calls(&list)
        .iter()
        .filter(|call| call.class == Class::Holds)
        .map(|call| call.name)
        .filter(|name| !limits.contains(&format!("`{name}`")))
        .collect();
    assert!(
        unnamed.is_empty(),
        "docs/limits.md does not name {unnamed:?}"
    );
}

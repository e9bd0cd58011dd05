//! The house rules that neither the compiler nor clippy can hold, as tests: signs on every file, where unsafe and mutable
//! statics may be, words that have no place here, and test files that nothing runs.
//!
//! Started by `cargo test`, `cargo nextest` and `scripts/check`. It reads files only.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lichen_tests::paths;

#[path = "tidy/waits.rs"]
mod waits;

/// Folders that are not ours to judge.
const SKIPPED: [&str; 3] = ["target", ".git", "node_modules"];
/// A file longer than this deserves a second look; it is never an error.
const LONG: usize = 400;
/// Types that make a `static` mutable.
const MUTABLE: [&str; 7] = [
    "Atomic", "Mutex", "RwLock", "Once", "Lazy", "Cell", "Runtime",
];

/// One file: its path from the root, and its text.
struct Source {
    path: String,
    text: String,
}

fn all_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![paths::root()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if SKIPPED.contains(&name.as_str()) {
                continue; // `.git` is a file in a work tree of its own
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> Option<Source> {
    let text = fs::read_to_string(path).ok()?;
    let path = path
        .strip_prefix(paths::root())
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned();
    Some(Source { path, text })
}

fn rust_files() -> Vec<Source> {
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "rs");
    all_files()
        .iter()
        .filter(|path| is_rust(path))
        .filter_map(|path| read(path))
        .collect()
}

/// Lines of code, numbered from 1, without comments and without what follows `//` on a line.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.split("//").next().unwrap_or("")))
}

/// Entries of a list file: the first words before two spaces or a `#`; empty lines and comments are skipped.
fn list(name: &str) -> BTreeSet<String> {
    let file = paths::root().join("tests").join(name);
    let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let entry = |line: &str| {
        line.split('#')
            .next()
            .unwrap_or("")
            .split("  ")
            .next()
            .unwrap_or("")
            .trim()
            .to_owned()
    };
    text.lines()
        .map(entry)
        .filter(|line| !line.is_empty())
        .collect()
}

fn report(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_file_says_what_happens_in_it() {
    let unsigned = |file: &&Source| !file.text.trim_start().starts_with("//!");
    let wrong: Vec<String> = rust_files()
        .iter()
        .filter(unsigned)
        .map(|file| {
            format!(
                "{}: begin with `//!`: what happens here, who calls it, what it must never do",
                file.path
            )
        })
        .collect();
    report(&wrong);
}

#[test]
fn unsafe_is_only_in_listed_leaf_files() {
    let listed = list("tidy_unsafe.txt");
    let mut wrong = Vec::new();
    let mut allowed = BTreeSet::new();
    for file in rust_files()
        .iter()
        .filter(|file| file.path != "tests/tests/tidy.rs")
    {
        let allows = file.text.contains("[allow(unsafe_code)]");
        let uses = code_lines(&file.text)
            .find(|(_, line)| line.contains("unsafe {") || line.contains("unsafe impl"));
        if allows {
            allowed.insert(file.path.clone());
            if file.path.ends_with("/mod.rs") {
                wrong.push(format!(
                    "{}: unsafe belongs in a leaf file, not in a mod.rs",
                    file.path
                ));
            }
            if !listed.contains(&file.path) {
                wrong.push(format!(
                    "{}: allows unsafe; add it to tests/tidy_unsafe.txt",
                    file.path
                ));
            }
        } else if let Some((at, _)) = uses {
            wrong.push(format!(
                "{}:{at}: unsafe without `#![allow(unsafe_code)]`",
                file.path
            ));
        }
    }
    wrong.extend(
        listed
            .difference(&allowed)
            .map(|path| format!("tests/tidy_unsafe.txt: {path} is no such file")),
    );
    report(&wrong);
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    let mut wrong = Vec::new();
    for file in rust_files()
        .iter()
        .filter(|file| file.path != "tests/tests/tidy.rs")
    {
        let lines: Vec<&str> = file.text.lines().collect();
        for (at, line) in code_lines(&file.text) {
            let opens = line.contains("unsafe {") || line.contains("unsafe impl");
            let near = &lines[at.saturating_sub(12)..at];
            if opens && !near.iter().any(|line| line.contains("SAFETY:")) {
                wrong.push(format!(
                    "{}:{at}: no `// SAFETY:` above this unsafe block",
                    file.path
                ));
            }
        }
    }
    report(&wrong);
}

#[test]
fn mutable_statics_are_only_those_listed() {
    let listed = list("tidy_statics.txt");
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for file in rust_files().iter().filter(|file| is_product(&file.path)) {
        for (at, line) in code_lines(&file.text) {
            let Some(name) = static_name(line) else {
                continue;
            };
            if line.contains("static mut ") {
                wrong.push(format!(
                    "{}:{at}: `static mut` is never right here",
                    file.path
                ));
            }
            let known = MUTABLE.iter().any(|word| line.contains(word));
            if !known && !line.contains("thread_local!") && !is_made_shared(&file.text, line) {
                continue;
            }
            let entry = format!("{} {name}", file.path);
            if !listed.contains(&entry) {
                wrong.push(format!("{}:{at}: all state hangs off the runtime or a carrier; if {name} cannot, add `{entry}  why` to tests/tidy_statics.txt", file.path));
            }
            seen.insert(entry);
        }
    }
    wrong.extend(
        listed
            .difference(&seen)
            .map(|entry| format!("tests/tidy_statics.txt: {entry} is not there")),
    );
    report(&wrong);
}

/// Whether a file becomes part of what users load or run.
fn is_product(path: &str) -> bool {
    ["runtime/src/", "shim/src/", "launcher/src/"]
        .iter()
        .any(|folder| path.starts_with(folder))
}

/// Whether the type of the static that `line` declares is one the file itself says is `Sync`: it has cells inside.
fn is_made_shared(text: &str, line: &str) -> bool {
    let kind = line.split([':', '=']).nth(1).unwrap_or("").trim();
    !kind.is_empty() && text.contains(&format!("unsafe impl Sync for {kind} "))
}

/// The name a line declares as a `static`, if it does.
fn static_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("pub").map_or(line, |rest| {
        rest.split_once(' ').map_or("", |(_, rest)| rest)
    });
    let name = line.strip_prefix("static ")?;
    let name = name.strip_prefix("mut ").unwrap_or(name);
    name.split([':', ' ']).next()
}

#[test]
fn no_text_speaks_of_how_it_was_made() {
    let banned = [
        "claude",
        "anthropic",
        "chatgpt",
        "language model",
        "ai assistant",
        "/work/",
        "/root/",
        "the brief",
    ];
    let mut wrong = Vec::new();
    for file in all_files().iter().filter_map(|path| read(path)) {
        if file.path == "tests/tests/tidy.rs" || file.path == "Cargo.lock" {
            continue;
        }
        for (at, line) in file.text.lines().enumerate() {
            let low = line.to_lowercase();
            let word = banned.iter().find(|word| low.contains(*word)).copied();
            if let Some(word) = word
                .or_else(|| issue_letter(line))
                .or_else(|| work_session(&low))
            {
                wrong.push(format!(
                    "{}:{}: {word:?} has no place here",
                    file.path,
                    at + 1
                ));
            }
        }
    }
    report(&wrong);
}

/// Plans have letters; what is kept has names.
fn issue_letter(line: &str) -> Option<&'static str> {
    let mut words = line
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .peekable();
    while let Some(word) = words.next() {
        let letter = words
            .peek()
            .is_some_and(|next| next.len() == 1 && ("A"..="G").contains(next));
        if word.eq_ignore_ascii_case("issue") && letter {
            return Some("an issue by its letter");
        }
    }
    None
}

/// The word is right for terminals and protocols only.
fn work_session(low: &str) -> Option<&'static str> {
    let about = [
        "setsid",
        "terminal",
        "getsid",
        "session id",
        "session leader",
        "session_",
    ];
    let used = low
        .split(|c: char| !c.is_alphabetic())
        .any(|word| word == "session" || word == "sessions");
    (used && !about.iter().any(|word| low.contains(word))).then_some("session")
}

#[test]
fn long_files_are_named() {
    for file in rust_files() {
        let lines = file.text.lines().count();
        if lines > LONG {
            println!("{}: {lines} lines; is it one room?", file.path);
        }
    }
}

#[test]
fn no_test_file_lies_idle() {
    let root = paths::root();
    let text = |relative: &str| fs::read_to_string(root.join(relative)).unwrap_or_default();
    let sources: String = all_files()
        .iter()
        .filter_map(|path| read(path))
        .filter(|file| {
            file.path.starts_with("tests/calls/") || file.path.starts_with("tests/regressions/")
        })
        .map(|file| file.text)
        .collect();
    let runner = text("tests/tests/programs.rs");
    let tools = text("tests/tests/tools.rs");
    let heavy: String = names(&root.join("tests/tests/heavy"))
        .iter()
        .map(|file| text(&format!("tests/tests/heavy/{file}")))
        .collect();
    let mut wrong = Vec::new();
    for file in names(&root.join("tests/calls/lib")) {
        if !sources.contains(&format!("lib: {file}")) {
            wrong.push(format!(
                "tests/calls/lib/{file}: no program names it in a `lib:` directive"
            ));
        }
    }
    for file in names(&root.join("tests/calls"))
        .iter()
        .filter(|file| file.ends_with(".h"))
    {
        if !sources.contains(&format!("#include \"{file}\"")) {
            wrong.push(format!("tests/calls/{file}: no program includes it"));
        }
    }
    for folder in names(&root.join("tests/programs")) {
        let started = runner.contains(&format!("programs/{folder}/"))
            || tools.contains(&format!("\"{folder}/"))
            || tools.contains(&format!("programs/{folder}/"))
            || heavy.contains(&format!("Site::prepare(\"{folder}\""));
        if !started {
            wrong.push(format!(
                "tests/programs/{folder}: neither programs.rs, tools.rs nor heavy of tests/tests starts it"
            ));
        }
    }
    for file in names(&root.join("tests/calls")) {
        if !["c", "cpp", "h"]
            .iter()
            .any(|ending| file.ends_with(&format!(".{ending}")))
            && file != "lib"
        {
            wrong.push(format!(
                "tests/calls/{file}: only .c, .cpp and .h files are looked for"
            ));
        }
    }
    report(&wrong);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut found: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    found
}

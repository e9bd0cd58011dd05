//! Looks at a process tree through /proc: its members, their kernel threads, and what each is doing.
//!
//! Called by the runners, to count kernel threads of real programs and to say where a stuck program was. It only
//! reads, and a process that has just gone is no error.

use std::fmt::Write as _;
use std::fs;

/// `pid` and all its living descendants.
pub fn members(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        for task in tasks(parent) {
            let listed = fs::read_to_string(format!("/proc/{parent}/task/{task}/children"))
                .unwrap_or_default();
            found.extend(
                listed
                    .split_whitespace()
                    .filter_map(|word| word.parse::<u32>().ok()),
            );
        }
        next += 1;
    }
    found
}

/// Ids of the kernel threads of `pid`; empty if it has gone.
pub fn tasks(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let mut ids: Vec<u32> = entries
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .collect();
    ids.sort_unstable();
    ids
}

/// The most kernel threads that any one process of the tree below `pid` has now.
pub fn busiest(pid: u32) -> usize {
    members(pid)
        .into_iter()
        .map(|member| tasks(member).len())
        .max()
        .unwrap_or(0)
}

/// Says for each process below `pid` which system call its kernel threads are in: the first thing one wants to know
/// about a program that did not end in time.
pub fn describe(pid: u32) -> String {
    let mut text = String::new();
    for member in members(pid) {
        let name = fs::read_to_string(format!("/proc/{member}/comm")).unwrap_or_default();
        let ids = tasks(member);
        let _ = writeln!(
            text,
            "process {member} ({}), {} kernel threads",
            name.trim(),
            ids.len()
        );
        for id in ids.iter().take(6) {
            let call =
                fs::read_to_string(format!("/proc/{member}/task/{id}/syscall")).unwrap_or_default();
            let stat =
                fs::read_to_string(format!("/proc/{member}/task/{id}/stat")).unwrap_or_default();
            let state = stat
                .rsplit(") ")
                .next()
                .and_then(|rest| rest.chars().next())
                .unwrap_or('?');
            let _ = writeln!(text, "  thread {id} {state} syscall {}", call.trim());
        }
    }
    text
}

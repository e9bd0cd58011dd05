//! The scheduler side may use libc, but nothing of it that takes a lock: a parked thread of the
//! program may hold that lock, and would never run again to give it back.
//!
//! Everything reachable from the scheduler and from what it runs for others is disassembled; panics
//! end the process and are left out.

use lichen_checks::code::Act;
use lichen_checks::library::{Function, Library};
use lichen_checks::lists;
use lichen_checks::reach::{Reach, Verdict};
use std::collections::BTreeMap;

/// Where the scheduler side begins: its loop, the hooks, and the closures of `park::serve`.
const ROOTS: [&str; 7] = [
    "sched::switch::begin_scheduler",
    "handlers::thread::ended",
    "signal::notes::route",
    "handlers::fork::child::{{closure}}",
    "handlers::filter::expect::{{closure}}",
    "handlers::memory::map_text::{{closure}}",
    "handlers::thread::exit_group::{{closure}}",
];

/// Ways to the end of the process, the way back to a green, and the doors, whose addresses are
/// written into slots.
const BORDERS: [&str; 9] = [
    "lichen_entry_",
    "core::panicking",
    "unwrap_failed",
    "expect_failed",
    "slice_index_fail",
    "alloc::raw_vec::handle_error",
    "handle_alloc_error",
    "capacity_overflow",
    "jump_fcontext",
];

fn judge(function: &Function) -> Verdict {
    let border = BORDERS.iter().any(|word| function.name.contains(word));
    if border {
        Verdict::Border
    } else {
        Verdict::Enter
    }
}

#[test]
fn the_scheduler_calls_nothing_that_takes_a_lock_of_libc() {
    let library = Library::release().unwrap_or_else(|e| panic!("{e}"));
    let root = |name: &&str| {
        let found = library.functions().find(|f| f.name.ends_with(*name));
        found
            .unwrap_or_else(|| panic!("the library has no {name}"))
            .code
            .start
    };
    let roots: Vec<u64> = ROOTS.iter().map(root).collect();
    let reach = Reach::from(&library, &roots, judge);
    let mut ways = BTreeMap::new();
    for (function, steps) in reach.functions() {
        for (_, act) in steps {
            if let Act::Leaves(name) = act {
                ways.entry(name.clone())
                    .or_insert_with(|| reach.way(function));
            }
        }
    }
    let wrong = lists::compare("scheduler_side.txt", &ways.keys().cloned().collect());
    let how: Vec<String> = ways
        .iter()
        .map(|(name, way)| format!("{name} is reached by\n{way}"))
        .collect();
    assert!(
        wrong.is_empty(),
        "\n{}\n\n{}\n",
        wrong.join("\n"),
        how.join("\n")
    );
}

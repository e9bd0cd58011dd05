//! The green-side rules, proved on the code: what runs on a program's own stack, with its
//! thread-local storage and possibly inside its malloc, calls no other library, allocates nothing,
//! never panics, touches nothing behind FS and no register that the doors do not save.
//!
//! Everything reachable from the doors up to the stack switch is disassembled.

use lichen_checks::code::Act;
use lichen_checks::library::{Function, Library};
use lichen_checks::lists;
use lichen_checks::reach::{Reach, Verdict};
use std::collections::BTreeSet;

/// Where the program and the kernel come in.
const ROOTS: [&str; 17] = [
    "lichen_entry_none",
    "lichen_entry_xmm",
    "lichen_entry_wide",
    "lichen_dispatch",
    "lichen_dispatch_foreign",
    "lichen_exit_slow",
    "lichen_native_slow",
    "lichen_sigreturn",
    "lichen_vfork_done",
    "lichen_start",
    "lichen_restorer",
    "lichen_plain_restorer",
    "handlers::signal::delivery::lichen_master",
    "handlers::signal::slices::lichen_tick",
    "doors::audit::lichen_caught",
    // Kernel threads of ours keep the same rules: they have no thread-local storage at all.
    "lichen_runtime::offload::helpers::run",
    "lichen_runtime::offload::pool::run",
];

/// Functions whose being reached is the violation.
const FORBIDDEN: [&str; 10] = [
    "core::panicking",
    "core::slice::index::slice_",
    "core::str::slice_error_fail",
    "core::option::unwrap_failed",
    "core::option::expect_failed",
    "core::result::unwrap_failed",
    "core::cell::panic",
    "alloc::",
    "__rust_",
    "dlmalloc",
];

fn forbidden(function: &Function) -> bool {
    FORBIDDEN.iter().any(|word| function.name.contains(word))
}

#[test]
fn what_the_doors_reach_keeps_the_rules_of_the_green_side() {
    let library = Library::release().unwrap_or_else(|e| panic!("{e}"));
    let borders = lists::read("green_side_borders.txt");
    let mut met = BTreeSet::new();
    let roots: Vec<u64> = ROOTS.iter().map(|name| find(&library, name)).collect();
    let reach = Reach::from(&library, &roots, |function| {
        if let Some(border) = borders.keys().find(|b| function.name == **b) {
            met.insert(border);
            Verdict::Border
        } else if forbidden(function) {
            Verdict::Refuse
        } else {
            Verdict::Enter
        }
    });
    let mut wrong = Vec::new();
    let mut note = |function: &Function, what: String| {
        wrong.push(format!("{}\n    {what}", reach.way(function)));
    };
    for (function, from) in &reach.refused {
        note(from, format!("reaches {}", function.name));
    }
    for (function, steps) in reach.functions() {
        for (at, act) in steps {
            let what = match act {
                Act::Leaves(name) => format!("uses {name} of another library"),
                Act::Fs => "reads or writes behind FS".into(),
                Act::Wide(register) => format!("uses {register}"),
                Act::Unknown => "has bytes that are no instruction".into(),
                Act::Goes(_) | Act::Data(_) => continue,
            };
            note(function, format!("{what} at {at:#x}"));
        }
    }
    println!("{} functions are reachable", reach.functions().count());
    let idle = borders.keys().filter(|b| !met.contains(b));
    let idle: Vec<String> = idle
        .map(|b| format!("lists/green_side_borders.txt: {b} is not reached; delete it"))
        .collect();
    let wrong: Vec<String> = wrong.into_iter().chain(idle).collect();
    assert!(
        wrong.is_empty(),
        "\n{} violations\n{}\n",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The instrument is not blind: what activation does breaks every rule that the green side keeps.
#[test]
fn code_that_breaks_the_rules_is_found() {
    let library = Library::release().unwrap_or_else(|e| panic!("{e}"));
    let root = find(&library, "pthread_create");
    let reach = Reach::from(&library, &[root], |function| {
        if forbidden(function) {
            Verdict::Refuse
        } else {
            Verdict::Enter
        }
    });
    let acts: Vec<&Act> = reach
        .functions()
        .flat_map(|(_, steps)| steps)
        .map(|(_, act)| act)
        .collect();
    assert!(
        acts.contains(&&Act::Leaves("dlsym".into())),
        "calls of other libraries"
    );
    assert!(
        acts.contains(&&Act::Leaves("dl_iterate_phdr".into())),
        "calls deep down"
    );
    let refused = |word: &str| reach.refused.iter().any(|(f, _)| f.name.contains(word));
    assert!(refused("core::panicking"), "panics");
    assert!(refused("dlmalloc") || refused("__rust_alloc"), "allocation");
}

fn find(library: &Library, name: &str) -> u64 {
    let by_symbol = library.symbol(name);
    let by_name = || {
        library
            .functions()
            .find(|f| f.name.ends_with(name))
            .map(|f| f.code.start)
    };
    by_symbol
        .or_else(by_name)
        .unwrap_or_else(|| panic!("the library has no {name}"))
}

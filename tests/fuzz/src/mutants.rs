//! Seeded defects: each must be found within the time given. The library is built with the feature `mutants`, and
//! LICHEN_MUTANT chooses one; runtime/src/mutants.rs has the list.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::Hunt;
use crate::judge::{Verdict, judge};
use crate::worlds::Worlds;
use lichen_tests::paths;

/// The name in a line of the list: `Name "what it does",`.
fn name(line: &str) -> Option<String> {
    let (name, rest) = line.trim().split_once(" \"")?;
    let is_name = name.chars().all(char::is_alphanumeric);
    (is_name && rest.ends_with("\",")).then(|| name.to_owned())
}

/// The names in the list of the source.
fn names() -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(paths::root().join("runtime/src/mutants.rs"))?;
    let names: Vec<String> = text.lines().filter_map(name).collect();
    anyhow::ensure!(names.len() >= 12, "runtime/src/mutants.rs: no list found");
    Ok(names)
}

/// Hunts each defect. `true` if all were found.
///
/// # Errors
/// When no process can be started.
pub fn find_all(
    lib: Option<PathBuf>,
    only: Option<&str>,
    seed: u64,
    limit: Duration,
) -> anyhow::Result<bool> {
    let lib = lib.unwrap_or_else(|| paths::target().join("mutants/release/liblichen.so"));
    let sound = Worlds::new(Some(lib.clone()), None)?;
    let mut missed = 0;
    for name in names()?.iter().filter(|n| only.is_none_or(|o| o == *n)) {
        let worlds = Worlds::new(Some(lib.clone()), Some(name.clone()))?;
        let mut hunt = Hunt::new(&worlds, seed);
        let begun = Instant::now();
        let mut found = false;
        while !found && begun.elapsed() < limit {
            for sequence in hunt.batch()? {
                // A difference that is there without the defect is another finding.
                found |= !matches!(judge(&sound, &sequence)?, Verdict::Real { .. });
            }
        }
        let after = begun.elapsed().as_secs_f64();
        println!(
            "{name:28} {} {after:6.1} s",
            if found { "found " } else { "MISSED" }
        );
        missed += usize::from(!found);
    }
    println!("{missed} missed");
    Ok(missed == 0)
}

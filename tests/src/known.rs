//! The list of tests that are known to fail, each with its reason: `tests/known_failures.toml`.
//!
//! Called by the runner of `tests/calls/`. A listed test that passes is an error, so that the list can only shrink by
//! somebody's decision and never go stale.

use std::fs;

use serde::Deserialize;

use crate::paths;

#[derive(Debug, Deserialize)]
struct List {
    #[serde(default)]
    failure: Vec<Failure>,
}

/// One known failure.
#[derive(Debug, Deserialize)]
pub struct Failure {
    /// `<file stem>::<variant>`, as the runner lists it.
    pub test: String,
    /// Why it fails, and what would have to change.
    pub reason: String,
}

/// Reads the list.
///
/// # Errors
/// One line, when the file is missing, is not TOML, or an entry has no reason.
pub fn read() -> Result<Vec<Failure>, String> {
    let file = paths::root().join("tests/known_failures.toml");
    let text =
        fs::read_to_string(&file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    let list: List = toml::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?;
    match list
        .failure
        .iter()
        .find(|entry| entry.reason.trim().is_empty())
    {
        Some(entry) => Err(format!("{}: {} has no reason", file.display(), entry.test)),
        None => Ok(list.failure),
    }
}

/// Turns the result of the test `name` round if it is listed.
///
/// # Errors
/// The failure itself when it is not listed; the remedy when a listed test passes.
pub fn judge(name: &str, list: &[Failure], result: Result<(), String>) -> Result<(), String> {
    match (list.iter().find(|entry| entry.test == name), result) {
        (None, result) => result,
        (Some(entry), Err(why)) => {
            println!("known failure ({}): {why}", entry.reason);
            Ok(())
        }
        (Some(_), Ok(())) => Err(format!(
            "{name} passes, but tests/known_failures.toml lists it: take the entry out"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed() -> Vec<Failure> {
        vec![Failure {
            test: "a::lichen".to_owned(),
            reason: "not yet".to_owned(),
        }]
    }

    #[test]
    fn a_listed_failure_is_tolerated_and_a_listed_pass_is_not() {
        assert!(judge("a::lichen", &listed(), Err("broken".to_owned())).is_ok());
        assert!(
            judge("a::lichen", &listed(), Ok(()))
                .unwrap_err()
                .contains("take the entry out")
        );
        assert!(judge("b::lichen", &listed(), Err("broken".to_owned())).is_err());
    }
}

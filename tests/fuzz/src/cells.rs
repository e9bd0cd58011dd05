//! What was covered: call x kind of descriptor x outcome, read off the native logs.

use std::collections::BTreeMap;

use crate::worlds::Log;

/// How often each cell was seen.
#[derive(Default)]
pub struct Cells(BTreeMap<(String, String), BTreeMap<String, u64>>);

impl Cells {
    /// Adds the calls of one sequence.
    pub fn add(&mut self, log: &Log) {
        let mut waiting: Vec<&str> = Vec::new();
        for line in log {
            let Some((_, rest)) = line.split_once(": step ") else {
                continue;
            };
            let Some((step, rest)) = rest.split_once(' ') else {
                continue;
            };
            if rest.ends_with(" waits") {
                waiting.push(step);
                continue;
            }
            let Some((what, outcome)) = rest.split_once(" = ") else {
                continue;
            };
            let waited = waiting.contains(&step);
            let (call, kind) = what
                .trim_end_matches(')')
                .split_once('(')
                .unwrap_or((what, ""));
            let cell = (call.to_owned(), kind.to_owned());
            let outcome = name(outcome, waited);
            *self.0.entry(cell).or_default().entry(outcome).or_default() += 1;
        }
    }

    /// How many cells there are.
    pub fn count(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// One line for each call and kind.
    pub fn print(&self) {
        for ((call, kind), outcomes) in &self.0 {
            let list: Vec<String> = outcomes.iter().map(|(o, n)| format!("{o} {n}")).collect();
            println!("{call:9} {kind:14} {}", list.join(", "));
        }
    }
}

fn name(outcome: &str, waited: bool) -> String {
    let mut words = outcome.split(' ');
    let number = words.next().unwrap_or("");
    let what = match number {
        "-1" => words.next().unwrap_or("?"),
        "0" => "0",
        _ => "ok",
    };
    format!("{what}{}", if waited { "/waited" } else { "" })
}

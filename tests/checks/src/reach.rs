//! What can run from a set of roots: functions reached by calls and jumps, by taking their address,
//! and through tables of functions (the dispatch table, vtables of closures).
//!
//! Caller: `tests/green_side.rs`. Pure.

use crate::code::{self, Act, Step};
use crate::library::{Function, Library, Pointer};
use std::collections::{BTreeMap, VecDeque};

/// What to do with a function that was reached.
pub enum Verdict {
    /// Look at it, and go on from it.
    Enter,
    /// It runs elsewhere or by other rules.
    Border,
    /// It must not have been reached.
    Refuse,
}

/// The functions reached, each with the way to it.
pub struct Reach<'a> {
    library: &'a Library,
    /// By start address: the function, what it does, and from where it was first reached.
    found: BTreeMap<u64, (&'a Function, Vec<Step>, Option<u64>)>,
    /// What was refused, and from where it was reached.
    pub refused: Vec<(&'a Function, &'a Function)>,
}

impl<'a> Reach<'a> {
    /// Follows everything from `roots`, as `judge` says.
    pub fn from(
        library: &'a Library,
        roots: &[u64],
        mut judge: impl FnMut(&Function) -> Verdict,
    ) -> Reach<'a> {
        let mut reach = Reach {
            library,
            found: BTreeMap::new(),
            refused: Vec::new(),
        };
        let mut waiting: VecDeque<(u64, Option<u64>)> = roots.iter().map(|&r| (r, None)).collect();
        while let Some((address, from)) = waiting.pop_front() {
            let Some(function) = library.function_at(address) else {
                continue;
            };
            let start = function.code.start;
            if reach.found.contains_key(&start) {
                continue;
            }
            match (judge(function), from.and_then(|f| library.function_at(f))) {
                (Verdict::Enter, _) => {}
                (Verdict::Refuse, Some(from)) => {
                    reach.refuse(function, from);
                    continue;
                }
                _ => continue,
            }
            let steps = code::steps(library, function);
            for (_, act) in &steps {
                match act {
                    Act::Goes(to) => waiting.push_back((*to, Some(start))),
                    Act::Data(at) => {
                        let targets = table(library, *at).into_iter();
                        waiting.extend(targets.map(|to| (to, Some(start))));
                    }
                    _ => {}
                }
            }
            reach.found.insert(start, (function, steps, from));
        }
        reach
    }

    fn refuse(&mut self, function: &'a Function, from: &'a Function) {
        let key = (function.code.start, from.code.start);
        if !self
            .refused
            .iter()
            .any(|(f, by)| (f.code.start, by.code.start) == key)
        {
            self.refused.push((function, from));
        }
    }

    /// Every function reached, with what it does.
    pub fn functions(&self) -> impl Iterator<Item = (&'a Function, &[Step])> {
        self.found.values().map(|(f, steps, _)| (*f, &steps[..]))
    }

    /// How `function` was reached, from the root on.
    pub fn way(&self, function: &Function) -> String {
        let mut names = vec![function.name.clone()];
        let mut at = function.code.start;
        while let Some(&(_, _, Some(from))) = self.found.get(&at) {
            names.extend(self.library.function_at(from).map(|f| f.name.clone()));
            at = from;
        }
        names.reverse();
        names.join("\n    -> ")
    }
}

/// The functions in the table or vtable whose address was taken.
fn table(library: &Library, at: u64) -> Vec<u64> {
    if library.section_of(at) != ".data.rel.ro" {
        return Vec::new();
    }
    let code = |at: u64| match library.pointer_at(at) {
        Some(&Pointer::Here(to)) if library.section_of(to) == ".text" => Some(to),
        _ => None,
    };
    if let Some(range) = library.object_at(at) {
        return range.step_by(8).filter_map(code).collect();
    }
    // A vtable without a symbol: drop, size, alignment, then methods up to the next vtable.
    let mut found: Vec<u64> = code(at).into_iter().collect();
    let mut next = at + 24;
    while let Some(method) = code(next) {
        let new_vtable = code(next + 8).is_none()
            && code(next + 16).is_none()
            && code(next + 24).is_some()
            && library
                .word_at(next + 16)
                .is_some_and(|align| align.is_power_of_two() && align <= 64);
        if new_vtable {
            break;
        }
        found.push(method);
        next += 8;
    }
    found
}

//! Which vector registers may hold a value of the program across a site.
//!
//! Called by `plan` for each site. The kernel preserves all of them, so a compiler may keep a value in any over a
//! `syscall` instruction; saving them on every call would be dear. This is a liveness analysis of the function around
//! the site: a register is live if it may be read after the site before it is written again. Where the analysis cannot
//! see (code it did not decode, a switch it cannot follow, too much code) it says "live".
//!
//! What it takes from the System V ABI, which lets a callee destroy all of these registers:
//! * A call or a return may read xmm0-7 as arguments or results. That counts only if this function wrote them before the
//!   site; a value that passes through a function untouched, from its arguments to those of a call, is not seen.
//! * A caller keeps nothing in them over a call. gcc's -fipa-ra may break this for a callee in the same file. glibc 2.36
//!   does not: of 4,481 calls from functions that use vectors, the only later reads found were those of variadic
//!   prologues behind a tail call, and of `movhlps`, which reads its destination in form only. For a module of which
//!   this is not known, and where a few nanoseconds do not matter, a caller may save them at every site.

use crate::function::Function;
use crate::graph::{Flow, Graph, parts};
use crate::image::Image;
use crate::plan::Vectors;
use crate::registers::{ALL, ARGUMENTS, RESULTS, Registers, Touch, touch};
use crate::sweep::Sweep;
use iced_x86::InstructionInfoFactory;

/// Larger functions are not followed; bounds the work on hostile input.
const MAX_INSTRUCTIONS: usize = 20_000;

/// The verdict on one function.
pub enum Analysis {
    /// The same for all its sites.
    Same(Vectors),
    /// To be looked at site by site.
    Liveness(Liveness),
}

pub struct Liveness {
    graph: Graph,
    /// Registers that this function may have written, on entry to each node.
    written: Vec<Registers>,
    /// What to save if any is live.
    worst: Vectors,
}

impl Analysis {
    pub fn new(
        function: &Function,
        image: &Image<'_>,
        swept: &Sweep,
        infos: &mut InstructionInfoFactory,
    ) -> Analysis {
        let parts = parts(function, image);
        let all = || {
            function
                .instructions
                .iter()
                .chain(parts.iter().flatten().flat_map(|part| &part.instructions))
        };
        let widest = all().map(touch).max().unwrap_or(Touch::Nothing);
        let worst = if widest <= Touch::Xmm {
            Vectors::Xmm
        } else {
            Vectors::Wide
        };
        let small = all().count() <= MAX_INSTRUCTIONS;
        let Some(parts) = parts.filter(|_| small && function.whole && widest != Touch::Other)
        else {
            return Analysis::Same(worst);
        };
        let entries: Vec<u64> = std::iter::once(function)
            .chain(&parts)
            .filter(|part| is_entered(part, swept))
            .map(|part| part.start)
            .collect();
        if widest == Touch::Nothing && !entries.is_empty() {
            return Analysis::Same(Vectors::None);
        }
        let graph = Graph::new(
            function,
            &parts,
            &swept.targets,
            worst == Vectors::Wide,
            infos,
        );
        // A part whose function was not found: that may have written any argument register.
        let written = if entries.is_empty() {
            written(&graph, &[function.start], ARGUMENTS)
        } else {
            written(&graph, &entries, 0)
        };
        Analysis::Liveness(Liveness {
            graph,
            written,
            worst,
        })
    }

    /// What must be saved at the site at `address`.
    pub fn at(&self, address: u64) -> Vectors {
        match self {
            Analysis::Same(vectors) => *vectors,
            Analysis::Liveness(liveness) => liveness.at(address),
        }
    }
}

/// A function of its own: not a part that only jumps lead to.
fn is_entered(function: &Function, swept: &Sweep) -> bool {
    function.named || swept.entered.contains(function.start)
}

impl Liveness {
    fn at(&self, address: u64) -> Vectors {
        match self.graph.index_of(address) {
            Some(site) if !self.live_after(site) => Vectors::None,
            _ => self.worst,
        }
    }

    /// Forward from the site, with the registers that were not written since.
    fn live_after(&self, site: usize) -> bool {
        let mut seen = vec![0; self.graph.nodes.len()];
        let mut work = Vec::new();
        self.graph.successors(site, |next| work.push((next, ALL)));
        while let Some((index, incoming)) = work.pop() {
            let fresh = incoming & !seen[index];
            if fresh == 0 {
                continue;
            }
            seen[index] |= incoming;
            let node = &self.graph.nodes[index];
            let implied = match node.flow {
                Flow::Plain => 0,
                Flow::Return => RESULTS,
                Flow::Call | Flow::Indirect | Flow::TailCall => ARGUMENTS,
            };
            if fresh & (node.reads | implied & self.written[site]) != 0 {
                return true;
            }
            let outgoing = seen[index]
                & !if node.flow == Flow::Call {
                    RESULTS
                } else {
                    node.writes
                };
            self.graph
                .successors(index, |next| work.push((next, outgoing)));
        }
        false
    }
}

/// Forward from `entries`: which registers may hold a value that the function wrote.
fn written(graph: &Graph, entries: &[u64], on_entry: Registers) -> Vec<Registers> {
    let mut written = vec![0; graph.nodes.len()];
    let mut seen = vec![false; graph.nodes.len()];
    let mut work: Vec<(usize, Registers)> = entries
        .iter()
        .filter_map(|&entry| graph.index_of(entry))
        .map(|entry| (entry, on_entry))
        .collect();
    while let Some((index, incoming)) = work.pop() {
        let known = written[index];
        if std::mem::replace(&mut seen[index], true) && known | incoming == known {
            continue;
        }
        written[index] |= incoming;
        let node = &graph.nodes[index];
        let outgoing = if node.flow == Flow::Call {
            0
        } else {
            written[index] | node.writes
        };
        graph.successors(index, |next| work.push((next, outgoing)));
    }
    written
}

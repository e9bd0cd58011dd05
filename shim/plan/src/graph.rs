//! The flow of control through one function and its parts elsewhere.
//!
//! Built by `vectors`. gcc moves unlikely code of a function to another place with an unwind range of its own; such
//! parts are found by following jumps, except those to the start of a named function, which are calls without return.

use crate::function::{Function, ends_flow, is_call};
use crate::image::Image;
use crate::registers::{Registers, Touch, touch, vector_use};
use crate::sweep::Targets;
use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, OpKind};

/// Parts of one function that are followed before giving up.
const MAX_PARTS: usize = 8;

pub struct Node {
    pub ip: u64,
    pub reads: Registers,
    pub writes: Registers,
    pub flow: Flow,
    falls_through: bool,
    branch: Option<u64>,
    /// Some branch may come here.
    label: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Plain,
    Call,
    Return,
    /// To a place that cannot be named: another function, or any label of this one.
    Indirect,
    /// A direct jump to another function.
    TailCall,
}

pub struct Graph {
    /// Sorted by address.
    pub nodes: Vec<Node>,
}

impl Graph {
    pub fn new(
        function: &Function,
        parts: &[Function],
        targets: &Targets,
        wide: bool,
        infos: &mut InstructionInfoFactory,
    ) -> Graph {
        let instructions = function
            .instructions
            .iter()
            .chain(parts.iter().flat_map(|part| &part.instructions));
        let mut graph = Graph {
            nodes: instructions
                .map(|instruction| node(instruction, targets, wide, infos))
                .collect(),
        };
        graph.nodes.sort_unstable_by_key(|node| node.ip);
        graph.nodes.dedup_by_key(|node| node.ip);
        for index in 0..graph.nodes.len() {
            if graph.nodes[index]
                .branch
                .is_some_and(|branch| graph.index_of(branch).is_none())
            {
                graph.nodes[index].flow = Flow::TailCall;
            }
        }
        graph
    }

    pub fn index_of(&self, address: u64) -> Option<usize> {
        self.nodes
            .binary_search_by_key(&address, |node| node.ip)
            .ok()
    }

    pub fn successors(&self, index: usize, mut visit: impl FnMut(usize)) {
        let node = &self.nodes[index];
        if node.falls_through && index + 1 < self.nodes.len() {
            visit(index + 1);
        }
        if let Some(next) = node.branch.and_then(|branch| self.index_of(branch)) {
            visit(next);
        }
        if node.flow == Flow::Indirect {
            (0..self.nodes.len())
                .filter(|&other| self.nodes[other].label)
                .for_each(visit);
        }
    }
}

fn node(
    instruction: &Instruction,
    targets: &Targets,
    wide: bool,
    infos: &mut InstructionInfoFactory,
) -> Node {
    let branches = instruction.op0_kind() == OpKind::NearBranch64 && !is_call(instruction);
    let flow = match instruction.flow_control() {
        _ if is_call(instruction) => Flow::Call,
        FlowControl::Return => Flow::Return,
        FlowControl::IndirectBranch => Flow::Indirect,
        _ => Flow::Plain,
    };
    let (reads, writes) = if touch(instruction) == Touch::Nothing {
        (0, 0)
    } else {
        vector_use(instruction, wide, infos)
    };
    Node {
        ip: instruction.ip(),
        reads,
        writes,
        flow,
        falls_through: !ends_flow(instruction),
        branch: branches.then(|| instruction.near_branch_target()),
        label: targets.contains(instruction.ip()),
    }
}

/// The parts of `function` that lie elsewhere, or `None` if there are too many or one cannot be decoded.
pub fn parts(function: &Function, image: &Image<'_>) -> Option<Vec<Function>> {
    let mut parts: Vec<Function> = Vec::new();
    let mut open: Vec<u64> = leaving(function, image);
    while let Some(target) = open.pop() {
        let known = |part: &Function| part.index_of(target).is_some();
        if known(function) || parts.iter().any(known) {
            continue;
        }
        let part = Function::around(image, target)
            .filter(|part| known(part) && part.whole && parts.len() < MAX_PARTS)?;
        open.extend(leaving(&part, image));
        parts.push(part);
    }
    Some(parts)
}

/// Where the jumps of `function` go that leave it, except to named functions.
fn leaving(function: &Function, image: &Image<'_>) -> Vec<u64> {
    let jumps = function.instructions.iter().filter(|instruction| {
        instruction.op0_kind() == OpKind::NearBranch64 && !is_call(instruction)
    });
    let outside = jumps
        .map(Instruction::near_branch_target)
        .filter(|&target| target < function.start || target >= function.last_end());
    let mut outside: Vec<u64> = outside
        .filter(|target| {
            image
                .functions
                .binary_search_by_key(target, |range| range.start)
                .is_err()
        })
        .collect();
    outside.sort_unstable();
    outside.dedup();
    outside
}

//! Which vector registers may hold a value of the program across a site.
//!
//! Called by `plan` for each site. The kernel preserves all of them, so a compiler may keep a value in any over a
//! `syscall` instruction; saving them on every call would be dear. This is a liveness analysis of the function around
//! the site: a register is live if it may be read after the site before it is written again. Where the analysis cannot
//! see (code it did not decode, a switch it cannot follow, too much code) it says "live".
//!
//! What it takes from the System V ABI: a call or a return may read xmm0-7 as arguments or results, which counts only
//! if this function wrote them before the site; a value that merely passes through a function untouched, from its own
//! arguments to those of a call, is not seen.

use crate::function::{Function, ends_flow, is_call};
use crate::image::Image;
use crate::plan::Vectors;
use crate::sweep::Targets;
use iced_x86::{CpuidFeature, FlowControl, Instruction, InstructionInfoFactory, OpAccess, OpKind};

/// One bit per vector register 0..=31.
type Registers = u32;
const ALL: Registers = u32::MAX;
/// xmm0-7: what a call may read.
const ARGUMENTS: Registers = 0xff;
/// xmm0 and xmm1: what a return may read, and what a call may write.
const RESULTS: Registers = 0x03;
/// Parts of one function (gcc moves unlikely code elsewhere) that are followed before giving up.
const MAX_PARTS: usize = 8;

/// The vector use of one function and its parts elsewhere.
pub struct Analysis {
    nodes: Vec<Node>,
    /// Registers that this function may have written, on entry to each node.
    written: Vec<Registers>,
    worst: Vectors,
    /// x87, MMX, or instructions that read or write all state at once.
    other_state: bool,
    /// Something was not followed.
    partial: bool,
    touches: bool,
}

#[derive(Clone, Copy)]
struct Node {
    ip: u64,
    reads: Registers,
    writes: Registers,
    flow: Flow,
    falls_through: bool,
    branch: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Plain,
    Call,
    Return,
    /// To a place that cannot be named: another function, or any label of this one.
    Indirect,
    /// A direct jump to another function.
    TailCall,
}

impl Analysis {
    pub fn new(
        function: &Function,
        image: &Image<'_>,
        targets: &Targets,
        infos: &mut InstructionInfoFactory,
    ) -> Analysis {
        let (parts, partial) = parts(function, image, targets);
        let all = || {
            function
                .instructions
                .iter()
                .chain(parts.iter().flat_map(|part| &part.instructions))
        };
        let mut analysis = Analysis {
            nodes: Vec::new(),
            written: Vec::new(),
            worst: Vectors::Xmm,
            other_state: false,
            partial: partial || !function.whole || parts.iter().any(|part| !part.whole),
            touches: false,
        };
        for instruction in all() {
            let class = classify(instruction);
            analysis.touches |= class != Touch::Nothing;
            analysis.other_state |= class == Touch::Other;
            if class == Touch::Wide {
                analysis.worst = Vectors::Wide;
            }
        }
        if analysis.touches && !analysis.other_state && !analysis.partial {
            analysis.build(all(), infos);
            analysis.flow_writes(0, targets);
        }
        analysis
    }

    /// What must be saved at the site at `address`.
    pub fn at(&self, address: u64, targets: &Targets) -> Vectors {
        if self.other_state {
            return Vectors::Wide;
        }
        if !self.touches && !self.partial {
            return Vectors::None;
        }
        match self.index_of(address) {
            Some(site) if !self.partial && !self.live_after(site, targets) => Vectors::None,
            _ => self.worst,
        }
    }

    fn build<'i>(
        &mut self,
        instructions: impl Iterator<Item = &'i Instruction>,
        infos: &mut InstructionInfoFactory,
    ) {
        let wide = self.worst == Vectors::Wide;
        self.nodes = instructions
            .map(|instruction| node(instruction, wide, infos))
            .collect();
        self.nodes.sort_unstable_by_key(|node| node.ip);
        self.nodes.dedup_by_key(|node| node.ip);
        for index in 0..self.nodes.len() {
            if let Some(branch) = self.nodes[index].branch
                && self.index_of(branch).is_none()
            {
                self.nodes[index].flow = Flow::TailCall;
            }
        }
    }

    fn index_of(&self, address: u64) -> Option<usize> {
        self.nodes
            .binary_search_by_key(&address, |node| node.ip)
            .ok()
    }

    fn successors(&self, index: usize, targets: &Targets, mut visit: impl FnMut(usize)) {
        let node = &self.nodes[index];
        if node.falls_through && index + 1 < self.nodes.len() {
            visit(index + 1);
        }
        if let Some(next) = node.branch.and_then(|branch| self.index_of(branch)) {
            visit(next);
        }
        if node.flow == Flow::Indirect {
            (0..self.nodes.len())
                .filter(|&label| targets.contains(self.nodes[label].ip))
                .for_each(visit);
        }
    }

    /// Forward: which registers may hold a value that this function wrote.
    fn flow_writes(&mut self, on_entry: Registers, targets: &Targets) {
        self.written = vec![0; self.nodes.len()];
        let mut seen = vec![false; self.nodes.len()];
        let mut work = vec![(0, on_entry)];
        while let Some((index, incoming)) = work.pop() {
            let before = self.written[index];
            if std::mem::replace(&mut seen[index], true) && before | incoming == before {
                continue;
            }
            self.written[index] |= incoming;
            let node = self.nodes[index];
            let outgoing = if node.flow == Flow::Call {
                0
            } else {
                self.written[index] | node.writes
            };
            self.successors(index, targets, |next| work.push((next, outgoing)));
        }
    }

    fn live_after(&self, site: usize, targets: &Targets) -> bool {
        let written = self.written[site];
        let mut pending = vec![0; self.nodes.len()];
        let mut work = Vec::new();
        self.successors(site, targets, |next| work.push((next, ALL)));
        while let Some((index, incoming)) = work.pop() {
            let fresh = incoming & !pending[index];
            if fresh == 0 {
                continue;
            }
            pending[index] |= incoming;
            let node = &self.nodes[index];
            let implicit = match node.flow {
                Flow::Plain => 0,
                Flow::Return => RESULTS,
                Flow::Call | Flow::Indirect | Flow::TailCall => ARGUMENTS,
            };
            if fresh & (node.reads | implicit & written) != 0 {
                return true;
            }
            let killed = if node.flow == Flow::Call {
                RESULTS
            } else {
                node.writes
            };
            let outgoing = pending[index] & !killed;
            self.successors(index, targets, |next| work.push((next, outgoing)));
        }
        false
    }
}

/// The pieces of `function` that lie elsewhere: where its jumps go, unless that is the start of a named function.
fn parts(function: &Function, image: &Image<'_>, targets: &Targets) -> (Vec<Function>, bool) {
    let mut parts: Vec<Function> = Vec::new();
    let mut partial = false;
    let mut scanned = 0;
    while scanned <= parts.len() && !partial {
        let current = if scanned == 0 {
            function
        } else {
            &parts[scanned - 1]
        };
        let mut fresh: Vec<u64> = Vec::new();
        for target in current
            .instructions
            .iter()
            .filter(|i| i.op0_kind() == OpKind::NearBranch64 && !is_call(i))
            .map(Instruction::near_branch_target)
        {
            let known = function.index_of(target).is_some()
                || parts.iter().any(|part| part.index_of(target).is_some())
                || fresh.contains(&target);
            let named = image
                .functions
                .binary_search_by_key(&target, |range| range.start)
                .is_ok();
            if !known && !named {
                fresh.push(target);
            }
        }
        for target in fresh {
            if parts.iter().any(|part| part.index_of(target).is_some()) {
                continue;
            }
            match Function::around(image, targets, target) {
                Some(part) if part.index_of(target).is_some() && parts.len() < MAX_PARTS => {
                    parts.push(part)
                }
                _ => partial = true,
            }
        }
        scanned += 1;
    }
    (parts, partial)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Touch {
    Nothing,
    Xmm,
    Wide,
    Other,
}

fn classify(instruction: &Instruction) -> Touch {
    let mut touch = Touch::Nothing;
    for operand in 0..instruction.op_count() {
        if instruction.op_kind(operand) != OpKind::Register {
            continue;
        }
        let register = instruction.op_register(operand);
        if register.is_ymm() || register.is_zmm() || register.is_k() {
            touch = Touch::Wide;
        } else if register.is_xmm() && touch == Touch::Nothing {
            touch = Touch::Xmm;
        } else if register.is_mm() || register.is_st() || register.is_tmm() {
            return Touch::Other;
        }
    }
    if touch == Touch::Nothing && has_hidden_state(instruction) {
        Touch::Other
    } else {
        touch
    }
}

/// Reads or writes floating-point or vector state without naming a register.
fn has_hidden_state(instruction: &Instruction) -> bool {
    use CpuidFeature::{FPU, FPU287, FPU387, FXSR, MMX, XSAVE, XSAVEC, XSAVEOPT, XSAVES};
    let state = |feature| {
        matches!(
            feature,
            FPU | FPU287 | FPU387 | FXSR | MMX | XSAVE | XSAVEC | XSAVEOPT | XSAVES
        )
    };
    let reads_control_only = matches!(
        instruction.code(),
        iced_x86::Code::Xgetbv | iced_x86::Code::Wait
    );
    !reads_control_only
        && instruction
            .cpuid_features()
            .iter()
            .any(|&feature| state(feature))
}

fn node(instruction: &Instruction, wide: bool, infos: &mut InstructionInfoFactory) -> Node {
    let is_branch = instruction.op0_kind() == OpKind::NearBranch64 && !is_call(instruction);
    let flow = match instruction.flow_control() {
        FlowControl::Call | FlowControl::IndirectCall => Flow::Call,
        FlowControl::Return => Flow::Return,
        FlowControl::IndirectBranch => Flow::Indirect,
        _ => Flow::Plain,
    };
    let mut node = Node {
        ip: instruction.ip(),
        reads: 0,
        writes: 0,
        flow,
        falls_through: !ends_flow(instruction),
        branch: is_branch.then(|| instruction.near_branch_target()),
    };
    if classify(instruction) == Touch::Nothing {
        return node;
    }
    for used in infos.info(instruction).used_registers() {
        let register = used.register();
        if !register.is_vector_register() {
            node.reads |= if register.is_k() { ALL } else { 0 };
            continue;
        }
        let bit = 1 << (register.number() % 32);
        match used.access() {
            // A 128-bit write without VEX keeps the upper half, which matters where upper halves are used.
            OpAccess::Write if !(wide && register.is_xmm()) => node.writes |= bit,
            OpAccess::Write | OpAccess::None | OpAccess::NoMemAccess => {}
            _ => node.reads |= bit,
        }
    }
    node.writes &= !node.reads;
    node
}

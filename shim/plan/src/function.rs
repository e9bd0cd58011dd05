//! The decoded instructions of one function that holds sites.
//!
//! Built by `plan` for each such function, read by `window`, `number` and `vectors`. Decoding begins at a known start
//! and goes on until the function ends; a site that it does not meet was not understood.

use crate::image::{Image, Range, last_start};
use crate::sweep::Targets;
use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, OpKind};

/// The largest function worth a closer look, in bytes; bounds memory on hostile input.
const MAX_BYTES: u64 = 1 << 20;

pub struct Function {
    pub start: u64,
    pub instructions: Vec<Instruction>,
    /// A function symbol names the start: other modules may call it.
    pub named: bool,
    /// Decoding met no invalid instruction.
    pub whole: bool,
}

impl Function {
    /// The function that holds `address`, decoded, or `None` if no symbol or unwind range leads there.
    pub fn around(image: &Image<'_>, address: u64) -> Option<Function> {
        let frame = last_start(&image.frames, address);
        let symbol = last_start(&image.functions, address);
        // An unwind range covers the whole function; a symbol may be a label inside it.
        let range = match (frame, symbol) {
            (Some(frame), _) if address < frame.end => frame,
            (Some(frame), Some(symbol)) => {
                if symbol.start > frame.start {
                    symbol
                } else {
                    frame
                }
            }
            (frame, symbol) => frame.or(symbol)?,
        };
        let function = Function::decode(image, range)?;
        (function.last_end() > address).then_some(function)
    }

    /// Decodes `range`, and beyond its end as long as control runs on.
    pub fn decode(image: &Image<'_>, range: Range) -> Option<Function> {
        let bytes = image.from(range.start)?;
        let limit = next_start(image, range.start)
            .min(range.start + MAX_BYTES)
            .min(range.start + bytes.len() as u64);
        let named = image
            .functions
            .binary_search_by_key(&range.start, |function| function.start)
            .is_ok();
        let mut function = Function {
            start: range.start,
            instructions: Vec::new(),
            named,
            whole: true,
        };
        let mut decoder = Decoder::with_ip(64, bytes, range.start, DecoderOptions::NONE);
        let mut runs_on = true;
        let mut furthest = range.end;
        while decoder.ip() < limit.max(range.end)
            && (decoder.ip() < furthest || runs_on)
            && decoder.can_decode()
        {
            let instruction = decoder.decode();
            if instruction.is_invalid() || decoder.ip() > range.start + MAX_BYTES {
                function.whole = false;
                break;
            }
            if instruction.op0_kind() == OpKind::NearBranch64
                && !is_call(&instruction)
                && instruction.near_branch_target() < limit
            {
                // A label behind the end of the range, as in hand-written code whose unwind range stops early.
                furthest = furthest.max(instruction.near_branch_target().saturating_add(1));
            }
            runs_on = !ends_flow(&instruction);
            function.instructions.push(instruction);
        }
        Some(function)
    }

    pub fn last_end(&self) -> u64 {
        self.instructions
            .last()
            .map_or(self.start, Instruction::next_ip)
    }

    pub fn range(&self) -> Range {
        Range {
            start: self.start,
            end: self.last_end(),
        }
    }

    /// Whether control comes to instruction `index` by falling through from the start or from some known jump target.
    /// Bytes behind a jump that nothing jumps to may be data.
    pub fn leads_to(&self, index: usize, targets: &Targets) -> bool {
        for at in (0..=index).rev() {
            if targets.contains(self.instructions[at].ip()) || at == 0 {
                return true;
            }
            if ends_flow(&self.instructions[at - 1]) {
                return false;
            }
        }
        false
    }

    /// The index of the instruction that begins at `address`.
    pub fn index_of(&self, address: u64) -> Option<usize> {
        self.instructions
            .binary_search_by_key(&address, Instruction::ip)
            .ok()
    }
}

/// Control never reaches the next instruction.
pub fn ends_flow(instruction: &Instruction) -> bool {
    matches!(
        instruction.flow_control(),
        FlowControl::UnconditionalBranch
            | FlowControl::IndirectBranch
            | FlowControl::Return
            | FlowControl::Exception
    )
}

/// A call within the program. (The decoder counts `syscall` among calls, but the kernel preserves what callees may not.)
pub fn is_call(instruction: &Instruction) -> bool {
    matches!(
        instruction.flow_control(),
        FlowControl::Call | FlowControl::IndirectCall
    ) && instruction.code() != Code::Syscall
}

fn next_start(image: &Image<'_>, start: u64) -> u64 {
    let next = |ranges: &[Range]| {
        ranges
            .get(ranges.partition_point(|range| range.start <= start))
            .map_or(u64::MAX, |range| range.start)
    };
    next(&image.frames).min(next(&image.functions))
}

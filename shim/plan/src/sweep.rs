//! Finds every system-call site, and every address near the sites that code may jump to.
//!
//! Called once per plan. Decoding everything is what costs time, so only those runs of code are decoded that hold the
//! bytes `0f 05`, and then those from which something may lead into the functions with sites:
//!
//! 1. decode the runs with the bytes: real sites. None: done, which makes most modules cheap.
//! 2. `scan` all bytes for references into the functions with sites; decode the runs that hold any, and the neighbours.
//! 3. follow the jump tables.
//!
//! Nothing here may allocate per instruction or look up register use.

use crate::bitmap::Bitmap;
use crate::function::{Function, is_call};
use crate::image::{Image, Range, last_start};
use crate::landing;
use crate::runs::{Anchor, AnchorKind, Runs, SIGRETURN_STUB};
use crate::scan;
use crate::tables::Tables;
use iced_x86::{Code, Decoder, DecoderOptions, Instruction, OpKind, Register};

/// How far the short form of a branch reaches, with its own length.
const SHORT_BRANCH: u64 = 132;

pub struct Sweep {
    /// Addresses that some branch, symbol, table or pointer may name: complete in functions with sites.
    pub targets: Targets,
    /// Those that are called or whose address is taken: functions of their own, not parts of another.
    pub entered: Targets,
    /// Addresses of decoded `syscall` instructions, ascending.
    pub sites: Vec<Found>,
}

/// A decoded `syscall` instruction.
#[derive(Clone, Copy)]
pub struct Found {
    pub address: u64,
    /// Decoding came here from an anchor without a gap.
    pub reached: bool,
    pub sigreturn: bool,
}

/// Jump targets, one bitmap per executable segment.
pub struct Targets(Vec<Bitmap>);

impl Targets {
    fn new(image: &Image<'_>) -> Targets {
        Targets(
            image
                .code()
                .map(|segment| Bitmap::new(segment.vaddr, segment.bytes.len()))
                .collect(),
        )
    }

    #[inline]
    pub fn covers(&self, address: u64) -> bool {
        self.0.iter().any(|map| map.covers(address))
    }

    #[inline]
    pub fn insert(&mut self, address: u64) {
        self.0.iter_mut().for_each(|map| map.insert(address));
    }

    pub fn contains(&self, address: u64) -> bool {
        self.0.iter().any(|map| map.contains(address))
    }

    pub fn any_between(&self, after: u64, before: u64) -> bool {
        self.0.iter().any(|map| map.any_between(after, before))
    }
}

/// How much to decode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// What may matter.
    Needed,
    /// Everything: what tests compare the other with.
    #[cfg(test)]
    Everything,
}

/// Looks through all executable segments of `image`.
pub fn sweep(image: &Image<'_>, effort: Effort) -> Sweep {
    let mut state = Sweep {
        targets: Targets::new(image),
        entered: Targets::new(image),
        sites: Vec::new(),
    };
    let mut tables = Tables::new(image);
    let mut all_runs: Vec<Runs<'_, '_>> = image
        .code()
        .map(|segment| Runs::new(image, segment))
        .collect();
    for runs in &mut all_runs {
        mark_suspects(runs);
        if effort != Effort::Needed {
            runs.mark_all();
        }
        decode_marked(image, runs, &mut state, &mut tables);
    }
    // Behind a gap and in no function: data among the code.
    state
        .sites
        .retain(|site| site.reached || image.is_in_function(site.address));
    if state.sites.is_empty() {
        return state;
    }
    let sites = std::mem::take(&mut state.sites);
    image
        .pointers
        .iter()
        .for_each(|&pointer| state.enter(pointer));
    all_runs
        .iter()
        .flat_map(|runs| &runs.anchors)
        .for_each(|anchor| state.targets.insert(anchor.at));
    if effort == Effort::Needed {
        mark_callers(image, &sites, &mut all_runs, &mut state, &mut tables);
        for runs in &mut all_runs {
            decode_marked(image, runs, &mut state, &mut tables);
        }
    }
    tables.mark_entries(image, &mut state.targets);
    mark_landing_pads(image, &sites, &mut state.targets);
    state.sites = sites;
    state
}

impl Sweep {
    fn enter(&mut self, address: u64) {
        self.targets.insert(address);
        self.entered.insert(address);
    }
}

/// Marks the runs with the bytes of a `syscall`, and the run before each: it shows whether the start can be believed.
fn mark_suspects(runs: &mut Runs<'_, '_>) {
    for offset in memchr::memmem::find_iter(runs.segment.bytes, &[0x0f, 0x05]) {
        if let Some(index) = runs.holding(runs.segment.vaddr + offset as u64) {
            runs.mark(index.saturating_sub(1));
            runs.mark(index);
        }
    }
}

/// Marks the runs from which control may come into a function with sites.
fn mark_callers(
    image: &Image<'_>,
    sites: &[Found],
    all_runs: &mut [Runs<'_, '_>],
    state: &mut Sweep,
    tables: &mut Tables,
) {
    let mut wanted: Vec<Bitmap> = image
        .code()
        .map(|segment| Bitmap::new(segment.vaddr, segment.bytes.len()))
        .collect();
    let mut end_of_last = 0;
    for site in sites {
        if site.address < end_of_last {
            continue;
        }
        let Some(range) = Function::around(image, site.address).map(|function| function.range())
        else {
            continue;
        };
        end_of_last = range.end;
        wanted
            .iter_mut()
            .for_each(|map| map.insert_range(range.start, range.end));
        let near = Range {
            start: range.start.saturating_sub(SHORT_BRANCH),
            end: range.end.saturating_add(SHORT_BRANCH),
        };
        all_runs.iter_mut().for_each(|runs| runs.mark_range(near));
    }
    if end_of_last == 0 {
        return;
    }
    let starts: Vec<u64> = all_runs
        .iter()
        .flat_map(|runs| runs.anchors.iter().map(|anchor| anchor.at))
        .collect();
    for runs in all_runs {
        let found = scan::references(image, runs.segment, &wanted, &starts, tables);
        found
            .entered
            .iter()
            .for_each(|&address| state.enter(address));
        for place in found.suspects {
            if let Some(index) = runs.holding(place) {
                runs.mark(index);
            }
        }
    }
}

fn mark_landing_pads(image: &Image<'_>, sites: &[Found], targets: &mut Targets) {
    let mut starts: Vec<u64> = sites
        .iter()
        .filter_map(|site| last_start(&image.frames, site.address))
        .map(|range| range.start)
        .collect();
    starts.dedup();
    for pad in starts
        .into_iter()
        .flat_map(|start| landing::pads(image, start))
    {
        targets.insert(pad);
    }
}

/// Decodes the marked runs of one segment, in order.
fn decode_marked(image: &Image<'_>, runs: &Runs<'_, '_>, state: &mut Sweep, tables: &mut Tables) {
    let mut in_step = true;
    let mut expected = 0;
    for index in (0..runs.anchors.len()).filter(|&index| runs.is_marked(index)) {
        // Out of step with an unwind start: one of the two is wrong, and we cannot tell which.
        let reached =
            index != expected || in_step || runs.anchors[index].kind != AnchorKind::Unwind;
        in_step = decode_run(image, runs, index, reached, state, tables);
        expected = index + 1;
    }
}

/// Decodes one run; whether it ended exactly where the next one begins.
fn decode_run(
    image: &Image<'_>,
    runs: &Runs<'_, '_>,
    index: usize,
    mut reached: bool,
    state: &mut Sweep,
    tables: &mut Tables,
) -> bool {
    let (anchor, end, segment) = (runs.anchors[index], runs.end(index), runs.segment);
    let mut instruction = Instruction::default();
    // The decoder sees the whole rest, so that an instruction across the next anchor shows as what it is.
    let bytes = &segment.bytes[(anchor.at - segment.vaddr) as usize..];
    let mut decoder = Decoder::with_ip(64, bytes, anchor.at, DecoderOptions::NONE);
    let known_end = image.known_end(anchor.at);
    while decoder.ip() < end {
        decoder.decode_out(&mut instruction);
        if instruction.is_invalid() {
            if instruction.ip() >= known_end {
                // Data up to the next anchor, which may be megabytes away; that one starts afresh.
                return true;
            }
            reached = false;
            continue;
        }
        look_at(
            &instruction,
            anchor,
            reached,
            image.fixed_address,
            state,
            tables,
        );
    }
    decoder.ip() == end
}

#[inline]
fn look_at(
    instruction: &Instruction,
    anchor: Anchor,
    reached: bool,
    fixed_address: bool,
    state: &mut Sweep,
    tables: &mut Tables,
) {
    match instruction.op0_kind() {
        OpKind::NearBranch64 if is_call(instruction) => {
            state.enter(instruction.near_branch_target())
        }
        OpKind::NearBranch64 => state.targets.insert(instruction.near_branch_target()),
        // Also the kind of an operand that does not exist.
        OpKind::Register => match instruction.code() {
            Code::Syscall => {
                let address = instruction.ip();
                // Only the stub's own `syscall`, not a later one of the same run, is the signal return.
                let in_stub = address + 2 == anchor.at + SIGRETURN_STUB.len() as u64;
                state.sites.push(Found {
                    address,
                    reached,
                    sigreturn: in_stub && anchor.kind == AnchorKind::Sigreturn,
                });
            }
            Code::Lea_r64_m if instruction.memory_base() == Register::RIP => {
                note_address(instruction.memory_displacement64(), state, tables)
            }
            Code::Mov_r32_imm32 | Code::Mov_r64_imm64 | Code::Mov_rm64_imm32 if fixed_address => {
                note_address(instruction.immediate(1), state, tables)
            }
            _ => {}
        },
        OpKind::Memory => match instruction.code() {
            Code::Jmp_rm64 if fixed_address && instruction.memory_index() != Register::None => {
                tables.note_absolute(instruction.memory_displacement64())
            }
            Code::Mov_rm32_imm32 | Code::Mov_rm64_imm32 if fixed_address => {
                note_address(instruction.immediate(1), state, tables)
            }
            _ => {}
        },
        _ => {}
    }
}

#[inline]
fn note_address(address: u64, state: &mut Sweep, tables: &mut Tables) {
    if state.targets.covers(address) {
        state.enter(address);
    }
    tables.note_relative(address);
}

#[cfg(test)]
mod tests {
    use super::Effort;
    use crate::{Image, plan::plan_with};

    #[test]
    fn what_is_not_decoded_makes_no_difference() {
        for path in [
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib64/ld-linux-x86-64.so.2",
        ] {
            let bytes = std::fs::read(path).expect("readable");
            let image = Image::from_file(&bytes).expect("an ELF file");
            assert_eq!(
                plan_with(&image, Effort::Needed),
                plan_with(&image, Effort::Everything),
                "{path}"
            );
        }
    }
}

//! One linear decode of all executable bytes: finds every system-call site and every address that code may jump to.
//!
//! Called once per plan. Decoding starts over at each trusted anchor (function symbol, unwind range), so bytes that are
//! no code cannot put it out of step for long. It keeps addresses only; `function` decodes again what needs a closer look.
//! This is the loop that costs time: nothing in it may allocate per instruction or look up register use.

use crate::bitmap::Bitmap;
use crate::function::is_call;
use crate::image::{Image, Segment};
use crate::tables::Tables;
use iced_x86::{Code, Decoder, DecoderOptions, Instruction, OpKind, Register};

/// `mov $15,%rax; syscall`: glibc's signal-return stub. Debuggers and unwinders know it by these bytes.
pub const SIGRETURN_STUB: [u8; 9] = [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05];
/// Offset of the `syscall` in the stub.
pub const SIGRETURN_SYSCALL: u64 = 7;

pub struct Sweep {
    /// Addresses that some branch, symbol, table or pointer may name.
    pub targets: Targets,
    /// Those that are called or whose address is taken: functions of their own, not parts of another.
    pub entered: Targets,
    /// Addresses of decoded `syscall` instructions, ascending.
    pub sites: Vec<Found>,
}

impl Sweep {
    fn enter(&mut self, address: u64) {
        self.targets.insert(address);
        self.entered.insert(address);
    }
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
    pub fn new(image: &Image<'_>) -> Targets {
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

/// Decodes all executable segments of `image`.
pub fn sweep(image: &Image<'_>) -> Sweep {
    let mut state = Sweep {
        targets: Targets::new(image),
        entered: Targets::new(image),
        sites: Vec::new(),
    };
    let mut tables = Tables::new(image);
    for &pointer in &image.pointers {
        state.enter(pointer);
    }
    for segment in image.code() {
        let anchors = anchors(image, segment);
        for anchor in &anchors {
            state.targets.insert(anchor.at);
        }
        decode(
            segment,
            &anchors,
            image.fixed_address,
            &mut state,
            &mut tables,
        );
    }
    tables.mark_entries(image, &mut state.targets);
    state
}

/// A place where decoding may start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Anchor {
    at: u64,
    kind: AnchorKind,
}

/// Sorted by how much it is worth when two name the same address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum AnchorKind {
    Sigreturn,
    Symbol,
    Unwind,
}

fn anchors(image: &Image<'_>, segment: &Segment<'_>) -> Vec<Anchor> {
    let inside = |at: &u64| (segment.vaddr..segment.end()).contains(at);
    let mut anchors: Vec<Anchor> =
        Vec::with_capacity(image.functions.len() + image.frames.len() + 2);
    anchors.extend(
        image
            .functions
            .iter()
            .map(|range| range.start)
            .filter(inside)
            .map(|at| Anchor {
                at,
                kind: AnchorKind::Symbol,
            }),
    );
    anchors.extend(
        image
            .frames
            .iter()
            .map(|range| range.start)
            .filter(inside)
            .map(|at| Anchor {
                at,
                kind: AnchorKind::Unwind,
            }),
    );
    if !segment.has_headers {
        anchors.push(Anchor {
            at: segment.vaddr,
            kind: AnchorKind::Symbol,
        });
    }
    for offset in memchr::memmem::find_iter(segment.bytes, &SIGRETURN_STUB) {
        let at = segment.vaddr + offset as u64;
        // The unwind entry of the stub begins one byte early, on purpose: decoding there would lose the stub.
        anchors.retain(|anchor| {
            anchor.at.wrapping_sub(at.wrapping_sub(1)) > SIGRETURN_STUB.len() as u64
        });
        anchors.push(Anchor {
            at,
            kind: AnchorKind::Sigreturn,
        });
    }
    anchors.sort_unstable();
    anchors.dedup_by_key(|anchor| anchor.at);
    anchors
}

fn decode(
    segment: &Segment<'_>,
    anchors: &[Anchor],
    fixed_address: bool,
    state: &mut Sweep,
    tables: &mut Tables,
) {
    let mut instruction = Instruction::default();
    let mut reached = true;
    for (index, anchor) in anchors.iter().enumerate() {
        let end = anchors.get(index + 1).map_or(segment.end(), |next| next.at);
        let start = (anchor.at - segment.vaddr) as usize;
        // A decoder sees the whole rest, so that an instruction across the next anchor shows as what it is.
        let mut decoder =
            Decoder::with_ip(64, &segment.bytes[start..], anchor.at, DecoderOptions::NONE);
        if anchor.kind != AnchorKind::Unwind {
            reached = true;
        }
        while decoder.ip() < end {
            decoder.decode_out(&mut instruction);
            if instruction.is_invalid() {
                reached = false;
                continue;
            }
            look_at(&instruction, *anchor, reached, fixed_address, state, tables);
        }
        // Out of step with an unwind start: one of the two is wrong, and we cannot tell which.
        reached = decoder.ip() == end;
    }
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
                let sigreturn = anchor.kind == AnchorKind::Sigreturn
                    && address == anchor.at + SIGRETURN_SYSCALL;
                state.sites.push(Found {
                    address,
                    reached,
                    sigreturn,
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
    } else {
        tables.note_relative(address);
    }
}

//! Where the 5-byte jump of one site may go.
//!
//! Called by `plan` for each site. Two shapes exist:
//!
//! ```text
//! PRE   mov $0,%eax; syscall            the jump lies on whole instructions before the syscall and on the syscall;
//!       \__ displaced __/               those run in the slot, then control resumes behind the syscall
//! POST  syscall; cmp $-4096,%rax        the jump lies on the syscall and the compare behind it;
//!                                       the slot repeats the compare and resumes behind it
//! ```
//! A window is refused when anything could enter it other than at its start.

use crate::function::Function;
use crate::plan::{Displaced, MAX_DISPLACED, RipRelative, Why, Window};
use crate::sweep::Targets;
use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, OpAccess,
    Register,
};

/// `cmp $-4096,%rax`, the error test of every libc wrapper.
pub const COMPARE: [u8; 6] = [0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff];
/// `syscall` and the jump that replaces it differ by this much.
const MISSING_BYTES: u64 = 3;

/// A place for the jump.
pub struct Place {
    pub kind: Window,
    pub start: u64,
    pub displaced: Displaced,
}

/// Finds the window of instruction `site`. `code` are the bytes of the segment from `code_at` on; nothing before
/// `free_from` may be used, because an earlier window ends there.
pub fn find(
    function: &Function,
    site: usize,
    targets: &Targets,
    code: (&[u8], u64),
    free_from: u64,
    infos: &mut InstructionInfoFactory,
) -> Result<Place, Why> {
    let why = match before(function, site, targets, code, free_from, infos) {
        Ok(place) => return Ok(place),
        Err(why) => why,
    };
    after(function, site, targets, code, free_from).ok_or(why)
}

fn before(
    function: &Function,
    site: usize,
    targets: &Targets,
    code: (&[u8], u64),
    free_from: u64,
    infos: &mut InstructionInfoFactory,
) -> Result<Place, Why> {
    let syscall = function.instructions[site].ip();
    let mut first = site;
    while syscall - function.instructions[first].ip() < MISSING_BYTES {
        let before = first.checked_sub(1).ok_or(Why::TooShort)?;
        if targets.contains(function.instructions[first].ip()) {
            return Err(Why::TargetInside);
        }
        first = before;
        movable(&function.instructions[first], infos)?;
    }
    let start = function.instructions[first].ip();
    if targets.any_between(start, syscall + 2) {
        return Err(Why::TargetInside);
    }
    if start < free_from {
        return Err(Why::TooShort);
    }
    let displaced = displace(&function.instructions[first..site], start, syscall, code)?;
    Ok(Place {
        kind: Window::Pre,
        start,
        displaced,
    })
}

fn after(
    function: &Function,
    site: usize,
    targets: &Targets,
    (code, code_at): (&[u8], u64),
    free_from: u64,
) -> Option<Place> {
    let start = function.instructions[site].ip();
    let behind = (start - code_at) as usize + 2;
    let fits = code.get(behind..)?.starts_with(&COMPARE)
        && start >= free_from
        && !targets.any_between(start, start + 8);
    fits.then(|| Place {
        kind: Window::Post,
        start,
        displaced: Displaced::default(),
    })
}

/// Whether an instruction means the same when it runs in the slot, on the program's stack pointer, before anything else.
fn movable(instruction: &Instruction, infos: &mut InstructionInfoFactory) -> Result<(), Why> {
    if instruction.flow_control() != FlowControl::Next {
        return Err(Why::TooShort);
    }
    if shifts_stack(instruction) {
        return Ok(());
    }
    let reads_only = |access| {
        matches!(
            access,
            OpAccess::Read | OpAccess::CondRead | OpAccess::None | OpAccess::NoMemAccess
        )
    };
    let moves_stack = |used: &iced_x86::UsedRegister| {
        used.register().full_register() == Register::RSP && !reads_only(used.access())
    };
    if instruction.is_stack_instruction()
        || infos
            .info(instruction)
            .used_registers()
            .iter()
            .any(moves_stack)
    {
        return Err(Why::MovesStackPointer);
    }
    if instruction.is_privileged() || instruction.memory_base() == Register::EIP {
        return Err(Why::NotUnderstood);
    }
    Ok(())
}

/// `sub $n,%rsp` or `add $n,%rsp`: after it has run in the slot the stack is as the `syscall` would have found it, and
/// as libc's unwind table says for the address behind the window. (glibc's timer helper thread has one there.)
fn shifts_stack(instruction: &Instruction) -> bool {
    use Code::{Add_rm64_imm8, Add_rm64_imm32, Sub_rm64_imm8, Sub_rm64_imm32};
    let by_constant = matches!(
        instruction.code(),
        Sub_rm64_imm8 | Sub_rm64_imm32 | Add_rm64_imm8 | Add_rm64_imm32
    );
    by_constant && instruction.op0_register() == Register::RSP
}

fn displace(
    instructions: &[Instruction],
    start: u64,
    syscall: u64,
    (code, code_at): (&[u8], u64),
) -> Result<Displaced, Why> {
    let offset = (start - code_at) as usize;
    let bytes = code
        .get(offset..offset + (syscall - start) as usize)
        .ok_or(Why::NotUnderstood)?;
    if bytes.len() > MAX_DISPLACED {
        return Err(Why::NotUnderstood);
    }
    let mut relative = None;
    for instruction in instructions
        .iter()
        .filter(|instruction| instruction.memory_base() == Register::RIP)
    {
        if relative
            .replace(rip_relative(instruction, start, bytes)?)
            .is_some()
        {
            return Err(Why::NotUnderstood);
        }
    }
    Displaced::new(bytes, relative).ok_or(Why::NotUnderstood)
}

/// Where in the displaced bytes the 32-bit displacement of a rip-relative operand lies, and what it refers to.
fn rip_relative(
    instruction: &Instruction,
    start: u64,
    displaced: &[u8],
) -> Result<RipRelative, Why> {
    let at = (instruction.ip() - start) as usize;
    let mut decoder =
        Decoder::with_ip(64, &displaced[at..], instruction.ip(), DecoderOptions::NONE);
    let again = decoder.decode();
    let constants = decoder.get_constant_offsets(&again);
    if !constants.has_displacement() || constants.displacement_size() != 4 {
        return Err(Why::NotUnderstood);
    }
    let offset =
        u8::try_from(at + constants.displacement_offset()).map_err(|_| Why::NotUnderstood)?;
    Ok(RipRelative {
        offset,
        target: instruction.memory_displacement64(),
    })
}

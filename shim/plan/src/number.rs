//! Which system call a site makes, where the code says so.
//!
//! Called by `plan` for each site. Looks backwards through straight-line code only: as soon as control may arrive from
//! elsewhere, or the register comes from another register or from memory, the number is variable.

use crate::function::{Function, ends_flow, is_call};
use crate::plan::Number;
use crate::sweep::Targets;
use iced_x86::{Code, Instruction, InstructionInfoFactory, OpAccess, Register};

/// Instructions looked at before giving up; compilers place the number within a few.
const REACH: usize = 40;

/// The number in `eax` at instruction `site` of `function`.
pub fn find(
    function: &Function,
    site: usize,
    targets: &Targets,
    infos: &mut InstructionInfoFactory,
) -> Number {
    for index in (site.saturating_sub(REACH)..site).rev() {
        let after = &function.instructions[index + 1];
        let instruction = &function.instructions[index];
        if targets.contains(after.ip()) || ends_flow(instruction) || is_call(instruction) {
            break;
        }
        if let Some(constant) = constant_in_rax(instruction) {
            return Number::Constant(constant);
        }
        if writes_rax(instruction, infos) {
            break;
        }
    }
    Number::Variable
}

fn constant_in_rax(instruction: &Instruction) -> Option<u32> {
    if !matches!(instruction.op0_register(), Register::EAX | Register::RAX) {
        return None;
    }
    match instruction.code() {
        Code::Mov_r32_imm32 | Code::Mov_rm32_imm32 | Code::Mov_r64_imm64 | Code::Mov_rm64_imm32 => {
            Some(instruction.immediate(1) as u32)
        }
        Code::Xor_r32_rm32
        | Code::Xor_rm32_r32
        | Code::Sub_r32_rm32
        | Code::Sub_rm32_r32
        | Code::Xor_r64_rm64
        | Code::Xor_rm64_r64 => {
            (instruction.op0_register() == instruction.op1_register()).then_some(0)
        }
        _ => None,
    }
}

fn writes_rax(instruction: &Instruction, infos: &mut InstructionInfoFactory) -> bool {
    if instruction.code() == Code::Syscall {
        return true;
    }
    let writes = |access| {
        !matches!(
            access,
            OpAccess::None | OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess
        )
    };
    infos
        .info(instruction)
        .used_registers()
        .iter()
        .any(|used| used.register().full_register() == Register::RAX && writes(used.access()))
}

//! What one instruction does to vector, mask and x87 registers.
//!
//! Called by `graph` for each instruction of the functions that hold sites; `touch` is the cheap question that is asked
//! of all of them, `vector_use` the dear one, asked only where it matters.

use iced_x86::{Code, CpuidFeature, Instruction, InstructionInfoFactory, OpAccess, OpKind};

/// A set of vector registers, one bit for each number 0..=31.
pub type Registers = u32;
pub const ALL: Registers = u32::MAX;
/// xmm0-7: what a call may read (System V ABI, 3.2.3).
pub const ARGUMENTS: Registers = 0xff;
/// xmm0 and xmm1: what a return may read, and what a call may write.
pub const RESULTS: Registers = 0x03;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touch {
    /// No such register.
    Nothing,
    /// xmm0-31 only.
    Xmm,
    /// ymm, zmm or mask registers.
    Wide,
    /// x87, MMX or tiles, or all state at once: registers that are not followed one by one.
    Other,
}

/// The widest kind of register that `instruction` names or implies.
pub fn touch(instruction: &Instruction) -> Touch {
    let mut touch = Touch::Nothing;
    for operand in 0..instruction.op_count() {
        if instruction.op_kind(operand) != OpKind::Register {
            continue;
        }
        let register = instruction.op_register(operand);
        let this = if register.is_xmm() {
            Touch::Xmm
        } else if register.is_ymm() || register.is_zmm() || register.is_k() {
            Touch::Wide
        } else if register.is_mm() || register.is_st() || register.is_tmm() {
            Touch::Other
        } else {
            Touch::Nothing
        };
        touch = touch.max(this);
    }
    if touch == Touch::Nothing && implies_state(instruction) {
        Touch::Other
    } else {
        touch
    }
}

/// Works on floating-point or vector state without naming a register.
fn implies_state(instruction: &Instruction) -> bool {
    use CpuidFeature::{FPU, FPU287, FPU387, FXSR, MMX, XSAVE, XSAVEC, XSAVEOPT, XSAVES};
    let state = |feature| {
        matches!(
            feature,
            FPU | FPU287 | FPU387 | FXSR | MMX | XSAVE | XSAVEC | XSAVEOPT | XSAVES
        )
    };
    !matches!(instruction.code(), Code::Xgetbv | Code::Wait)
        && instruction
            .cpuid_features()
            .iter()
            .any(|&feature| state(feature))
}

/// The vector registers that `instruction` reads, and those whose old value it destroys wholly. Where upper halves are
/// in use (`wide`), a 128-bit write without VEX keeps them and so destroys nothing.
pub fn vector_use(
    instruction: &Instruction,
    wide: bool,
    infos: &mut InstructionInfoFactory,
) -> (Registers, Registers) {
    let (mut reads, mut writes) = (0, 0);
    for used in infos.info(instruction).used_registers() {
        let register = used.register();
        if register.is_k() {
            return (ALL, 0);
        }
        if !register.is_vector_register() {
            continue;
        }
        let bit = 1 << (register.number() % 32);
        match used.access() {
            OpAccess::Write if !(wide && register.is_xmm()) => writes |= bit,
            OpAccess::Write | OpAccess::None | OpAccess::NoMemAccess => {}
            _ => reads |= bit,
        }
    }
    if sets_all_ones(instruction) {
        return (0, if wide { 0 } else { reads | writes });
    }
    (reads, writes & !reads)
}

/// `pcmpeq r,r`: reads its register in form only.
fn sets_all_ones(instruction: &Instruction) -> bool {
    let compares = matches!(
        instruction.code(),
        Code::Pcmpeqb_xmm_xmmm128 | Code::Pcmpeqw_xmm_xmmm128 | Code::Pcmpeqd_xmm_xmmm128
    );
    compares && instruction.op0_register() == instruction.op1_register()
}

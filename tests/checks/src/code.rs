//! One function's instructions, reduced to what the green-side rules ask about.
//!
//! Caller: [`crate::reach`]. The whole symbol is decoded from its first byte: neither the compiler
//! nor our asm puts data between instructions. Pure.

use crate::library::{Function, Library, Pointer};
use iced_x86::{Decoder, DecoderOptions, EncodingKind, FlowControl, Instruction, OpKind, Register};

/// What an instruction does that matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Calls, jumps to or takes the address of code of the library.
    Goes(u64),
    /// Takes the address of data.
    Data(u64),
    /// Calls, jumps to or takes the address of another library's function.
    Leaves(String),
    /// Uses thread-local storage, or anything else behind FS.
    Fs,
    /// Uses a register that the doors do not save for every function.
    Wide(String),
    /// Not an instruction.
    Unknown,
}

/// An act and the address of its instruction.
pub type Step = (u64, Act);

/// What `function` does, in order. Jumps within itself are left out.
pub fn steps(library: &Library, function: &Function) -> Vec<Step> {
    let Some(bytes) = library.bytes_at(function.code.clone()) else {
        return vec![(function.code.start, Act::Unknown)];
    };
    let decoder = Decoder::with_ip(64, bytes, function.code.start, DecoderOptions::NONE);
    let mut steps = Vec::new();
    for instruction in decoder {
        let mut note = |act| steps.push((instruction.ip(), act));
        if instruction.is_invalid() {
            note(Act::Unknown);
            continue;
        }
        if instruction.segment_prefix() == Register::FS {
            note(Act::Fs);
        }
        if let Some(register) = wide(&instruction) {
            note(Act::Wide(register));
        }
        let leads = goes(library, &instruction);
        let away = |act: &Act| !matches!(act, Act::Goes(to) if function.code.contains(to));
        if let Some(act) = leads.filter(away) {
            note(act);
        }
    }
    steps
}

/// A register of ours that a function of the program might have kept a value in: anything beyond
/// xmm, the x87 and MMX registers, and the upper halves that every VEX instruction on xmm clears.
fn wide(instruction: &Instruction) -> Option<String> {
    let registers = (0..instruction.op_count())
        .filter(|&i| instruction.op_kind(i) == OpKind::Register)
        .map(|i| instruction.op_register(i));
    let clears = instruction.code().encoding() != EncodingKind::Legacy;
    for register in registers {
        let beyond = register.is_ymm()
            || register.is_zmm()
            || register.is_k()
            || register.is_st()
            || register.is_mm()
            || register.is_tmm();
        if beyond || clears && register.is_xmm() {
            return Some(format!("{register:?}").to_lowercase());
        }
    }
    None
}

/// Where an instruction leads, if anywhere.
fn goes(library: &Library, instruction: &Instruction) -> Option<Act> {
    match instruction.flow_control() {
        FlowControl::Call | FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
            Some(direct(library, instruction.near_branch_target()))
        }
        _ if instruction.is_ip_rel_memory_operand() => {
            let at = instruction.ip_rel_memory_address();
            if instruction.mnemonic() == iced_x86::Mnemonic::Lea {
                return Some(address(library, at));
            }
            // A load, a call or a jump through a pointer that never changes after loading.
            if !matches!(library.section_of(at), ".got" | ".got.plt" | ".data.rel.ro") {
                return None;
            }
            match library.pointer_at(at)? {
                Pointer::Here(to) => Some(address(library, *to)),
                Pointer::Elsewhere(name) => Some(Act::Leaves(name.clone())),
            }
        }
        _ => None,
    }
}

fn address(library: &Library, at: u64) -> Act {
    match library.section_of(at) {
        ".text" | ".init" | ".fini" | ".plt" => direct(library, at),
        _ => Act::Data(at),
    }
}

/// A direct target: code of ours, or a PLT entry, which stands for another library's function.
fn direct(library: &Library, to: u64) -> Act {
    let plt = library.section(".plt").filter(|plt| plt.contains(&to));
    if plt.is_none() {
        return Act::Goes(to);
    }
    let bytes = library.bytes_at(to..to + 16).unwrap_or_default();
    let jump = Decoder::with_ip(64, bytes, to, DecoderOptions::NONE)
        .into_iter()
        .find(|i| i.flow_control() == FlowControl::IndirectBranch);
    let pointer = jump.and_then(|i| library.pointer_at(i.ip_rel_memory_address()));
    match pointer {
        Some(Pointer::Elsewhere(name)) => Act::Leaves(name.clone()),
        Some(Pointer::Here(to)) => Act::Goes(*to),
        None => Act::Leaves("a PLT entry".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bytes: &[u8]) -> Instruction {
        Decoder::with_ip(64, bytes, 0x1000, DecoderOptions::NONE).decode()
    }

    #[test]
    fn registers_that_doors_may_not_save_are_seen() {
        let ymm = first(&[0xc5, 0xfe, 0x6f, 0x06]); // vmovdqu (%rsi),%ymm0
        assert_eq!(wide(&ymm).as_deref(), Some("ymm0"));
        let vex_on_xmm = first(&[0xc5, 0xfa, 0x6f, 0x06]); // vmovdqu (%rsi),%xmm0
        assert_eq!(wide(&vex_on_xmm).as_deref(), Some("xmm0"));
        let mask = first(&[0xc4, 0xe1, 0xfb, 0x92, 0xc8]); // kmovq %rax,%k1
        assert_eq!(wide(&mask).as_deref(), Some("k1"));
        let x87 = first(&[0xd8, 0xc1]); // fadd %st(1),%st
        assert!(wide(&x87).is_some());
    }

    #[test]
    fn registers_that_doors_save_are_not() {
        let sse = first(&[0x0f, 0x10, 0x06]); // movups (%rsi),%xmm0
        assert_eq!(wide(&sse), None);
        let bmi = first(&[0xc4, 0xe2, 0xf9, 0xf7, 0xc0]); // shlx %rax,%rax,%rax
        assert_eq!(wide(&bmi), None);
    }

    #[test]
    fn thread_local_storage_is_seen() {
        let fs = first(&[0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0]); // mov %fs:0,%rax
        assert_eq!(fs.segment_prefix(), Register::FS);
    }
}

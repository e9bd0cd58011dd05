//! What must be saved: a register that is thought dead and is not would corrupt the program's data.

mod support;

use lichen_plan::Vectors;
use support::{CODE, Module, RET, SYSCALL, mov_eax, reach};

/// movups (%rdi),%xmm3
const LOAD: [u8; 3 + 1] = [0x0f, 0x10, 0x1f, 0x90];
/// movups %xmm3,(%rsi)
const STORE: [u8; 3] = [0x0f, 0x11, 0x1e];
/// vmovups (%rdi),%ymm3 and vmovups %ymm3,(%rsi)
const LOAD_WIDE: [u8; 4] = [0xc5, 0xfc, 0x10, 0x1f];
const STORE_WIDE: [u8; 4] = [0xc5, 0xfc, 0x11, 0x1e];
/// movss (%rdi),%xmm0
const LOAD_ARGUMENT: [u8; 4] = [0xf3, 0x0f, 0x10, 0x07];

fn vectors(before: &[u8], after: &[u8]) -> Vectors {
    Module::new(&[before, &mov_eax(0), &SYSCALL, after, &RET])
        .site()
        .vectors
}

#[test]
fn a_function_without_vectors_keeps_none() {
    assert_eq!(vectors(&[], &[]), Vectors::None);
}

#[test]
fn a_value_kept_across_the_site_is_seen() {
    assert_eq!(vectors(&LOAD, &STORE), Vectors::Xmm);
    assert_eq!(vectors(&LOAD_WIDE, &STORE_WIDE), Vectors::Wide);
}

#[test]
fn a_copy_made_before_the_site_is_dead() {
    assert_eq!(vectors(&[&LOAD[..], &STORE].concat(), &[]), Vectors::None);
}

#[test]
fn a_copy_made_behind_the_site_is_not_yet_live() {
    assert_eq!(vectors(&[], &[&LOAD[..], &STORE].concat()), Vectors::None);
}

#[test]
fn an_argument_passed_on_untouched_and_then_used_is_seen() {
    assert_eq!(vectors(&[], &STORE), Vectors::Xmm);
}

#[test]
fn an_argument_for_a_later_call_is_seen() {
    let call = reach(&[0xe8], CODE + 11, CODE);
    assert_eq!(vectors(&LOAD_ARGUMENT, &call), Vectors::Xmm);
}

#[test]
fn an_argument_for_a_later_tail_call_is_seen() {
    let jump = reach(&[0xe9], CODE + 11, CODE + 17);
    let code: [&[u8]; 5] = [&LOAD_ARGUMENT, &mov_eax(0), &SYSCALL, &jump, &[0x90]];
    let module = Module::bare(&code).symbol(CODE, 16).symbol(CODE + 17, 8);
    assert_eq!(module.site().vectors, Vectors::Xmm);
}

#[test]
fn a_result_is_seen() {
    assert_eq!(vectors(&LOAD_ARGUMENT, &[]), Vectors::Xmm);
}

#[test]
fn a_call_in_between_ends_an_argument() {
    let call = reach(&[0xe8], CODE + 4, CODE);
    assert_eq!(
        vectors(&[&LOAD_ARGUMENT[..], &call].concat(), &[]),
        Vectors::None
    );
}

#[test]
fn an_earlier_syscall_ends_nothing() {
    let code: [&[u8]; 7] = [
        &LOAD_ARGUMENT,
        &mov_eax(0),
        &SYSCALL,
        &mov_eax(1),
        &SYSCALL,
        &[0x90; 3],
        &RET,
    ];
    let plan = Module::new(&code).plan();
    assert!(
        plan.sites.iter().all(|site| site.vectors == Vectors::Xmm),
        "{:x?}",
        plan.sites
    );
}

#[test]
fn a_128_bit_write_does_not_end_a_256_bit_value() {
    // load ymm3; syscall; movups (%rdi),%xmm3; vmovups %ymm3,(%rsi)
    assert_eq!(
        vectors(&LOAD_WIDE, &[&LOAD[..], &STORE_WIDE].concat()),
        Vectors::Wide
    );
}

#[test]
fn x87_is_never_followed() {
    // fldz
    assert_eq!(vectors(&[0xd9, 0xee], &[]), Vectors::Wide);
}

#[test]
fn a_loop_carries_a_value_round() {
    // store; syscall; load; jmp back to the store
    let back = reach(&[0xe9], CODE + 14, CODE);
    let code: [&[u8]; 5] = [&STORE, &mov_eax(0), &SYSCALL, &LOAD, &back];
    assert_eq!(Module::new(&code).site().vectors, Vectors::None);
    let code: [&[u8]; 5] = [&STORE, &mov_eax(0), &SYSCALL, &[0x90; 4], &back];
    assert_eq!(Module::new(&code).site().vectors, Vectors::Xmm);
}

#[test]
fn a_part_moved_elsewhere_belongs_to_the_function() {
    // hot: load, jne cold, ret | cold: mov, syscall, jmp hot end where the value is stored
    let hot = [
        &LOAD[..],
        &reach(&[0x0f, 0x85], CODE + 4, CODE + 16),
        &STORE,
        &RET,
        &[0x90; 2],
    ]
    .concat();
    assert_eq!(hot.len(), 16);
    let cold = [
        &mov_eax(0)[..],
        &SYSCALL,
        &reach(&[0xe9], CODE + 23, CODE + 10),
    ]
    .concat();
    let module = Module::bare(&[&hot, &cold])
        .symbol(CODE, 14)
        .frame(CODE, 14)
        .frame(CODE + 16, 12);
    assert_eq!(module.site().vectors, Vectors::Xmm);
}

#[test]
fn a_part_whose_function_is_unknown_may_carry_arguments() {
    let part = [
        &mov_eax(0)[..],
        &SYSCALL,
        &reach(&[0xe8], CODE + 7, CODE + 16),
        &RET,
    ]
    .concat();
    let site = Module::bare(&[&part, &[0x90; 3], &RET])
        .frame(CODE, 13)
        .site();
    assert_eq!(site.vectors, Vectors::Xmm);
}

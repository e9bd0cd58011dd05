//! Which number a site has: a wrong constant would send a call to the wrong handler.

mod support;

use lichen_plan::{Number, Why};
use support::{CODE, COMPARE, Module, RET, SYSCALL, ZERO_EAX, mov_eax, reach};

/// Three bytes that change nothing of interest, so that PRE always fits.
const FILL: [u8; 3] = [0x48, 0x89, 0xfe];

fn number(parts: &[&[u8]]) -> Number {
    let code = [&parts.concat()[..], &FILL, &SYSCALL, &COMPARE, &RET].concat();
    Module::new(&[&code]).site().number
}

#[test]
fn an_immediate_is_the_number() {
    assert_eq!(number(&[&mov_eax(202)]), Number::Constant(202));
    // mov $230,%rax in its sign-extended form
    assert_eq!(
        number(&[&[0x48, 0xc7, 0xc0, 230, 0, 0, 0]]),
        Number::Constant(230)
    );
}

#[test]
fn a_cleared_register_is_read() {
    assert_eq!(number(&[&ZERO_EAX]), Number::Constant(0));
}

#[test]
fn another_register_makes_it_variable() {
    assert_eq!(number(&[&mov_eax(1), &[0x89, 0xf8]]), Number::Variable);
}

#[test]
fn a_partial_write_makes_it_variable() {
    // mov $3,%al
    assert_eq!(number(&[&ZERO_EAX, &[0xb0, 3]]), Number::Variable);
}

#[test]
fn arithmetic_makes_it_variable() {
    // add $1,%eax
    assert_eq!(number(&[&mov_eax(1), &[0x83, 0xc0, 1]]), Number::Variable);
}

#[test]
fn a_call_makes_it_variable() {
    assert_eq!(
        number(&[&mov_eax(1), &reach(&[0xe8], CODE + 5, CODE)]),
        Number::Variable
    );
}

#[test]
fn an_earlier_syscall_makes_it_variable() {
    let code = [&mov_eax(1)[..], &SYSCALL, &FILL, &SYSCALL, &RET].concat();
    let plan = Module::new(&[&code]).plan();
    assert_eq!(
        plan.sites
            .iter()
            .map(|site| site.number)
            .collect::<Vec<_>>(),
        [Number::Constant(1), Number::Variable]
    );
}

#[test]
fn a_label_behind_the_immediate_makes_it_variable() {
    let back = reach(&[0xe9], CODE + 17, CODE + 5);
    let code = [
        &mov_eax(1)[..],
        &FILL,
        &FILL[..1],
        &[0x89, 0xfe],
        &SYSCALL,
        &[0x90; 4],
        &back,
    ]
    .concat();
    assert_eq!(
        Module::new(&[&code]).plan().sites[0].number,
        Number::Variable
    );
}

#[test]
fn a_branch_away_behind_the_immediate_changes_nothing() {
    // mov; jne past the end; syscall
    assert_eq!(number(&[&mov_eax(3), &[0x75, 0x0b]]), Number::Constant(3));
}

#[test]
fn sigreturn_is_left_even_when_written_differently() {
    let left = Module::new(&[&mov_eax(15), &SYSCALL, &RET]).left();
    assert_eq!(
        (left.number, left.why),
        (Number::Constant(15), Why::Sigreturn)
    );
}

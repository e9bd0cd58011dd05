//! What counts as code: bytes that decoding does not reach for certain must never be touched.

mod support;

use lichen_plan::{Number, Why};
use support::{CODE, DATA, Module, RET, SYSCALL, mov_eax, reach};

const SIGRETURN_STUB: [u8; 9] = [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05];
/// An instruction that does not exist in 64-bit mode.
const INVALID: [u8; 1] = [0x06];

#[test]
fn the_signal_return_stub_survives_an_unwind_entry_one_byte_early() {
    // As in glibc: nopl 0(%rax) in front, the entry on its last byte.
    let nop = [0x0f, 0x1f, 0x80, 0, 0, 0, 0];
    for ordinary in [true, false] {
        let module = Module::new(&[&RET, &nop, &SIGRETURN_STUB, &mov_eax(1), &SYSCALL, &RET]);
        let module = if ordinary {
            module.frame(CODE + 7, 10)
        } else {
            module.signal_frame(CODE + 7, 10)
        };
        let plan = module.symbol(CODE + 17, 8).plan();
        assert_eq!(plan.left.len(), 1, "{:x?}", plan.left);
        assert_eq!(
            (plan.left[0].syscall, plan.left[0].why, plan.left[0].number),
            (CODE + 15, Why::Sigreturn, Number::Constant(15))
        );
        assert_eq!(
            plan.sites.len(),
            1,
            "the function behind it is not disturbed"
        );
    }
}

#[test]
fn a_site_behind_an_invalid_instruction_is_left() {
    assert_eq!(
        Module::new(&[&INVALID, &mov_eax(1), &SYSCALL, &RET])
            .left()
            .why,
        Why::Unreached
    );
}

#[test]
fn a_symbol_behind_an_invalid_instruction_makes_a_fresh_start() {
    let site = Module::new(&[&INVALID, &mov_eax(1), &SYSCALL, &RET])
        .symbol(CODE + 1, 8)
        .site();
    assert_eq!(site.start, CODE + 1);
}

#[test]
fn a_site_in_a_function_that_nothing_names_is_left() {
    let module = Module::bare(&[&mov_eax(1), &SYSCALL, &RET]);
    assert_eq!(module.left().why, Why::OutsideFunctions);
}

#[test]
fn data_between_functions_is_no_site() {
    let module = Module::bare(&[&RET, &INVALID, &mov_eax(1), &SYSCALL, &RET]).symbol(CODE, 1);
    let plan = module.plan();
    assert!(
        plan.sites.is_empty() && plan.left.is_empty(),
        "{:x?}",
        plan.left
    );
}

#[test]
fn elf_headers_at_the_start_of_a_segment_are_no_code() {
    let plan = Module::bare(&[&mov_eax(1), &SYSCALL, &RET]).mixed().plan();
    assert!(
        plan.sites.is_empty() && plan.left.is_empty(),
        "{:x?}",
        plan.left
    );
}

#[test]
fn a_site_behind_a_return_that_nothing_jumps_to_is_left() {
    assert_eq!(
        Module::new(&[&RET, &mov_eax(1), &SYSCALL, &RET]).left().why,
        Why::Unreached
    );
}

#[test]
fn the_same_bytes_inside_another_instruction_are_no_site() {
    // mov $0x050f,%eax
    let plan = Module::new(&[&mov_eax(0x050f), &RET]).plan();
    assert!(plan.sites.is_empty() && plan.left.is_empty());
}

#[test]
fn the_same_bytes_in_data_are_no_site() {
    let plan = Module::new(&[&RET])
        .data(vec![0xb8, 1, 0, 0, 0, 0x0f, 0x05, 0xc3])
        .plan();
    assert!(plan.sites.is_empty() && plan.left.is_empty());
}

#[test]
fn an_unwind_entry_that_disagrees_with_the_code_before_it_is_not_believed() {
    // The entry begins on the immediate of the first instruction, where other bytes would make a site.
    let hidden = [0x48, 0xb8, 0x0f, 0x05, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90];
    let plan = Module::new(&[&hidden, &RET]).frame(CODE + 2, 8).plan();
    assert!(plan.sites.is_empty(), "{:x?}", plan.sites);
}

#[test]
fn code_that_runs_on_behind_its_unwind_range_is_followed() {
    // clone and clone3 end their range before the syscall, because the child has no caller.
    let site = Module::bare(&[&mov_eax(435), &SYSCALL, &RET])
        .frame(CODE, 5)
        .site();
    assert_eq!(site.number, Number::Constant(435));
}

#[test]
fn code_behind_a_label_behind_its_unwind_range_is_followed() {
    // test %eax,%eax; je over the return; the range ends after the je
    let code: [&[u8]; 5] = [&[0x85, 0xc0], &[0x74, 0x01], &RET, &mov_eax(60), &SYSCALL];
    assert_eq!(
        Module::bare(&code).frame(CODE, 4).site().number,
        Number::Constant(60)
    );
}

#[test]
fn a_case_of_a_switch_is_reached_through_its_table() {
    // lea table(%rip),%rdx; movslq (%rdx,%rax,4),%rax; add %rdx,%rax; jmp *%rax; case: mov, syscall
    let switch = [
        &reach(&[0x48, 0x8d, 0x15], CODE, DATA)[..],
        &[0x48, 0x63, 0x04, 0x82, 0x48, 0x01, 0xd0, 0xff, 0xe0],
    ]
    .concat();
    let case = CODE + switch.len() as u64;
    let table = (case.wrapping_sub(DATA) as u32).to_le_bytes().to_vec();
    let code: [&[u8]; 4] = [&switch, &mov_eax(1), &SYSCALL, &RET];
    assert_eq!(Module::new(&code).left().why, Why::Unreached);
    assert_eq!(Module::new(&code).data(table).site().start, case);
}

#[test]
fn a_table_in_the_same_segment_as_the_code_is_followed() {
    // The table lies behind the code: two entries, the second into the window.
    let load = [0x48, 0x63, 0x04, 0x82, 0x48, 0x01, 0xd0, 0xff, 0xe0];
    let case = CODE + 16;
    let table = CODE + 24;
    let code = |second: u64| {
        let lea = reach(&[0x48, 0x8d, 0x15], CODE, table);
        let entries = [case, second]
            .map(|entry| (entry.wrapping_sub(table) as u32).to_le_bytes())
            .concat();
        [
            &lea[..],
            &load,
            &[0x89, 0xd0, 0x31, 0xff],
            &SYSCALL,
            &RET,
            &[0x90],
            &entries,
        ]
        .concat()
    };
    let module = |second| Module::bare(&[&code(second)]).mixed().symbol(CODE, 23);
    assert_eq!(module(case).site().start, case);
    assert_eq!(module(case + 2).left().why, Why::TargetInside);
}

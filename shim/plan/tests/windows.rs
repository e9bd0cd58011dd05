//! Where the jump may go: one test for each thing that could go wrong.

mod support;

use lichen_plan::{Number, Why, Window};
use support::{CODE, COMPARE, DATA, Module, RET, SYSCALL, ZERO_EAX, mov_eax, reach};

/// `jmp` to a place in the code, from a given place.
fn jmp(at: u64, to: u64) -> Vec<u8> {
    reach(&[0xe9], CODE + at, CODE + to)
}

#[test]
fn pre_takes_the_fewest_whole_instructions() {
    // mov %rdi,%rsi; mov $1,%eax; syscall
    let site = Module::new(&[&[0x48, 0x89, 0xfe], &mov_eax(1), &SYSCALL, &COMPARE, &RET]).site();
    assert_eq!(
        (site.kind, site.start, site.syscall, site.resume),
        (Window::Pre, CODE + 3, CODE + 8, CODE + 10)
    );
    assert_eq!(site.displaced.bytes(), mov_eax(1));
    assert_eq!(site.original, [0xb8, 1, 0, 0, 0, 0x0f, 0x05, 0x48]);
}

#[test]
fn two_short_instructions_make_one_window() {
    // mov %edx,%eax; xor %edi,%edi; syscall
    let site = Module::new(&[&[0x90], &[0x89, 0xd0], &[0x31, 0xff], &SYSCALL, &RET]).site();
    assert_eq!(
        (site.start, site.displaced.bytes()),
        (CODE + 1, &[0x89, 0xd0, 0x31, 0xff][..])
    );
}

#[test]
fn too_few_bytes_before_take_post() {
    let site = Module::new(&[&ZERO_EAX, &SYSCALL, &COMPARE, &RET]).site();
    assert_eq!(
        (site.kind, site.start, site.resume),
        (Window::Post, CODE + 2, CODE + 10)
    );
    assert!(site.displaced.bytes().is_empty());
    assert_eq!(site.number, Number::Constant(0));
}

#[test]
fn too_few_bytes_on_both_sides_are_left() {
    assert_eq!(
        Module::new(&[&ZERO_EAX, &SYSCALL, &RET]).left().why,
        Why::TooShort
    );
}

#[test]
fn only_the_exact_compare_makes_post() {
    // cmp $-4095,%rax, the error test of other libraries
    let other = [0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff];
    assert_eq!(
        Module::new(&[&ZERO_EAX, &SYSCALL, &other, &RET]).left().why,
        Why::TooShort
    );
}

#[test]
fn a_jump_into_the_window_forbids_pre() {
    // mov %edx,%eax; xor %edi,%edi; syscall; jmp to the xor
    let code: [&[u8]; 4] = [&[0x89, 0xd0], &[0x31, 0xff], &SYSCALL, &jmp(6, 2)];
    assert_eq!(Module::new(&code).left().why, Why::TargetInside);
}

#[test]
fn a_jump_into_the_middle_of_an_instruction_forbids_pre() {
    let code: [&[u8]; 3] = [&mov_eax(1), &SYSCALL, &jmp(7, 2)];
    assert_eq!(Module::new(&code).left().why, Why::TargetInside);
}

#[test]
fn a_jump_to_the_start_of_the_window_is_harmless() {
    // The loop that ends a thread: mov %edx,%eax is the target.
    let site = Module::new(&[&[0x31, 0xff], &[0x89, 0xd0, 0x90], &SYSCALL, &[0xeb, 0xf9]]).site();
    assert_eq!((site.kind, site.start), (Window::Pre, CODE + 2));
}

#[test]
fn a_jump_to_the_syscall_forbids_pre_but_not_post() {
    let with_compare: [&[u8]; 4] = [&mov_eax(1), &SYSCALL, &COMPARE, &jmp(13, 5)];
    let site = Module::new(&with_compare).site();
    assert_eq!((site.kind, site.start), (Window::Post, CODE + 5));
    assert_eq!(
        site.number,
        Number::Variable,
        "whoever jumps here brings its own number"
    );
    assert_eq!(
        Module::new(&[&mov_eax(1), &SYSCALL, &jmp(7, 5)]).left().why,
        Why::TargetInside
    );
}

#[test]
fn a_jump_behind_the_syscall_forbids_post_but_not_pre() {
    let pre = Module::new(&[&mov_eax(1), &SYSCALL, &COMPARE, &jmp(13, 7)]).site();
    assert_eq!(pre.kind, Window::Pre);
    assert_eq!(
        Module::new(&[&ZERO_EAX, &SYSCALL, &COMPARE, &jmp(10, 4)])
            .left()
            .why,
        Why::TooShort
    );
}

#[test]
fn a_conditional_jump_counts_as_well() {
    let code: [&[u8]; 5] = [&[0x89, 0xd0], &[0x31, 0xff], &SYSCALL, &[0x75, 0xfa], &RET];
    assert_eq!(Module::new(&code).left().why, Why::TargetInside);
}

#[test]
fn a_function_that_begins_in_the_window_forbids_pre() {
    let code: [&[u8]; 4] = [&[0x89, 0xd0], &[0x31, 0xff], &SYSCALL, &RET];
    let inside = Module::bare(&code).frame(CODE, 7).symbol(CODE + 2, 5);
    assert_eq!(inside.left().why, Why::TargetInside);
    assert_eq!(
        Module::new(&code).symbol(CODE + 2, 5).left().why,
        Why::TooShort
    );
    assert_eq!(
        Module::new(&code).frame(CODE + 2, 5).left().why,
        Why::TooShort
    );
}

#[test]
fn an_address_taken_into_the_window_forbids_pre() {
    let lea = reach(&[0x48, 0x8d, 0x3d], CODE, CODE + 9);
    let code: [&[u8]; 5] = [&lea, &[0x89, 0xd0], &[0x31, 0xff], &SYSCALL, &RET];
    assert_eq!(Module::new(&code).left().why, Why::TargetInside);
}

#[test]
fn a_pointer_in_data_into_the_window_forbids_pre() {
    let code: [&[u8]; 4] = [&[0x89, 0xd0], &[0x31, 0xff], &SYSCALL, &RET];
    assert_eq!(
        Module::new(&code).pointer(CODE + 2).left().why,
        Why::TargetInside
    );
}

#[test]
fn a_jump_table_entry_into_the_window_forbids_pre() {
    // lea table(%rip),%rdx; movslq (%rdx,%rax,4),%rax; add %rdx,%rax; jmp *%rax; then the window
    let switch = [
        &reach(&[0x48, 0x8d, 0x15], CODE, DATA)[..],
        &[0x48, 0x63, 0x04, 0x82, 0x48, 0x01, 0xd0, 0xff, 0xe0],
    ]
    .concat();
    let window = switch.len() as u64;
    let table = |entries: &[u64]| {
        entries
            .iter()
            .flat_map(|entry| ((CODE + entry).wrapping_sub(DATA) as u32).to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let code: [&[u8]; 5] = [&switch, &[0x89, 0xd0], &[0x31, 0xff], &SYSCALL, &RET];
    assert_eq!(
        Module::new(&code).data(table(&[window])).site().start,
        CODE + window
    );
    assert_eq!(
        Module::new(&code)
            .data(table(&[window, window + 2]))
            .left()
            .why,
        Why::TargetInside
    );
}

#[test]
fn instructions_that_use_the_stack_pointer_implicitly_stay() {
    // push %rbx; mov %edx,%eax | pop %rdi; mov %edx,%eax
    assert_eq!(
        Module::new(&[&[0x53, 0x89, 0xd0], &SYSCALL, &RET])
            .left()
            .why,
        Why::MovesStackPointer
    );
    assert_eq!(
        Module::new(&[&[0x5f, 0x89, 0xd0], &SYSCALL, &RET])
            .left()
            .why,
        Why::MovesStackPointer
    );
    // mov %rbp,%rsp
    assert_eq!(
        Module::new(&[&[0x48, 0x89, 0xec], &SYSCALL, &RET])
            .left()
            .why,
        Why::MovesStackPointer
    );
}

#[test]
fn a_constant_shift_of_the_stack_pointer_moves_with_the_window() {
    let site = Module::new(&[&mov_eax(14), &[0x48, 0x83, 0xec, 0x08], &SYSCALL, &RET]).site();
    assert_eq!((site.start, site.number), (CODE + 5, Number::Constant(14)));
}

#[test]
fn a_store_to_the_stack_moves_with_the_window() {
    // mov %r11,8(%rsp); syscall; ret: the one cancellable call site of glibc 2.41
    let store = [0x4c, 0x89, 0x5c, 0x24, 0x08];
    let site = Module::new(&[&store, &SYSCALL, &RET])
        .symbol(CODE + 7, 1)
        .site();
    assert_eq!(
        (site.kind, site.number, site.displaced.bytes()),
        (Window::Pre, Number::Variable, &store[..])
    );
}

#[test]
fn a_call_or_branch_is_never_displaced() {
    let call = reach(&[0xe8], CODE, CODE + 0x10);
    assert_eq!(
        Module::new(&[&call, &SYSCALL, &RET]).left().why,
        Why::TooShort
    );
    assert_eq!(
        Module::new(&[&[0x75, 0x05, 0x90], &SYSCALL, &RET])
            .left()
            .why,
        Why::TooShort
    );
}

#[test]
fn neighbouring_windows_do_not_overlap() {
    // The compare behind the first site would also be displaced by the second.
    let code: [&[u8]; 5] = [&ZERO_EAX, &SYSCALL, &COMPARE, &SYSCALL, &RET];
    let plan = Module::new(&code).plan();
    assert_eq!((plan.sites.len(), plan.left.len()), (1, 1));
    assert_eq!(plan.sites[0].kind, Window::Post);
    assert_eq!(plan.left[0].why, Why::TooShort);
    // Nor does a window reach over another site.
    let plan = Module::new(&[&mov_eax(1), &SYSCALL, &SYSCALL, &RET]).plan();
    assert_eq!((plan.sites.len(), plan.left[0].why), (1, Why::TooShort));
}

#[test]
fn a_window_at_the_very_end_of_a_segment_is_left() {
    let mut module = Module::new(&[&mov_eax(1), &SYSCALL]);
    module.code.truncate(7);
    assert_eq!(module.left().why, Why::TooShort);
}

#[test]
fn a_rip_relative_operand_is_relocated() {
    // mov x(%rip),%eax; syscall
    let load = reach(&[0x8b, 0x05], CODE, DATA + 4);
    let site = Module::new(&[&load, &SYSCALL, &RET]).site();
    let relative = site.displaced.relative().expect("an operand to relocate");
    assert_eq!((relative.offset, relative.target), (2, DATA + 4));
    let mut slot = [0; 24];
    assert_eq!(
        site.displaced.relocate(CODE, CODE + 0x4000, &mut slot),
        Some(6)
    );
    assert_eq!(slot[..6], reach(&[0x8b, 0x05], CODE + 0x4000, DATA + 4));
    assert_eq!(
        site.displaced.relocate(CODE, 1 << 40, &mut slot),
        None,
        "out of reach"
    );
    assert_eq!(
        site.displaced.relocate(CODE, CODE, &mut slot[..5]),
        None,
        "slot too short"
    );
}

#[test]
fn a_rip_relative_operand_before_an_immediate_is_relocated() {
    // movl $7,x(%rip); syscall: the distance counts from behind the immediate
    let store = [
        &reach(&[0xc7, 0x05], CODE + 4, DATA)[..],
        &7u32.to_le_bytes(),
    ]
    .concat();
    let site = Module::new(&[&store, &SYSCALL, &RET]).site();
    assert_eq!(
        site.displaced
            .relative()
            .map(|relative| (relative.offset, relative.target)),
        Some((2, DATA))
    );
}

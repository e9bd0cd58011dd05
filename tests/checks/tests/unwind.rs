//! Every function of liblichen.so that can be on a stack is described to unwinders: debuggers,
//! profilers and C++ exceptions go through a parked call.

use gimli::{BaseAddresses, CieOrFde, EhFrame, LittleEndian, UnwindSection};
use lichen_checks::library::Library;
use std::ops::Range;

/// Asm whose unwind entry must be there, by symbol; each is one description from first to last byte.
const ASM: [&str; 10] = [
    "lichen_slots",
    "lichen_entry_none",
    "lichen_entry_xmm",
    "lichen_entry_wide",
    "lichen_start",
    "lichen_clone",
    "lichen_vfork",
    "lichen_raise",
    "lichen_restorer",
    "memcpy",
];

/// Not described on purpose, and why.
const BARE: [(&str, &str); 13] = [
    (
        "lichen_plain_restorer",
        "unwinders know rt_sigreturn by its bytes",
    ),
    (
        "lichen_poked",
        "the empty signal handler of helper threads, and its rt_sigreturn",
    ),
    (
        "lichen_user_",
        "leaves that call nothing; a fault in them is repaired, never unwound",
    ),
    (
        "jump_fcontext",
        "of the context crate; a parked green's saved address is its caller's, which is described",
    ),
    ("make_fcontext", "of the context crate, a leaf"),
    (
        "trampoline",
        "of the context crate; begins a stack, so nothing is below it",
    ),
    ("finish", "of the context crate; never runs"),
    ("_init", "of crti.o"),
    ("_fini", "of crti.o"),
    ("deregister_tm_clones", "of crtbegin.o"),
    ("register_tm_clones", "of crtbegin.o"),
    ("__do_global_dtors_aux", "of crtbegin.o"),
    ("frame_dummy", "of crtbegin.o"),
];

/// The code ranges that .eh_frame describes, in order.
fn described(library: &Library) -> Vec<Range<u64>> {
    let section = library.section(".eh_frame").expect("an .eh_frame section");
    let bytes = library.bytes_at(section.clone()).expect("its bytes");
    let bases = BaseAddresses::default().set_eh_frame(section.start);
    let frames = EhFrame::new(bytes, LittleEndian);
    let mut entries = frames.entries(&bases);
    let mut found = Vec::new();
    while let Some(entry) = entries.next().expect("a well-formed .eh_frame") {
        if let CieOrFde::Fde(partial) = entry {
            let fde = partial
                .parse(EhFrame::cie_from_offset)
                .expect("a well-formed unwind entry");
            found.push(fde.initial_address()..fde.end_address());
        }
    }
    found.sort_by_key(|range| range.start);
    found
}

#[test]
fn asm_of_the_doors_is_described_from_end_to_end() {
    let library = Library::release().unwrap_or_else(|e| panic!("{e}"));
    let described = described(&library);
    for name in ASM {
        let at = library
            .symbol(name)
            .unwrap_or_else(|| panic!("the library has no {name}"));
        let function = library
            .function_at(at)
            .unwrap_or_else(|| panic!("{name} has no size"));
        let code = &function.code;
        let covers = |r: &&Range<u64>| r.start <= code.start && code.end <= r.end;
        let range = described.iter().find(covers);
        assert!(
            range.is_some(),
            "{name} ({code:x?}) has no unwind entry: .cfi_startproc is missing"
        );
    }
    // An unwinder looks one byte before a return address; the restorer is returned to, not called.
    let restorer = library.symbol("lichen_restorer").expect("found above");
    let before = described
        .iter()
        .any(|r| r.contains(&(restorer - 1)) && r.contains(&restorer));
    assert!(
        before,
        "the entry of lichen_restorer must begin a byte before it"
    );
}

#[test]
fn every_function_is_described_but_for_a_few_leaves() {
    let library = Library::release().unwrap_or_else(|e| panic!("{e}"));
    let described = described(&library);
    let wrong: Vec<&str> = library
        .functions()
        .filter(|f| library.section_of(f.code.start) == ".text")
        .filter(|f| !described.iter().any(|r| r.contains(&f.code.start)))
        .map(|f| f.name.as_str())
        .filter(|name| !BARE.iter().any(|(bare, _)| name.starts_with(bare)))
        .collect();
    assert!(wrong.is_empty(), "no unwind entry: {wrong:?}");
}

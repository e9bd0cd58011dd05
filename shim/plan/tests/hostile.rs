//! Files that nobody should have made: the planner may refuse or find less, but never panics, and never plans a window
//! outside the code or over another one.

use lichen_plan::{Image, MAX_DISPLACED, Plan, Window, plan};
use proptest::prelude::*;
use std::ops::Range;
use std::sync::LazyLock;

static LOADER: LazyLock<Vec<u8>> =
    LazyLock::new(|| std::fs::read("/lib64/ld-linux-x86-64.so.2").expect("readable"));

/// Plans `bytes` and checks what must hold for every plan.
fn try_plan(bytes: &[u8]) {
    let Ok(image) = Image::from_file(bytes) else {
        return;
    };
    let Ok(plan) = plan(&image) else { return };
    check(&plan, &executable(bytes));
    if plan.build_id.len() <= 64 {
        assert_eq!(Plan::decode(&plan.encode()).as_ref(), Some(&plan));
    }
}

fn check(plan: &Plan, code: &[(Range<u64>, Range<usize>)]) {
    let mut free_from = 0;
    for site in &plan.sites {
        assert!(
            site.start >= free_from && site.resume >= site.start + 5,
            "{site:x?}"
        );
        assert!(site.displaced.bytes().len() <= MAX_DISPLACED);
        match site.kind {
            Window::Pre => assert_eq!(
                site.start + site.displaced.bytes().len() as u64 + 2,
                site.resume
            ),
            Window::Post => assert_eq!((site.start, site.start + 8), (site.syscall, site.resume)),
        }
        let inside = code
            .iter()
            .any(|(addresses, _)| addresses.start <= site.start && site.resume <= addresses.end);
        assert!(inside, "{site:x?}");
        free_from = site.resume;
    }
}

/// Addresses and file offsets of the executable segments.
fn executable(file: &[u8]) -> Vec<(Range<u64>, Range<usize>)> {
    let word = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().expect("8 bytes"));
    let count = usize::from(u16::from_le_bytes([file[56], file[57]]));
    let headers = (0..count).map(|index| word(32) as usize + index * 56);
    let code = headers.filter(|&at| file[at..at + 4] == [1, 0, 0, 0] && file[at + 4] & 1 == 1);
    code.map(|at| {
        (
            word(at + 16)..word(at + 16) + word(at + 32),
            word(at + 8) as usize..(word(at + 8) + word(at + 32)) as usize,
        )
    })
    .collect()
}

fn replace(file: &mut [u8], at: usize, with: &[u8]) {
    for (place, byte) in file.iter_mut().skip(at).zip(with) {
        *place = *byte;
    }
}

#[test]
fn nothing_and_almost_nothing_are_refused() {
    for len in 0..64 {
        assert!(Image::from_file(&LOADER[..len]).is_err());
    }
}

/// A quarter of the usual number, which `PROPTEST_CASES` changes; each case plans a whole module.
fn cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases / 4,
        failure_persistence: None,
        ..usual
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        try_plan(&bytes);
        prop_assert!(Plan::decode(&bytes).is_none());
    }

    #[test]
    fn random_code(code in proptest::collection::vec(prop_oneof![Just(0x0f_u8), Just(0x05), Just(0xb8), Just(0xeb), any::<u8>()], 64..8192)) {
        let mut file = LOADER.clone();
        let (_, text) = executable(&file)[0].clone();
        replace(&mut file, text.start + 0x800, &code);
        try_plan(&file);
    }

    #[test]
    fn a_file_cut_short(len in 0..LOADER.len()) {
        try_plan(&LOADER[..len]);
    }

    #[test]
    fn damaged_headers(changes in proptest::collection::vec((0..1024_usize, any::<u8>()), 1..8)) {
        let mut file = LOADER.clone();
        changes.iter().for_each(|&(at, byte)| file[at] = byte);
        try_plan(&file);
    }

    #[test]
    fn damage_anywhere(changes in proptest::collection::vec((0..LOADER.len(), any::<u8>()), 1..2000)) {
        let mut file = LOADER.clone();
        changes.iter().for_each(|&(at, byte)| file[at] = byte);
        try_plan(&file);
    }

    #[test]
    fn damage_to_the_tables(start in 0..LOADER.len(), junk in proptest::collection::vec(any::<u8>(), 1..3000)) {
        let mut file = LOADER.clone();
        replace(&mut file, start, &junk);
        try_plan(&file);
    }
}

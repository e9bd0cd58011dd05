//! System calls that we may not make any more, because a seccomp filter of the program's forbids them.
//!
//! Written by `handlers::filter` when a filter is installed; asked wherever we make such a call in the program's stead.
//! Any context.

use core::sync::atomic::{AtomicU64, Ordering};

/// One bit for each number below 512.
pub type Numbers = [u64; 8];

static FORBIDDEN: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];

/// May we not make this call any more?
#[inline(always)]
pub fn forbids(number: i64) -> bool {
    let word = FORBIDDEN.get(number as usize / 64);
    word.is_some_and(|w| w.load(Ordering::Relaxed) >> (number as usize % 64) & 1 != 0)
}

/// All that is forbidden now.
pub fn all() -> Numbers {
    FORBIDDEN.each_ref().map(|w| w.load(Ordering::Relaxed))
}

/// Sets all of it.
pub fn set(numbers: Numbers) {
    for (word, new) in FORBIDDEN.iter().zip(numbers) {
        word.store(new, Ordering::Relaxed);
    }
}

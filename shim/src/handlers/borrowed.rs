//! Memory for a call that needs more than a small stack has, from the scheduler side's heap. Green side; parks.
#![allow(unsafe_code)]

use core::mem::ManuallyDrop;
use core::ptr::null_mut;
use lichen_runtime::{Runtime, park};

/// Room for so many words; null if there is none.
pub fn words(runtime: &Runtime, words: usize) -> *mut u64 {
    let mut room = null_mut();
    park::serve(runtime, &mut |_| {
        let mut list: Vec<u64> = Vec::new();
        if list.try_reserve_exact(words).is_ok() {
            room = ManuallyDrop::new(list).as_mut_ptr();
        }
    });
    room
}

/// Takes back what [`words`] gave for the same number of words.
pub fn give_back(runtime: &Runtime, room: *mut u64, words: usize) {
    park::serve(runtime, &mut |_| {
        // SAFETY: the memory of the list made by `words`, with the capacity it was made with.
        drop(unsafe { Vec::from_raw_parts(room, 0, words) });
    });
}

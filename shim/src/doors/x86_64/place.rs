//! Where an instruction pointer stands with respect to the doors. Asked by signal handlers: async-signal-safe, no more
//! than comparisons.
#![allow(unsafe_code)]

use super::slots::{SLOT, SLOTS, lichen_slots};

unsafe extern "C" {
    static lichen_raised: u8;
}

/// The symbols that bound the edges of one kind of entry.
macro_rules! edges {
    ($($exit:ident $commit:ident $end:ident)*) => {
        unsafe extern "C" {
            $(static $exit: u8; static $commit: u8; static $end: u8;)*
        }

        /// From where to where each edge may be begun again, and up to where it is behind that.
        fn edges() -> impl Iterator<Item = [usize; 3]> {
            let at = |p: *const u8| p as usize;
            [$([at(&raw const $exit), at(&raw const $commit), at(&raw const $end)]),*].into_iter()
        }
    };
}

edges! {
    lichen_exit_none lichen_commit_none lichen_end_none
    lichen_exit_xmm lichen_commit_xmm lichen_end_xmm
    lichen_exit_wide lichen_commit_wide lichen_end_wide
    lichen_native_none lichen_leave_none lichen_left_none
    lichen_native_xmm lichen_leave_xmm lichen_left_xmm
    lichen_native_wide lichen_leave_wide lichen_left_wide
}

/// Where the instruction pointer stands with respect to the doors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In a slot or behind a commit: all registers are the program's.
    Program,
    /// In an edge, which begins at this address.
    ExitEdge(usize),
    /// Right behind the system call of `lichen_raise`.
    Raised,
    /// Anywhere else.
    Elsewhere,
}

/// Judges an instruction pointer within our own text.
pub fn place(rip: usize) -> Place {
    let slots = (&raw const lichen_slots) as usize;
    if (slots..slots + SLOTS * SLOT).contains(&rip) {
        return Place::Program;
    }
    for [exit, commit, end] in edges() {
        if (exit..commit).contains(&rip) {
            return Place::ExitEdge(exit);
        }
        if (commit..end).contains(&rip) {
            return Place::Program;
        }
    }
    if rip == (&raw const lichen_raised) as usize {
        Place::Raised
    } else {
        Place::Elsewhere
    }
}

//! Where the code that sites jump to may lie: the slots in our own text, and *near areas* for modules that are out of a
//! 32-bit jump's reach of them.
//!
//! ```text
//!  libc, and all within 2 GiB of us        a program at 0x55..., or linked to 0x400000
//!    jmp slot ──► slot in our text           jmp ──► near area: the displaced instructions
//!                                                    jmp *(slot) ──► slot in our text
//! ```
//! A near area has a place for every slot, so both have one number. What is kept of a call is always the slot in our
//! text: its restart address, its way back, its unwind entry. In a near area are whole instructions of the program
//! and one jump.
//!
//! Called by [`super::Job`], at activation and on the scheduler side. Slots of modules that are gone are found when
//! somebody wants one: the jump to them is no longer there.
#![allow(unsafe_code)]

use super::slots_address;
use crate::abi::user;
use crate::doors::x86_64::{SLOT, SLOTS};
use core::sync::atomic::{AtomicUsize, Ordering};
use lichen_runtime::arch::syscall6;
use lichen_runtime::sys;

const JMP: u8 = 0xe9;
/// Bytes of a near area.
pub const AREA: usize = SLOTS * SLOT;
/// Areas at most: one serves all modules within 2 GiB of it.
const AREAS: usize = 32;
/// How far a 32-bit jump is trusted to reach, leaving room for both ends' sizes.
const REACH: usize = (1 << 31) - (1 << 20);
/// Areas are tried at this many places on each side of a module, this far apart.
const TRIES: usize = 256;
const STEP: usize = 4 << 20;
/// Nothing is mapped below: a program that follows a null pointer must still fault.
const LOWEST: usize = 1 << 20;

struct Space {
    /// The address of the jump that leads to each slot; 0: never used.
    sites: [AtomicUsize; SLOTS],
    /// Addresses of the near areas, 0 behind the last.
    areas: [AtomicUsize; AREAS],
}

static SPACE: Space = Space {
    sites: [const { AtomicUsize::new(0) }; SLOTS],
    areas: [const { AtomicUsize::new(0) }; AREAS],
};

/// The addresses of all areas.
fn areas() -> impl Iterator<Item = usize> {
    SPACE
        .areas
        .iter()
        .map(|area| area.load(Ordering::Relaxed))
        .take_while(|&area| area != 0)
}

/// The numbers of the slots that nobody jumps to, the lowest last.
pub fn free_slots() -> Vec<usize> {
    let is_free = |&slot: &usize| {
        let site = SPACE.sites[slot].load(Ordering::Relaxed);
        site == 0 || !leads_to(site, slot)
    };
    (0..SLOTS).rev().filter(is_free).collect()
}

/// Is the jump from `site` to this slot still there?
fn leads_to(site: usize, slot: usize) -> bool {
    let Ok([JMP, a, b, c, d]) = user::read::<[u8; 5]>(site) else {
        return false;
    };
    let distance = i32::from_le_bytes([a, b, c, d]) as isize;
    let target = (site + 5).wrapping_add_signed(distance);
    core::iter::once(slots_address())
        .chain(areas())
        .any(|first| target == first + slot * SLOT)
}

/// Notes whose a slot is.
pub fn take_slot(slot: usize, site: usize) {
    SPACE.sites[slot].store(site, Ordering::Relaxed);
}

fn reaches(area: usize, text: (usize, usize)) -> bool {
    let (from, to) = (area.min(text.0), (area + AREA).max(text.0 + text.1));
    to - from < REACH
}

/// A near area for a module whose text lies at `text` (address, length), and whether it is a fresh one, which is the
/// caller's until [`keep_area`]. `None` if the kernel has no room there.
pub fn area_for(text: (usize, usize), fresh: &[usize]) -> Option<(usize, bool)> {
    let known = areas().chain(fresh.iter().copied());
    if let Some(area) = known.into_iter().find(|&area| reaches(area, text)) {
        return Some((area, false));
    }
    if areas().count() + fresh.len() >= AREAS {
        return None;
    }
    let below = text.0.checked_sub(AREA + STEP / 64)? & !4095;
    let above = (text.0 + text.1 + STEP).next_multiple_of(4096);
    let down = (0..TRIES).map_while(|i| below.checked_sub(i * STEP));
    let up = (0..TRIES).map(|i| above + i * STEP);
    down.take_while(|&at| at >= LOWEST)
        .chain(up)
        .filter(|&at| reaches(at, text))
        .find_map(map_area)
        .map(|area| (area, true))
}

/// Keeps a fresh area for all that come.
pub fn keep_area(area: usize) {
    let place = SPACE.areas.iter().find(|a| a.load(Ordering::Relaxed) == 0);
    if let Some(place) = place {
        place.store(area, Ordering::Relaxed);
    }
}

/// Gives a fresh area back.
pub fn drop_area(area: usize) {
    // SAFETY: nobody jumps there yet.
    unsafe { sys::unmap(area as *mut u8, AREA) };
}

/// Maps an area exactly there: readable and executable from the start and never writable, so that processes that may
/// not make memory executable (MemoryDenyWriteExecute) have it too.
fn map_area(at: usize) -> Option<usize> {
    let protection = (libc::PROT_READ | libc::PROT_EXEC) as usize;
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE) as usize;
    let number = libc::SYS_mmap as usize;
    // SAFETY: a fresh mapping where nothing is.
    let got = unsafe { syscall6(number, at, AREA, protection, flags, usize::MAX, 0) };
    if got != at as isize {
        if got > 0 {
            drop_area(got as usize); // kernels before 4.17 take the address as a wish
        }
        return None;
    }
    sys::name_mapping(at as *mut u8, AREA, c"lichen:slots");
    Some(at)
}

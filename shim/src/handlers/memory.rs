//! Stacks of threads. glibc maps each with a guard page: two mappings a thread, and the kernel's
//! limit of 65,530 mappings stops it near 32,000 threads. Where the kernel can guard pages inside a
//! mapping (MADV_GUARD_INSTALL), stacks are slots of big regions that are one mapping each.
//!
//! A slot is handed out readable and writable although PROT_NONE was asked for: glibc then opens all
//! but the guard with mprotect, which is when the guard is installed. Slots of a size form a list;
//! a slot that comes back is emptied (MADV_DONTNEED also removes nothing of the guard, which is
//! taken away and put anew, since the next thread may want another size of guard).
//!
//! Slots are *coloured*: the stack begins at an offset of 0 to 31 cache lines into its slot. All
//! threads of a server park in the same place, and with page-aligned stacks the lines they touch
//! would all fall into the same few sets of the cache. glibc does not mind where a stack begins
//! (it aligns the TCB itself); what it later says in pages is taken to the pages inside.
//!
//! In the child of a fork the stacks of the other threads are still mapped; glibc puts them into its
//! cache and uses them again.
//!
//! Green side: no allocation; the lists run through a table of regions and their first free slots.
#![allow(unsafe_code)]

use super::kernel;
use crate::call::{Answer, Frame, NATIVE};
use crate::doors::rewrite::late::{self, Mapped};
use crate::tcb;
use core::cell::Cell;
use lichen_runtime::Runtime;
use lichen_runtime::caps::{MADV_GUARD_INSTALL, MADV_GUARD_REMOVE};
use lichen_runtime::{park, sys};

const PAGE: usize = 4096;
/// Regions: each of one slot size.
const REGIONS: usize = 64;
/// Virtual size of a region, at most; smaller slots make smaller regions.
const REGION_MOST: usize = 64 << 30;
const SLOTS_MOST: usize = 1 << 20;

/// One region: `slots` slots of `size` bytes, `stride` apart.
#[derive(Clone, Copy)]
struct Region {
    base: usize,
    size: usize,
    stride: usize,
    slots: usize,
    /// Slots handed out at least once.
    used: usize,
    /// Slots from the first that a core file holds; more than `used`, so that the kernel is seldom asked.
    dumped: usize,
    /// First free slot plus one; the others are linked through `links`.
    free: u32,
    /// One word per slot: the next free one plus one, or [`TAKEN`].
    links: usize,
}

const TAKEN: u32 = u32::MAX;
/// Colours, the bytes from one to the next, and the smallest stack that is coloured.
const COLOURS: usize = 32;
const COLOUR: usize = 64;
const COLOURED: usize = 64 << 10;

/// A slot in use.
struct Slot {
    region: &'static Cell<Region>,
    number: usize,
    /// Where its pages begin.
    base: usize,
    /// Where the stack that glibc knows begins.
    stack: usize,
}

struct State {
    regions: [Cell<Region>; REGIONS],
    count: Cell<usize>,
    start_offset: Cell<usize>,
}

// SAFETY: the green side and scheduler side of the one carrier only.
unsafe impl Sync for State {}

static STATE: State = State {
    regions: [const {
        Cell::new(Region {
            base: 0,
            size: 0,
            stride: 0,
            slots: 0,
            used: 0,
            dumped: 0,
            free: 0,
            links: 0,
        })
    }; REGIONS],
    count: Cell::new(0),
    start_offset: Cell::new(0),
};

/// Notes what activation knows.
pub fn set_up(_: &Runtime) {
    STATE
        .start_offset
        .set(tcb::offsets().map_or(0, |o| o.start));
}

/// Offset of the start function in `struct pthread`, 0 if unknown.
pub fn start_offset() -> usize {
    STATE.start_offset.get()
}

impl Region {
    fn link(&self, slot: usize) -> &Cell<u32> {
        // SAFETY: `links` holds a word for each of the region's slots.
        unsafe { &*((self.links + slot * 4) as *const Cell<u32>) }
    }
}

fn regions() -> impl Iterator<Item = &'static Cell<Region>> {
    STATE.regions.iter().take(STATE.count.get())
}

/// The slot an address lies in.
fn locate(address: usize) -> Option<Slot> {
    let cell = regions().find(|c| {
        let r = c.get();
        address >= r.base && address < r.base + r.stride * r.slots
    })?;
    let region = cell.get();
    let number = (address - region.base).checked_div(region.stride)?;
    let base = region.base + number * region.stride;
    let slot = Slot {
        region: cell,
        number,
        base,
        stack: base + colour(number, region.size),
    };
    (region.link(number).get() == TAKEN).then_some(slot)
}

/// The colour of a slot, in bytes. Small stacks have none: who asks for them wants many threads, and
/// a stack that begins in the middle of a page costs one page more.
fn colour(number: usize, size: usize) -> usize {
    if size < COLOURED {
        return 0;
    }
    number % COLOURS * COLOUR
}

/// Does the address lie in a stack of ours?
pub fn is_slot(address: usize) -> bool {
    locate(address).is_some()
}

fn make_region(size: usize) -> Option<&'static Cell<Region>> {
    let cell = STATE.regions.get(STATE.count.get())?;
    // A size near the end of the address space has no stride; the kernel says ENOMEM to it.
    let stride = size.checked_add(PAGE)?;
    let mut slots = REGION_MOST.checked_div(stride)?.clamp(1, SLOTS_MOST);
    let base = loop {
        match sys::map_anonymous(stride * slots) {
            Some(base) => break base,
            None if slots > 64 => slots /= 4,
            None => return None,
        }
    };
    let Some(links) = sys::map_anonymous(slots * 4) else {
        // SAFETY: mapped above, nobody has it.
        unsafe { sys::unmap(base, stride * slots) };
        return None;
    };
    sys::name_mapping(base, stride * slots, c"lichen:stacks");
    // Stacks are used from their top: huge pages would cost memory. A core file that walks 64 GiB of unused slots takes
    // minutes.
    for advice in [libc::MADV_NOHUGEPAGE, libc::MADV_DONTDUMP] {
        advise(base as usize, stride * slots, advice as usize);
    }
    let (base, links) = (base as usize, links as usize);
    cell.set(Region {
        base,
        size,
        stride,
        slots,
        used: 0,
        dumped: 0,
        free: 0,
        links,
    });
    STATE.count.set(STATE.count.get() + 1);
    Some(cell)
}

fn advise(at: usize, len: usize, advice: usize) -> bool {
    // SAFETY: within a region of ours.
    unsafe { kernel(libc::SYS_madvise as usize, [at, len, advice, 0, 0, 0]) == 0 }
}

fn take(size: usize) -> Option<usize> {
    let fitting = |r: Region| r.size == size && (r.free != 0 || r.used < r.slots);
    let cell = match regions().find(|c| fitting(c.get())) {
        Some(cell) => cell,
        None => make_region(size)?,
    };
    let mut region = cell.get();
    let slot = if region.free != 0 {
        let slot = region.free as usize - 1;
        region.free = region.link(slot).get();
        slot
    } else {
        region.used += 1;
        dump_used(&mut region);
        region.used - 1
    };
    region.link(slot).set(TAKEN);
    cell.set(region);
    Some(region.base + slot * region.stride + colour(slot, region.size))
}

/// Core files hold the slots in use. Doubled each time: a region stays two mappings.
fn dump_used(region: &mut Region) {
    const FIRST: usize = 16;
    if region.used <= region.dumped {
        return;
    }
    let from = region.dumped;
    region.dumped = (2 * from).max(FIRST).min(region.slots);
    let len = (region.dumped - from) * region.stride;
    advise(
        region.base + from * region.stride,
        len,
        libc::MADV_DODUMP as usize,
    );
}

/// Does this map text of a file, as ld.so does for a module that is loaded?
fn is_text(protection: usize, flags: usize, fd: usize) -> bool {
    const TYPE: usize = 0xf;
    protection == (libc::PROT_READ | libc::PROT_EXEC) as usize
        && flags & TYPE == libc::MAP_PRIVATE as usize
        && flags & libc::MAP_ANONYMOUS as usize == 0
        && fd as i32 >= 0
}

/// Maps text, and has its `syscall` instructions rewritten before anybody can run it.
fn map_text(frame: &Frame, runtime: &Runtime) -> Answer {
    let [_, len, _, _, fd, offset] = frame.args();
    // SAFETY: the program's own call.
    let at = unsafe { kernel(libc::SYS_mmap as usize, frame.args()) };
    if at > 0 {
        let mapped = Mapped {
            at: at as usize,
            len,
            fd: fd as i32,
            offset,
        };
        park::serve(runtime, &mut |_| late::found(mapped));
    }
    at
}

/// `mmap(2)`: a stack of a thread, as glibc asks for it (nptl/allocatestack.c), or text of a module.
pub fn mmap(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [address, len, protection, flags, fd, _] = frame.args();
    let wanted = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK) as usize;
    let caps = runtime.caps.get();
    let stack = address == 0
        && protection == libc::PROT_NONE as usize
        && flags & !(libc::MAP_NORESERVE as usize) == wanted
        && fd as i32 == -1
        && len % PAGE == 0
        && len != 0;
    if is_text(protection, flags, fd) {
        return map_text(frame, runtime);
    }
    if !stack || !caps.stack_slots || !caps.guard_install {
        return NATIVE;
    }
    take(len).map_or(NATIVE, |at| at as Answer)
}

/// `mprotect(2)` inside a slot: opening all but the lowest pages means that those are the guard.
pub fn mprotect(frame: &mut Frame, _: &Runtime) -> Answer {
    let [at, len, protection, ..] = frame.args();
    let Some(slot) = locate(at) else {
        return NATIVE;
    };
    let opens = protection == (libc::PROT_READ | libc::PROT_WRITE) as usize;
    if opens && at >= slot.stack && at + len == slot.stack + slot.region.get().size {
        let guard = (at & !(PAGE - 1)).saturating_sub(slot.base);
        if guard == 0 || advise(slot.base, guard, MADV_GUARD_INSTALL) {
            return 0;
        }
    }
    // Anything else the program does inside a stack is its own.
    NATIVE
}

/// `madvise(2)` on a coloured stack: glibc gives back the unused part of a stack when its thread
/// ends, in pages counted from the stack's beginning.
pub fn madvise(frame: &mut Frame, _: &Runtime) -> Answer {
    let [at, len, advice, ..] = frame.args();
    if at % PAGE == 0 || advice != libc::MADV_DONTNEED as usize {
        return NATIVE;
    }
    let Some(_) = locate(at) else { return NATIVE };
    let (from, to) = (at.next_multiple_of(PAGE), (at + len) & !(PAGE - 1));
    if from < to {
        advise(from, to - from, advice);
    }
    0
}

/// `munmap(2)` of a slot: it becomes free and empty.
pub fn munmap(frame: &mut Frame, _: &Runtime) -> Answer {
    let [at, len, ..] = frame.args();
    let Some(slot) = locate(at) else {
        return NATIVE;
    };
    let mut region = slot.region.get();
    if at != slot.stack || len != region.size {
        return NATIVE;
    }
    let whole = region.stride;
    // A guard is taken away; what else the program changed inside goes with a fresh mapping.
    advise(slot.base, whole, MADV_GUARD_REMOVE);
    if !advise(slot.base, whole, libc::MADV_DONTNEED as usize) {
        let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
        let args = [slot.base, whole, protection, flags as usize, usize::MAX, 0];
        // SAFETY: replaces a slot that the program gives back.
        unsafe { kernel(libc::SYS_mmap as usize, args) };
    }
    region.link(slot.number).set(region.free);
    region.free = slot.number as u32 + 1;
    slot.region.set(region);
    0
}

//! All records, in one mapping that a tool can read from outside the process.
//!
//! The exported symbol [`LICHEN_GREENS`] holds its address (and it is named `[anon:lichen:greens]` in
//! /proc/PID/maps where the kernel can). It begins with a [`Header`]; records of `record_size` bytes follow from `first_record` on, `used` of them.
//!
//! A green's thread id lies above any real one (pid_max is at most 2^22) and below FUTEX_TID_MASK:
//! `TID_BASE + generation * RECORDS_MAX + index`. So an id says where its record is, and one record
//! serves 510 threads before an id comes again.
#![allow(unsafe_code)]

use super::{Green, GreenRef, State};
use crate::sys;
use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Address of the [`Header`]; 0 before activation. For tools that look from outside.
#[unsafe(no_mangle)]
pub static LICHEN_GREENS: AtomicUsize = AtomicUsize::new(0);

/// Changes with the layout of [`Header`] or [`Green`].
pub const VERSION: u32 = 1;
/// The most threads alive at once.
pub const RECORDS_MAX: usize = 1 << 21;
const TID_BASE: u32 = 1 << 22;
const GENERATIONS: u32 = 510;
/// Under RLIMIT_AS the table takes this part of the limit: 16,384 threads for each 50 MiB.
const LIMITED_SHARE: u64 = 16;

/// The first bytes of the mapping.
#[repr(C, align(64))]
pub struct Header {
    /// `b"LICHEN\0\0"`.
    pub magic: [u8; 8],
    pub version: u32,
    pub record_size: u32,
    /// Offset of the first record from the header, in bytes.
    pub first_record: u32,
    pub capacity: u32,
    /// Records ever used; those behind are untouched zeros.
    pub used: Cell<u32>,
    pub alive: Cell<u32>,
    pub peak: Cell<u32>,
    pub created: Cell<u64>,
}

/// The table of records of this process.
pub struct Table {
    header: Cell<Option<&'static Header>>,
    free: Cell<Option<GreenRef>>,
}

impl Table {
    /// Before activation.
    pub const fn new() -> Table {
        Table {
            header: Cell::new(None),
            free: Cell::new(None),
        }
    }

    /// Maps the table: all it may ever need where address space is free, else a small part of what
    /// RLIMIT_AS leaves to the program. `false` if there is no room.
    pub fn map(&self) -> bool {
        let share = sys::soft_limit(libc::RLIMIT_AS) / LIMITED_SHARE;
        let fits = usize::try_from(share).unwrap_or(usize::MAX) / size_of::<Green>();
        let capacity = fits.min(RECORDS_MAX);
        let len = size_of::<Header>() + capacity * size_of::<Green>();
        let Some(address) = sys::map_anonymous(len).filter(|_| capacity > 0) else {
            return false;
        };
        sys::name_mapping(address, len, c"lichen:greens");
        LICHEN_GREENS.store(address as usize, Ordering::Release);
        self.header.set(Some(write_header(address, capacity)));
        true
    }

    /// Takes the table away again: activation failed, and nobody has a handle.
    pub fn unmap(&self) {
        if let Some(header) = self.header.take() {
            LICHEN_GREENS.store(0, Ordering::Release);
            let len = size_of::<Header>() + header.capacity as usize * size_of::<Green>();
            // SAFETY: the mapping made above; activation has ended, so no record is in use.
            unsafe { sys::unmap(core::ptr::from_ref(header).cast_mut().cast(), len) };
        }
    }

    /// The header, for statistics. `None` before activation.
    pub fn header(&self) -> Option<&'static Header> {
        self.header.get()
    }

    /// A fresh record, or `None` when there are no more (the program gets EAGAIN).
    pub fn take(&self) -> Option<GreenRef> {
        let header = self.header.get()?;
        let green = match self.free.get() {
            Some(green) => {
                self.free.set(green.next.get());
                green
            }
            None if header.used.get() < header.capacity => {
                let index = header.used.get();
                header.used.set(index + 1);
                let green = record(header, index);
                green.tid.set(TID_BASE + index);
                return Some(self.count(header, green, TID_BASE + index));
            }
            None => return None,
        };
        let (index, generation) = split(green.tid.get());
        let tid = TID_BASE + (generation + 1) % GENERATIONS * RECORDS_MAX as u32 + index;
        Some(self.count(header, green, tid))
    }

    fn count(&self, header: &Header, green: GreenRef, tid: u32) -> GreenRef {
        green.reset(tid);
        header.created.set(header.created.get() + 1);
        header.alive.set(header.alive.get() + 1);
        header.peak.set(header.peak.get().max(header.alive.get()));
        green
    }

    /// Takes a record back. Its thread must have left its stack.
    pub fn give_back(&self, green: GreenRef) {
        green.state.set(State::Free);
        green.next.set(self.free.get());
        self.free.set(Some(green));
        if let Some(header) = self.header.get() {
            header.alive.set(header.alive.get().wrapping_sub(1));
        }
    }

    /// Finds a living green by the id the program knows.
    pub fn find(&self, tid: u32) -> Option<GreenRef> {
        let header = self.header.get()?;
        if tid < TID_BASE {
            // Only first threads have real ids; there is one, and it may lie anywhere after a fork.
            return self.iter().find(|g| g.tid.get() == tid);
        }
        let (index, _) = split(tid);
        if index >= header.used.get() {
            return None;
        }
        let green = record(header, index);
        let alive = !matches!(green.state.get(), State::Free | State::Ended);
        (green.tid.get() == tid && alive).then_some(green)
    }

    /// Every living green.
    pub fn iter(&self) -> impl Iterator<Item = GreenRef> {
        let header = self.header.get();
        let used = header.map_or(0, |h| h.used.get());
        (0..used)
            .filter_map(move |i| header.map(|h| record(h, i)))
            .filter(|g| !matches!(g.state.get(), State::Free | State::Ended))
    }

    /// In the child of a fork: every record but `keep` is free again.
    pub fn keep_only(&self, keep: GreenRef) {
        let Some(header) = self.header.get() else {
            return;
        };
        self.free.set(None);
        for index in (0..header.used.get()).rev() {
            let green = record(header, index);
            green.remote.forget();
            if !core::ptr::eq(green, keep) {
                let (old_index, _) = split(green.tid.get().max(TID_BASE));
                green.tid.set(if old_index == index {
                    green.tid.get()
                } else {
                    TID_BASE + index
                });
                green.state.set(State::Free);
                green.next.set(self.free.get());
                self.free.set(Some(green));
            }
        }
        header.alive.set(1);
        header.peak.set(1);
        header.created.set(1);
    }
}

impl Default for Table {
    fn default() -> Self {
        Table::new()
    }
}

/// (index, generation) of a green's id.
fn split(tid: u32) -> (u32, u32) {
    let offset = tid.wrapping_sub(TID_BASE);
    (offset % RECORDS_MAX as u32, offset / RECORDS_MAX as u32)
}

/// The handle behind a pointer taken from one, `None` for null.
pub(crate) fn handle(node: *mut Green) -> Option<GreenRef> {
    // SAFETY: pointers to records come from `&'static Green` only.
    unsafe { node.as_ref() }
}

fn record(header: &Header, index: u32) -> GreenRef {
    debug_assert!(index < header.capacity);
    let first = core::ptr::from_ref(header).addr() + size_of::<Header>();
    // SAFETY: index is below capacity, so the record lies within the mapping, which is never
    // unmapped; fresh pages are zero, and all-zero bytes are a valid `Green` (State::Free).
    unsafe {
        &*core::ptr::with_exposed_provenance::<Green>(first + index as usize * size_of::<Green>())
    }
}

fn write_header(address: *mut u8, capacity: usize) -> &'static Header {
    let header = Header {
        magic: *b"LICHEN\0\0",
        version: VERSION,
        record_size: size_of::<Green>() as u32,
        first_record: size_of::<Header>() as u32,
        capacity: capacity as u32,
        used: Cell::new(0),
        alive: Cell::new(0),
        peak: Cell::new(0),
        created: Cell::new(0),
    };
    address.expose_provenance();
    let place = address.cast::<Header>();
    // SAFETY: the mapping is page-aligned, large enough and lives for ever.
    unsafe {
        place.write(header);
        &*place
    }
}

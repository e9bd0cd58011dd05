//! What we know of each descriptor of the program: its kind, and whether it blocks.
//!
//! Knowledge is gathered on first use and dropped at close, so a number that comes back is looked at
//! again. A descriptor is *own* when it was made here and nobody else can have its description:
//! only then its flags are remembered; otherwise the kernel is asked each time it matters, which is
//! only when a call would block. Green side; no allocation.
#![allow(unsafe_code)]

mod kind;

pub use kind::{Kind, allows, is_pipe, kind_of_socket, may_wait};

use crate::abi::forbidden::forbids;
use crate::sockopt;
use core::cell::Cell;
use core::sync::atomic::{AtomicU16, Ordering};
use lichen_runtime::reactor;
use lichen_runtime::sys;

/// O_NONBLOCK is set (own descriptors).
const NONBLOCK: u8 = 1;
/// Made here.
const OWN: u8 = 2;
/// SO_RCVTIMEO or SO_SNDTIMEO may be set.
const TIMED: u8 = 4;
/// A short read proves nothing (upper-layer protocol).
const LONG: u8 = 8;
/// SO_RCVLOWAT may be more than 1.
const LOW: u8 = 16;
/// An io_uring that tells epoll of each completion.
const TELLS: u8 = 32;
/// What is written to it becomes a thread's name (`handlers::comm`).
const COMM: u8 = 64;

#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    kind: u8,
    flags: u8,
    epoch: u16,
}

struct Table {
    base: Cell<*const Cell<Entry>>,
    capacity: Cell<usize>,
    end: Cell<i32>,
}

// SAFETY: the green side of the one carrier only.
unsafe impl Sync for Table {}

static TABLE: Table = Table {
    base: Cell::new(core::ptr::null()),
    capacity: Cell::new(0),
    end: Cell::new(0),
};

/// Grows whenever descriptions may have become shared with another process.
static EPOCH: AtomicU16 = AtomicU16::new(0);
/// SO_RCVLOWAT was set in this process: a duplicate may have it without our having noted it there.
static LOW_WATER: AtomicU16 = AtomicU16::new(0);

/// One more than the highest descriptor anything is known of.
pub fn end() -> i32 {
    TABLE.end.get()
}

/// Maps the table at activation. `false`: no address space.
pub fn map() -> bool {
    let count = reactor::descriptors();
    match sys::map_anonymous(count * size_of::<Entry>()) {
        Some(address) => {
            TABLE.base.set(address.cast());
            TABLE.capacity.set(count);
            true
        }
        None => false,
    }
}

/// Takes the table away again: activation failed.
pub fn unmap() {
    let len = TABLE.capacity.replace(0) * size_of::<Entry>();
    if len != 0 {
        // SAFETY: the mapping made above; nothing is known of any descriptor yet.
        unsafe { sys::unmap(TABLE.base.get().cast_mut().cast(), len) };
    }
}

fn entry(fd: i32) -> Option<&'static Cell<Entry>> {
    if fd as u32 as usize >= TABLE.capacity.get() {
        return None;
    }
    // SAFETY: the mapping holds `capacity` zeroed entries for ever.
    Some(unsafe { &*TABLE.base.get().add(fd as usize) })
}

/// Every description that exists now may be shared from now on (fork).
pub fn share_all() {
    let epoch = EPOCH.load(Ordering::Relaxed);
    EPOCH.store(epoch.saturating_add(1), Ordering::Relaxed);
}

fn is_own_entry(entry: Entry) -> bool {
    let epoch = EPOCH.load(Ordering::Relaxed);
    entry.flags & OWN != 0 && entry.epoch == epoch && epoch != u16::MAX
}

/// Was it made here, and can nobody else have its description?
pub fn is_own(fd: i32) -> bool {
    entry(fd).is_some_and(|e| is_own_entry(e.get()))
}

/// Notes a descriptor just made here.
pub fn made(fd: i32, kind: Kind, nonblocking: bool) {
    if let Some(cell) = entry(fd) {
        let flags = OWN | if nonblocking { NONBLOCK } else { 0 };
        cell.set(Entry {
            kind: kind as u8,
            flags,
            epoch: EPOCH.load(Ordering::Relaxed),
        });
        TABLE.end.set(TABLE.end.get().max(fd + 1));
    }
}

/// Notes a socket that `accept` just made: over TCP it has its listener's options.
pub fn accepted(fd: i32, listener: i32, kind: Kind, nonblocking: bool) {
    made(fd, kind, nonblocking);
    if kind == Kind::Tcp {
        let inherited = match entry(listener).map(Cell::get) {
            Some(e) if is_own_entry(e) => e.flags & (TIMED | LONG | LOW),
            _ => time_flag(fd) | low_flag(fd),
        };
        set_flag(fd, inherited, true);
    }
}

/// Somebody else may have this description from now on (SCM_RIGHTS).
pub fn share(fd: i32) {
    set_flag(fd, OWN, false);
}

/// Notes that `fd` has a duplicate: flags set through one show in the other.
pub fn duplicated(fd: i32, duplicate: i32) {
    if let Some(cell) = entry(fd) {
        let mut e = cell.get();
        e.flags &= !OWN;
        cell.set(e);
        if let Some(other) = entry(duplicate) {
            other.set(e);
            TABLE.end.set(TABLE.end.get().max(duplicate + 1));
        }
    }
}

/// Forgets a number that is being closed.
pub fn forget(fd: i32) {
    if let Some(cell) = entry(fd) {
        cell.set(Entry {
            kind: 0,
            flags: 0,
            epoch: 0,
        });
    }
}

fn set_flag(fd: i32, flag: u8, on: bool) {
    if let Some(cell) = entry(fd) {
        let mut e = cell.get();
        e.flags = if on { e.flags | flag } else { e.flags & !flag };
        cell.set(e);
    }
}

/// The program changed O_NONBLOCK.
pub fn set_nonblocking(fd: i32, on: bool) {
    set_flag(fd, NONBLOCK, on);
}

/// The program set a time-out on the socket.
pub fn set_timed(fd: i32) {
    set_flag(fd, TIMED, true);
}

/// A ring just made here. `tells`: epoll hears of its completions.
pub fn made_ring(fd: i32, tells: bool) {
    made(fd, Kind::File, false);
    set_flag(fd, TELLS, tells);
}

/// Does epoll hear of this ring's completions, for certain?
pub fn ring_tells(fd: i32) -> bool {
    entry(fd).is_some_and(|e| e.get().flags & TELLS != 0)
}

/// A file for writing a thread's name, just opened. `false`: too high a number to be remembered.
pub fn made_comm(fd: i32) -> bool {
    made(fd, Kind::File, false);
    set_flag(fd, COMM, true);
    is_comm(fd)
}

/// Does what is written to it become a thread's name?
#[inline(always)]
pub fn is_comm(fd: i32) -> bool {
    entry(fd).is_some_and(|e| e.get().flags & COMM != 0)
}

/// The program put a protocol on top of the stream.
pub fn set_long(fd: i32) {
    set_flag(fd, LONG, true);
}

/// The program set SO_RCVLOWAT.
pub fn set_low_water(fd: i32) {
    LOW_WATER.store(1, Ordering::Relaxed);
    set_flag(fd, LONG | LOW, true);
}

fn time_flag(fd: i32) -> u8 {
    let timed = sockopt::timeout(fd, false).or_else(|| sockopt::timeout(fd, true));
    if timed.is_some() { TIMED } else { 0 }
}

fn low_flag(fd: i32) -> u8 {
    match sockopt::option(fd, libc::SO_RCVLOWAT) > 1 {
        true => LONG | LOW,
        false => 0,
    }
}

/// How many bytes a read of `len` waits for (SO_RCVLOWAT); 1 or what was set, at most `len`. No system
/// call unless it may have been set.
#[inline(always)]
pub fn low_water(fd: i32, len: usize) -> usize {
    let low = LOW_WATER.load(Ordering::Relaxed) != 0
        || entry(fd).is_some_and(|e| e.get().flags & LOW != 0);
    match low {
        true => asked_low_water(fd).min(len),
        false => 1,
    }
}

#[cold]
#[inline(never)]
fn asked_low_water(fd: i32) -> usize {
    sockopt::option(fd, libc::SO_RCVLOWAT).max(1) as usize
}

/// May an attempt to read be skipped, and a short read be trusted? Only where nobody but us can have
/// changed the flags, and the stream has no boundaries of its own.
#[inline(always)]
pub fn trusts_short_read(fd: i32) -> bool {
    entry(fd).is_some_and(|e| {
        let e = e.get();
        e.kind == Kind::Tcp as u8 && e.flags & (NONBLOCK | LONG) == 0 && is_own_entry(e)
    })
}

/// Is it a blocking TCP socket that nobody but us can have changed, with no option set that makes a read or write another
/// one: low-water mark, time-out, a protocol on top?
#[inline(always)]
pub fn is_plain_tcp(fd: i32) -> bool {
    let plain = |e: Entry| {
        e.kind == Kind::Tcp as u8
            && e.flags & (NONBLOCK | TIMED | LONG | LOW) == 0
            && is_own_entry(e)
    };
    LOW_WATER.load(Ordering::Relaxed) == 0 && entry(fd).is_some_and(|e| plain(e.get()))
}

/// Must a call that would block return EAGAIN? Asks the kernel unless the descriptor is own.
pub fn is_nonblocking(fd: i32) -> bool {
    match entry(fd).map(Cell::get) {
        Some(e) if is_own_entry(e) => e.flags & NONBLOCK != 0,
        // Without poll attempts are the program's own calls, and say EAGAIN only of what does not block.
        _ if forbids(libc::SYS_fcntl) => forbids(libc::SYS_poll),
        _ => sys::fcntl(fd, libc::F_GETFL, 0) & libc::O_NONBLOCK as isize != 0,
    }
}

/// May SO_RCVTIMEO or SO_SNDTIMEO be set?
pub fn may_be_timed(fd: i32) -> bool {
    entry(fd).is_none_or(|e| !is_own_entry(e.get()) || e.get().flags & TIMED != 0)
}

/// Its kind, found out on first use. A descriptor that is not open counts as a file: the native call
/// gives the errno.
#[inline(always)]
pub fn kind(fd: i32) -> Kind {
    match entry(fd) {
        None => Kind::File,
        Some(cell) => match Kind::from(cell.get().kind) {
            Kind::Unknown => look(fd, cell),
            kind => kind,
        },
    }
}

#[cold]
#[inline(never)]
fn look(fd: i32, cell: &Cell<Entry>) -> Kind {
    let kind = kind::classify(fd);
    if kind != Kind::File || is_open(fd) {
        let flags = match kind {
            Kind::Tcp | Kind::Stream => low_flag(fd),
            _ => 0,
        };
        cell.set(Entry {
            kind: kind as u8,
            flags,
            epoch: 0,
        });
        TABLE.end.set(TABLE.end.get().max(fd + 1));
    }
    kind
}

/// Is there such a descriptor?
pub fn is_open(fd: i32) -> bool {
    forbids(libc::SYS_fcntl) || sys::fcntl(fd, libc::F_GETFD, 0) >= 0
}

/// It does not know RWF_NOWAIT after all (a FIFO with a name, an eventfd for writing).
pub fn has_no_nowait(fd: i32) {
    if let Some(cell) = entry(fd) {
        cell.set(Entry {
            kind: Kind::Polled as u8,
            ..cell.get()
        });
    }
}

/// RWF_NOWAIT may not be used any more: pipes are polled from now on.
pub fn forget_nowait() {
    for cell in (0..end()).filter_map(entry) {
        if cell.get().kind == Kind::Pipe as u8 {
            let kind = Kind::Polled as u8;
            cell.set(Entry { kind, ..cell.get() });
        }
    }
}

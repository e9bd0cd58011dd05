//! Opening by name: may wait for the disk, or, of a FIFO or a device, for another party. Which of them is
//! settled before the call is made, because it cannot be called off.
//!
//! ```text
//! cannot meet a party (O_NONBLOCK, O_DIRECTORY, ...)     it may
//!   the call itself with RESOLVE_CACHED                    O_PATH with RESOLVE_CACHED, what is it?
//!     done, or EAGAIN: the pool                              FIFO, device: a helper
//!                                                            else the call itself, here
//!                                                            not there: that is the answer
//!                                                            EAGAIN: the pool looks, and then opens or not
//! ```
//! New files and large ones that are cut off go to the pool: that writes. RESOLVE_CACHED (Linux 5.12) makes the
//! kernel look a name up in memory only. Without it, names are looked up here and may wait for the disk.
//! Between looking and opening somebody may put a FIFO where a file was: then it is opened by whoever was
//! to open the file. Green side; nothing here reads the program's memory on a thread of the pool.
#![allow(unsafe_code)]

use super::ways::{by_helper, by_pool, call_by_pool, is_alone};
use crate::abi::user;
use crate::call::{AGAIN, Answer, Frame, NATIVE, error};
use crate::fds::{self, Kind};
use crate::handlers::{comm, kernel};
use lichen_runtime::Runtime;
use lichen_runtime::offload::Work;
use lichen_runtime::sys;

const RESOLVE_CACHED: u64 = 0x20;
/// What openat(2) looks at; openat2(2) refuses all else.
const KNOWN: i32 = libc::O_ACCMODE
    | libc::O_CREAT
    | libc::O_EXCL
    | libc::O_NOCTTY
    | libc::O_TRUNC
    | libc::O_APPEND
    | libc::O_NONBLOCK
    | libc::O_SYNC
    | libc::O_ASYNC
    | libc::O_DIRECT
    | O_LARGEFILE
    | libc::O_DIRECTORY
    | libc::O_NOFOLLOW
    | libc::O_NOATIME
    | libc::O_CLOEXEC
    | libc::O_TMPFILE;
/// The kernel's; libc's is 0 on x86-64.
const O_LARGEFILE: i32 = 0o100_000;
/// To cut off a larger file takes long enough to be worth the way to the pool.
const LARGE: u64 = 1 << 20;
/// Longer names than this are not looked at in parts; on the program's stack.
const PARENT_MOST: usize = 256;
const NO_NAME: Answer = error(libc::ENOENT);
const NO_FOLDER: Answer = error(libc::ENOTDIR);
/// The answer of [`slowly`] when the name is one of a party's.
const PARTY: isize = isize::MIN + 1;

/// `struct open_how` of openat2(2).
#[repr(C)]
#[derive(Clone, Copy)]
struct How {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// What is to be opened.
struct Name {
    folder: usize,
    path: usize,
    flags: i32,
    resolve: u64,
    /// What openat2(2) was told: it refuses what openat(2) overlooks.
    told: Option<How>,
}

impl Name {
    fn of(frame: &Frame) -> Option<Name> {
        let [a, b, c, size, ..] = frame.args();
        let here = libc::AT_FDCWD as usize;
        let creates = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;
        let (folder, path, flags, told) = match frame.number as i64 {
            libc::SYS_open => (here, a, b as i32, None),
            libc::SYS_creat => (here, a, creates, None),
            libc::SYS_openat => (a, b, c as i32, None),
            _ if size != size_of::<How>() => return None,
            _ => {
                let how = user::read::<How>(c).ok()?;
                (a, b, how.flags as i32, Some(how))
            }
        };
        Some(Name {
            folder,
            path,
            flags,
            resolve: told.map_or(0, |how| how.resolve),
            told,
        })
    }

    fn has(&self, flags: i32) -> bool {
        self.flags & flags == flags
    }

    /// Can its opening wait for another party?
    fn may_wait(&self) -> bool {
        let never = libc::O_NONBLOCK | libc::O_DIRECTORY | libc::O_PATH;
        self.flags & never == 0 && !self.has(libc::O_CREAT | libc::O_EXCL)
    }

    /// Does its opening write to the disk?
    fn writes(&self) -> bool {
        self.flags & (libc::O_CREAT | libc::O_TRUNC) != 0 || self.has(libc::O_TMPFILE)
    }

    /// As openat2(2) is to be told.
    fn how(&self) -> How {
        let flags = match self.flags & libc::O_PATH {
            0 => self.flags & KNOWN | O_LARGEFILE,
            path => path | self.flags & (libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC),
        };
        self.told.unwrap_or(How {
            flags: flags as u64,
            mode: 0,
            resolve: 0,
        })
    }

    /// Below /sys the kernel makes files up as they are asked for: not in memory, but no disk either. libc asks there
    /// for the number of processors as soon as a second thread allocates.
    fn is_in_sys(&self) -> bool {
        user::read::<[u8; 5]>(self.path).is_ok_and(|start| start == *b"/sys/")
    }

    /// Below /proc what a name means can depend on the kernel thread (`thread-self`), and nothing waits.
    fn is_in_proc(&self) -> bool {
        user::read::<[u8; 6]>(self.path).is_ok_and(|start| start == *b"/proc/")
    }
}

/// Whom an opening may wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Nobody,
    Disk,
    Party,
}

/// By what is there (stat(2), inode(7)).
fn waits_for(there: &libc::statx, flags: i32) -> For {
    match u32::from(there.stx_mode) & libc::S_IFMT {
        libc::S_IFREG if flags & libc::O_TRUNC != 0 && there.stx_size > LARGE => For::Disk,
        libc::S_IFIFO if flags & libc::O_ACCMODE == libc::O_RDWR => For::Nobody,
        libc::S_IFIFO => For::Party,
        // Memory devices, /dev/tty and ptmx, pseudo-terminals.
        libc::S_IFCHR => match (there.stx_rdev_major, there.stx_rdev_minor) {
            (1, _) | (5, 0 | 2) | (136..=143, _) => For::Nobody,
            _ => For::Party,
        },
        libc::S_IFBLK => For::Disk,
        _ => For::Nobody,
    }
}

fn open_at(folder: usize, path: usize, how: How) -> Answer {
    let at = &raw const how as usize;
    let args = [folder, path, at, size_of::<How>(), 0, 0];
    // SAFETY: the program's name; `how` is ours.
    unsafe { kernel(libc::SYS_openat2 as usize, args) }
}

/// What is at `path`? Never asks a file server.
fn look(folder: usize, path: usize, flags: usize) -> Result<libc::statx, Answer> {
    // SAFETY: zeros are a valid `statx`; the kernel fills it.
    let mut there: libc::statx = unsafe { core::mem::zeroed() };
    let flags = flags | libc::AT_STATX_DONT_SYNC as usize;
    let at = &raw mut there as usize;
    let args = [
        folder,
        path,
        flags,
        (libc::STATX_TYPE | libc::STATX_SIZE) as usize,
        at,
        0,
    ];
    // SAFETY: the program's name, or an empty one of ours; `there` is ours.
    match unsafe { kernel(libc::SYS_statx as usize, args) } {
        0 => Ok(there),
        failed => Err(failed),
    }
}

/// The same by a descriptor for the place only, which is how `resolve` is kept to.
fn look_within(
    folder: usize,
    path: usize,
    flags: i32,
    resolve: u64,
) -> Result<libc::statx, Answer> {
    let kept = flags & (libc::O_NOFOLLOW | libc::O_DIRECTORY);
    let flags = libc::O_PATH | libc::O_CLOEXEC | kept;
    let how = How {
        flags: flags as u64,
        mode: 0,
        resolve,
    };
    let place = open_at(folder, path, how);
    if place < 0 {
        return Err(place);
    }
    let empty = c"".as_ptr() as usize;
    let there = look(place as usize, empty, libc::AT_EMPTY_PATH as usize);
    sys::close(place as i32);
    there
}

fn look_by_name(folder: usize, path: usize, flags: i32) -> Result<libc::statx, Answer> {
    let follow = match flags & libc::O_NOFOLLOW {
        0 => 0,
        _ => libc::AT_SYMLINK_NOFOLLOW as usize,
    };
    look(folder, path, follow)
}

/// `open(2)`, `openat(2)`, `openat2(2)`, `creat(2)`.
pub fn open(frame: &mut Frame, runtime: &Runtime) -> Answer {
    // Whoever has forbidden calls by a filter gets those that it makes, and no others.
    if runtime.helpers.are_barred() {
        return NATIVE;
    }
    let Some(name) = Name::of(frame) else {
        return NATIVE;
    };
    if name.is_in_proc() {
        return comm::open(runtime, frame, name.path, name.flags, name.resolve);
    }
    if is_alone(runtime) || name.is_in_sys() {
        return NATIVE;
    }
    if name.may_wait() {
        return open_something(frame, runtime, &name);
    }
    let answer = open_file(frame, runtime, &name);
    let quick = name.has(libc::O_NONBLOCK) && name.flags & libc::O_PATH == 0;
    note(answer, quick, quick);
    answer
}

/// Forgets what was known of the number of a new descriptor. `look`: it may be a FIFO's, of which nobody else has the
/// description then; `nonblocking`: with O_NONBLOCK.
fn note(answer: Answer, look: bool, nonblocking: bool) {
    if answer < 0 {
        return;
    }
    fds::forget(answer as i32);
    if look && fds::is_pipe(answer as i32) {
        fds::made(answer as i32, Kind::Pipe, nonblocking);
    }
}

/// What cannot wait for another party. An error is the kernel's to say: the call is made again.
fn open_file(frame: &Frame, runtime: &Runtime, name: &Name) -> Answer {
    if name.writes() {
        return call_by_pool(runtime, frame);
    }
    if !runtime.caps.get().resolve_cached {
        // Made here where `note` wants to see what came of it.
        return match name.has(libc::O_NONBLOCK) {
            // SAFETY: the program's own call.
            true => unsafe { kernel(frame.number, frame.args()) },
            false => NATIVE,
        };
    }
    let mut how = name.how();
    how.resolve |= RESOLVE_CACHED;
    match open_at(name.folder, name.path, how) {
        fd if fd >= 0 => fd,
        AGAIN => call_by_pool(runtime, frame),
        _ => NATIVE,
    }
}

fn open_something(frame: &Frame, runtime: &Runtime, name: &Name) -> Answer {
    let there = if runtime.caps.get().resolve_cached {
        let resolve = name.resolve | RESOLVE_CACHED;
        look_within(name.folder, name.path, name.flags, resolve)
    } else if name.resolve != 0 {
        look_within(name.folder, name.path, name.flags, name.resolve)
    } else {
        look_by_name(name.folder, name.path, name.flags)
    };
    let fifo = there.as_ref().is_ok_and(is_fifo);
    let answer = match there.map(|there| waits_for(&there, name.flags)) {
        Ok(For::Party) => by_helper(runtime, frame.number, frame.args()),
        // SAFETY: the program's own call.
        Ok(For::Nobody) if fifo => unsafe { kernel(frame.number, frame.args()) },
        Ok(For::Disk) => call_by_pool(runtime, frame),
        Ok(For::Nobody) => NATIVE,
        Err(AGAIN) if name.told.is_none() && goes_on_behind_a_file(name) => NO_FOLDER,
        Err(AGAIN) => open_unknown(frame, runtime, name),
        Err(_) if name.writes() => call_by_pool(runtime, frame),
        // Such names fail alike for every sort of opening that makes none, and programs try many that are not there.
        Err(way @ (NO_NAME | NO_FOLDER)) if name.told.is_none() => way,
        Err(_) => NATIVE,
    };
    note(answer, fifo, false);
    answer
}

fn is_fifo(there: &libc::statx) -> bool {
    u32::from(there.stx_mode) & libc::S_IFMT == libc::S_IFIFO
}

/// Does the last part of the name stand behind something that is no folder? The kernel does not say so from memory
/// alone (link_path_walk asks for the name anew before it answers ENOTDIR), but it does of what the part stands behind.
#[inline(never)]
fn goes_on_behind_a_file(name: &Name) -> bool {
    let mut start = [0; PARENT_MOST];
    let (mut cut, mut len) = (0, 0);
    for (at, place) in start.iter_mut().enumerate() {
        match user::read::<u8>(name.path + at) {
            Ok(0) => break,
            Ok(byte) => *place = byte,
            Err(_) => return false,
        }
        len = at + 1;
        if *place == b'/' {
            cut = at;
        }
    }
    if cut == 0 || cut + 1 == len || len == PARENT_MOST {
        return false;
    }
    if let Some(end) = start.get_mut(cut) {
        *end = 0;
    }
    let (start, resolve) = (start.as_ptr() as usize, name.resolve | RESOLVE_CACHED);
    let there = look_within(name.folder, start, libc::O_DIRECTORY, resolve);
    matches!(there, Err(NO_FOLDER))
}

/// What is not in memory: the pool looks it up, and opens it unless that could wait for a party.
fn open_unknown(frame: &Frame, runtime: &Runtime, name: &Name) -> Answer {
    let [a, b, c, d, ..] = frame.args();
    let rest = name.flags as u32 as usize | (name.resolve as usize) << 32;
    let args = [frame.number, a, b, c, d, rest];
    match by_pool(runtime, frame, Work::Own(slowly), args) {
        PARTY => by_helper(runtime, frame.number, frame.args()),
        answer => answer,
    }
}

/// [`open_unknown`], on a thread of the pool.
fn slowly([number, a, b, c, d, rest]: [usize; 6]) -> isize {
    let (flags, resolve) = (rest as u32 as i32, (rest >> 32) as u64);
    let there = match number as i64 {
        libc::SYS_open | libc::SYS_creat => look_by_name(libc::AT_FDCWD as usize, a, flags),
        _ if resolve == 0 => look_by_name(a, b, flags),
        _ => look_within(a, b, flags, resolve),
    };
    if there.is_ok_and(|there| waits_for(&there, flags) == For::Party) {
        return PARTY;
    }
    // SAFETY: the program's own call; it waits for the result, so its memory stays.
    unsafe { kernel(number, [a, b, c, d, 0, 0]) }
}

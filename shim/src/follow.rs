//! What a program that is executed finds in its LD_PRELOAD. Children are followed; but a target that
//! cannot load liblichen.so (musl, 32-bit, ...) would die of the preload, so our entry, and only
//! ours, is dropped for it; and for every target with `--no-follow`. An environment that does not
//! name us is left as the program made it.
//!
//! Runs in the program's thread, perhaps in a vfork child on a small stack: no allocation; the
//! changed copy lies in a mapping of its own.
#![allow(unsafe_code)]

use crate::init;
use core::ffi::{CStr, c_char, c_int};
use core::fmt::Write;
use lichen_runtime::sys;
use lichen_settings::preload;

type Strings = *const *const c_char;

/// How the target is named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// A path.
    Path,
    /// A file to look for along PATH, unless it contains a slash.
    Everywhere,
    /// A path relative to this directory; empty: this descriptor itself.
    At(c_int),
}

const NAME: &[u8] = b"LD_PRELOAD=";
const ROOM: usize = 64 << 10;

/// Calls `execute` with `environment`, or with a copy that lacks our entry of LD_PRELOAD.
///
/// # Safety
/// `path` and `environment` as for execve(2).
pub unsafe fn with_environment(
    search: Search,
    path: *const c_char,
    environment: Strings,
    execute: impl FnOnce(Strings) -> c_int,
) -> c_int {
    // SAFETY: by the caller's contract.
    let Some((at, value)) = (unsafe { find_preload(environment) }) else {
        return execute(environment);
    };
    // SAFETY: as above.
    if !preload::contains_ours(value) || unsafe { keeps(search, path) } {
        return execute(environment);
    }
    // SAFETY: as above.
    let count = unsafe { length(environment) };
    let len = (count + 1) * size_of::<usize>() + NAME.len() + value.len() + 1;
    let Some(copy) = sys::map_anonymous(len) else {
        return execute(environment);
    };
    // SAFETY: the mapping is large enough for the pointers, then the string.
    unsafe {
        let list = copy.cast::<*const c_char>();
        let text = copy.add((count + 1) * size_of::<usize>());
        let out = core::slice::from_raw_parts_mut(text.add(NAME.len()), value.len());
        let mut kept = 0;
        for i in 0..count {
            if i != at {
                *list.add(kept) = *environment.add(i);
                kept += 1;
            }
        }
        if preload::without_into(value, out).is_some_and(|rest| !rest.is_empty()) {
            core::ptr::copy_nonoverlapping(NAME.as_ptr(), text, NAME.len());
            *list.add(kept) = text.cast();
        }
        let result = execute(list);
        sys::unmap(copy, len);
        result
    }
}

/// # Safety
/// `environment` must be null or null-terminated.
unsafe fn length(environment: Strings) -> usize {
    let mut n = 0;
    // SAFETY: by the caller's contract.
    while !environment.is_null() && unsafe { !(*environment.add(n)).is_null() } {
        n += 1;
    }
    n
}

/// # Safety
/// As [`length`].
unsafe fn find_preload(environment: Strings) -> Option<(usize, &'static [u8])> {
    // SAFETY: by the caller's contract.
    (0..unsafe { length(environment) }).find_map(|i| {
        // SAFETY: as above.
        let entry = unsafe { CStr::from_ptr(*environment.add(i)).to_bytes() };
        entry.strip_prefix(NAME).map(|value| (i, value))
    })
}

/// May the target keep our entry?
///
/// # Safety
/// `path` must be null or a C string.
unsafe fn keeps(search: Search, path: *const c_char) -> bool {
    if !init::settings().follow {
        return false;
    }
    if path.is_null() {
        return true;
    }
    // SAFETY: by the caller's contract.
    let name = unsafe { CStr::from_ptr(path) };
    let Some(scratch) = sys::map_anonymous(ROOM) else {
        return true;
    };
    // SAFETY: `Scratch` is plain bytes, zero is valid, and it fits (asserted below).
    let scratch = unsafe { &mut *scratch.cast::<lichen_target::Scratch>() };
    let harmful = match search {
        Search::At(fd) if name.is_empty() => {
            lichen_target::judge_exec(&own_descriptor(fd), scratch).preload_does_harm()
        }
        Search::At(fd) if fd >= 0 && !name.to_bytes().starts_with(b"/") => {
            lichen_target::judge_execat(fd, name, scratch).preload_does_harm()
        }
        Search::Everywhere if !name.to_bytes().contains(&b'/') => {
            along_path(name.to_bytes(), scratch)
        }
        _ => lichen_target::judge_exec(name, scratch).preload_does_harm(),
    };
    // SAFETY: mapped above, not used any more.
    unsafe { sys::unmap(core::ptr::from_mut(scratch).cast(), ROOM) };
    !harmful
}

const _: () = assert!(size_of::<lichen_target::Scratch>() <= ROOM);

/// A descriptor of our own that can be opened by name: /proc/self/fd/N.
fn own_descriptor(fd: c_int) -> OwnPath {
    let mut path = OwnPath {
        bytes: [0; 32],
        len: 0,
    };
    let _ = write!(path, "/proc/self/fd/{fd}");
    path
}

struct OwnPath {
    bytes: [u8; 32],
    len: usize,
}

impl Write for OwnPath {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for &byte in text.as_bytes() {
            // One byte stays zero: the string's end.
            if self.len + 1 < self.bytes.len() {
                self.bytes[self.len] = byte;
                self.len += 1;
            }
        }
        Ok(())
    }
}

impl core::ops::Deref for OwnPath {
    type Target = CStr;
    fn deref(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or(c"")
    }
}

/// Judges the first file of this name along PATH that exists.
fn along_path(name: &[u8], scratch: &mut lichen_target::Scratch) -> bool {
    // SAFETY: getenv of a constant name, as execvp(3) itself does.
    let path = unsafe { libc::getenv(c"PATH".as_ptr()) };
    let path = if path.is_null() {
        &b"/bin:/usr/bin"[..]
    } else {
        // SAFETY: getenv returns a C string.
        unsafe { CStr::from_ptr(path).to_bytes() }
    };
    for folder in path.split(|&b| b == b':') {
        let mut full = [0u8; 4096];
        let len = folder.len() + 1 + name.len();
        if len >= full.len() || folder.is_empty() {
            continue;
        }
        full[..folder.len()].copy_from_slice(folder);
        full[folder.len()] = b'/';
        full[folder.len() + 1..len].copy_from_slice(name);
        let Ok(full) = CStr::from_bytes_until_nul(&full) else {
            continue;
        };
        // SAFETY: a C string.
        if unsafe { libc::access(full.as_ptr(), libc::X_OK) } == 0 {
            return lichen_target::judge_exec(full, scratch).preload_does_harm();
        }
    }
    false
}

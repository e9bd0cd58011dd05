//! Text that was mapped before activation and that ld.so's list does not tell of: modules of other link namespaces
//! (`dlmopen`), above all a second libc, whose threads would be kernel threads that take themselves for our worker; and
//! what a program has mapped by a loader of its own.
//!
//! Called by `init` at activation, so it may allocate and read files. The kernel's map says what is there; the module is
//! planned from its file if the text in memory is that of the file, whatever has become of the name since.
#![allow(unsafe_code)]

use super::Job;
use super::late::{self, Mapped, View};
use crate::init::Loaded;
use crate::modules::Module;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;

/// Adds the sites of all text that is in none of the `listed` modules. Without /proc there is none.
pub fn add_all(job: &mut Job, listed: &[Module], loaded: &Loaded) {
    let maps = fs::read("/proc/self/maps").unwrap_or_default();
    for text in maps.split(|&byte| byte == b'\n').filter_map(parse) {
        let end = text.at + text.len;
        let is_listed = |module: &Module| {
            let mut ranges = module.text_ranges();
            ranges.any(|(at, len)| at < end && text.at < at + len)
        };
        if !listed.iter().any(is_listed) {
            add(job, &text, loaded);
        }
    }
}

/// Readable, executable, private and not writable memory from a file.
struct Text<'a> {
    at: usize,
    len: usize,
    offset: usize,
    path: &'a [u8],
}

/// One line of proc_pid_maps(5): `start-end r-xp offset device inode path`.
fn parse(line: &[u8]) -> Option<Text<'_>> {
    let mut fields = line.splitn(6, |&byte| byte == b' ');
    let hex = |field: &[u8]| usize::from_str_radix(core::str::from_utf8(field).ok()?, 16).ok();
    let mut range = fields.next()?.split(|&byte| byte == b'-');
    let (start, end) = (hex(range.next()?)?, hex(range.next()?)?);
    if fields.next()? != b"r-xp" {
        return None;
    }
    let offset = hex(fields.next()?)?;
    let path = fields.nth(2)?.trim_ascii_start();
    (path.starts_with(b"/") && start < end).then_some(Text {
        at: start,
        len: end - start,
        offset,
        path,
    })
}

/// Adds one text's sites, if its file can be had and is what was mapped. A name may stand for another file by now, so
/// nothing is waited for, and nothing but a regular file is read.
fn add(job: &mut Job, text: &Text<'_>, loaded: &Loaded) -> Option<()> {
    let mut options = OpenOptions::new();
    options.read(true);
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(OsStr::from_bytes(text.path)).ok()?;
    let view = View::of(file.as_raw_fd())?;
    let inside = view.bytes().len().checked_sub(text.offset)?;
    let of_file = view
        .bytes()
        .get(text.offset..)?
        .get(..inside.min(text.len))?;
    // SAFETY: a readable mapping of a file that goes that far, and nobody else runs who could take it away.
    let in_memory = unsafe { core::slice::from_raw_parts(text.at as *const u8, of_file.len()) };
    if in_memory != of_file {
        return None;
    }
    let mapped = Mapped {
        at: text.at,
        len: text.len,
        fd: file.as_raw_fd(),
        offset: text.offset,
    };
    late::add_sites(job, &view, mapped, loaded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_files_is_found_in_the_map() {
        let line = b"7f10-7f30 r-xp 00001000 08:01 42                     /a file/lib.so";
        let text = parse(line).unwrap();
        assert_eq!((text.at, text.len, text.offset), (0x7f10, 0x20, 0x1000));
        assert_eq!(text.path, b"/a file/lib.so");
        let others: [&[u8]; 5] = [
            b"7f10-7f30 rwxp 00001000 08:01 42 /lib.so",
            b"7f10-7f30 r-xs 00001000 08:01 42 /lib.so",
            b"7f10-7f30 r-xp 00000000 00:00 0 [vdso]",
            b"7f10-7f30 r-xp 00000000 00:00 0 ",
            b"",
        ];
        assert!(others.iter().all(|line| parse(line).is_none()));
    }
}

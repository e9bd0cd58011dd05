//! Would executing this file raise privileges? Then ld.so(8) ignores LD_PRELOAD ("secure-execution mode").
//!
//! Called by `target`. Follows the kernel's rule for AT_SECURE (capabilities(7), getauxval(3)): what
//! counts is a difference between real and effective ids after execve(2), or capabilities of the file
//! for a user who is not root.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, getxattr, statvfs};
use rustix::process::{getegid, geteuid, getgid, getuid};

use crate::obstacle::Obstacle;

const S_ISUID: u32 = 0o4000;
const S_ISGID: u32 = 0o2000;
const S_IXGRP: u32 = 0o010;
/// `VFS_CAP_FLAGS_EFFECTIVE` in the first word of the attribute.
const CAPS_EFFECTIVE: u32 = 1;

/// The obstacle, if the loader will ignore our preload for this reason.
pub fn gained_by(program: &Path) -> Option<Obstacle> {
    let meta = program.metadata().ok()?;
    let honoured = !mounted_nosuid(program);
    let ids_honoured = honoured && !rustix::thread::no_new_privs().unwrap_or(false);
    let mode = if ids_honoured { meta.mode() } else { 0 };
    let euid = if mode & S_ISUID != 0 {
        meta.uid()
    } else {
        geteuid().as_raw()
    };
    let egid = if mode & S_ISGID != 0 && mode & S_IXGRP != 0 {
        meta.gid()
    } else {
        getegid().as_raw()
    };
    if euid != getuid().as_raw() {
        Some(Obstacle::SetUid)
    } else if egid != getgid().as_raw() {
        Some(Obstacle::SetGid)
    } else if honoured && !getuid().is_root() && has_capabilities(program) {
        Some(Obstacle::FileCapabilities)
    } else {
        None
    }
}

fn mounted_nosuid(path: &Path) -> bool {
    statvfs(path).is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::NOSUID))
}

/// Whether the file's capability attribute grants anything: the effective flag, or a permitted set.
fn has_capabilities(path: &Path) -> bool {
    let mut value = [0_u8; 64];
    let Ok(len) = getxattr(path, "security.capability", &mut value) else {
        return false;
    };
    // magic and flags, then (permitted, inheritable) pairs.
    let (words, _) = value[..len.min(value.len())].as_chunks::<4>();
    let word = |i: usize| words.get(i).map_or(0, |w| u32::from_le_bytes(*w));
    word(0) & CAPS_EFFECTIVE != 0 || word(1) != 0 || word(3) != 0
}

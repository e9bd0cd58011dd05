//! Plans kept between starts, one file per build id in the user's cache folder.
//!
//! Called by the shim (at load, at the first thread, and when a module is loaded later) and by the launcher. A plan
//! decides where code is overwritten, so a file is believed only if it is ours alone and names the same module. Never an
//! error that stops a program: no folder, no plan, no harm. Must never call libc, of which a thread that waits may hold
//! any lock: files are opened, read and written by system calls.

use crate::encode::FORMAT_VERSION;
use crate::plan::Plan;
use rustix::fd::OwnedFd;
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, mkdir, open, rename, unlink};
use rustix::io::{Errno, read, write};
use rustix::process::{geteuid, getpid};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// Larger than any plan; bounds what a foreign file can make us read, in bytes.
const MAX_FILE: usize = 4 << 20;

/// The file that holds the plan of the module with this build id.
pub fn path(dir: &Path, build_id: &[u8]) -> PathBuf {
    let mut name = String::with_capacity(build_id.len() * 2 + 16);
    for byte in build_id {
        let _ = write!(name, "{byte:02x}");
    }
    let _ = write!(name, ".plan{FORMAT_VERSION}");
    dir.join(name)
}

/// The cached plan of the module with this build id. `None` unless it is a regular file that our effective user owns,
/// that nobody else may write, and that decodes to a plan for exactly this build id.
pub fn load(dir: &Path, build_id: &[u8]) -> Option<Plan> {
    if build_id.is_empty() {
        return None;
    }
    // Never follow a link, never hang on a FIFO that somebody put there.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = open(path(dir, build_id), flags, Mode::empty()).ok()?;
    let stat = fstat(&file).ok()?;
    let len = usize::try_from(stat.st_size).ok()?;
    if !is_ours(&stat) || len > MAX_FILE {
        return None;
    }
    let encoded = read_all(&file, len)?;
    Plan::decode(&encoded).filter(|plan| plan.build_id == build_id)
}

/// Keeps `plan` for the next start: written beside its place under a private name, then renamed, so that a reader sees
/// a whole plan or none.
///
/// # Errors
/// If the plan has no build id, or the folder or file cannot be made. The caller may ignore it.
pub fn store(dir: &Path, plan: &Plan) -> io::Result<()> {
    if plan.build_id.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a module without a build id cannot be cached",
        ));
    }
    make_folder(dir)?;
    let place = path(dir, &plan.build_id);
    let mut temporary = place.clone().into_os_string();
    temporary.push(format!(".{}", getpid().as_raw_nonzero()));
    let temporary = PathBuf::from(temporary);
    let _ = unlink(&temporary);
    let written =
        write_new(&temporary, &plan.encode()).and_then(|()| Ok(rename(&temporary, &place)?));
    if written.is_err() {
        let _ = unlink(&temporary);
    }
    written
}

/// `$XDG_CACHE_HOME/lichen`, else `$HOME/.cache/lichen`. Relative paths are ignored, as the XDG specification says:
/// the program's current folder must not decide what is believed.
pub fn default_dir(get_env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| {
        get_env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".cache")))
        .map(|base| base.join("lichen"))
}

fn is_ours(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && stat.st_uid == geteuid().as_raw()
        && stat.st_mode & 0o022 == 0
}

/// What the file holds, if that is exactly `len` bytes.
fn read_all(file: &OwnedFd, len: usize) -> Option<Vec<u8>> {
    let mut content = vec![0; len + 1];
    let mut filled = 0;
    loop {
        match read(file, content.get_mut(filled..)?) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    content.truncate(len);
    (filled == len).then_some(content)
}

/// Makes `dir` and what is missing above it, for our user alone.
fn make_folder(dir: &Path) -> io::Result<()> {
    match mkdir(dir, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(Errno::NOENT) => {
            make_folder(dir.parent().ok_or(io::ErrorKind::NotFound)?)?;
            Ok(mkdir(dir, Mode::RWXU)?)
        }
        Err(e) => Err(e.into()),
    }
}

fn write_new(path: &Path, mut content: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = open(path, flags, Mode::RUSR | Mode::WUSR)?;
    while !content.is_empty() {
        match write(&file, content) {
            Ok(count) => content = &content[count..],
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

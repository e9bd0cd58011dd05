//! Plans kept between starts, one file per build id in the user's cache folder.
//!
//! Called by the shim (at load, or at the first thread if that comes earlier) and by the launcher. A plan decides where
//! code is overwritten, so a file is believed only if it is ours alone and names the same module. Never an error that
//! stops a program: no folder, no plan, no harm.

use crate::encode::FORMAT_VERSION;
use crate::plan::Plan;
use rustix::process::geteuid;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Larger than any plan; bounds what a foreign file can make us read, in bytes.
const MAX_FILE: u64 = 4 << 20;

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
    let no_follow = open_flags();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(no_follow)
        .open(path(dir, build_id))
        .ok()?;
    let meta = file.metadata().ok()?;
    if !is_ours(&meta) || meta.len() > MAX_FILE {
        return None;
    }
    let mut encoded = Vec::with_capacity(meta.len() as usize + 1);
    file.take(MAX_FILE).read_to_end(&mut encoded).ok()?;
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
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let place = path(dir, &plan.build_id);
    let mut temporary = place.clone().into_os_string();
    temporary.push(format!(".{}", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let _ = std::fs::remove_file(&temporary);
    let written =
        write_new(&temporary, &plan.encode()).and_then(|()| std::fs::rename(&temporary, &place));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
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

fn is_ours(meta: &Metadata) -> bool {
    meta.is_file() && meta.uid() == geteuid().as_raw() && meta.mode() & 0o022 == 0
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)
}

/// Never follow a link, never hang on a FIFO that somebody put there.
fn open_flags() -> i32 {
    const O_NOFOLLOW: i32 = 0o400_000;
    const O_NONBLOCK: i32 = 0o4_000;
    O_NOFOLLOW | O_NONBLOCK
}

//! Which file a command word means, by the rules of execvp(3).
//!
//! Called by `run` and `check`. Looks at files, opens none.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::error::Error;

/// What execvp(3) searches when PATH is not set.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Finds `command`: as a path if it holds a slash, else in `path` (the value of PATH).
pub fn find(command: &OsStr, path: Option<&OsStr>) -> Result<PathBuf, Error> {
    if command.is_empty() {
        return Err(Error::NotFound(command.to_owned()));
    }
    if command.as_bytes().contains(&b'/') {
        return exists(Path::new(command));
    }
    let mut refused = None;
    for folder in std::env::split_paths(path.unwrap_or(OsStr::new(DEFAULT_PATH))) {
        let candidate = Path::new(if folder.as_os_str().is_empty() {
            OsStr::new(".")
        } else {
            folder.as_os_str()
        })
        .join(command);
        if !candidate.is_file() {
            continue;
        }
        if executable(&candidate) {
            return Ok(candidate);
        }
        refused.get_or_insert(candidate);
    }
    // As execvp(3): a file that may not be executed only counts if there is no better one.
    match refused {
        Some(path) => Err(not_executable(&path)),
        None => Err(Error::NotFound(command.to_owned())),
    }
}

fn exists(path: &Path) -> Result<PathBuf, Error> {
    let not_runnable = |reason: String| Error::NotRunnable {
        path: path.to_owned(),
        reason,
    };
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::NoSuchFile(path.as_os_str().to_owned()))
        }
        Err(e) => Err(not_runnable(e.to_string())),
        Ok(meta) if meta.is_dir() => Err(not_runnable("is a directory, not a program".into())),
        Ok(_) if !executable(path) => Err(not_executable(path)),
        Ok(_) => Ok(path.to_owned()),
    }
}

fn not_executable(path: &Path) -> Error {
    Error::NotRunnable {
        path: path.to_owned(),
        reason: format!("may not be executed; try chmod +x {}", path.display()),
    }
}

fn executable(path: &Path) -> bool {
    accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

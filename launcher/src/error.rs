//! Everything that can stop the launcher: one line each, with its remedy and its exit status.
//!
//! Made anywhere in the launcher, shown by `entry`. A line must never leave the user without a next step.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::obstacle::Obstacle;

/// Exit status: an error of ours, or a bad option or setting.
pub const STATUS_OWN: i32 = 125;
/// Exit status: the command was found but cannot be run, or not be accelerated under `--strict`.
pub const STATUS_NOT_RUNNABLE: i32 = 126;
/// Exit status: the command was not found.
pub const STATUS_NOT_FOUND: i32 = 127;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Usage(String),
    #[error(
        "liblichen.so was not found; looked for {}; install both with scripts/install PREFIX",
        listed(.0)
    )]
    NoShim(Vec<PathBuf>),
    #[error(
        "{} cannot stand in LD_PRELOAD because of a blank, colon or dollar sign in its path; install Lichen elsewhere",
        .0.display()
    )]
    ShimPath(PathBuf),
    #[error("cannot tell where this program lies: {0}; is /proc mounted?")]
    OwnPath(std::io::Error),
    #[error("{}: command not found; is it in PATH?", .0.display())]
    NotFound(OsString),
    #[error("{}: no such file", .0.display())]
    NoSuchFile(OsString),
    #[error("{}: {reason}", .path.display())]
    NotRunnable { path: PathBuf, reason: String },
    #[error("{}: {} (refused because of --strict); {}", .path.display(), .obstacle.cause(), .obstacle.remedy())]
    Refused { path: PathBuf, obstacle: Obstacle },
    #[error("{}: {reason}", .path.display())]
    LibcFile { path: PathBuf, reason: String },
    #[error("cannot write: {0}")]
    Output(std::io::Error),
}

impl Error {
    /// The launcher's exit status for this error.
    pub fn status(&self) -> i32 {
        match self {
            Self::NotFound(_) | Self::NoSuchFile(_) => STATUS_NOT_FOUND,
            Self::NotRunnable { .. } | Self::Refused { .. } => STATUS_NOT_RUNNABLE,
            _ => STATUS_OWN,
        }
    }

    /// Says it on stderr, in one line.
    pub fn print(&self) {
        say(&self.to_string());
    }
}

/// One line on stderr, marked as ours. A closed stderr is no reason to fail.
pub fn say(line: &str) {
    use std::io::Write;
    let line = format!("lichen: {}\n", line.replace('\n', " "));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

fn listed(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
    names.join(" and ")
}

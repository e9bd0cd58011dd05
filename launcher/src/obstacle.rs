//! Why a program runs natively: one clause for each reason, and the remedy.
//!
//! Made by `target`, `privileges` and `run`; worded here so that `run` and `check` say the same.

use std::path::PathBuf;

use lichen_target::Reason;

/// What stands between a program and green threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Its file says so.
    File(Reason),
    SetUid,
    SetGid,
    FileCapabilities,
    NoFsgsbase,
    Valgrind,
    /// The kernel would refuse to start it, or the file cannot be read.
    NotJudged(String),
    /// Calls that must be caught have sites that cannot be rewritten.
    SitesLeft {
        module: PathBuf,
        calls: String,
    },
    /// No libc to look at was found for its loader, or it could not be read.
    LibcUnknown(String),
}

impl Obstacle {
    /// A short name for `--json`.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::File(Reason::Static) => "static",
            Self::File(Reason::Musl) => "musl",
            Self::File(Reason::OtherLoader) => "other-loader",
            Self::File(Reason::Bits32) => "32-bit",
            Self::File(Reason::OtherCpu) => "other-cpu",
            Self::File(Reason::Go) => "go",
            Self::SetUid => "setuid",
            Self::SetGid => "setgid",
            Self::FileCapabilities => "file-capabilities",
            Self::NoFsgsbase => "no-fsgsbase",
            Self::Valgrind => "valgrind",
            Self::NotJudged(_) => "not-judged",
            Self::SitesLeft { .. } => "sites-left",
            Self::LibcUnknown(_) => "libc-unknown",
        }
    }

    /// What is the matter, to stand after the program's name and a colon.
    pub fn cause(&self) -> String {
        match self {
            Self::File(Reason::Static) => {
                "is statically linked and nothing can be preloaded into it".into()
            }
            Self::File(Reason::Musl) => "uses musl as its libc and Lichen works on glibc".into(),
            Self::File(Reason::OtherLoader) => "has a dynamic loader that is not glibc's".into(),
            Self::File(Reason::Bits32) => {
                "is a 32-bit program and Lichen works on 64-bit ones".into()
            }
            Self::File(Reason::OtherCpu) => "is made for another kind of processor".into(),
            Self::File(Reason::Go) => {
                "is made by Go, whose runtime makes threads and system calls without libc".into()
            }
            Self::SetUid => privileged("changes its user id (setuid)"),
            Self::SetGid => privileged("changes its group id (setgid)"),
            Self::FileCapabilities => privileged("gains capabilities from its file"),
            Self::NoFsgsbase => {
                "FSGSBASE, on which green threads rest, is not offered by this processor or kernel"
                    .into()
            }
            Self::Valgrind => {
                "runs the code of programs in a way of its own and cannot run Lichen's".into()
            }
            Self::NotJudged(why) => format!("cannot be judged ({why})"),
            Self::SitesLeft { module, calls } => format!(
                "{} makes calls that must be caught in a way that is not understood ({calls})",
                module.display()
            ),
            Self::LibcUnknown(why) => format!("its libc cannot be judged ({why})"),
        }
    }

    /// What the user can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::File(Reason::Static) => "link it dynamically (without -static)",
            Self::File(Reason::Musl | Reason::OtherLoader) => "use a build for glibc",
            Self::File(Reason::Bits32) => "use its 64-bit build",
            Self::File(Reason::OtherCpu) => "use its x86-64 build",
            Self::File(Reason::Go) => {
                "start it without lichen: goroutines are green threads already"
            }
            Self::SetUid | Self::SetGid | Self::FileCapabilities => {
                "start it as the user it changes to, or use a copy without these bits"
            }
            Self::NoFsgsbase => {
                "use Linux 5.9 or newer on a processor with FSGSBASE, without the boot option nofsgsbase"
            }
            Self::Valgrind => "run Valgrind on the program without lichen",
            Self::NotJudged(_) => "see whether it can be read and started natively",
            Self::SitesLeft { .. } => "see lichen check --libc FILE and report this libc's version",
            Self::LibcUnknown(_) => "is glibc installed where its loader looks for it?",
        }
    }
}

fn privileged(how: &str) -> String {
    format!("{how} and the loader then ignores LD_PRELOAD")
}

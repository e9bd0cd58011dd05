//! Can this program be accelerated, and what to say if not.
//!
//! Called by `run` and `check` with a file found by `search`. Asks `lichen-target` about the ELF file
//! and the file system about privileges. It must not print and must not stop anything: it returns an
//! [`Obstacle`], and the caller decides by `--strict` and `--quiet`.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use lichen_settings::{Cap, Settings};
use lichen_target::{Errno, Judgement, SCRATCH_LEN, judge_exec, script};

use crate::module::Module;
use crate::obstacle::Obstacle;
use crate::privileges;

/// AT_HWCAP2 bit of x86-64 Linux: rdfsbase and wrfsbase work in user mode.
const HWCAP2_FSGSBASE: usize = 1 << 1;

/// A program with everything that `#!` lines lead to.
pub struct Target {
    /// The files the kernel goes through: scripts, then the program that is loaded.
    pub chain: Vec<PathBuf>,
    /// Headers of the last one.
    pub module: Module,
    /// Why it cannot be accelerated, if so.
    pub obstacle: Option<Obstacle>,
    /// Why it could not be looked at, if so. It may run all the same: execute-only files do.
    pub doubt: Option<Obstacle>,
}

impl Target {
    /// Examines the file that `command` was resolved to.
    pub fn examine(command: &OsStr, path: &Path, settings: &Settings) -> Self {
        let chain = follow_scripts(path);
        let program = chain.last().map_or(path, PathBuf::as_path).to_owned();
        let judgement = judge(path);
        Self {
            obstacle: obstacle(command, &program, judgement, settings),
            doubt: doubt(judgement),
            module: Module::read(&program).unwrap_or_default(),
            chain,
        }
    }

    /// The file that is loaded in the end.
    pub fn program(&self) -> &Path {
        self.chain.last().map_or(Path::new(""), PathBuf::as_path)
    }

    /// The dynamic loader: the one it names, or itself if it is one.
    pub fn loader(&self) -> &Path {
        self.module.loader.as_deref().unwrap_or(self.program())
    }

    /// AddressSanitizer's runtime, which stops the program unless it comes before all other libraries.
    pub fn leading_library(&self) -> Option<&OsString> {
        self.module.needed.iter().find(|name| {
            let name = name.as_bytes();
            name.starts_with(b"libasan.so") || name.starts_with(b"libclang_rt.asan")
        })
    }
}

fn judge(path: &Path) -> Judgement {
    match CString::new(path.as_os_str().as_bytes()) {
        Ok(path) => judge_exec(&path, &mut [0; SCRATCH_LEN]),
        Err(_) => Judgement::Unknown(Errno::NOENT),
    }
}

/// The first reason that applies; those nobody can repair in the program come first.
fn obstacle(
    command: &OsStr,
    program: &Path,
    judgement: Judgement,
    settings: &Settings,
) -> Option<Obstacle> {
    if !has_fsgsbase() || settings.without.has(Cap::Fsgsbase) {
        return Some(Obstacle::NoFsgsbase);
    }
    if is_valgrind(command) || is_valgrind(program.as_os_str()) {
        return Some(Obstacle::Valgrind);
    }
    match judgement {
        Judgement::NotLoadable(reason) => Some(Obstacle::File(reason)),
        Judgement::Loadable | Judgement::Unknown(_) => privileges::gained_by(program),
    }
}

/// What could not be looked at. A file in no format of the kernel's is left to the shell, as execvp(3) does.
fn doubt(judgement: Judgement) -> Option<Obstacle> {
    match judgement {
        Judgement::Unknown(errno) if errno != Errno::NOEXEC => Some(Obstacle::NotJudged(
            std::io::Error::from_raw_os_error(errno.0).to_string(),
        )),
        _ => None,
    }
}

fn has_fsgsbase() -> bool {
    let (_, hwcap2) = rustix::param::linux_hwcap();
    hwcap2 & HWCAP2_FSGSBASE != 0
}

/// Valgrind is told by its name because it is a tool that runs the program in its own way: it does not
/// know wrfsbase and keeps its own copy of the code.
fn is_valgrind(name: &OsStr) -> bool {
    Path::new(name)
        .file_name()
        .is_some_and(|name| name == "valgrind" || name == "valgrind.bin")
}

/// The file and the interpreters behind it, at most as many as the kernel follows.
fn follow_scripts(path: &Path) -> Vec<PathBuf> {
    let mut chain = vec![path.to_owned()];
    while chain.len() <= script::MAX_DEPTH {
        let Some(head) = chain.last().and_then(|file| head(file)) else {
            break;
        };
        let Some(interpreter) = script::interpreter(&head) else {
            break;
        };
        chain.push(PathBuf::from(OsStr::from_bytes(interpreter)));
    }
    chain
}

fn head(path: &Path) -> Option<Vec<u8>> {
    use std::io::Read;
    let is_file = path.metadata().ok()?.is_file();
    let file = std::fs::File::open(path).ok().filter(|_| is_file)?;
    let mut head = Vec::with_capacity(SCRATCH_LEN);
    file.take(SCRATCH_LEN as u64).read_to_end(&mut head).ok()?;
    Some(head)
}

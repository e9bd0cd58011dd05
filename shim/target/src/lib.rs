//! Could this file, if executed, load `liblichen.so`? Follows `#!` lines and reads the ELF headers.
//!
//! Called by the launcher before it starts a program and by the shim before each execve(2) of a
//! followed program. There it may run on a thread's small stack or in a vfork(2) child that shares the
//! parent's memory. So it must never allocate, call libc, panic or keep state: system calls are made
//! directly, everything is read in pieces of [`SCRATCH_LEN`] bytes into a buffer of the caller's, and at
//! most about 20 KiB of a file are looked at. A usual program costs about a dozen cheap system calls.
//!
//! ```text
//! judge_exec ─► script: follow #! (as often as the kernel would)
//!            └► elf: class, machine, PT_INTERP ─► go: made by Go?
//! ```
#![no_std]

#[cfg(test)]
extern crate std;

mod bytes;
mod elf;
mod file;
mod go;
pub mod script;
mod sys;

use core::ffi::CStr;

pub use elf::judge_elf;
pub use file::{AT_FDCWD, File, ReadAt};
pub use sys::Errno;

/// Bytes of scratch memory a judgement needs.
pub const SCRATCH_LEN: usize = 256;

/// The caller's buffer, so that the demand for stack is visible where it is paid.
pub type Scratch = [u8; SCRATCH_LEN];

/// Whether a program can load the shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// A dynamically linked glibc program for this processor.
    Loadable,
    /// It cannot, or must not.
    NotLoadable(Reason),
    /// It could not be looked at (execute-only, gone, no ELF file and no script). execve(2) itself will
    /// say what is wrong; if it succeeds, the program should be treated as loadable.
    Unknown(Errno),
}

/// Why a program cannot load the shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No dynamic loader (no PT_INTERP): static or static-PIE.
    Static,
    /// Its loader is musl's.
    Musl,
    /// Its loader is neither glibc's nor musl's.
    OtherLoader,
    /// A 32-bit program.
    Bits32,
    /// For another processor.
    OtherCpu,
    /// Made by Go, whose runtime makes system calls and threads of its own.
    Go,
}

impl Judgement {
    /// Whether our entry in `LD_PRELOAD` must be dropped for this program.
    #[must_use]
    pub fn preload_does_harm(self) -> bool {
        matches!(self, Self::NotLoadable(reason) if reason.preload_does_harm())
    }
}

impl Reason {
    /// Whether our entry in `LD_PRELOAD` would do harm: another loader stops with an error or prints
    /// one. A static program ignores the variable, but its children may be ones that can load us; a Go
    /// program with a dynamic loader would load us and must not.
    #[must_use]
    pub fn preload_does_harm(self) -> bool {
        !matches!(self, Self::Static)
    }
}

/// Judges the program that execve(2) of `path` would start.
///
/// Context: green side, vfork child and signal handlers included; does not park, uses one descriptor
/// for a moment.
#[must_use]
pub fn judge_exec(path: &CStr, scratch: &mut Scratch) -> Judgement {
    judge_execat(AT_FDCWD, path, scratch)
}

/// As [`judge_exec`] with `path` relative to the directory descriptor `dir`, as execveat(2) takes it.
#[must_use]
pub fn judge_execat(dir: i32, path: &CStr, scratch: &mut Scratch) -> Judgement {
    match File::open(dir, path) {
        Ok(file) => judge_file(file, scratch),
        Err(errno) => Judgement::Unknown(errno),
    }
}

/// Judges an open file and the interpreters behind it.
#[must_use]
pub fn judge_file(mut file: File, scratch: &mut Scratch) -> Judgement {
    for _ in 0..=script::MAX_DEPTH {
        let head = file.read_at(0, scratch);
        if !script::is_script(head) {
            return judge_elf(&file, scratch);
        }
        let Some(interpreter) = script::interpreter_in_place(scratch) else {
            return Judgement::Unknown(Errno::NOEXEC);
        };
        file = match File::open(AT_FDCWD, interpreter) {
            Ok(file) => file,
            Err(errno) => return Judgement::Unknown(errno),
        };
    }
    Judgement::Unknown(Errno::LOOP)
}

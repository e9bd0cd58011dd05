//! A folder with the launcher, a stand-in shim and small programs made on the fly.
//!
//! Used by every test. Executable files are written by child processes only: a descriptor that is open for
//! writing here could be inherited by a child that another test starts at that moment, and executing the
//! file would fail with ETXTBSY.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assert_cmd::assert::{Assert, OutputAssertExt};

/// A program that prints LD_PRELOAD and every LICHEN_* variable, and exits with 3.
pub const SHOW: &str = r#"
#include <stdio.h>
#include <string.h>
extern char **environ;
int main(void) {
    for (char **e = environ; *e; e++)
        if (!strncmp(*e, "LICHEN_", 7) || !strncmp(*e, "LD_PRELOAD=", 11)) puts(*e);
    return 3;
}
"#;

pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// A launcher with a stand-in shim beside it.
    pub fn new() -> Self {
        let place = Self::without_shim();
        gcc(&["-shared", "-o", text(&place.shim())], "");
        place
    }

    /// A launcher alone.
    pub fn without_shim() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        let place = Self { folder };
        std::fs::hard_link(env!("CARGO_BIN_EXE_lichen"), place.launcher()).unwrap();
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn launcher(&self) -> PathBuf {
        self.path("bin/lichen")
    }

    pub fn shim(&self) -> PathBuf {
        self.path("bin/liblichen.so")
    }

    /// The launcher as a command in this folder, with a clean environment.
    pub fn lichen(&self, args: &[&str]) -> Command {
        let mut command = clean(&self.launcher());
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path());
        command
    }

    /// Compiles `source` to the program `name`.
    pub fn compile(&self, name: &str, flags: &[&str], source: &str) -> PathBuf {
        let path = self.path(name);
        gcc(&[flags, &["-o", text(&path)]].concat(), source);
        path
    }

    /// Writes an executable file.
    pub fn executable(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.path(name);
        let write = "mkdir -p \"$(dirname \"$0\")\"; cat >\"$0\"; chmod 755 \"$0\"";
        feed(
            Command::new("sh").args(["-c", write, text(&path)]),
            contents,
        );
        path
    }

    /// A copy of a program with some bytes changed.
    pub fn patched(&self, name: &str, original: &Path, changes: &[(usize, u8)]) -> PathBuf {
        let mut bytes = std::fs::read(original).unwrap();
        for (at, byte) in changes {
            bytes[*at] = *byte;
        }
        self.executable(name, &bytes)
    }
}

/// A command that sees nothing of this process's LICHEN_* and LD_* variables.
pub fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("LICHEN_") || name.starts_with("LD_") || name.starts_with("XDG_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Runs it and keeps what came out.
pub fn outcome(command: &mut Command) -> Assert {
    command.assert()
}

/// Exit status, stdout and stderr as text.
pub fn parts(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// That `stderr` is one line of ours that holds all of `words`.
#[track_caller]
pub fn one_line_with(stderr: &str, words: &[&str]) {
    assert_eq!(stderr.lines().count(), 1, "one line: {stderr:?}");
    assert!(stderr.starts_with("lichen: "), "{stderr:?}");
    for word in words {
        assert!(stderr.contains(word), "{word:?} in {stderr:?}");
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn gcc(args: &[&str], source: &str) {
    feed(
        Command::new("gcc").args(["-x", "c", "-"]).args(args),
        source.as_bytes(),
    );
}

#[track_caller]
fn feed(command: &mut Command, input: &[u8]) {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    assert!(child.wait().unwrap().success(), "{command:?}");
}

//! Programs that gain privileges: the loader ignores LD_PRELOAD for them, so it is said beforehand.
//!
//! Gaining needs another user. As root the launcher is run by setpriv(1) as that user; otherwise those
//! tests say that they were skipped.

use std::ffi::CString;
use std::path::Path;
use std::process::Command;

use rustix::fs::{StatVfsMountFlags, XattrFlags, setxattr, statvfs};

use crate::place::{Place, SHOW, clean, one_line_with, outcome, parts, set_mode, text};

const NOBODY: &str = "65534";

/// A folder that any user may enter, with launcher, stand-in shim and program.
struct Open(tempfile::TempDir);

impl Open {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let nosuid =
            statvfs(folder.path()).is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::NOSUID));
        let has_setpriv = Command::new("setpriv").arg("--version").output().is_ok();
        if !rustix::process::geteuid().is_root() || nosuid || !has_setpriv {
            eprintln!("SKIPPED: needs root, setpriv and a temporary folder not mounted nosuid");
            return None;
        }
        set_mode(folder.path(), 0o755);
        let place = Place::new();
        let program = place.compile("program", &[], SHOW);
        for file in [place.launcher(), place.shim(), program] {
            let copied = Command::new("cp").arg(file).arg(folder.path()).status();
            assert!(copied.unwrap().success());
        }
        Some(Self(folder))
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn run_as_nobody(&self, before: &[&str], args: &[&str]) -> (Option<i32>, String, String) {
        let mut command = clean(Path::new("setpriv"));
        command
            .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"])
            .args(before)
            .arg(self.file("lichen"))
            .args(args)
            .current_dir(self.0.path())
            .env("HOME", "/nowhere");
        parts(&mut command)
    }
}

#[test]
fn bits_that_change_nothing_are_no_obstacle() {
    let place = Place::new();
    let program = place.compile("program", &[], SHOW);
    set_mode(&program, 0o6755);
    outcome(&mut place.lichen(&["run", "--strict", text(&program)]))
        .code(3)
        .stderr("");
}

#[test]
fn setuid_and_setgid_are_named() {
    let Some(open) = Open::new() else { return };
    for (mode, word) in [(0o4755, "setuid"), (0o2755, "setgid")] {
        set_mode(&open.file("program"), mode);
        let (code, stdout, stderr) = open.run_as_nobody(&[], &["run", "./program"]);
        assert_eq!((code, stdout.as_str()), (Some(3), ""));
        one_line_with(&stderr, &[word, "natively"]);
        let (code, _, stderr) = open.run_as_nobody(&[], &["run", "--strict", "./program"]);
        assert_eq!(code, Some(126));
        one_line_with(&stderr, &[word]);
        // Under no_new_privs the kernel ignores the bits, so nothing stands in the way.
        let (code, _, stderr) = open.run_as_nobody(&["--no-new-privs"], &["run", "./program"]);
        assert_eq!((code, stderr.as_str()), (Some(3), ""));
    }
    set_mode(&open.file("program"), 0o755);
    let (code, stdout, stderr) = open.run_as_nobody(&[], &["run", "./program"]);
    assert_eq!((code, stderr.as_str()), (Some(3), ""));
    assert!(stdout.contains("liblichen.so"), "{stdout}");
}

#[test]
fn capabilities_of_the_file_are_named() {
    let Some(open) = Open::new() else { return };
    // Version 2, effective; permitted: CAP_NET_BIND_SERVICE (capabilities(7), linux/capability.h).
    let mut value = [0_u8; 20];
    value[..4].copy_from_slice(&0x0200_0001_u32.to_le_bytes());
    value[4..8].copy_from_slice(&(1_u32 << 10).to_le_bytes());
    let path = CString::new(text(&open.file("program"))).unwrap();
    if let Err(e) = setxattr(&*path, "security.capability", &value, XattrFlags::empty()) {
        eprintln!("SKIPPED: file capabilities cannot be set here: {e}");
        return;
    }
    let (code, stdout, stderr) = open.run_as_nobody(&[], &["run", "./program"]);
    assert_eq!((code, stdout.as_str()), (Some(3), ""));
    one_line_with(&stderr, &["capabilities", "natively"]);
    // Root has them anyway.
    let mut command = clean(&open.file("lichen"));
    outcome(
        command
            .args(["run", "./program"])
            .current_dir(open.0.path()),
    )
    .code(3)
    .stderr("");
}

//! Judging real files of this machine, and broken ones. The launcher's tests build one binary of each kind.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use lichen_target::{Errno, Judgement, Reason, SCRATCH_LEN, judge_elf, judge_exec, script};

fn judge(path: &CStr) -> Judgement {
    judge_exec(path, &mut [0; SCRATCH_LEN])
}

fn bytes(bytes: &[u8]) -> Judgement {
    judge_elf(&bytes, &mut [0; SCRATCH_LEN])
}

#[test]
fn the_shell_is_loadable() {
    assert_eq!(judge(c"/bin/sh"), Judgement::Loadable);
}

#[test]
fn the_loader_itself_is_loadable() {
    assert_eq!(judge(c"/lib64/ld-linux-x86-64.so.2"), Judgement::Loadable);
}

#[test]
fn what_cannot_be_looked_at_is_unknown() {
    assert_eq!(judge(c"/nowhere/prog"), Judgement::Unknown(Errno::NOENT));
    assert_eq!(judge(c"/tmp"), Judgement::Unknown(Errno::ACCESS));
    assert_eq!(judge(c"/dev/null"), Judgement::Unknown(Errno::ACCESS));
    assert_eq!(judge(c"/etc/passwd"), Judgement::Unknown(Errno::NOEXEC));
}

#[test]
fn scripts_are_followed_as_often_as_the_kernel_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut interpreter = Path::new("/bin/sh").to_owned();
    for depth in 1..=script::MAX_DEPTH + 1 {
        let script = folder.path().join(depth.to_string());
        let line = [b"#! ", interpreter.as_os_str().as_bytes(), b" x\n"].concat();
        std::fs::write(&script, line).unwrap();
        let expected = if depth <= script::MAX_DEPTH {
            Judgement::Loadable
        } else {
            Judgement::Unknown(Errno::LOOP)
        };
        let path = CString::new(script.as_os_str().as_bytes()).unwrap();
        assert_eq!(judge(&path), expected, "{depth}");
        interpreter = script;
    }
}

#[test]
fn headers_for_other_machines_are_told_apart() {
    let shell = std::fs::read("/bin/sh").unwrap();
    let with = |changes: &[(usize, u8)]| {
        let mut copy = shell.clone();
        for (at, byte) in changes {
            copy[*at] = *byte;
        }
        bytes(&copy)
    };
    assert_eq!(with(&[]), Judgement::Loadable);
    let i386 = [(4, 1), (18, 3)];
    assert_eq!(with(&i386), Judgement::NotLoadable(Reason::Bits32));
    assert_eq!(with(&[(4, 1)]), Judgement::NotLoadable(Reason::Bits32));
    assert_eq!(with(&[(18, 183)]), Judgement::NotLoadable(Reason::OtherCpu));
    assert_eq!(with(&[(5, 2)]), Judgement::NotLoadable(Reason::OtherCpu));
}

#[test]
fn broken_headers_never_panic() {
    let shell = std::fs::read("/bin/sh").unwrap();
    for len in 0..1200 {
        let _ = bytes(&shell[..len]);
    }
    // Deterministic damage: each byte of the headers set to three values in turn.
    for at in 0..800 {
        for value in [0, 0x7f, 0xff] {
            let mut copy = shell[..4096].to_vec();
            copy[at] = value;
            let _ = bytes(&copy);
        }
    }
}

#[test]
fn the_preload_is_dropped_only_where_it_does_harm() {
    for reason in [
        Reason::Musl,
        Reason::OtherLoader,
        Reason::Bits32,
        Reason::OtherCpu,
        Reason::Go,
    ] {
        assert!(
            Judgement::NotLoadable(reason).preload_does_harm(),
            "{reason:?}"
        );
    }
    // The children of a static program may well be able to load us.
    assert!(!Judgement::NotLoadable(Reason::Static).preload_does_harm());
    assert!(!Judgement::Unknown(Errno::ACCESS).preload_does_harm());
    assert!(!Judgement::Loadable.preload_does_harm());
}

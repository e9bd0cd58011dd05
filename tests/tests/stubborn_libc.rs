//! A libc in which a call that must be caught cannot be rewritten: the program runs natively, with one line that says so.
//!
//! Started by `cargo test` and `cargo nextest`. The libc is a copy of this machine's, with two jumps in padding that is
//! never executed: one to a `syscall` instruction, one behind it. It works as before, but no five bytes round that
//! instruction may be replaced any more.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lichen_tests::run::{self, Ended, Outcome, World};
use lichen_tests::{compile, paths};

type Result<T = ()> = std::result::Result<T, String>;

const LIMIT: Duration = Duration::from_secs(20);
/// `mov $SYS_futex,%eax; syscall; cmp $-4096,%rax`
const SITE: [u8; 13] = [
    0xb8, 0xca, 0, 0, 0, 0x0f, 0x05, 0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff,
];
const SYSCALL: usize = 5;
const BEHIND: usize = 7;
/// `ret`, then as much padding as two jumps need.
const PADDING: [u8; 11] = [0xc3, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0];

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|piece| piece == wanted)
}

/// Puts `jmp target` at `at`; both are offsets in one segment.
fn jump(bytes: &mut [u8], at: usize, target: usize) -> Option<()> {
    let distance = i32::try_from(target.checked_signed_diff(at + 5)?).ok()?;
    bytes[at] = 0xe9;
    bytes[at + 1..at + 5].copy_from_slice(&distance.to_le_bytes());
    Some(())
}

fn stubborn(bytes: &mut [u8]) -> Option<()> {
    let site = find(bytes, &SITE)?;
    // In the same function or near it, so that it is in the same segment for certain.
    let padding = site + find(&bytes[site..], &PADDING)? + 1;
    jump(bytes, padding, site + SYSCALL)?;
    jump(bytes, padding + 5, site + BEHIND)
}

/// The file that this process has mapped as its libc.
fn own_libc() -> Result<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").map_err(|e| format!("no maps: {e}"))?;
    let path = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    path.map(Path::new)
        .find(|path| path.ends_with("libc.so.6"))
        .map(Path::to_owned)
        .ok_or_else(|| "this test is not linked with libc.so.6".to_owned())
}

/// Runs the program with the libc in `folder`.
fn run_with(folder: &Path, cache: &Path, shim: &Path) -> Result<Outcome> {
    let source = paths::root().join("tests/calls/threads_create_join.c");
    let mut command = Command::new(compile::program(&source, &[], &[])?);
    run::enter(&mut command, World::Lichen(shim));
    command.env("LD_LIBRARY_PATH", folder);
    // Plans are kept by build id, and both copies have that of the original.
    command.env("XDG_CACHE_HOME", cache);
    run::finish(command, LIMIT)
}

#[test]
fn a_libc_with_needed_sites_left_runs_natively() -> Result {
    let shim = paths::shim()?;
    let libc = own_libc()?;
    let mut bytes = fs::read(&libc).map_err(|e| format!("{}: {e}", libc.display()))?;
    let folder = tempfile::tempdir().map_err(|e| format!("no folder: {e}"))?;
    let copy = folder.path().join("libc.so.6");
    let write = |bytes: &[u8]| fs::write(&copy, bytes).map_err(|e| format!("no copy: {e}"));

    // A copy as such is no obstacle.
    write(&bytes)?;
    let usual = run_with(folder.path(), &folder.path().join("usual"), &shim)?;
    if usual.ended != Ended::Exit(0) || !usual.stderr.is_empty() {
        return Err(format!("with a copy of libc: {usual:#?}"));
    }

    stubborn(&mut bytes).ok_or("no futex call with padding behind it in this libc")?;
    write(&bytes)?;
    let natively = run_with(folder.path(), &folder.path().join("stubborn"), &shim)?;
    let lines: Vec<&str> = natively.stderr.lines().collect();
    let said = lines.len() == 1 && lines[0].starts_with("lichen: running natively: ");
    if !said || natively.stdout != usual.stdout || natively.ended != Ended::Exit(0) {
        return Err(format!(
            "with a libc that cannot be rewritten: {natively:#?}"
        ));
    }
    Ok(())
}

//! scripts/install: both files in place, found by the installed launcher, and gone again.

use std::path::Path;
use std::process::Command;

use crate::place::{Place, clean, outcome, parts, text};

fn install() -> Command {
    clean(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/install"))
}

/// A folder that looks like a finished release build.
fn built(place: &Place) {
    std::fs::create_dir_all(place.path("target")).unwrap();
    std::fs::rename(place.path("bin"), place.path("target/release")).unwrap();
}

#[test]
fn what_was_installed_works_and_can_be_removed() {
    let place = Place::new();
    built(&place);
    let prefix = place.path("prefix");
    // Twice: an update replaces the files.
    for _ in 0..2 {
        let mut command = install();
        command
            .args(["--no-build", text(&prefix)])
            .env("CARGO_TARGET_DIR", place.path("target"));
        outcome(&mut command).success();
    }
    let shim = prefix.join("lib/lichen/liblichen.so");
    let mut command = clean(&prefix.join("bin/lichen"));
    command
        .args(["run", "sh", "-c", "echo $LD_PRELOAD"])
        .env("HOME", place.path(""));
    outcome(&mut command)
        .success()
        .stdout(format!("{}\n", shim.display()));

    std::fs::write(prefix.join("lib/lichen/other"), "").unwrap();
    outcome(install().args(["--remove", text(&prefix)])).success();
    assert!(!prefix.join("bin/lichen").exists());
    assert!(!shim.exists());
    assert!(prefix.join("lib/lichen/other").exists());
}

#[test]
fn bad_calls_say_what_is_wanted() {
    let cases: [(&[&str], &str); 4] = [
        (&[], "usage"),
        (&["--bogus", "/nowhere"], "unknown option"),
        (&["--no-build", "/no where"], "blank"),
        (&["--no-build", "/p"], "is missing"),
    ];
    for (args, word) in cases {
        let place = Place::new();
        let mut command = install();
        command.args(args).env("CARGO_TARGET_DIR", place.path("no"));
        let (code, _, stderr) = parts(&mut command);
        assert_eq!(code, Some(1), "{args:?}");
        assert!(stderr.contains(word), "{word} in {stderr}");
    }
}

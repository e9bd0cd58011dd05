//! Programs that cannot be accelerated: named before the start, then run natively or refused.

use std::path::PathBuf;

use crate::place::{Place, SHOW, one_line_with, outcome, parts, text};

/// One kind of program per line: how it is made, the words of its message, whether it runs at all.
fn kinds(place: &Place) -> Vec<(PathBuf, &'static [&'static str], bool)> {
    let compile = |name: &str, flags: &[&str], source: &str| place.compile(name, flags, source);
    let usual = compile("usual", &[], SHOW);
    let musl = "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1";
    let other = "-Wl,--dynamic-linker=/system/bin/linker64";
    let section = format!(
        "__attribute__((section(\".go.buildinfo\"))) char info[] = \"\\xff Go buildinf:\";{SHOW}"
    );
    let note = format!(
        "__asm__(\".pushsection .note.go.buildid,\\\"a\\\",@note\\n.long 4,4,4\\n\
         .asciz \\\"Go\\\\0\\\"\\n.long 0\\n.popsection\");{SHOW}"
    );
    vec![
        (
            compile("static", &["-static"], SHOW),
            &["statically linked", "dynamically"],
            true,
        ),
        (
            compile("static-pie", &["-static-pie"], SHOW),
            &["statically linked"],
            true,
        ),
        (compile("musl", &[musl], SHOW), &["musl", "glibc"], false),
        (compile("bionic", &[other], SHOW), &["loader"], false),
        (
            place.patched("i386", &usual, &[(4, 1), (18, 3)]),
            &["32-bit"],
            false,
        ),
        (
            place.patched("arm", &usual, &[(18, 183)]),
            &["processor", "x86-64"],
            false,
        ),
        (
            compile("go-section", &[], &section),
            &["Go", "goroutines"],
            true,
        ),
        (compile("go-note", &[], &note), &["Go"], true),
        (
            place.executable("valgrind", b"#!/bin/sh\nexit 3\n"),
            &["Valgrind"],
            true,
        ),
    ]
}

#[test]
fn each_kind_is_named_and_then_runs_natively() {
    let place = Place::new();
    for (program, words, runs) in kinds(&place) {
        let (code, stdout, stderr) = parts(&mut place.lichen(&["run", text(&program)]));
        let first = stderr.split_inclusive('\n').next().unwrap_or_default();
        one_line_with(first, &[&[text(&program), "natively"], words].concat());
        if runs {
            assert_eq!(
                (code, stdout.as_str()),
                (Some(3), ""),
                "{program:?}: {stderr}"
            );
            assert_eq!(first, stderr);
        } else {
            assert_eq!(code, Some(126), "{program:?}: {stderr}");
        }
    }
}

#[test]
fn strict_refuses_each_kind_with_126() {
    let place = Place::new();
    for (program, words, _) in kinds(&place) {
        let (code, stdout, stderr) = parts(&mut place.lichen(&["run", "--strict", text(&program)]));
        assert_eq!((code, stdout.as_str()), (Some(126), ""), "{program:?}");
        one_line_with(&stderr, &[&["--strict"], words].concat());
    }
}

#[test]
fn check_says_the_same_of_each_kind() {
    let place = Place::new();
    for (program, words, _) in kinds(&place) {
        let (code, stdout, stderr) = parts(&mut place.lichen(&["check", text(&program)]));
        assert_eq!((code, stderr.as_str()), (Some(1), ""), "{program:?}");
        assert!(stdout.starts_with("no: would run natively\n"), "{stdout}");
        for word in words {
            // `check` has the program's name on a line of its own.
            assert!(
                stdout.to_lowercase().contains(&word.to_lowercase()),
                "{word} in {stdout}"
            );
        }
    }
}

#[test]
fn quiet_says_nothing() {
    let place = Place::new();
    place.compile("static", &["-static"], SHOW);
    for command in [
        &mut place.lichen(&["run", "-q", "./static"]),
        place.lichen(&["run", "./static"]).env("LICHEN_QUIET", "1"),
    ] {
        outcome(command).code(3).stderr("");
    }
}

#[test]
fn only_our_entry_leaves_the_preload() {
    let place = Place::new();
    place.compile("static", &["-static"], SHOW);
    let run = |preload: &str| {
        let mut command = place.lichen(&["run", "-q", "./static"]);
        parts(command.env("LD_PRELOAD", preload)).1
    };
    let other = place.compile("other.so", &["-shared"], "");
    let (other, shim) = (text(&other).to_owned(), place.shim());
    assert!(run(&format!("{}:{other}", shim.display())).contains(&format!("LD_PRELOAD={other}\n")));
    assert!(!run(text(&shim)).contains("LD_PRELOAD"));
    assert!(run(&other).contains(&format!("LD_PRELOAD={other}\n")));
}

#[test]
fn a_script_is_judged_by_its_interpreter() {
    let place = Place::new();
    let program = place.compile("static", &["-static"], SHOW);
    let script = place.executable("script", format!("#!{}\n", program.display()).as_bytes());
    let (code, _, stderr) = parts(&mut place.lichen(&["run", "--strict", text(&script)]));
    assert_eq!(code, Some(126));
    one_line_with(&stderr, &["statically linked"]);
}

#[test]
fn a_processor_without_fsgsbase_is_named() {
    let place = Place::new();
    place.compile("show", &[], SHOW);
    let (code, stdout, stderr) = parts(&mut place.lichen(&["run", "--without=fsgsbase", "./show"]));
    assert_eq!(code, Some(3));
    assert!(!stdout.contains("LD_PRELOAD"), "{stdout}");
    one_line_with(&stderr, &["FSGSBASE", "natively"]);
}

/// A libc whose futex site cannot be rewritten: code jumps to the `syscall` instruction itself, and behind it
/// stands nothing that could be borrowed.
const STUBBORN: &str = r#"__asm__(
    ".globl stubborn\n.type stubborn,@function\nstubborn:\n\ttest %edi,%edi\n\tmov $202,%eax\n\tje 1f\n"
    "\tmov $202,%eax\n1:\tsyscall\n\tret\n.size stubborn,.-stubborn\n");"#;

#[test]
fn strict_refuses_a_libc_with_needed_sites_left() {
    let place = Place::new();
    let flags = ["-shared", "-nostdlib", "-Wl,-soname,libc.so.6"];
    let libc = place.compile("libc.so.6", &flags, STUBBORN);
    // The program's libc is looked for beside its loader first.
    let loader = place.path("ld-linux-x86-64.so.2");
    std::fs::copy("/lib64/ld-linux-x86-64.so.2", &loader).unwrap();
    let link = format!("-Wl,--dynamic-linker={}", loader.display());
    let program = place.compile("program", &[&link], SHOW);

    let (code, _, stderr) = parts(&mut place.lichen(&["run", "--strict", text(&program)]));
    assert_eq!(code, Some(126));
    one_line_with(&stderr, &["--strict", text(&libc), "lichen check --libc"]);
    for args in [
        ["check", text(&program)].as_slice(),
        &["check", "--libc", text(&libc)],
    ] {
        let (code, stdout, _) = parts(&mut place.lichen(args));
        assert_eq!(code, Some(1), "{stdout}");
        for word in ["because", "must be caught", "(needed)"] {
            assert!(stdout.contains(word), "{word} in {stdout}");
        }
    }
}

//! `lichen check`: the report as text and as JSON.

use serde_json::Value;

use crate::place::{Place, SHOW, one_line_with, outcome, parts, text};

fn json(place: &Place, args: &[&str]) -> (Option<i32>, Value) {
    let args = [&["check", "--json"], args].concat();
    let (code, stdout, stderr) = parts(&mut place.lichen(&args));
    assert_eq!(stderr, "");
    (code, serde_json::from_str(&stdout).unwrap())
}

#[test]
fn a_threaded_program_is_described() {
    let place = Place::new();
    let source = "#include <pthread.h>\n#include <sys/socket.h>\n#include <poll.h>\n\
        void *f(void *p) { accept(3, 0, 0); return p; }\n\
        int main(void) { pthread_t t; pthread_create(&t, 0, f, 0); return poll(0, 0, 0); }";
    let program = place.compile("threads", &["-pthread"], source);
    let (code, report) = json(&place, &[text(&program), "--ignored"]);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(report["ok"], true);
    assert_eq!(report["files"][0], text(&program));
    assert_eq!(report["makes_threads"][0], text(&program));
    assert_eq!(report["blocking_imports"]["sockets"][0], "accept");
    assert_eq!(report["blocking_imports"]["several descriptors"][0], "poll");
    for module in ["libc", "loader"] {
        let sites = &report[module];
        assert!(sites["found"].as_u64() > Some(10), "{sites}");
        assert_eq!(sites["found"], sites["understood"], "{sites}");
        assert!(sites["build_id"].as_str().unwrap().len() >= 16, "{sites}");
    }
    assert!(
        report["libc"]["version"]
            .as_str()
            .unwrap()
            .starts_with("2.")
    );
}

#[test]
fn a_library_with_system_calls_of_its_own_is_listed() {
    let place = Place::new();
    let source = "long own(void) { long r; __asm__ volatile(\"mov $39, %%eax; syscall\" : \"=a\"(r) :: \"rcx\", \"r11\"); return r; }";
    place.compile("libown.so", &["-shared", "-fPIC"], source);
    let folder = place.path("");
    let link = format!("-L{}", folder.display());
    let flags = ["-Wl,-rpath,$ORIGIN", &link, "-l:libown.so"];
    // Libraries must stand behind the source, which gcc reads first from its standard input.
    let program = place.compile(
        "prog",
        &flags,
        "long own(void); int main(void) { return own() == 0; }",
    );
    let (code, report) = json(&place, &[text(&program)]);
    assert_eq!(code, Some(0), "{report}");
    let module = &report["other_modules"][0];
    assert!(
        module["path"].as_str().unwrap().ends_with("libown.so"),
        "{report}"
    );
    assert_eq!(module["found"], 1);
    assert_eq!(report["missing"].as_array().unwrap().len(), 0);
}

#[test]
fn system_calls_of_the_program_itself_are_understood() {
    let place = Place::new();
    let source = "int main(void) { long r; __asm__ volatile(\"mov $35, %%eax; xor %%edi, %%edi; syscall\" : \"=a\"(r) :: \"rdi\", \"rcx\", \"r11\"); return r != -14; }";
    for flags in [[].as_slice(), &["-no-pie", "-Wl,--build-id=none"]] {
        let program = place.compile("prog", flags, source);
        let (code, report) = json(&place, &[text(&program)]);
        assert_eq!(code, Some(0), "{report}");
        let module = &report["other_modules"][0];
        assert!(
            module["path"].as_str().unwrap().ends_with("prog"),
            "{report}"
        );
        assert_eq!(module["found"], 1, "{report}");
        assert_eq!(module["understood"], 1, "{report}");
    }
}

#[test]
fn text_is_for_people() {
    let place = Place::new();
    let program = place.compile("prog", &[], SHOW);
    let script = place.executable("script", format!("#!{}\n", program.display()).as_bytes());
    let (code, stdout, stderr) = parts(&mut place.lichen(&["check", text(&script)]));
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(
        stdout.starts_with("yes: runs on green threads\n"),
        "{stdout}"
    );
    let chain = format!("{} -> {}", script.display(), program.display());
    for word in [chain.as_str(), "libc.so.6 (glibc 2.", "system-call sites"] {
        assert!(stdout.contains(word), "{word} in {stdout}");
    }
}

#[test]
fn nothing_is_started() {
    let place = Place::new();
    place.executable("trap", b"#!/bin/sh\ntouch ran\n");
    outcome(&mut place.lichen(&["check", "./trap"])).success();
    assert!(!place.path("ran").exists());
}

#[test]
fn the_obstacle_is_in_the_json() {
    let place = Place::new();
    let program = place.compile("static", &["-static"], SHOW);
    let (code, report) = json(&place, &[text(&program)]);
    assert_eq!(code, Some(1));
    assert_eq!(report["ok"], false);
    assert_eq!(report["obstacle"]["kind"], "static");
    assert!(
        report["obstacle"]["remedy"]
            .as_str()
            .unwrap()
            .contains("-static")
    );
}

#[test]
fn a_libc_is_judged_as_a_file() {
    let place = Place::new();
    let (_, report) = json(&place, &["sh"]);
    let libc = report["libc"]["path"].as_str().unwrap();
    let (code, alone) = json(&place, &["--libc", libc]);
    assert_eq!(code, Some(0), "{alone}");
    assert_eq!(alone["libc"], report["libc"]);
}

#[test]
fn what_is_no_libc_is_refused() {
    let place = Place::new();
    let library = place.compile("lib.so", &["-shared"], "");
    let (code, report) = json(&place, &["--libc", text(&library)]);
    assert_eq!(code, Some(1));
    assert_eq!(report["obstacle"]["kind"], "libc-unknown");
    for file in ["/etc/passwd", "/nowhere/libc.so.6", "/tmp"] {
        let (code, _, stderr) = parts(&mut place.lichen(&["check", "--libc", file]));
        assert_eq!(code, Some(125), "{file}");
        one_line_with(&stderr, &[file]);
    }
}

#[test]
fn a_command_that_is_not_found_gives_127() {
    let (code, _, stderr) = parts(&mut Place::new().lichen(&["check", "no-such-command"]));
    assert_eq!(code, Some(127));
    one_line_with(&stderr, &["command not found"]);
}

#[test]
fn what_could_not_be_started_is_not_praised() {
    let place = Place::new();
    place.executable("no-interpreter", b"#!/nowhere/sh\n");
    let (one, two) = (place.path("one"), place.path("two"));
    place.executable("one", format!("#!{}\n", two.display()).as_bytes());
    place.executable("two", format!("#!{}\n", one.display()).as_bytes());
    for command in ["./no-interpreter", "./one"] {
        let (code, report) = json(&place, &[command]);
        assert_eq!(code, Some(1), "{report}");
        assert_eq!(report["obstacle"]["kind"], "not-judged");
    }
}

#[test]
fn the_shim_or_its_absence_is_reported() {
    let (place, bare) = (Place::new(), Place::without_shim());
    let (_, report) = json(&place, &["sh"]);
    assert_eq!(report["shim"], text(&place.shim()));
    let (_, report) = json(&bare, &["sh"]);
    assert!(
        report["missing"][0]
            .as_str()
            .unwrap()
            .contains("scripts/install"),
        "{report}"
    );
}

#[test]
fn damaged_files_never_make_it_stop() {
    let place = Place::new();
    let program = place.compile("program", &[], SHOW);
    let bytes = std::fs::read(&program).unwrap();
    let mut damaged: Vec<Vec<u8>> = (0..900).step_by(100).map(|n| bytes[..n].to_vec()).collect();
    // Offset, address and size of the first program headers, each made absurd.
    for field in (64..64 + 56 * 8)
        .step_by(56)
        .flat_map(|at| [at + 8, at + 16, at + 32])
    {
        let mut copy = bytes.clone();
        copy[field..field + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        damaged.push(copy);
    }
    for bytes in damaged {
        let file = place.executable("damaged", &bytes);
        let (code, _, stderr) = parts(&mut place.lichen(&["check", text(&file)]));
        assert!(matches!(code, Some(0 | 1)), "{code:?} {stderr}");
        assert_eq!(stderr, "");
    }
}

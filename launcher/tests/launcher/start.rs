//! The program is started as it would be natively, by execve and nothing else.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use crate::place::{Place, clean, one_line_with, outcome, parts, set_mode, text};

#[test]
fn the_exit_status_is_the_programs_own() {
    let place = Place::new();
    for status in [0, 1, 7, 125, 126, 127, 255] {
        let script = format!("exit {status}");
        outcome(&mut place.lichen(&["run", "sh", "-c", &script]))
            .code(status)
            .stdout("")
            .stderr("");
    }
}

#[test]
fn a_death_by_signal_is_the_programs_own() {
    let place = Place::new();
    let output = place
        .lichen(&["run", "sh", "-c", "kill -TERM $$"])
        .output()
        .unwrap();
    assert_eq!(output.status.signal(), Some(15));
    assert!(output.stderr.is_empty());
}

#[test]
fn the_process_id_stays() {
    let place = Place::new();
    let child = place
        .lichen(&["run", "sh", "-c", "echo $$"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        pid.to_string()
    );
}

/// Runs the same shell text natively and with `lichen run` put before the last command (`$RUN`).
fn same_as_natively(script: &str) {
    let place = Place::new();
    let run = |prefix: &str| {
        let mut shell = clean("sh".as_ref());
        shell
            .args(["-c", script])
            .env("RUN", prefix)
            .env("HOME", place.path(""));
        parts(&mut shell)
    };
    let native = run("");
    assert_eq!(native.0, Some(0), "{native:?}");
    assert_eq!(run(&format!("{} run", text(&place.launcher()))), native);
}

#[test]
fn ignored_signals_stay_ignored_and_the_others_do_not_become_so() {
    same_as_natively("exec $RUN grep -E 'SigIgn|SigBlk|SigCgt' /proc/self/status");
    same_as_natively("trap '' PIPE INT; exec $RUN grep -E 'SigIgn|SigBlk' /proc/self/status");
}

#[test]
fn open_and_closed_descriptors_stay_as_they_are() {
    same_as_natively("exec 7</dev/null; exec $RUN ls -1 /proc/self/fd");
    same_as_natively("exec 0<&- 2>&-; exec $RUN ls -1 /proc/self/fd");
}

#[test]
fn the_environment_and_argument_zero_are_kept() {
    let place = Place::new();
    let program = place.executable("echo0", b"#!/bin/sh\necho \"$0|$1|$X\"\n");
    outcome(
        place
            .lichen(&["run", text(&program), "a b"])
            .env("X", "1 2"),
    )
    .success()
    .stdout(format!("{}|a b|1 2\n", program.display()));
}

#[test]
fn a_command_that_is_not_found_gives_127() {
    let place = Place::new();
    for (command, words) in [
        ("no-such-command", "command not found"),
        ("./no-such-file", "no such file"),
        ("", "command not found"),
    ] {
        let (code, _, stderr) = parts(&mut place.lichen(&["run", command]));
        assert_eq!(code, Some(127), "{command}");
        one_line_with(&stderr, &[words]);
    }
}

#[test]
fn a_command_that_cannot_be_executed_gives_126() {
    let place = Place::new();
    let plain = place.executable("plain", b"text");
    set_mode(&plain, 0o644);
    let elf = place.patched("elf", "/bin/sh".as_ref(), &[(16, 9)]);
    for (command, word) in [
        ("./plain", "chmod +x"),
        ("/tmp", "directory"),
        (text(&elf), "format"),
    ] {
        let (code, _, stderr) = parts(&mut place.lichen(&["run", command]));
        assert_eq!(code, Some(126), "{command}: {stderr}");
        one_line_with(&stderr, &[command, word]);
    }
}

#[test]
fn a_missing_interpreter_gives_126() {
    let place = Place::new();
    let script = place.executable("script", b"#!/nowhere/sh\n");
    let (code, _, stderr) = parts(&mut place.lichen(&["run", text(&script)]));
    assert_eq!(code, Some(126));
    one_line_with(&stderr, &["interpreter"]);
}

#[test]
fn scripts_in_a_circle_give_126() {
    let place = Place::new();
    let (one, two) = (place.path("one"), place.path("two"));
    place.executable("one", format!("#!{}\n", two.display()).as_bytes());
    place.executable("two", format!("#!{}\n", one.display()).as_bytes());
    let (code, _, stderr) = parts(&mut place.lichen(&["run", "./one"]));
    assert_eq!(code, Some(126));
    one_line_with(&stderr, &["circle"]);
}

#[test]
fn a_chain_of_scripts_is_followed() {
    let place = Place::new();
    place.compile("prog", &[], crate::place::SHOW);
    for (name, interpreter) in [("s1", "prog"), ("s2", "s1"), ("s3", "s2"), ("s4", "s3")] {
        let line = format!("#! {}\n", place.path(interpreter).display());
        place.executable(name, line.as_bytes());
    }
    outcome(&mut place.lichen(&["run", "./s4"]))
        .code(3)
        .stderr("");
}

#[test]
fn text_without_an_interpreter_goes_to_the_shell() {
    let place = Place::new();
    place.executable("plain", b"echo ran $1\n");
    outcome(&mut place.lichen(&["run", "./plain", "x"]))
        .success()
        .stdout("ran x\n");
}

#[test]
fn path_is_searched_as_execvp_does() {
    let place = Place::new();
    let refused = place.executable("first/tool", b"#!/bin/sh\necho first\n");
    set_mode(&refused, 0o644);
    place.executable("second/tool", b"#!/bin/sh\necho second\n");
    place.executable("tool", b"#!/bin/sh\necho here\n");
    let with_path = |path: &str| parts(place.lichen(&["run", "tool"]).env("PATH", path));
    let (first, second) = (place.path("first"), place.path("second"));
    let (first, second) = (text(&first), text(&second));
    assert_eq!(with_path(&format!("{first}:{second}")).1, "second\n");
    assert_eq!(with_path(&format!(":{second}")).1, "here\n");
    assert_eq!(with_path(first).0, Some(126));
    assert_eq!(with_path("/nowhere").0, Some(127));
}

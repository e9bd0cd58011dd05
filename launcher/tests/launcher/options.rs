//! The command line: where options end, which win, and what is said about bad ones.

use crate::place::{Place, one_line_with, outcome, parts};

const ARGS: &str = "for a; do printf '%s|' \"$a\"; done";

#[test]
fn options_end_at_the_first_word_that_is_none() {
    let place = Place::new();
    outcome(&mut place.lichen(&["run", "sh", "-c", ARGS, "0", "--stats", "--", "-x"]))
        .success()
        .stdout("--stats|--|-x|");
    outcome(&mut place.lichen(&["run", "-q", "--", "sh", "-c", ARGS, "0", "--help", "--"]))
        .success()
        .stdout("--help|--|");
}

#[test]
fn flags_become_variables() {
    let place = Place::new();
    place.compile("show", &[], crate::place::SHOW);
    let flags = [
        "run",
        "--stats",
        "--quiet",
        "--no-follow",
        "--without",
        "nowait,clone3",
        "--log-level",
        "debug",
        "--log-file",
        "log.%p",
        "--trace=trace.%p",
        "--audit=audit.%p",
        "--cache-dir",
        "cache",
        "--pool",
        "4",
        "--file-io=offload",
        "./show",
    ];
    let (code, stdout, _) = parts(&mut place.lichen(&flags));
    assert_eq!(code, Some(3));
    let here = place.path("");
    let here = here.to_str().unwrap().trim_end_matches('/');
    for line in [
        "LICHEN_STATS=1",
        "LICHEN_QUIET=1",
        "LICHEN_FOLLOW=0",
        "LICHEN_WITHOUT=nowait,clone3",
        "LICHEN_LOG=debug",
        &format!("LICHEN_LOG_FILE={here}/log.%p"),
        &format!("LICHEN_TRACE={here}/trace.%p"),
        &format!("LICHEN_AUDIT={here}/audit.%p"),
        &format!("LICHEN_CACHE_DIR={here}/cache"),
        "LICHEN_POOL=4",
        "LICHEN_FILE_IO=offload",
    ] {
        assert!(stdout.lines().any(|l| l == line), "{line} in {stdout}");
    }
}

#[test]
fn a_trace_without_a_file_takes_no_word_of_the_command() {
    let place = Place::new();
    place.compile("show", &[], crate::place::SHOW);
    let (code, stdout, _) = parts(&mut place.lichen(&["run", "--trace", "./show"]));
    assert_eq!(code, Some(3));
    assert!(stdout.lines().any(|l| l == "LICHEN_TRACE=1"), "{stdout}");
}

#[test]
fn check_with_audit_runs_the_command() {
    let place = Place::new();
    place.compile("show", &[], crate::place::SHOW);
    let (code, stdout, _) = parts(&mut place.lichen(&["check", "--audit", "./show"]));
    assert_eq!(code, Some(3));
    assert!(stdout.lines().any(|l| l == "LICHEN_AUDIT=1"), "{stdout}");
}

#[test]
fn a_flag_wins_over_its_variable() {
    let place = Place::new();
    place.compile("show", &[], crate::place::SHOW);
    let show = |args: &[&str]| {
        let args = [&["run"], args, &["./show"]].concat();
        parts(place.lichen(&args).env("LICHEN_LOG", "error")).1
    };
    assert!(show(&[]).contains("LICHEN_LOG=error\n"));
    let both = show(&["--log-level", "info"]);
    assert!(both.contains("LICHEN_LOG=info\n"), "{both}");
    assert!(!both.contains("LICHEN_LOG=error"), "{both}");
}

#[test]
fn a_flag_replaces_even_a_bad_variable() {
    let place = Place::new();
    outcome(
        place
            .lichen(&["run", "--log-level=info", "true"])
            .env("LICHEN_LOG", "loud"),
    )
    .success()
    .stderr("");
}

#[test]
fn bad_options_and_values_give_125_and_name_the_accepted_ones() {
    let place = Place::new();
    let cases: [(&[&str], &[&str]); 8] = [
        (
            &["run", "--bogus", "true"],
            &["--bogus", "--stats", "--without"],
        ),
        (
            &["run", "--log-level", "loud", "true"],
            &["--log-level", "'loud'", "warn, info"],
        ),
        (
            &["run", "--without", "warp", "true"],
            &["--without", "'warp'", "nowait"],
        ),
        (&["run", "--log-file", "x%q", "true"], &["--log-file", "%p"]),
        (&["run"], &["CMD"]),
        (&["jog", "true"], &["jog", "run, check, env"]),
        (&["env", "--format", "xml"], &["xml", "systemd, docker"]),
        (&["check"], &["CMD"]),
    ];
    for (args, words) in cases {
        let (code, stdout, stderr) = parts(&mut place.lichen(args));
        assert_eq!(code, Some(125), "{args:?}: {stderr}");
        assert_eq!(stdout, "");
        one_line_with(&stderr, words);
    }
}

#[test]
fn bad_variables_give_125_and_name_the_accepted_values() {
    let place = Place::new();
    for (name, value, word) in [
        ("LICHEN_LOG", "loud", "warn, info"),
        ("LICHEN_STATS", "maybe", "1, true, on, yes"),
        ("LICHEN_WITHOUT", "warp", "nowait"),
        ("LICHEN_CACHE_DIR", "relative", "absolute path"),
        ("LICHEN_POOL", "17", "a number from 0 to 16"),
        ("LICHEN_FILE_IO", "fast", "native, offload"),
        ("LICHEN_STAT", "1", "LICHEN_STATS"),
    ] {
        let (code, _, stderr) = parts(place.lichen(&["run", "true"]).env(name, value));
        assert_eq!(code, Some(125), "{name}");
        one_line_with(&stderr, &[name, word]);
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    let place = Place::new();
    for (args, word) in [
        (&["--version"][..], "lichen "),
        (&["--help"], "lichen check ./server"),
        (&["run", "--help"], "LICHEN_DISABLE=1"),
        (&["check", "--help"], "Exit status"),
        (&["env", "--help"], "systemd"),
    ] {
        let (code, stdout, stderr) = parts(&mut place.lichen(args));
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{args:?}");
        assert!(stdout.contains(word), "{word} in {stdout}");
    }
}

#[test]
fn no_arguments_give_help_and_125() {
    let (code, stdout, stderr) = parts(&mut Place::new().lichen(&[]));
    assert_eq!((code, stdout.as_str()), (Some(125), ""));
    assert!(stderr.contains("Usage: lichen"));
}

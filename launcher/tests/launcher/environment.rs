//! LD_PRELOAD, where the shim is found, and what `lichen env` prints.

use crate::place::{Place, clean, one_line_with, outcome, parts, text};

const PRELOAD: &[&str] = &["run", "sh", "-c", "echo \"$LD_PRELOAD\""];

#[test]
fn the_shim_is_preloaded_by_its_absolute_path() {
    let place = Place::new();
    outcome(&mut place.lichen(PRELOAD))
        .success()
        .stdout(format!("{}\n", place.shim().display()))
        .stderr("");
}

#[test]
fn an_existing_preload_is_kept_behind_ours() {
    let place = Place::new();
    let other = place.compile("other.so", &["-shared"], "");
    let shim = place.shim();
    let (other, shim) = (text(&other), text(&shim));
    for existing in [
        other.to_owned(),
        format!("{other}:{shim}"),
        format!("{shim} {other}"),
    ] {
        outcome(place.lichen(PRELOAD).env("LD_PRELOAD", &existing))
            .success()
            .stdout(format!("{shim}:{other}\n"));
    }
}

#[test]
fn a_missing_shim_gives_125_and_says_where_it_was_looked_for() {
    let place = Place::without_shim();
    // Neither of these may be taken.
    place.compile("liblichen.so", &["-shared"], "");
    let (code, _, stderr) = parts(&mut place.lichen(&["run", "true"]));
    assert_eq!(code, Some(125));
    let beside = place.path("bin/liblichen.so");
    let below = place.path("lib/lichen/liblichen.so");
    one_line_with(&stderr, &[text(&beside), text(&below), "scripts/install"]);
}

#[test]
fn the_shim_is_found_below_the_prefix_and_through_a_link() {
    let place = Place::without_shim();
    std::fs::create_dir_all(place.path("lib/lichen")).unwrap();
    let shim = place.compile("lib/lichen/liblichen.so", &["-shared"], "");
    let link = place.path("link");
    std::os::unix::fs::symlink(place.launcher(), &link).unwrap();
    for launcher in [place.launcher(), link] {
        let mut command = clean(&launcher);
        outcome(command.args(PRELOAD).env("HOME", place.path("")))
            .success()
            .stdout(format!("{}\n", shim.display()));
    }
}

#[test]
fn disable_passes_everything_through() {
    let place = Place::without_shim();
    outcome(place.lichen(PRELOAD).env("LICHEN_DISABLE", "1"))
        .success()
        .stdout("\n")
        .stderr("");
}

#[test]
fn the_address_sanitizer_stays_first() {
    let place = Place::new();
    place.compile("asan", &["-fsanitize=address"], crate::place::SHOW);
    let native = parts(&mut clean(&place.path("asan")));
    if native.0 != Some(3) {
        eprintln!("SKIPPED: AddressSanitizer does not work here: {}", native.2);
        return;
    }
    let (code, stdout, stderr) = parts(&mut place.lichen(&["run", "./asan"]));
    assert_eq!((code, stderr.as_str()), (Some(3), ""));
    let shim = place.shim();
    let (first, rest) = stdout
        .trim()
        .strip_prefix("LD_PRELOAD=")
        .and_then(|value| value.split_once(':'))
        .unwrap();
    assert!(first.starts_with("libasan.so."), "{stdout}");
    assert_eq!(rest, text(&shim));
}

#[test]
fn plans_are_kept_in_the_cache_folder() {
    let place = Place::new();
    outcome(&mut place.lichen(&["run", "true"])).success();
    let folder = place.path(".cache/lichen");
    let listed = |folder: &std::path::Path| {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let names = listed(&folder);
    assert_eq!(names.len(), 2, "libc and loader: {names:?}");
    let modified = |name| folder.join(name).metadata().unwrap().modified().unwrap();
    let before: Vec<_> = names.iter().map(modified).collect();
    outcome(&mut place.lichen(&["run", "true"])).success();
    assert_eq!(names.iter().map(modified).collect::<Vec<_>>(), before);
    outcome(&mut place.lichen(&["run", "--cache-dir", "other", "true"])).success();
    assert_eq!(listed(&place.path("other")), names);
}

#[test]
fn a_cache_folder_that_cannot_be_made_is_no_error() {
    let place = Place::new();
    for args in [&["run", "true"][..], &["run", "--strict", "true"]] {
        outcome(place.lichen(args).env("LICHEN_CACHE_DIR", "/proc/nowhere"))
            .success()
            .stderr("");
        outcome(place.lichen(args).env_remove("HOME"))
            .success()
            .stderr("");
    }
}

#[test]
fn env_prints_exports_that_a_shell_understands() {
    let place = Place::new();
    let script = format!(
        "eval \"$({} env --stats --log-file \"/tmp/it's\")\"; echo \"$LD_PRELOAD $LICHEN_STATS $LICHEN_LOG_FILE\"",
        place.launcher().display()
    );
    outcome(clean("sh".as_ref()).args(["-c", &script]))
        .success()
        .stdout(format!("{} 1 /tmp/it's\n", place.shim().display()));
}

#[test]
fn env_knows_systemd_and_docker() {
    let place = Place::new();
    let shim = place.shim();
    let shim = text(&shim);
    let of = |format: &str| {
        let args = ["env", "--format", format, "--log-file", "/l/%p$"];
        parts(&mut place.lichen(&args)).1
    };
    assert_eq!(
        of("systemd"),
        format!("Environment=\"LICHEN_LOG_FILE=/l/%%p$\"\nEnvironment=\"LD_PRELOAD={shim}\"\n")
    );
    assert_eq!(
        of("docker"),
        format!("ENV LICHEN_LOG_FILE=\"/l/%p\\$\"\nENV LD_PRELOAD=\"{shim}\"\n")
    );
}

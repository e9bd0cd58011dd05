//! Cached plans: what was stored comes back, and nothing else is ever believed.

use lichen_plan::{Image, Plan, cache, plan};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// The plan of this machine's loader: real, and small.
fn a_plan() -> Plan {
    let bytes = fs::read("/lib64/ld-linux-x86-64.so.2").expect("readable");
    plan(&Image::from_file(&bytes).expect("an ELF file")).expect("a plan")
}

/// A cache folder that holds `plan`.
fn stored(plan: &Plan) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let cache_dir = dir.path().join("a/lichen");
    cache::store(&cache_dir, plan).expect("stored");
    (dir, cache_dir)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn a_stored_plan_comes_back() {
    let plan = a_plan();
    let (_dir, cache_dir) = stored(&plan);
    assert_eq!(
        cache::load(&cache_dir, &plan.build_id).as_ref(),
        Some(&plan)
    );
    cache::store(&cache_dir, &plan).expect("stored again");
    assert_eq!(
        fs::read_dir(&cache_dir).expect("there").count(),
        1,
        "no temporary file stays"
    );
}

#[test]
fn folder_and_file_are_private() {
    let plan = a_plan();
    let (_dir, cache_dir) = stored(&plan);
    assert_eq!(mode(&cache_dir), 0o700);
    assert_eq!(mode(&cache::path(&cache_dir, &plan.build_id)), 0o600);
}

#[test]
fn a_file_that_others_may_write_is_refused() {
    let plan = a_plan();
    let (_dir, cache_dir) = stored(&plan);
    for writable in [0o620, 0o602] {
        let path = cache::path(&cache_dir, &plan.build_id);
        fs::set_permissions(path, fs::Permissions::from_mode(writable)).expect("ours");
        assert_eq!(cache::load(&cache_dir, &plan.build_id), None);
    }
}

#[test]
fn a_link_is_refused() {
    let plan = a_plan();
    let (_dir, cache_dir) = stored(&plan);
    let path = cache::path(&cache_dir, &plan.build_id);
    fs::rename(&path, cache_dir.join("real")).expect("ours");
    symlink(cache_dir.join("real"), &path).expect("a link");
    assert_eq!(cache::load(&cache_dir, &plan.build_id), None);
}

#[test]
fn a_folder_in_place_of_the_file_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(cache::path(dir.path(), &[1, 2])).expect("a folder");
    assert_eq!(cache::load(dir.path(), &[1, 2]), None);
}

#[test]
fn a_plan_under_the_name_of_another_build_is_refused() {
    let plan = a_plan();
    let (_dir, cache_dir) = stored(&plan);
    let mut other = plan.build_id.clone();
    other[0] ^= 1;
    fs::copy(
        cache::path(&cache_dir, &plan.build_id),
        cache::path(&cache_dir, &other),
    )
    .expect("copied");
    assert_eq!(cache::load(&cache_dir, &other), None);
}

#[test]
fn every_damaged_byte_is_noticed() {
    let encoded = a_plan().encode();
    for at in 0..encoded.len() {
        let mut damaged = encoded.clone();
        damaged[at] ^= 0x10;
        assert_eq!(Plan::decode(&damaged), None, "byte {at}");
    }
}

#[test]
fn every_cut_is_noticed() {
    let encoded = a_plan().encode();
    for len in 0..encoded.len() {
        assert_eq!(Plan::decode(&encoded[..len]), None, "{len} bytes");
    }
    assert_eq!(Plan::decode(&[&encoded[..], &[0; 64]].concat()), None);
}

#[test]
fn a_plan_without_build_id_is_not_cached() {
    let dir = tempfile::tempdir().expect("a folder");
    let plan = Plan {
        build_id: Vec::new(),
        ..a_plan()
    };
    assert!(cache::store(dir.path(), &plan).is_err());
    assert_eq!(cache::load(dir.path(), &[]), None);
}

#[test]
fn an_unwritable_folder_is_an_error_and_no_more() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("file");
    fs::write(&file, "").expect("written");
    assert!(cache::store(&file, &a_plan()).is_err());
    assert_eq!(cache::load(&file, &[1]), None);
}

#[test]
fn the_folder_follows_the_environment_but_never_the_current_folder() {
    let dir = |pairs: &[(&str, &str)]| {
        cache::default_dir(|name| {
            pairs
                .iter()
                .find(|pair| pair.0 == name)
                .map(|pair| OsString::from(pair.1))
        })
    };
    assert_eq!(
        dir(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]),
        Some(PathBuf::from("/x/lichen"))
    );
    assert_eq!(
        dir(&[("HOME", "/h")]),
        Some(PathBuf::from("/h/.cache/lichen"))
    );
    assert_eq!(
        dir(&[("XDG_CACHE_HOME", "x"), ("HOME", "/h")]),
        Some(PathBuf::from("/h/.cache/lichen"))
    );
    assert_eq!(dir(&[("XDG_CACHE_HOME", ""), ("HOME", "h")]), None);
    assert_eq!(dir(&[]), None);
}

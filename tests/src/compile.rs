//! Builds C and C++ test programs with the system's compiler, once per content.
//!
//! Called by the runners. The product is named by a hash of everything that went in, so an unchanged program is never
//! built again. Of two test processes that build the same one at once the first has its product kept: it may run already,
//! and a debugger finds no symbols in a file that was replaced.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::paths;

/// Flags every program is built with.
const FLAGS: [&str; 6] = [
    "-O2",
    "-g",
    "-Wall",
    "-Wextra",
    "-Werror=implicit-function-declaration",
    "-pthread",
];

/// Builds begun in this process: `cargo test` runs tests as threads of one.
static BUILDS: AtomicU32 = AtomicU32::new(0);

/// Where built programs are kept.
pub fn cache() -> PathBuf {
    paths::target().join("tests-calls")
}

/// Builds `source` (C, or C++ by its `.cpp` ending) and returns the program's path.
/// `libs` are files of `tests/calls/lib`, built as shared libraries and linked in this order.
///
/// # Errors
/// The compiler's own words.
pub fn program(source: &Path, flags: &[String], libs: &[String]) -> Result<PathBuf, String> {
    let mut words: Vec<String> = flags.to_vec();
    for lib in libs {
        let file = paths::root().join("tests/calls/lib").join(lib);
        let built = library(&file)?;
        words.push("-Wl,--no-as-needed".to_owned());
        words.push(built.display().to_string());
    }
    build(source, &words, "")
}

/// Builds `source` as a shared library and returns its path.
///
/// # Errors
/// The compiler's own words.
pub fn library(source: &Path) -> Result<PathBuf, String> {
    build(source, &["-shared".to_owned(), "-fPIC".to_owned()], ".so")
}

fn build(source: &Path, flags: &[String], ending: &str) -> Result<PathBuf, String> {
    let stem = source
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let product = cache().join(format!(
        "{stem}-{:016x}{ending}",
        fingerprint(source, flags)?
    ));
    if product.is_file() {
        return Ok(product);
    }
    fs::create_dir_all(cache()).map_err(|e| format!("cannot make {}: {e}", cache().display()))?;
    let mine = (std::process::id(), BUILDS.fetch_add(1, Ordering::Relaxed));
    let unfinished = product.with_extension(format!("{}-{}.part", mine.0, mine.1));
    let compiler = if source.extension().is_some_and(|e| e == "cpp") {
        "g++"
    } else {
        "gcc"
    };
    let output = Command::new(compiler)
        .args(FLAGS)
        .arg(source)
        .arg("-o")
        .arg(&unfinished)
        .args(flags)
        .output()
        .map_err(|e| {
            format!("cannot run {compiler} ({e}): install it with `apt install gcc g++`")
        })?;
    if !output.status.success() {
        return Err(format!(
            "{} does not compile:\n{}",
            source.display(),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    place(&unfinished, &product).map_err(|e| format!("cannot place {}: {e}", product.display()))?;
    Ok(product)
}

/// Gives a finished file its name, unless there is one of that name already.
fn place(unfinished: &Path, product: &Path) -> std::io::Result<()> {
    match fs::hard_link(unfinished, product) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => fs::rename(unfinished, product),
        _ => fs::remove_file(unfinished),
    }
}

fn fingerprint(source: &Path, flags: &[String]) -> Result<u64, String> {
    let mut hasher = DefaultHasher::new();
    let read =
        |file: &Path| fs::read(file).map_err(|e| format!("cannot read {}: {e}", file.display()));
    read(source)?.hash(&mut hasher);
    for header in headers()? {
        read(&header)?.hash(&mut hasher);
    }
    flags.hash(&mut hasher);
    FLAGS.hash(&mut hasher);
    Ok(hasher.finish())
}

fn headers() -> Result<Vec<PathBuf>, String> {
    let folder = paths::root().join("tests/calls");
    let entries =
        fs::read_dir(&folder).map_err(|e| format!("cannot read {}: {e}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "h"))
        .collect();
    found.sort();
    Ok(found)
}

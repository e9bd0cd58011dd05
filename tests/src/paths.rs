//! Where the repository, its build products and the shim under test are.
//!
//! Called by every runner. It looks at the environment and the file system only, and builds nothing.

use std::path::{Path, PathBuf};

/// Root of the repository: the folder above this package.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .parent()
        .expect("the tests package has a parent folder")
        .to_path_buf()
}

/// Cargo's target folder (`CARGO_TARGET_DIR`, else `target/` in the root).
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if Path::new(&dir).is_absolute() => PathBuf::from(dir),
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The `liblichen.so` under test: `LICHEN_TEST_LIB`, else the release build, else the debug build.
///
/// # Errors
/// One line that names the remedy, when there is none.
pub fn shim() -> Result<PathBuf, String> {
    find("LICHEN_TEST_LIB", "liblichen.so", "lichen-shim")
}

/// The `lichen` launcher under test: `LICHEN_TEST_BIN`, else the release build, else the debug build.
///
/// # Errors
/// One line that names the remedy, when there is none.
pub fn launcher() -> Result<PathBuf, String> {
    find("LICHEN_TEST_BIN", "lichen", "lichen-launcher")
}

/// A server of `tests/servers` that is a cargo package, by the name of its program.
///
/// # Errors
/// One line that names the remedy, when it is not built.
pub fn server(name: &str) -> Result<PathBuf, String> {
    find("LICHEN_TEST_SERVER", name, name)
}

fn find(variable: &str, file: &str, package: &str) -> Result<PathBuf, String> {
    if let Some(given) = std::env::var_os(variable) {
        let given = PathBuf::from(given);
        // The name counts: the shim knows its own entry of LD_PRELOAD by it.
        let named = given.file_name().is_some_and(|name| name == file);
        return if given.is_absolute() && given.is_file() && named {
            Ok(given)
        } else {
            Err(format!(
                "{variable}={} is not the absolute path of a file called {file}",
                given.display()
            ))
        };
    }
    for profile in ["release", "debug"] {
        let candidate = target().join(profile).join(file);
        if candidate.is_file() {
            return Ok(candidate);
        }
    }
    Err(format!(
        "{file} is missing: run scripts/test, or `cargo build --release -p {package}`, or set {variable}"
    ))
}

//! A followed program executes one that another libc's loader starts: only Lichen's entry leaves LD_PRELOAD, and the rest
//! of the environment is what it would be natively.
//!
//! Started by `cargo test` and `cargo nextest`. It needs no other libc: a small program of ours that prints its
//! environment lies under the name of musl's loader.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lichen_tests::run::{self, Ended, World};
use lichen_tests::{compile, paths};

type Result<T = ()> = std::result::Result<T, String>;

const LIMIT: Duration = Duration::from_secs(20);
const LOADER: &str = "ld-musl-x86_64.so.1";

/// Builds a file of this package.
fn build(name: &str, flags: &[&str]) -> Result<PathBuf> {
    let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
    compile::program(&paths::root().join("tests").join(name), &flags, &[])
}

/// A program that the kernel starts by a loader named as musl's is.
fn program_for_musl() -> Result<PathBuf> {
    let shows = build(
        "tests/other_loaders/show_environment.c",
        &[
            "-static-pie",
            "-nostdlib",
            "-ffreestanding",
            "-fPIE",
            "-fno-stack-protector",
        ],
    )?;
    let folder = shows.with_extension("loader");
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    let loader = folder.join(LOADER);
    // Another test process may have made it meanwhile; it is the same file then.
    if let Err(e) = fs::hard_link(&shows, &loader)
        && !loader.is_file()
    {
        return Err(format!("cannot make {}: {e}", loader.display()));
    }
    build(
        "tests/other_loaders/execute.c",
        &[&format!("-Wl,--dynamic-linker={}", loader.display())],
    )
}

/// What the executed program finds in its environment, in alphabetical order.
fn environment(world: World<'_>, preload: &str, args: &[&str], program: &Path) -> Result<String> {
    let mut command = Command::new(build("tests/other_loaders/execute.c", &[])?);
    run::enter(&mut command, world);
    command.args(args).arg(program);
    command.env("LD_PRELOAD", preload).env("KEPT", "a=b c");
    command.env("PATH", program.parent().unwrap_or(Path::new("/")));
    let outcome = run::finish(command, LIMIT)?;
    if outcome.ended != Ended::Exit(0) || !outcome.stderr.is_empty() {
        return Err(format!("{args:?} under {world:?}: {outcome:#?}"));
    }
    let mut lines: Vec<&str> = outcome.stdout.lines().collect();
    lines.sort_unstable();
    Ok(lines.join("\n"))
}

fn only_our_entry_is_dropped(ways: &[&str]) -> Result {
    let shim = paths::shim()?;
    let other = build("calls/lib/tls_library.c", &["-shared", "-fPIC"])?;
    let other = other.display().to_string();
    let program = program_for_musl()?;
    for way in ways {
        for place in ["main", "main-later", "thread"] {
            let args = [*way, place];
            let right = environment(World::Native, &other, &args, &program)?;
            if !right.contains("KEPT=a=b c") || !right.contains(&format!("LD_PRELOAD={other}")) {
                return Err(format!("{args:?} natively: {right}"));
            }
            for preload in [
                format!("{}:{other}", shim.display()),
                format!("{other}:{}", shim.display()),
            ] {
                let seen = environment(World::Lichen(&shim), &preload, &args, &program)?;
                if seen != right {
                    return Err(format!(
                        "{args:?} with {preload}:\n{seen}\ninstead of\n{right}"
                    ));
                }
            }
        }
    }
    Ok(())
}

#[test]
fn exec_with_a_list_drops_only_our_entry() -> Result {
    only_our_entry_is_dropped(&[
        "execve", "execv", "execvp", "execvpe", "fexecve", "execveat",
    ])
}

#[test]
fn exec_with_arguments_drops_only_our_entry() -> Result {
    only_our_entry_is_dropped(&["execl", "execlp", "execle"])
}

#[test]
fn spawn_drops_only_our_entry() -> Result {
    only_our_entry_is_dropped(&["posix_spawn", "posix_spawnp"])
}

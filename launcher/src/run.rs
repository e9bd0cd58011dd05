//! `lichen run`: become the program.
//!
//! Called by `entry`; calls everything else in the order of the map in `main.rs`. It must never fork:
//! process id, terminal, job control, signals and exit status stay the program's own.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;

use crate::cli::Run;
use crate::error::{Error, say};
use crate::obstacle::Obstacle;
use crate::prepare::Environment;
use crate::target::Target;
use crate::{libc, search, shim};

/// Runs the program in place of this one; comes back only with an error.
pub fn run(args: &Run) -> Result<Infallible, Error> {
    let mut environment = Environment::new(&args.settings)?;
    let command = &args.command[0];
    let path = search::find(command, environment.get("PATH"))?;
    if !environment.settings.disable {
        set_up(command, &path, &mut environment)?;
    }
    let args = args.command.iter().map(OsString::as_os_str);
    execute(&path, args, &environment)
}

/// Preloads the shim, or says why not; an error only where `--strict` demands it.
fn set_up(command: &OsStr, path: &Path, environment: &mut Environment) -> Result<(), Error> {
    let shim = shim::find()?;
    let target = Target::examine(command, path, &environment.settings);
    let obstacle = match target.obstacle.clone() {
        None => libc_obstacle(&target, environment),
        given => given,
    };
    match obstacle {
        None => environment.preload(&shim, target.leading_library().map(OsString::as_os_str)),
        Some(obstacle) if environment.settings.strict => {
            return Err(Error::Refused {
                path: path.to_owned(),
                obstacle,
            });
        }
        Some(obstacle) => {
            if !environment.settings.quiet {
                say(&format!(
                    "{}: {}, so it runs natively; {}",
                    path.display(),
                    obstacle.cause(),
                    obstacle.remedy()
                ));
            }
            environment.no_preload();
        }
    }
    Ok(())
}

/// Sees to it that the plans of libc and loader are cached. Whether they will do is asked only under
/// `--strict`: otherwise the shim finds out for itself, and a start should cost next to nothing.
fn libc_obstacle(target: &Target, environment: &Environment) -> Option<Obstacle> {
    let folder = libc::cache_folder(environment);
    let loader = target.loader();
    let found = libc::of_loader(loader);
    if !environment.settings.strict {
        if let Some(folder) = &folder {
            for module in found.as_deref().into_iter().chain([loader]) {
                libc::ensure_planned(module, folder);
            }
        }
        return None;
    }
    let Some(found) = found else {
        return Some(Obstacle::LibcUnknown("libc.so.6 was not found".into()));
    };
    [found.as_path(), loader]
        .into_iter()
        .find_map(|module| libc::obstacle(module, folder.as_deref()))
}

/// execve(2), and for a file the kernel does not know the shell, as execvp(3) does it.
fn execute<'a>(
    path: &Path,
    args: impl Iterator<Item = &'a OsStr>,
    environment: &Environment,
) -> Result<Infallible, Error> {
    let mut argv: Vec<CString> = args.map(c_string).collect::<Result<_, _>>()?;
    let envp: Vec<CString> = environment
        .vars()
        .iter()
        .map(|(name, value)| {
            let entry = [name.as_bytes(), b"=", value.as_bytes()].concat();
            c_string(OsStr::from_bytes(&entry))
        })
        .collect::<Result<_, _>>()?;
    let file = c_string(path.as_os_str())?;
    let Err(mut errno) = nix::unistd::execve(&file, &argv, &envp);
    if errno == Errno::ENOEXEC && is_text(path) {
        argv[0] = file;
        argv.insert(0, c"/bin/sh".to_owned());
        Err(errno) = nix::unistd::execve(c"/bin/sh", &argv, &envp);
    }
    Err(Error::NotRunnable {
        path: path.to_owned(),
        reason: explain(errno),
    })
}

fn c_string(text: &OsStr) -> Result<CString, Error> {
    CString::new(text.as_bytes()).map_err(|_| Error::Usage("an argument holds a NUL byte".into()))
}

/// Whether a file may be a shell script without a `#!` line: no NUL on its first line.
fn is_text(path: &Path) -> bool {
    use std::io::Read;
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(128).read_to_end(&mut head));
    let first_line = head.split(|&b| b == b'\n').next().unwrap_or_default();
    read.is_ok() && !first_line.contains(&0) && !head.starts_with(b"\x7fELF")
}

/// Why execve(2) refused, in words that help.
fn explain(errno: Errno) -> String {
    match errno {
        Errno::ENOENT => {
            "its interpreter (the #! line or the dynamic loader) does not exist".into()
        }
        Errno::EACCES => {
            "may not be executed; look at the file's mode, its folders and a noexec mount".into()
        }
        Errno::ENOEXEC => "is in no format that this kernel runs".into(),
        Errno::ELOOP => {
            "its #! lines lead in a circle, or through more files than the kernel follows".into()
        }
        Errno::ETXTBSY => "is being written at this moment; try again".into(),
        Errno::E2BIG => {
            "arguments and environment are too large; shorten them or raise the stack limit".into()
        }
        other => other.desc().to_owned(),
    }
}

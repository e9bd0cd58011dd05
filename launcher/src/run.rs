//! `lichen run`: become the program.
//!
//! Called by `entry`; calls everything else in the order of the map in `main.rs`. It must never fork:
//! process id, terminal, job control, signals and exit status stay the program's own.

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;

use crate::cli::Run;
use crate::error::Error;
use crate::prepare::Environment;
use crate::{search, shim};

/// Runs the program in place of this one; comes back only with an error.
pub fn run(args: &Run) -> Result<Infallible, Error> {
    let mut environment = Environment::new(&args.settings)?;
    let command = &args.command[0];
    let path = search::find(command, environment.get("PATH"))?;
    if !environment.settings.disable {
        environment.preload(&shim::find()?, None);
    }
    execute(
        &path,
        args.command.iter().map(|a| a.as_os_str()),
        &environment,
    )
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
    if errno == Errno::ENOEXEC {
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
        Errno::ETXTBSY => "is being written at this moment; try again".into(),
        Errno::E2BIG => {
            "arguments and environment are too large; shorten them or raise the stack limit".into()
        }
        other => other.desc().to_owned(),
    }
}

//! The C servers of tests/servers, compiled and started for a test, ended with it. Used by the tests beside this folder.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

pub struct CServer {
    pub port: u16,
    child: RefCell<Child>,
}

impl CServer {
    /// Starts the server compiled from `name.c`.
    pub fn start(name: &str) -> CServer {
        let mut child = Command::new(compile(name))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.strip_prefix("port ").unwrap().trim().parse().unwrap();
        CServer {
            port,
            child: RefCell::new(child),
        }
    }

    /// SIGTERM, and what came of it.
    #[allow(dead_code, reason = "each test file uses its part of this module")]
    pub fn terminate(&self) -> ExitStatus {
        let mut child = self.child.borrow_mut();
        let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        child.wait().unwrap()
    }
}

impl Drop for CServer {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn compile(name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../servers/{name}.c"));
    // One file per test process: tests may run side by side, as threads or as processes.
    let thread = format!("{:?}", std::thread::current().id());
    let digits: String = thread.chars().filter(char::is_ascii_digit).collect();
    let file = format!("{name}-{}-{digits}", std::process::id());
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let status = Command::new(&compiler)
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
        .args([&program, &source])
        .status()
        .unwrap_or_else(|error| {
            panic!("{compiler}: {error}; on Debian: apt install gcc libc6-dev")
        });
    assert!(status.success(), "{} does not compile", source.display());
    program
}

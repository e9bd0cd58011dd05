//! The one thing that std's `Command` cannot do by itself: a child that is bound to a CPU and that dies with us.
//! Called by `server` and by the small benches. The only unsafe code of this package.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};

/// Has the child of `command` killed when the calling *thread* ends (so call it from one that lives long), and binds it
/// to `cpus` first.
pub fn tie(command: &mut Command, cpus: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu)?;
    }
    let parent = Pid::this();
    let prepare = move || {
        sched_setaffinity(Pid::from_raw(0), &set)?;
        set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the line above.
        match getppid() == parent {
            true => Ok(()),
            false => Err(io::ErrorKind::BrokenPipe.into()),
        }
    };
    // SAFETY: between fork and exec only three system calls are made; no allocation (`set` was built before the fork),
    // no lock, no shared state.
    unsafe { command.pre_exec(prepare) };
    Ok(())
}

//! ptrace(2) and waitpid(2), typed. The crates that wrap them do not know real-time signals, and thread cancellation is one.
//!
//! Used by `rounds`. Nothing here decides anything.
#![allow(unsafe_code)]

use std::io::Error;

type Result<T = ()> = std::result::Result<T, String>;

/// What waitpid(2) told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The thread stopped for this signal, which it has not got yet.
    Stopped(i32, i32),
    /// The task ended with this status.
    Exited(i32, i32),
    /// The task was ended by this signal.
    Killed(i32, i32),
}

/// Waits for any task that the calling thread started or traces.
///
/// # Errors
/// The system's words.
pub fn wait() -> Result<Event> {
    let mut status = 0;
    // SAFETY: status is ours.
    let id = unsafe { libc::waitpid(-1, &mut status, libc::__WALL | libc::__WNOTHREAD) };
    if id < 0 {
        return Err(format!(
            "cannot wait for the program: {}",
            Error::last_os_error()
        ));
    }
    Ok(if libc::WIFSTOPPED(status) {
        Event::Stopped(id, libc::WSTOPSIG(status))
    } else if libc::WIFSIGNALED(status) {
        Event::Killed(id, libc::WTERMSIG(status))
    } else {
        Event::Exited(id, libc::WEXITSTATUS(status))
    })
}

fn ask(request: libc::c_uint, thread: i32, address: usize, data: usize) -> Result {
    // SAFETY: the callers pass what the request wants: numbers, or the address of a structure of ours.
    let done = unsafe { libc::ptrace(request, thread, address, data) };
    if done < 0 {
        return Err(format!(
            "ptrace request {request}: {}",
            Error::last_os_error()
        ));
    }
    Ok(())
}

/// Lets the stopped thread run, with `signal` if it is not 0.
///
/// # Errors
/// The system's words.
pub fn go_on(thread: i32, signal: i32) -> Result {
    ask(libc::PTRACE_CONT, thread, 0, signal as usize)
}

/// Lets it run for one instruction.
///
/// # Errors
/// The system's words.
pub fn step(thread: i32, signal: i32) -> Result {
    ask(libc::PTRACE_SINGLESTEP, thread, 0, signal as usize)
}

/// Traces it no longer.
///
/// # Errors
/// The system's words.
pub fn detach(thread: i32) -> Result {
    ask(libc::PTRACE_DETACH, thread, 0, 0)
}

/// Its general registers.
///
/// # Errors
/// The system's words.
pub fn registers(thread: i32) -> Result<libc::user_regs_struct> {
    // SAFETY: plain words.
    let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    ask(libc::PTRACE_GETREGS, thread, 0, &raw mut registers as usize)?;
    Ok(registers)
}

/// Sets them.
///
/// # Errors
/// The system's words.
pub fn set_registers(thread: i32, registers: &libc::user_regs_struct) -> Result {
    ask(
        libc::PTRACE_SETREGS,
        thread,
        0,
        std::ptr::from_ref(registers) as usize,
    )
}

/// `si_code` of the signal it stopped for.
///
/// # Errors
/// The system's words.
pub fn signal_code(thread: i32) -> Result<i32> {
    // SAFETY: plain words.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    ask(libc::PTRACE_GETSIGINFO, thread, 0, &raw mut info as usize)?;
    Ok(info.si_code)
}

/// Sets the breakpoint register of this number (`offsetof(struct user, u_debugreg)` is 848).
///
/// # Errors
/// The system's words.
pub fn set_breakpoint_register(thread: i32, number: usize, word: u64) -> Result {
    ask(
        libc::PTRACE_POKEUSER,
        thread,
        848 + 8 * number,
        word as usize,
    )
}

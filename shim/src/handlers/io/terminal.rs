//! Job control: a background process that reads its terminal, or writes to it where TOSTOP is set, is stopped at once,
//! before anything could be waited for. Called by `attempt` before a read that would wait, and before a write.
#![allow(unsafe_code)]

use crate::abi::forbidden::forbids;
use crate::call::{Answer, RESTART, error};
use crate::handlers::kernel;
use crate::handlers::signal::{actions, notes};
use lichen_runtime::Runtime;
use lichen_runtime::green::masks::bit;
use lichen_runtime::park;
use lichen_runtime::sched::runtime;

/// What is asked and done here.
const NEEDED: [i64; 3] = [libc::SYS_ioctl, libc::SYS_getpgrp, libc::SYS_kill];

/// Does the program have a handler for SIGTTIN? Then even a read that would not wait must not be made: the
/// kernel would begin it again under SA_RESTART before the handler has its turn.
pub fn has_handler() -> bool {
    actions::is_handled(libc::SIGTTIN)
}

/// What the kernel answers if this is the terminal of a background process: EIO, or [`RESTART`] with SIGTTIN
/// sent to the process group. `None`: the read may be made. May stop the process, or let others run.
#[cold]
#[inline(never)]
pub fn background_read(fd: i32) -> Option<Answer> {
    if NEEDED.into_iter().any(forbids) || !is_in_background(fd) {
        return None;
    }
    let runtime = runtime();
    let green = runtime.worker.current.get()?;
    // The kernel knows the mask of all threads together only.
    if green.mask.get() & bit(libc::SIGTTIN) != 0 {
        return Some(error(libc::EIO));
    }
    if has_handler() {
        return Some(signal_group(runtime, libc::SIGTTIN));
    }
    // A read of nothing goes through the kernel's job control and never waits.
    // SAFETY: no byte is written anywhere.
    let answer = unsafe { kernel(libc::SYS_read as usize, [fd as usize, 0, 0, 0, 0, 0]) };
    (answer < 0).then_some(answer)
}

/// The same of a write, which only a terminal with TOSTOP stops: where the program has a handler for SIGTTOU the kernel
/// would begin the write again under SA_RESTART, and send the signal again, for ever. `None`: the write may be made.
pub fn background_write(fd: i32) -> Option<Answer> {
    if !actions::is_handled(libc::SIGTTOU) || NEEDED.into_iter().any(forbids) {
        return None;
    }
    let runtime = runtime();
    let green = runtime.worker.current.get()?;
    let blocked = green.mask.get() & bit(libc::SIGTTOU) != 0;
    if blocked || !stops_writers(fd) || !is_in_background(fd) {
        return None;
    }
    Some(signal_group(runtime, libc::SIGTTOU))
}

/// Sends a signal that the program handles to its process group; the call begins again behind the handler.
fn signal_group(runtime: &Runtime, signal: i32) -> Answer {
    let args = [0, signal as usize, 0, 0, 0, 0];
    // SAFETY: integers only.
    unsafe { kernel(libc::SYS_kill as usize, args) };
    if !notes::any_for_current(runtime) {
        park::yield_now(runtime); // it is another thread's to handle
    }
    RESTART
}

/// Is it a terminal with TOSTOP?
fn stops_writers(fd: i32) -> bool {
    // `struct termios` of the kernel: four words of flags, the last of them the local modes, and 20 bytes.
    let mut modes = [0u32; 9];
    let args = [
        fd as usize,
        libc::TCGETS as usize,
        modes.as_mut_ptr() as usize,
        0,
        0,
        0,
    ];
    // SAFETY: the structure has room.
    let failed = unsafe { kernel(libc::SYS_ioctl as usize, args) } < 0;
    let [_, _, _, local, ..] = modes;
    !failed && local & libc::TOSTOP != 0
}

fn is_in_background(fd: i32) -> bool {
    let ask = |command: usize, value: &mut i32| {
        let args = [
            fd as usize,
            command,
            core::ptr::from_mut(value) as usize,
            0,
            0,
            0,
        ];
        // SAFETY: these commands write one integer, ours.
        unsafe { kernel(libc::SYS_ioctl as usize, args) }
    };
    let (mut foreground, mut number) = (0, 0);
    // Of another's terminal the kernel does not tell; of a pseudo-terminal's master it does.
    if ask(libc::TIOCGPGRP as usize, &mut foreground) < 0 || foreground == 0 {
        return false;
    }
    // SAFETY: no arguments.
    let own = unsafe { kernel(libc::SYS_getpgrp as usize, [0; 6]) };
    own != foreground as Answer && ask(libc::TIOCGPTN as usize, &mut number) < 0
}

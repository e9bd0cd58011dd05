//! The system calls about signals: masks, dispositions, waiting for a signal, sending one to a thread
//! of this process.
//!
//! Called by the dispatch table on the green side. What goes to another process, or has a default
//! action, is the kernel's business and goes there. Nothing here enters a handler: `delivery` does.
#![allow(unsafe_code)]

use super::notes::{self, Info};
use super::{UNBLOCKABLE, actions, frames, masks};
use crate::abi::forbidden::forbids;
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, RESTART_NO_HANDLER, error};
use crate::handlers::kernel;
use crate::handlers::time::{self, read_timespec};
use lichen_runtime::Runtime;
use lichen_runtime::green::masks::bit;
use lichen_runtime::green::{GreenRef, Wait, Wake};
use lichen_runtime::park::{self, Deadline};
use lichen_runtime::reactor::READ;
use lichen_runtime::sys;

/// Bytes of the kernel's signal set.
const SET: usize = 8;

/// `rt_sigprocmask(2)`.
pub fn rt_sigprocmask(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [how, new, old, size, ..] = frame.args();
    let Some(green) = runtime.worker.current.get() else {
        return NATIVE;
    };
    if size != SET {
        return error(libc::EINVAL);
    }
    let before = green.mask.get();
    if new != 0 {
        let Ok(set) = user::read::<u64>(new) else {
            return error(libc::EFAULT);
        };
        let set = set & !UNBLOCKABLE;
        let mask = match how as i32 {
            libc::SIG_BLOCK => before | set,
            libc::SIG_UNBLOCK => before & !set,
            libc::SIG_SETMASK => set,
            _ => return error(libc::EINVAL),
        };
        masks::set(runtime, green, mask);
    }
    if old != 0 && user::write(old, &before).is_err() {
        return error(libc::EFAULT);
    }
    0
}

/// `rt_sigaction(2)`.
pub fn rt_sigaction(frame: &mut Frame, _: &Runtime) -> Answer {
    let [signal, new, old, size, ..] = frame.args();
    let signal = signal as i32;
    if size != SET {
        return error(libc::EINVAL);
    }
    if !(1..=64).contains(&signal) || new != 0 && UNBLOCKABLE & bit(signal) != 0 {
        return error(libc::EINVAL);
    }
    let before = actions::get(signal);
    if new != 0 {
        let Ok(action) = user::read::<actions::Action>(new) else {
            return error(libc::EFAULT);
        };
        actions::set(signal, action);
    }
    if old != 0 && user::write(old, &before).is_err() {
        return error(libc::EFAULT);
    }
    0
}

/// `rt_sigpending(2)`: the kernel's pending signals and our notes.
pub fn rt_sigpending(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let Some(green) = runtime.worker.current.get() else {
        return NATIVE;
    };
    let mut set = 0u64;
    // SAFETY: `set` is ours.
    unsafe {
        kernel(
            libc::SYS_rt_sigpending as usize,
            [&raw mut set as usize, SET, 0, 0, 0, 0],
        );
    }
    set = (set | notes::pending(green)) & green.mask.get();
    if frame.rsi > SET {
        return error(libc::EINVAL);
    }
    let from = &raw const set as usize;
    if user::copy(frame.rdi, from, frame.rsi).is_ok() {
        0
    } else {
        error(libc::EFAULT)
    }
}

/// `rt_sigsuspend(2)`.
pub fn rt_sigsuspend(frame: &mut Frame, runtime: &Runtime) -> Answer {
    if frame.rsi != SET {
        return error(libc::EINVAL);
    }
    masks::during(runtime, frame.rdi, SET, || until_signal(runtime))
}

/// `pause(2)`.
pub fn pause(_: &mut Frame, runtime: &Runtime) -> Answer {
    until_signal(runtime)
}

fn until_signal(runtime: &Runtime) -> Answer {
    park::sleep(runtime, Wait::Signal, 0, Deadline::Never);
    RESTART_NO_HANDLER
}

/// `rt_sigtimedwait(2)`. What every thread blocks stays pending in the kernel, where a signalfd makes
/// it visible to the reactor; the rest comes as a note.
pub fn rt_sigtimedwait(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [set, info, timeout, size, ..] = frame.args();
    let Some(green) = runtime.worker.current.get() else {
        return NATIVE;
    };
    if size != SET {
        return error(libc::EINVAL);
    }
    let Ok(set) = user::read::<u64>(set) else {
        return error(libc::EFAULT);
    };
    let set = set & !UNBLOCKABLE;
    let deadline = match timeout {
        0 => Deadline::Never,
        at => match read_timespec(at) {
            Ok(ns) => time::after(ns),
            Err(answer) => return answer,
        },
    };
    let no_wait =
        matches!(deadline, Deadline::At(at) if at <= sys::clock_ns(libc::CLOCK_MONOTONIC));
    if forbids(libc::SYS_signalfd4) {
        return NATIVE;
    }
    let flags = (libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) as usize;
    let set_at = &raw const set as usize;
    // SAFETY: the set is ours.
    let fd = unsafe {
        kernel(
            libc::SYS_signalfd4 as usize,
            [usize::MAX, set_at, SET, flags, 0, 0],
        )
    };
    if fd < 0 {
        return NATIVE;
    }
    let fd = sys::lift(fd as i32);
    green.wait_argument.set(set);
    let answer = loop {
        if let Some(note) = notes::take_from(green, set) {
            if info != 0 && user::write(info, &note.info).is_err() {
                break error(libc::EFAULT);
            }
            masks::push(runtime);
            break note.signal as Answer;
        }
        let now = [0i64; 2];
        let args = [set_at, info, now.as_ptr() as usize, SET, 0, 0];
        // SAFETY: our set, the program's siginfo, no waiting.
        let got = unsafe { kernel(libc::SYS_rt_sigtimedwait as usize, args) };
        if got != error(libc::EAGAIN) || no_wait {
            break got;
        }
        notes::want(green, set);
        let (wake, _) = park::wait_fd(runtime, fd, READ, deadline);
        notes::want(green, 0);
        match wake {
            Wake::TimedOut => break error(libc::EAGAIN),
            Wake::Interrupted if notes::pending(green) & set == 0 => break RESTART_NO_HANDLER,
            _ => {}
        }
    };
    runtime.slots.forget(fd);
    sys::close(fd);
    answer
}

/// `sigaltstack(2)`: per thread, in user space; the kernel keeps ours.
pub fn sigaltstack(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let Some(green) = runtime.worker.current.get() else {
        return NATIVE;
    };
    let [address, size, flags] = green.altstack.get();
    let on = frames::on_alternate(green, frame.rsp);
    let shown = [
        address,
        if on { libc::SS_ONSTACK as usize } else { flags },
        size,
    ];
    if frame.rdi != 0 {
        let Ok([address, flags, size]) = user::read::<[usize; 3]>(frame.rdi) else {
            return error(libc::EFAULT);
        };
        if on {
            return error(libc::EPERM);
        }
        match flags as u32 as i32 & !(1 << 31) {
            libc::SS_DISABLE => green.altstack.set([0, 0, libc::SS_DISABLE as usize]),
            0 | libc::SS_ONSTACK if size < libc::MINSIGSTKSZ => return error(libc::ENOMEM),
            0 | libc::SS_ONSTACK => green.altstack.set([address, size, 0]),
            _ => return error(libc::EINVAL),
        }
    }
    if frame.rsi != 0 && user::write(frame.rsi, &shown).is_err() {
        return error(libc::EFAULT);
    }
    0
}

/// `tgkill(2)`.
pub fn tgkill(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [process, thread, signal, ..] = frame.args();
    if process as u32 != sys::getpid() {
        return NATIVE;
    }
    direct(runtime, thread as u32, signal as i32, None)
}

/// `tkill(2)`.
pub fn tkill(frame: &mut Frame, runtime: &Runtime) -> Answer {
    direct(runtime, frame.rdi as u32, frame.rsi as i32, None)
}

/// `rt_tgsigqueueinfo(2)`, by which `pthread_sigqueue` sends a value. Only for itself may a thread claim a
/// signal of the kernel's or of tgkill (kernel/signal.c, `do_rt_tgsigqueueinfo`).
pub fn rt_tgsigqueueinfo(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [process, thread, signal, info, ..] = frame.args();
    let Some(green) = runtime.worker.current.get() else {
        return NATIVE;
    };
    if process as u32 != sys::getpid() {
        return NATIVE;
    }
    let Ok(mut info) = user::read::<Info>(info) else {
        return error(libc::EFAULT);
    };
    let code = info[1] as u32 as i32;
    if (code >= 0 || code == SI_TKILL) && thread as u32 != green.tid.get() {
        return error(libc::EPERM);
    }
    info[0] = info[0] >> 32 << 32 | signal as u32 as u64;
    direct(runtime, thread as u32, signal as i32, Some(info))
}

/// si_code of `tgkill(2)`.
const SI_TKILL: i32 = -6;

/// The signal glibc sends to all threads when credentials change. Our kernel threads have the
/// process's credentials changed for them; to glibc no other thread exists then.
const SIGSETXID: i32 = 33;

/// Sends a signal to one thread of this process.
fn direct(runtime: &Runtime, tid: u32, signal: i32, info: Option<Info>) -> Answer {
    let Some(target) = runtime.table.find(tid) else {
        // No kernel task has a number above 2^22.
        return if tid >= 1 << 22 {
            error(libc::ESRCH)
        } else {
            NATIVE
        };
    };
    if !(0..=64).contains(&signal) {
        return error(libc::EINVAL);
    }
    if signal == 0 {
        return 0;
    }
    if signal == SIGSETXID {
        return error(libc::ESRCH);
    }
    send(runtime, target, signal, info.as_ref())
}

fn send(runtime: &Runtime, target: GreenRef, signal: i32, info: Option<&Info>) -> Answer {
    let blocked = target.mask.get() & bit(signal) != 0;
    if !actions::is_handled(signal) && (!blocked || UNBLOCKABLE & bit(signal) != 0) {
        // Ignored, or a default action: the kernel's business, for the process as a whole.
        return native_default(runtime, signal);
    }
    let told = match info {
        None => notes::tell(signal, target),
        Some(info) => notes::tell_with(signal, target, info),
    };
    if !told {
        return error(libc::EAGAIN);
    }
    if !blocked || target.sigwait.get() & bit(signal) != 0 {
        notes::poke(runtime, target);
    }
    0
}

/// Has the kernel act on an unblocked signal with a default or ignoring disposition.
pub fn native_default(runtime: &Runtime, signal: i32) -> Answer {
    match actions::get(signal).handler {
        1 => return 0,
        // The kernel may have the master handler for it all the same.
        _ => actions::act_by_default(signal),
    }
    let mask = sys::set_kernel_mask(runtime.worker.kernel_mask.get() & !bit(signal));
    let to = [
        sys::getpid() as usize,
        runtime.worker.tid.get() as usize,
        signal as usize,
        0,
        0,
        0,
    ];
    // SAFETY: integers only.
    let answer = unsafe { kernel(libc::SYS_tgkill as usize, to) };
    sys::set_kernel_mask(mask);
    answer
}

//! Several descriptors: poll, epoll_wait and their relatives; `select` has a file of its own.
//!
//! Each asks the kernel without waiting first. If nothing is ready it parks on an edge of any of the
//! descriptors and asks again. The program's own epoll instance is a descriptor like another: an
//! epoll descriptor can be polled, and so watched by ours.
#![allow(unsafe_code)]

use super::io::turns;
use super::kernel;
use super::signal::{masks, notes};
use super::time::{after, read_timespec, write_timespec};
use super::wait::OnFd;
use crate::abi::forbidden::forbids;
use crate::abi::user;
use crate::call::{AGAIN, Answer, Frame, NATIVE, RESTART, RESTART_NO_HANDLER};
use crate::fds::Kind;
use lichen_runtime::Runtime;
use lichen_runtime::green::Wake;
use lichen_runtime::mutants::{Mutant, mutant};
use lichen_runtime::park::{self, Deadline};
use lichen_runtime::reactor::{END, HALF, READ, URGENT, WRITE};
use lichen_runtime::sys;

const MS: u64 = 1_000_000;
const NOTHING: Answer = AGAIN;

/// Asks, parks, asks again. `ask` makes the call with a zero time-out; `watch` names the i-th
/// descriptor and what it is waited for.
pub fn until_ready(
    runtime: &Runtime,
    timeout: Option<u64>,
    count: usize,
    ask: &mut dyn FnMut() -> Answer,
    watch: &dyn Fn(usize) -> Option<(i32, u8)>,
) -> Answer {
    turns::looks(runtime);
    let first = ask();
    if first != 0 || timeout == Some(0) {
        return first;
    }
    let deadline = timeout.map_or(Deadline::Never, within);
    let answer = loop {
        let wake = park::wait_fds(runtime, count, watch, deadline);
        let answer = ask();
        if answer != 0 || wake == Wake::TimedOut {
            break answer;
        }
        // A signal that went to another thread does not end it, nor begin its time anew.
        if wake == Wake::Interrupted && notes::any_for_current(runtime) {
            break RESTART_NO_HANDLER;
        }
    };
    park::release_held(runtime);
    answer
}

/// The end of a time-out.
fn within(ns: u64) -> Deadline {
    after(if mutant(Mutant::EarlyTimeout) {
        ns / 2
    } else {
        ns
    })
}

fn interest(events: i16) -> u8 {
    // Errors and hang-ups are always reported.
    let mut interest = END;
    if events & (libc::POLLIN | libc::POLLRDNORM | libc::POLLRDBAND) != 0 {
        interest |= READ;
    }
    if events & (libc::POLLOUT | libc::POLLWRNORM | libc::POLLWRBAND) != 0 {
        interest |= WRITE;
    }
    if events & libc::POLLPRI != 0 {
        interest |= URGENT;
    }
    if events & libc::POLLRDHUP != 0 {
        interest |= HALF;
    }
    interest
}

fn poll_for(runtime: &Runtime, list: usize, count: usize, timeout: Option<u64>) -> Answer {
    let mut ask = || {
        if forbids(libc::SYS_poll) {
            return NATIVE;
        }
        // SAFETY: the program's own list, no waiting.
        unsafe { kernel(libc::SYS_poll as usize, [list, count, 0, 0, 0, 0]) }
    };
    until_ready(runtime, timeout, count, &mut ask, &|i| {
        let entry: libc::pollfd = user::read(list + i * 8).ok()?;
        (entry.fd >= 0).then(|| (entry.fd, interest(entry.events)))
    })
}

/// `poll(2)`.
pub fn poll(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let timeout = frame.rdx as i32;
    poll_for(
        runtime,
        frame.rdi,
        frame.rsi,
        u64::try_from(timeout).ok().map(|ms| ms * MS),
    )
}

/// Runs `call` with a time-out given as `timespec`, and leaves there what remains, as the kernel
/// does (its libc wrappers use a copy).
pub fn with_timespec(address: usize, call: impl FnOnce(Option<u64>) -> Answer) -> Answer {
    if address == 0 {
        return call(None);
    }
    let ns = match read_timespec(address) {
        Ok(ns) => ns,
        Err(answer) => return answer,
    };
    if ns == 0 {
        return call(Some(0));
    }
    let begun = sys::clock_ns(libc::CLOCK_MONOTONIC);
    let answer = call(Some(ns));
    let gone = sys::clock_ns(libc::CLOCK_MONOTONIC) - begun;
    // The kernel ignores a time-out it cannot write back.
    let _ = write_timespec(address, ns.saturating_sub(gone));
    answer
}

/// `ppoll(2)`.
pub fn ppoll(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [list, count, timeout, mask, size, _] = frame.args();
    masks::during(runtime, mask, size, || {
        with_timespec(timeout, |ns| poll_for(runtime, list, count, ns))
    })
}

fn epoll_for(
    runtime: &Runtime,
    fd: i32,
    events: usize,
    most: usize,
    timeout: Option<u64>,
) -> Answer {
    let ask = |fd: i32| {
        if forbids(libc::SYS_epoll_wait) {
            return NATIVE;
        }
        // SAFETY: the program's own array, no waiting.
        unsafe {
            kernel(
                libc::SYS_epoll_wait as usize,
                [fd as usize, events, most, 0, 0, 0],
            )
        }
    };
    turns::looks(runtime);
    let first = ask(fd);
    if first != 0 || timeout == Some(0) {
        return first;
    }
    // One call, one instance, whatever becomes of its number meanwhile.
    let deadline = timeout.map_or(Deadline::Never, within);
    let wait = OnFd::new(runtime, fd, Kind::Polled, READ).until(deadline);
    let answer = wait.run(|fd| match ask(fd) {
        0 => NOTHING,
        answer => answer,
    });
    match answer {
        NOTHING => 0,
        RESTART => RESTART_NO_HANDLER,
        answer => answer,
    }
}

fn milliseconds(timeout: usize) -> Option<u64> {
    u64::try_from(timeout as i32).ok().map(|ms| ms * MS)
}

/// `epoll_wait(2)`.
pub fn epoll_wait(frame: &mut Frame, runtime: &Runtime) -> Answer {
    epoll_for(
        runtime,
        frame.fd(),
        frame.rsi,
        frame.rdx,
        milliseconds(frame.r10),
    )
}

/// `epoll_pwait(2)`.
pub fn epoll_pwait(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [_, events, most, timeout, mask, size] = frame.args();
    let fd = frame.fd();
    masks::during(runtime, mask, size, || {
        epoll_for(runtime, fd, events, most, milliseconds(timeout))
    })
}

/// `epoll_pwait2(2)`: needs nothing of the kernel's own `epoll_pwait2`.
pub fn epoll_pwait2(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [_, events, most, timeout, mask, size] = frame.args();
    let fd = frame.fd();
    let ns = match timeout {
        0 => None,
        at => match read_timespec(at) {
            Ok(ns) => Some(ns),
            Err(answer) => return answer,
        },
    };
    masks::during(runtime, mask, size, || {
        epoll_for(runtime, fd, events, most, ns)
    })
}

//! Birth and death of descriptors, and their flags: what keeps `fds` and the reactor true.
//!
//! Closing: the epoll registration belongs to the description, not to the number. It must be taken
//! away before the close if a duplicate may live on; greens that wait on the number are moved to a
//! private duplicate first, as the kernel's own reference would keep a blocked reader.
#![allow(unsafe_code)]

use super::kernel;
use super::offload::locks::record_lock;
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, error};
use crate::fds::{self, Kind};
use lichen_runtime::Runtime;
use lichen_runtime::mutants::{Mutant, mutant};
use lichen_runtime::sys;

/// Before the number `fd` is closed or replaced.
fn retire(runtime: &Runtime, fd: i32) {
    let waited = runtime.slots.has_waiters(fd) && !mutant(Mutant::WrongGreenAfterReuse);
    if runtime.slots.is_registered(fd) && (waited || !fds::is_own(fd)) {
        let args = [
            runtime.epoll_fd() as usize,
            libc::EPOLL_CTL_DEL as usize,
            fd as usize,
            0,
            0,
            0,
        ];
        // SAFETY: no pointers.
        unsafe { kernel(libc::SYS_epoll_ctl as usize, args) };
    }
    runtime.slots.forget(fd);
    if waited {
        runtime.slots.move_waiters(runtime, fd);
    }
    fds::forget(fd);
}

/// `close(2)`.
pub fn close(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let fd = frame.fd();
    if runtime.is_own_fd(fd) {
        return error(libc::EBADF);
    }
    retire(runtime, fd);
    NATIVE
}

/// `close_range(2)`: around our own descriptors.
pub fn close_range(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (first, last, flags) = (frame.rdi as u32, frame.rsi as u32, frame.rdx);
    if first > last || flags & libc::CLOSE_RANGE_CLOEXEC as usize != 0 {
        return NATIVE;
    }
    let end = runtime.slots.end().max(fds::end());
    for fd in first.min(i32::MAX as u32) as i32..end.min(last.min(i32::MAX as u32 - 1) as i32 + 1) {
        if !runtime.is_own_fd(fd) {
            retire(runtime, fd);
        }
    }
    let mut from = first;
    let mut flags = flags;
    loop {
        let next = runtime
            .own_fds()
            .into_iter()
            .filter(|&o| o >= 0)
            .map(|o| o as u32);
        let stop = next.filter(|&o| o >= from && o <= last).min();
        let to = stop.map_or(last, |o| o.wrapping_sub(1));
        if stop != Some(from) {
            let args = [from as usize, to as usize, flags, 0, 0, 0];
            // SAFETY: no pointers.
            let answer = unsafe { kernel(libc::SYS_close_range as usize, args) };
            if answer < 0 {
                return answer;
            }
            flags = 0;
        }
        match stop {
            Some(own) if own < last => from = own + 1,
            _ => return 0,
        }
    }
}

fn note_duplicate(old: i32, new: i32) {
    fds::duplicated(old, new);
    if fds::is_comm(new) {
        super::comm::duplicated(old, new);
    }
}

/// `dup(2)`.
pub fn dup(frame: &mut Frame, _: &Runtime) -> Answer {
    // SAFETY: no pointers.
    let new = unsafe { kernel(frame.number, frame.args()) };
    if new >= 0 {
        fds::forget(new as i32);
        note_duplicate(frame.fd(), new as i32);
    }
    new
}

/// `dup2(2)`.
pub fn dup2(frame: &mut Frame, runtime: &Runtime) -> Answer {
    replace(frame, runtime)
}

/// `dup3(2)`.
pub fn dup3(frame: &mut Frame, runtime: &Runtime) -> Answer {
    replace(frame, runtime)
}

fn replace(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (old, new) = (frame.fd(), frame.rsi as i32);
    if runtime.is_own_fd(new) || runtime.is_own_fd(old) {
        return error(libc::EBADF);
    }
    if old != new && sys::fcntl(old, libc::F_GETFD, 0) >= 0 {
        retire(runtime, new);
    }
    // SAFETY: no pointers.
    let answer = unsafe { kernel(frame.number, frame.args()) };
    if answer >= 0 && old != new {
        note_duplicate(old, new);
    }
    answer
}

/// `fcntl(2)`: duplicates and O_NONBLOCK are noted; record locks that wait hold up nobody else.
pub fn fcntl(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let (fd, command) = (frame.fd(), frame.rsi as i32);
    if runtime.is_own_fd(fd) {
        return error(libc::EBADF);
    }
    match command {
        libc::F_DUPFD | libc::F_DUPFD_CLOEXEC | libc::F_SETFL => {}
        libc::F_SETLKW | libc::F_OFD_SETLKW => return record_lock(frame, runtime, command),
        _ => return NATIVE,
    }
    // SAFETY: these commands take integers.
    let answer = unsafe { kernel(frame.number, frame.args()) };
    if answer < 0 {
        return answer;
    }
    if command == libc::F_SETFL {
        fds::set_nonblocking(fd, frame.rdx as i32 & libc::O_NONBLOCK != 0);
    } else {
        fds::forget(answer as i32);
        note_duplicate(fd, answer as i32);
    }
    answer
}

/// `ioctl(2)`: FIONBIO is noted.
pub fn ioctl(frame: &mut Frame, _: &Runtime) -> Answer {
    if frame.rsi != libc::FIONBIO as usize {
        return NATIVE;
    }
    // SAFETY: the program's own arguments.
    let answer = unsafe { kernel(frame.number, frame.args()) };
    if answer == 0 {
        fds::set_nonblocking(frame.fd(), user::read_u32(frame.rdx).unwrap_or(0) != 0);
    }
    answer
}

/// `pipe(2)`.
pub fn pipe(frame: &mut Frame, runtime: &Runtime) -> Answer {
    make_pipe(frame, runtime, 0)
}

/// `pipe2(2)`.
pub fn pipe2(frame: &mut Frame, runtime: &Runtime) -> Answer {
    make_pipe(frame, runtime, frame.rsi as i32)
}

fn make_pipe(frame: &mut Frame, runtime: &Runtime, flags: i32) -> Answer {
    // SAFETY: the program's own arguments.
    let answer = unsafe { kernel(frame.number, frame.args()) };
    let plain = libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_DIRECT;
    if answer == 0 && flags & !plain == 0 {
        let kind = if runtime.caps.get().nowait {
            Kind::Pipe
        } else {
            Kind::Polled
        };
        if let Ok([r, w]) = user::read::<[i32; 2]>(frame.rdi) {
            fds::made(r, kind, flags & libc::O_NONBLOCK != 0);
            fds::made(w, kind, flags & libc::O_NONBLOCK != 0);
        }
    }
    answer
}

//! Peers: accept, connect; and the birth of sockets, so that their kind is known without asking.
#![allow(unsafe_code)]

use super::offload::by_helper;
use super::wait::OnFd;
use super::{io, kernel};
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, RESTART, error};
use crate::fds::{self, Kind};
use lichen_runtime::Runtime;
use lichen_runtime::green::{Wait, Wake};
use lichen_runtime::park::{self, Deadline};
use lichen_runtime::reactor::{READ, WRITE};
use lichen_runtime::sys;

/// `accept(2)`.
pub fn accept(frame: &mut Frame, runtime: &Runtime) -> Answer {
    take(frame, runtime, 0)
}

/// `accept4(2)`.
pub fn accept4(frame: &mut Frame, runtime: &Runtime) -> Answer {
    take(frame, runtime, frame.r10 as i32)
}

/// Polls, then accepts. No O_NONBLOCK on a listener, ever. With one carrier nobody in this process
/// can take the connection between the two steps; where another process can, a helper accepts.
fn take(frame: &Frame, runtime: &Runtime, flags: i32) -> Answer {
    let fd = frame.fd();
    let kind = fds::kind(fd);
    // What cannot wait has its errno from the kernel.
    if !kind.is_socket() || flags & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) != 0 {
        return NATIVE;
    }
    let wait = OnFd::new(runtime, fd, kind, READ);
    let shared = !fds::is_own(fd) && !fds::is_nonblocking(fd) && fds::is_listening(fd);
    let answer = wait.run(|fd| {
        let waits = || !fds::is_nonblocking(fd) && fds::is_listening(fd);
        if !io::ready(fd, libc::POLLIN) && waits() {
            return error(libc::EAGAIN);
        }
        let [_, address, len, flags, ..] = frame.args();
        let args = [fd as usize, address, len, flags, 0, 0];
        if shared {
            return by_helper(runtime, frame.number, args);
        }
        // SAFETY: the program's own arguments.
        unsafe { kernel(frame.number, args) }
    });
    if answer >= 0 {
        fds::made(answer as i32, kind, flags & libc::SOCK_NONBLOCK != 0);
    }
    answer
}

/// `connect(2)`. A socket made here gets O_NONBLOCK meanwhile; with one that others may share a helper
/// waits.
pub fn connect(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let fd = frame.fd();
    let kind = fds::kind(fd);
    if !kind.is_socket() || kind == Kind::Datagram || fds::is_nonblocking(fd) {
        return NATIVE;
    }
    if !fds::is_own(fd) {
        return match by_helper(runtime, frame.number, frame.args()) {
            RESTART => error(libc::EINTR), // the connect goes on by itself
            answer => answer,
        };
    }
    let mut pause_ns = 1_000_000;
    loop {
        let answer = connect_at_once(frame, fd);
        match -answer as i32 {
            libc::EINPROGRESS => return finish(frame, runtime, fd),
            // AF_UNIX with a full backlog: there is nothing to poll for; try again later.
            libc::EAGAIN if kind != Kind::Tcp => {
                let wake =
                    park::sleep(runtime, Wait::Descriptor, fd as u64, Deadline::In(pause_ns));
                if wake == Wake::Interrupted {
                    return RESTART;
                }
                pause_ns = (pause_ns * 2).min(20_000_000);
            }
            _ => return answer,
        }
    }
}

fn connect_at_once(frame: &Frame, fd: i32) -> Answer {
    let flags = sys::fcntl(fd, libc::F_GETFL, 0);
    if flags < 0 {
        return flags;
    }
    sys::fcntl(
        fd,
        libc::F_SETFL,
        flags as usize | libc::O_NONBLOCK as usize,
    );
    let [_, address, len, ..] = frame.args();
    // SAFETY: the program's own arguments, but for the descriptor.
    let answer = unsafe {
        kernel(
            libc::SYS_connect as usize,
            [fd as usize, address, len, 0, 0, 0],
        )
    };
    sys::fcntl(fd, libc::F_SETFL, flags as usize);
    answer
}

/// Makes a call that must not wait for room in a socket: O_NONBLOCK for the time of the call. Only on a
/// blocking socket of our own, which nobody else can be looking at ([`fds::is_own`]).
pub fn not_waiting(fd: i32, call: impl FnOnce() -> Answer) -> Answer {
    let switch = |on: i32| {
        let args = [
            fd as usize,
            libc::FIONBIO as usize,
            &raw const on as usize,
            0,
            0,
            0,
        ];
        // SAFETY: reads one integer of ours.
        unsafe { kernel(libc::SYS_ioctl as usize, args) }
    };
    switch(1);
    let answer = call();
    switch(0);
    answer
}

/// Waits for the outcome of a connect that is under way.
fn finish(frame: &Frame, runtime: &Runtime, fd: i32) -> Answer {
    let deadline = match fds::may_be_timed(fd)
        .then(|| fds::socket_timeout(fd, true))
        .flatten()
    {
        Some(ns) => Deadline::At(sys::clock_ns(libc::CLOCK_MONOTONIC).saturating_add(ns)),
        None => Deadline::Never,
    };
    let mut at = fd;
    let answer = loop {
        if io::ready(at, libc::POLLOUT) {
            // Asked again, connect tells the outcome, and the socket becomes connected: reading
            // SO_ERROR would leave it "connecting".
            let answer = connect_at_once(frame, at);
            if answer != error(libc::EALREADY) && answer != error(libc::EINPROGRESS) {
                break answer;
            }
        }
        let (wake, again) = park::wait_fd(runtime, at, WRITE, deadline);
        if again < 0 {
            break error(libc::EINTR);
        }
        at = again;
        match wake {
            Wake::TimedOut => break error(libc::EINPROGRESS),
            // Linux leaves the connect under way and says EINTR, with SA_RESTART too where it cannot
            // begin again; beginning again would say EALREADY.
            Wake::Interrupted => break error(libc::EINTR),
            Wake::Ready => {}
        }
    };
    if at != fd && at >= 0 {
        runtime.slots.forget(at);
        sys::close(at);
    }
    answer
}

/// `socket(2)`.
pub fn socket(frame: &mut Frame, _: &Runtime) -> Answer {
    // SAFETY: integers only.
    let fd = unsafe { kernel(frame.number, frame.args()) };
    if fd >= 0 {
        let [domain, kind, protocol, ..] = frame.args().map(|a| a as i32);
        let nonblocking = kind & libc::SOCK_NONBLOCK != 0;
        fds::made(
            fd as i32,
            fds::kind_of_socket(domain, kind, protocol),
            nonblocking,
        );
    }
    fd
}

/// `socketpair(2)`.
pub fn socketpair(frame: &mut Frame, _: &Runtime) -> Answer {
    // SAFETY: the program's own arguments.
    let answer = unsafe { kernel(frame.number, frame.args()) };
    if answer >= 0 {
        let [domain, kind, protocol, ends, ..] = frame.args();
        let sort = fds::kind_of_socket(domain as i32, kind as i32, protocol as i32);
        let nonblocking = kind as i32 & libc::SOCK_NONBLOCK != 0;
        if let Ok([a, b]) = user::read::<[i32; 2]>(ends) {
            fds::made(a, sort, nonblocking);
            fds::made(b, sort, nonblocking);
        }
    }
    answer
}

/// `setsockopt(2)`: notes what changes how the socket must be read.
pub fn setsockopt(frame: &mut Frame, _: &Runtime) -> Answer {
    const TCP_ULP: i32 = 31;
    let (fd, level, name) = (frame.fd(), frame.rsi as i32, frame.rdx as i32);
    match (level, name) {
        (libc::SOL_SOCKET, libc::SO_RCVTIMEO | libc::SO_SNDTIMEO | 66 | 67) => fds::set_timed(fd),
        (libc::SOL_SOCKET, libc::SO_RCVLOWAT) | (libc::IPPROTO_TCP, TCP_ULP) => fds::set_long(fd),
        _ => {}
    }
    NATIVE
}

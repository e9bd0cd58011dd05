//! Peers: accept, connect; and the birth of sockets, so that their kind is known without asking.
#![allow(unsafe_code)]

use super::offload::by_helper;
use super::signal::notes;
use super::wait::OnFd;
use super::{io, kernel};
use crate::abi::forbidden::forbids;
use crate::abi::user;
use crate::call::{AGAIN, Answer, Frame, NATIVE, RESTART, error};
use crate::fds::{self, Kind};
use crate::sockopt;
use lichen_runtime::Runtime;
use lichen_runtime::green::{Wait, Wake};
use lichen_runtime::park::{self, Deadline};
use lichen_runtime::reactor::{READ, WRITE, Wakes};
use lichen_runtime::sys;

/// `accept(2)`.
pub fn accept(frame: &mut Frame, runtime: &Runtime) -> Answer {
    take(frame, runtime, 0)
}

/// `accept4(2)`.
pub fn accept4(frame: &mut Frame, runtime: &Runtime) -> Answer {
    take(frame, runtime, frame.r10 as i32)
}

/// No O_NONBLOCK on a listener, ever. With one carrier nobody in this process can take the connection
/// between two steps, so a listener of our own is polled, then accepted on; how it is where another process
/// can, see [`take_shared`]. Of many who wait a connection wakes one, as in the kernel; it wakes the next.
fn take(frame: &Frame, runtime: &Runtime, flags: i32) -> Answer {
    let fd = frame.fd();
    let kind = fds::kind(fd);
    // What cannot wait has its errno from the kernel.
    if !kind.is_socket() || flags & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) != 0 {
        return NATIVE;
    }
    let wakes = match fds::is_own(fd) {
        true => Wakes::OneHere,
        false => Wakes::OneAnywhere,
    };
    let wait = OnFd::new(runtime, fd, kind, READ).waking(wakes);
    let answer = wait.run(|fd| {
        let [_, address, len, ..] = frame.args();
        let args = [fd as usize, address, len, flags as usize, 0, 0];
        // Asked each time: another thread may fork while this one waits.
        if !fds::is_own(fd) {
            return take_shared(runtime, frame.number, args);
        }
        if !returns_at_once(fd) {
            return AGAIN;
        }
        // SAFETY: the program's own arguments.
        unsafe { kernel(frame.number, args) }
    });
    let fd = wait.fd();
    let slots = &runtime.slots;
    // What a helper has just given up is registered for nobody: then the next one looks for himself.
    if slots.has_waiters(fd) && (!slots.is_registered(fd) || io::ready(fd, libc::POLLIN)) {
        slots.wake_next(runtime, fd);
    }
    if answer >= 0 {
        let nonblocking = flags & libc::SOCK_NONBLOCK != 0;
        fds::accepted(answer as i32, fd, kind, nonblocking);
    }
    answer
}

/// Does accept return at once, as far as this process can tell?
fn returns_at_once(fd: i32) -> bool {
    io::ready(fd, libc::POLLIN) || cannot_wait(fd)
}

fn cannot_wait(fd: i32) -> bool {
    fds::is_nonblocking(fd) || !sockopt::is_listening(fd)
}

/// Another process can take the connection between looking and accepting. So a ring accepts without
/// waiting; where there is none a helper accepts, one for each listener.
fn take_shared(runtime: &Runtime, number: usize, args: [usize; 6]) -> Answer {
    let fd = args[0] as i32;
    if let Some(answer) = runtime.acceptor.accept(runtime, args) {
        // Without waiting a local listener that was shut down says EAGAIN, for ever; waiting, EINVAL at once.
        if answer == AGAIN && io::is_shut(fd) {
            // SAFETY: the program's own arguments.
            return unsafe { kernel(number, args) };
        }
        return answer;
    }
    if cannot_wait(fd) {
        // SAFETY: the program's own arguments.
        return unsafe { kernel(number, args) };
    }
    if !io::ready(fd, libc::POLLIN) || !runtime.slots.claim(fd) {
        return AGAIN;
    }
    let answer = by_helper(runtime, number, args);
    runtime.slots.release(fd);
    answer
}

/// `connect(2)`. A socket made here gets O_NONBLOCK meanwhile; with one that others may share a helper
/// waits. One that is on its way already (interrupted, or begun without waiting) is waited for.
pub fn connect(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let fd = frame.fd();
    let kind = fds::kind(fd);
    if !kind.is_socket() || kind == Kind::Datagram || fds::is_nonblocking(fd) {
        return NATIVE;
    }
    let timed = fds::may_be_timed(fd)
        .then(|| sockopt::timeout(fd, true))
        .flatten();
    if !fds::is_own(fd) {
        return match by_helper(runtime, frame.number, frame.args()) {
            RESTART if timed.is_some() => error(libc::EINTR), // the connect goes on by itself
            answer => answer,
        };
    }
    let deadline = timed.map_or(Deadline::Never, super::time::after);
    match connect_at_once(frame, fd) {
        UNDER_WAY => finish(frame, runtime, deadline, UNDER_WAY),
        BEGUN_BEFORE => finish(frame, runtime, deadline, BEGUN_BEFORE),
        FULL if kind != Kind::Tcp => until_room(frame, runtime, deadline),
        answer => answer,
    }
}

const UNDER_WAY: Answer = error(libc::EINPROGRESS);
const BEGUN_BEFORE: Answer = error(libc::EALREADY);
const FULL: Answer = AGAIN;

/// AF_UNIX with a full backlog: there is nothing to poll for, so it is tried again later.
fn until_room(frame: &Frame, runtime: &Runtime, deadline: Deadline) -> Answer {
    const MOST_NS: u64 = 20_000_000;
    let fd = frame.fd();
    let mut pause_ns = 1_000_000;
    loop {
        let now = sys::clock_ns(libc::CLOCK_MONOTONIC);
        let (until, last) = match deadline {
            Deadline::At(end) if end <= now + pause_ns => (end, true),
            _ => (now + pause_ns, false),
        };
        let wake = park::sleep(runtime, Wait::Descriptor, fd as u64, Deadline::At(until));
        let answer = connect_at_once(frame, fd);
        if answer != FULL || last && wake != Wake::Interrupted {
            return answer;
        }
        if wake == Wake::Interrupted && notes::any_for_current(runtime) {
            return interrupted(deadline);
        }
        pause_ns = (pause_ns * 2).min(MOST_NS);
    }
}

/// What a signal answers: a call with a time-out does not begin again (sock_intr_errno in Linux).
fn interrupted(deadline: Deadline) -> Answer {
    match deadline {
        Deadline::Never => RESTART,
        _ => error(libc::EINTR),
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
    if forbids(libc::SYS_ioctl) {
        return call(); // holds up the others, if it waits
    }
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

/// Waits for the outcome of a connect that is under way; `late` is what a passed time-out answers.
fn finish(frame: &Frame, runtime: &Runtime, deadline: Deadline, late: Answer) -> Answer {
    let wait = OnFd::new(runtime, frame.fd(), Kind::Tcp, WRITE).until(deadline);
    let answer = wait.run(|fd| {
        if !io::ready(fd, libc::POLLOUT) {
            return FULL;
        }
        // Asked again, connect tells the outcome, and the socket becomes connected: reading
        // SO_ERROR would leave it "connecting".
        match connect_at_once(frame, fd) {
            UNDER_WAY | BEGUN_BEFORE => FULL,
            answer => answer,
        }
    });
    match answer {
        FULL => late,
        NATIVE => error(libc::EINTR),
        answer => answer,
    }
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

/// `setsockopt(2)`: notes what changes how the socket must be read. A new size of the buffer to send from wakes whoever waits,
/// on TCP also the first of those who wait for a connection (sk_stream_write_space).
pub fn setsockopt(frame: &mut Frame, runtime: &Runtime) -> Answer {
    const TCP_ULP: i32 = 31;
    let (fd, level, name) = (frame.fd(), frame.rsi as i32, frame.rdx as i32);
    match (level, name) {
        (libc::SOL_SOCKET, libc::SO_RCVTIMEO | libc::SO_SNDTIMEO | 66 | 67) => fds::set_timed(fd),
        (libc::SOL_SOCKET, libc::SO_RCVLOWAT) => fds::set_low_water(fd),
        (libc::SOL_SOCKET, libc::SO_SNDBUF | libc::SO_SNDBUFFORCE)
            if fds::kind(fd) == Kind::Tcp =>
        {
            runtime.slots.send_to_the_end(fd);
        }
        (libc::IPPROTO_TCP, TCP_ULP) => fds::set_long(fd),
        _ => {}
    }
    NATIVE
}

//! The handlers: splice, tee, vmsplice, sendfile. What waits at once or not at all, and whose errors are the
//! kernel's to say, goes to it as it is.
#![allow(unsafe_code)]

use super::engine::{End, Transfer};
use crate::abi::user;
use crate::call::{AGAIN, Answer, Frame, NATIVE, error};
use crate::fds::{self, Kind};
use crate::handlers::offload::by_helper;
use crate::handlers::wait::OnFd;
use crate::handlers::{io, kernel, socket};
use lichen_runtime::Runtime;
use lichen_runtime::reactor::{READ, WRITE};

const NONBLOCK: usize = libc::SPLICE_F_NONBLOCK as usize;
/// More than this is never moved by one call (MAX_RW_COUNT).
const MOST: usize = 0x7fff_f000;

/// With a socket that others may have there is no way of not waiting that they would not see.
fn needs_helper(to: &End) -> bool {
    to.kind.is_socket() && to.holds_up() && !fds::is_own(to.fd)
}

/// Makes the program's own call by a helper. A SIGPIPE would be the helper's: where that is due the
/// call is made again, and fails again at once.
fn with_helper(frame: &Frame, runtime: &Runtime) -> Answer {
    match by_helper(runtime, frame.number, frame.args()) {
        answer if answer == error(libc::EPIPE) => NATIVE,
        answer => answer,
    }
}

/// Kinds that no transfer knows: their errors come at once.
fn unknown(end: &End) -> bool {
    end.kind == Kind::Event
}

/// Of nothing, or from what cannot be spliced, to a pipe: the kernel waits for room there before it says so. `call` makes the
/// call with this descriptor for the pipe.
fn when_room(runtime: &Runtime, to: &End, call: &dyn Fn(i32) -> Answer) -> Answer {
    if fds::is_nonblocking(to.fd) || !fds::allows(to.fd, false) {
        return NATIVE;
    }
    let wait = OnFd::new(runtime, to.fd, to.kind, WRITE);
    wait.run(|fd| match io::ready(fd, libc::POLLOUT) {
        true => call(fd),
        false => AGAIN,
    })
}

/// `splice(2)`.
pub fn splice(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [from, from_at, to, to_at, len, flags] = frame.args();
    let (from, to) = (End::new(from as i32), End::new(to as i32));
    // EINVAL, EBADF, ESPIPE and nothing to do are the kernel's to say.
    if len == 0 || !(from.pipe || to.pipe) || unknown(&to) {
        return NATIVE;
    }
    if from.pipe && from_at != 0 || to.pipe && to_at != 0 {
        return NATIVE;
    }
    if unknown(&from) && (from_at != 0 || flags & NONBLOCK != 0) {
        return NATIVE;
    }
    if unknown(&from) {
        return when_room(runtime, &to, &|fd| {
            let args = [from.fd as usize, 0, fd as usize, to_at, len, flags];
            // SAFETY: no pointers but `to_at`, which a pipe refuses.
            unsafe { kernel(libc::SYS_splice as usize, args) }
        });
    }
    if needs_helper(&to) {
        return with_helper(frame, runtime);
    }
    let hurried = flags & NONBLOCK != 0
        || from.pipe && fds::is_nonblocking(from.fd)
        || to.pipe && fds::is_nonblocking(to.fd);
    Transfer {
        runtime,
        from,
        to,
        patient: !hurried,
        call: &|from, to, len| {
            let args = [
                from as usize,
                from_at,
                to as usize,
                to_at,
                len,
                flags | NONBLOCK,
            ];
            // SAFETY: the program's own arguments with one more flag.
            unsafe { kernel(libc::SYS_splice as usize, args) }
        },
    }
    .run(len.min(MOST))
}

/// `tee(2)`.
pub fn tee(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [from, to, len, flags, ..] = frame.args();
    let (from, to) = (End::new(from as i32), End::new(to as i32));
    if len == 0 || !from.pipe || !to.pipe || flags & NONBLOCK != 0 {
        return NATIVE;
    }
    Transfer {
        runtime,
        from,
        to,
        patient: !fds::is_nonblocking(from.fd) && !fds::is_nonblocking(to.fd),
        call: &|from, to, len| {
            let args = [from as usize, to as usize, len, flags | NONBLOCK, 0, 0];
            // SAFETY: no pointers.
            unsafe { kernel(libc::SYS_tee as usize, args) }
        },
    }
    .run(len)
}

/// `vmsplice(2)`: between memory and a pipe. The kernel does not look at O_NONBLOCK here.
pub fn vmsplice(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [_, vector, count, flags, ..] = frame.args();
    let end = End::new(frame.fd());
    if !end.pipe || flags & NONBLOCK != 0 {
        return NATIVE;
    }
    let interest = if !fds::allows(end.fd, false) {
        READ
    } else {
        WRITE
    };
    let wait = OnFd::new(runtime, end.fd, end.kind, interest).patient();
    wait.run(|fd| {
        let args = [fd as usize, vector, count, flags | NONBLOCK, 0, 0];
        // SAFETY: the program's own arguments with one more flag.
        unsafe { kernel(libc::SYS_vmsplice as usize, args) }
    })
}

/// `sendfile(2)`. A pipe takes what there is room for, like a splice; a socket takes all.
pub fn sendfile(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [_, source, at, count, ..] = frame.args();
    let to = End::new(frame.fd());
    if to.kind == Kind::File || to.kind == Kind::Event || !to.pipe && !to.holds_up() {
        return NATIVE;
    }
    let from = End::new(source as i32);
    // With an offset what is no file is refused at once.
    let vain = count == 0 || from.pipe || unknown(&from);
    if to.pipe && vain && (at == 0 || from.kind == Kind::File) {
        return when_room(runtime, &to, &|fd| {
            let args = [fd as usize, source, at, count, 0, 0];
            // SAFETY: the program's own arguments, but for the descriptor.
            unsafe { kernel(libc::SYS_sendfile as usize, args) }
        });
    }
    if unknown(&from) || count == 0 {
        return NATIVE;
    }
    if to.pipe {
        return to_pipe(frame, runtime, from, to);
    }
    // Only a file can be sent elsewhere: the rest is EINVAL.
    if from.kind != Kind::File {
        return NATIVE;
    }
    if needs_helper(&to) {
        return with_helper(frame, runtime);
    }
    Transfer {
        runtime,
        from,
        to,
        patient: true,
        call: &|from, to, len| {
            let args = [to as usize, from as usize, at, len, 0, 0];
            // SAFETY: the program's own arguments.
            unsafe { kernel(libc::SYS_sendfile as usize, args) }
        },
    }
    .run(count.min(MOST))
}

/// To a pipe: a splice is the same, and can be told not to wait. Errors are those of `sendfile`.
fn to_pipe(frame: &Frame, runtime: &Runtime, from: End, to: End) -> Answer {
    let [_, _, at, count, ..] = frame.args();
    // Two pipes are spliced otherwise; and a bad offset is found before waiting.
    if from.pipe || fds::is_nonblocking(to.fd) && !from.holds_up() {
        return NATIVE;
    }
    if at != 0 && user::read::<u64>(at).is_err() {
        return error(libc::EFAULT);
    }
    let answer = Transfer {
        runtime,
        from,
        to,
        patient: !fds::is_nonblocking(to.fd),
        call: &|from, to, len| {
            // A pipe that was spliced into knows RWF_NOWAIT no more.
            if io::is_private_pipe(to) {
                let args = [to as usize, from as usize, at, len, 0, 0];
                // SAFETY: the program's own arguments.
                let call = || unsafe { kernel(libc::SYS_sendfile as usize, args) };
                return socket::not_waiting(to, call);
            }
            let args = [from as usize, at, to as usize, 0, len, NONBLOCK];
            // SAFETY: the program's own arguments.
            unsafe { kernel(libc::SYS_splice as usize, args) }
        },
    }
    .run(count.min(MOST));
    match -answer as i32 {
        libc::EINVAL | libc::ESPIPE | libc::EBADF => NATIVE,
        _ => answer,
    }
}

//! Who wrote what is next in a Unix stream: with SO_PASSCRED a read that waits for more does not go on with the bytes of
//! another writer (unix_stream_read_generic in Linux).
//!
//! Called by the reads with MSG_WAITALL, before their parts. Green side; never waits.
#![allow(unsafe_code)]

use super::attempt::DONTWAIT;
use crate::call::Answer;
use crate::fds::Kind;
use crate::handlers::kernel;
use crate::handlers::wait::OnFd;
use crate::sockopt;

/// Process, user and group, as in `struct ucred`.
pub type Writer = [i32; 3];

/// Who wrote what a read that waits for all will begin with, if it is to end at another writer's bytes. May park.
pub fn first(wait: &OnFd<'_>, kind: Kind, flags: usize) -> Option<Writer> {
    if kind != Kind::Stream || flags & libc::MSG_WAITALL as usize == 0 {
        return None;
    }
    if sockopt::option(wait.fd(), libc::SO_PASSCRED) == 0 {
        return None;
    }
    // Where looking moves the place of the next look, nobody may look.
    if sockopt::option(wait.fd(), libc::SO_PEEK_OFF) >= 0 {
        return None;
    }
    let mut writer = None;
    wait.run(|fd| look(fd, &mut writer));
    writer
}

/// Is what is next another one's? Not if there is nothing.
pub fn is_another(fd: i32, writer: Writer) -> bool {
    let mut next = None;
    look(fd, &mut next);
    next.is_some_and(|next| next != writer)
}

fn look(fd: i32, writer: &mut Option<Writer>) -> Answer {
    let mut byte = 0u8;
    let vector = [&raw mut byte as usize, 1];
    // A `struct cmsghdr`, then a `struct ucred`.
    let mut control = [0usize; 4];
    let at = control.as_mut_ptr() as usize;
    let room = size_of_val(&control);
    let mut header = [0, 0, vector.as_ptr() as usize, 1, at, room, 0];
    let flags = libc::MSG_PEEK as usize | DONTWAIT;
    let args = [fd as usize, header.as_mut_ptr() as usize, flags, 0, 0, 0];
    // SAFETY: the header, the byte and the control data are ours.
    let answer = unsafe { kernel(libc::SYS_recvmsg as usize, args) };
    let sort = libc::SOL_SOCKET as usize | (libc::SCM_CREDENTIALS as usize) << 32;
    let [_, found, low, high] = control;
    if answer > 0 && header[5] != 0 && found == sort {
        *writer = Some([low as i32, (low >> 32) as i32, high as i32]);
    }
    answer
}

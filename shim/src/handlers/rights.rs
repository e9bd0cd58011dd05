//! Descriptors in the control data of messages (SCM_RIGHTS, unix(7)): who looks at them, who may share them from then on, and
//! what becomes of them while a message waits for room. Called by `message`. Green side.

use super::borrowed;
use super::message::{CONTROL, word};
use crate::abi::user;
use crate::{fds, sockopt};
use lichen_runtime::{Runtime, sys};

/// Where a message's control data is, and how long.
pub fn control_of(message: usize) -> [usize; 2] {
    [word(message, CONTROL), word(message, CONTROL + 8)]
}

/// Are there passed descriptors in this control data (address, length)?
pub fn are_in(control: [usize; 2]) -> bool {
    let mut any = false;
    each(control, &mut |_, _| any = true);
    any
}

/// Were passed descriptors thrown away, for want of room? `flags` are those that came with the message.
pub fn were_lost(fd: i32, flags: usize) -> bool {
    flags & libc::MSG_CTRUNC as usize != 0 && sockopt::option(fd, libc::SO_PASSCRED) == 0
}

/// Descriptors in the message's control data may be another process's from now on.
pub fn note(message: usize) {
    let control = control_of(message);
    if control[1] != 0 && !each(control, &mut |_, fd| fds::share(fd)) {
        fds::share_all();
    }
}

/// Calls `visit` with the place and the number of every descriptor passed in control data (address, length). `false`: there
/// is more of it than is looked at.
fn each([mut at, len]: [usize; 2], visit: &mut dyn FnMut(usize, i32)) -> bool {
    const HEADER: usize = 16;
    const MOST: usize = 64;
    let end = at.saturating_add(len);
    for _ in 0..MOST {
        if at == 0 || at.saturating_add(HEADER) > end {
            return true;
        }
        let Ok([size, sort]) = user::read::<[usize; 2]>(at) else {
            return true;
        };
        if size < HEADER || size > end - at {
            return true;
        }
        let rights = libc::SOL_SOCKET as usize | (libc::SCM_RIGHTS as usize) << 32;
        for word in (HEADER..size).step_by(4).filter(|_| sort == rights) {
            if let Ok(fd) = user::read::<i32>(at + word) {
                visit(at + word, fd);
            }
        }
        at += (size + 7) & !7;
    }
    false
}

/// Longer control data is the kernel's to refuse (net.core.optmem_max).
const LONGEST: usize = 64 * 1024;
/// Words of a `struct msghdr`.
const HEADER_WORDS: usize = 7;

/// A message that waits for room, with duplicates of our own of the descriptors it passes: the program may close its own
/// meanwhile, and give their numbers to others.
pub struct Kept<'a> {
    runtime: &'a Runtime,
    message: usize,
    /// The header, the control data as it is sent, and as the program had it. Null: no copy was made.
    room: *mut u64,
    control: usize,
}

impl Kept<'_> {
    /// Where there is no memory, or no descriptor left, the program's own are passed. Parks.
    pub fn of(runtime: &Runtime, message: usize) -> Kept<'_> {
        let [at, len] = control_of(message);
        let mut kept = Kept {
            runtime,
            message,
            room: core::ptr::null_mut(),
            control: len,
        };
        let Ok(header) = user::read::<[u64; HEADER_WORDS]>(message) else {
            return kept;
        };
        if len <= LONGEST {
            kept.room = borrowed::words(runtime, kept.words());
        }
        if !kept.room.is_null() {
            if kept.copy(header, at) {
                kept.message = kept.room as usize;
            } else {
                borrowed::give_back(runtime, kept.room, kept.words());
                kept.room = core::ptr::null_mut();
            }
        }
        kept
    }

    fn words(&self) -> usize {
        HEADER_WORDS + 2 * self.control.div_ceil(8)
    }

    /// The control data as it is sent, and as the program had it.
    fn copies(&self) -> [usize; 2] {
        let first = self.room as usize + HEADER_WORDS * 8;
        [first, first + self.control.div_ceil(8) * 8]
    }

    /// `false`: the program took its memory away.
    fn copy(&self, mut header: [u64; HEADER_WORDS], at: usize) -> bool {
        let [sent, own] = self.copies();
        header[CONTROL / 8] = sent as u64;
        let copied = user::copy(own, at, self.control)
            .and_then(|()| user::copy(sent, own, self.control))
            .and_then(|()| user::write(self.room as usize, &header));
        if copied.is_err() {
            return false;
        }
        each([sent, self.control], &mut |place, fd| {
            let duplicate = sys::fcntl(fd, libc::F_DUPFD_CLOEXEC, sys::descriptor_floor());
            if let Ok(duplicate) = u32::try_from(duplicate) {
                let _ = user::write_u32(place, duplicate);
            }
        });
        true
    }

    /// Where the message is that is to be sent.
    pub fn message(&self) -> usize {
        self.message
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if self.room.is_null() {
            return;
        }
        let [sent, own] = self.copies();
        each([sent, self.control], &mut |place, fd| {
            if user::read::<i32>(place - sent + own) != Ok(fd) {
                fds::forget(fd);
                sys::close(fd);
            }
        });
        borrowed::give_back(self.runtime, self.room, self.words());
    }
}

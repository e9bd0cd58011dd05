//! The other end of a transfer while one end is waited for. Called by `engine` only.

use super::engine::{AWAIT_OUT, End, Transfer};
use crate::call::{AGAIN, Answer};
use crate::fds::{self, Kind};
use core::cell::Cell;
use lichen_runtime::sys;

/// What the call has taken hold of while it waits for one end: the other one, as the kernel has. Another
/// thread may close its number meanwhile, and open something else there. A file is not held but
/// watched: see [`Held::lost_file`].
pub struct Held<'a> {
    transfer: &'a Transfer<'a>,
    generation: u32,
    from: Cell<i32>,
    to: Cell<i32>,
}

impl<'a> Held<'a> {
    pub fn new(transfer: &'a Transfer<'a>) -> Held<'a> {
        Held {
            transfer,
            generation: transfer.runtime.slots.generation(transfer.from.fd),
            from: Cell::new(-1),
            to: Cell::new(-1),
        }
    }

    /// The ends by the numbers to use.
    pub fn ends(&self, from: i32, to: i32) -> (End, End) {
        let number = |held: &Cell<i32>, given: i32, first: i32| match held.get() {
            // The wait knows better: it has a duplicate of its own.
            _ if given != first => given,
            -1 => given,
            held => held,
        };
        let Transfer { from: a, to: b, .. } = *self.transfer;
        (
            a.at(number(&self.from, from, a.fd)),
            b.at(number(&self.to, to, b.fd)),
        )
    }

    /// Before the wait that this answer of an attempt leads to.
    pub fn hold(&self, answer: Answer) {
        let Transfer { from, to, .. } = self.transfer;
        let (held, end, awaited) = match answer {
            AWAIT_OUT => (&self.from, from, to),
            AGAIN => (&self.to, to, from),
            _ => return,
        };
        // To close a duplicate of a file would drop the process's record locks on it.
        if held.get() < 0 && end.kind != Kind::File && !fds::is_nonblocking(awaited.fd) {
            let floor = sys::descriptor_floor();
            let duplicate = sys::fcntl(end.fd, libc::F_DUPFD_CLOEXEC, floor);
            held.set((duplicate as i32).max(-1));
        }
    }

    /// The file's number was closed meanwhile; whatever has it now must not be read.
    pub fn lost_file(&self) -> bool {
        let Transfer { runtime, from, .. } = self.transfer;
        from.kind == Kind::File && runtime.slots.generation(from.fd) != self.generation
    }

    pub fn release(&self) {
        for held in [self.from.replace(-1), self.to.replace(-1)] {
            if held >= 0 {
                sys::close(held);
            }
        }
    }
}

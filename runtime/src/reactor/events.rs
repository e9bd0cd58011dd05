//! mio and a timerfd: registrations, and the turn in which events become wakes. Scheduler side.
#![allow(unsafe_code)]

use super::slots::{CLAIMED, END, EXCLUSIVE, READ, REGISTERED, Slot, Slots, URGENT, WRITE};
use super::waiters::{FdWaiter, Wakes};
use crate::mutants::{Mutant, mutant};
use crate::{Runtime, sys};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Events taken from the kernel at once.
const EVENTS: usize = 64;
/// How many events ahead the second of two fetches is made; the first is made twice as far.
const AHEAD: usize = 4;
const DOORBELL: Token = Token(usize::MAX);
const CLOCK: Token = Token(usize::MAX - 1);

/// The epoll instance and what belongs to it. Scheduler side.
pub struct Reactor {
    poll: Poll,
    events: Events,
    /// The events of one turn: token, and what it says.
    told: Vec<(Token, u8)>,
    timerfd: i32,
    armed_ns: u64,
    /// epoll may not be used any more, nor the timerfd.
    blind: bool,
}

impl Reactor {
    /// A new epoll instance with a doorbell and a clock.
    ///
    /// # Errors
    /// When the process is out of descriptors or memory.
    pub fn new(runtime: &Runtime) -> io::Result<Reactor> {
        let mut poll = Poll::new()?;
        lift_poll(&mut poll);
        let (bell, clock) = (sys::eventfd(), sys::timerfd());
        if bell < 0 || clock < 0 {
            return Err(io::Error::from_raw_os_error(-bell.min(clock) as i32));
        }
        let (bell, clock) = (sys::lift(bell as i32), sys::lift(clock as i32));
        poll.registry()
            .register(&mut SourceFd(&bell), DOORBELL, Interest::READABLE)?;
        poll.registry()
            .register(&mut SourceFd(&clock), CLOCK, Interest::READABLE)?;
        runtime.set_own_fds([poll.as_raw_fd(), bell, clock]);
        Ok(Reactor {
            poll,
            events: Events::with_capacity(EVENTS),
            told: Vec::with_capacity(EVENTS),
            timerfd: clock,
            armed_ns: 0,
            blind: false,
        })
    }

    /// From here on neither epoll nor the clock is touched.
    pub fn go_blind(&mut self) {
        self.blind = true;
    }

    /// Sleeps until the next deadline, for a few milliseconds at most: wakes from other kernel threads ring a bell that
    /// nobody hears now.
    fn nap(&self, runtime: &Runtime) {
        const MOST_NS: u64 = 5_000_000;
        let now = sys::clock_ns(libc::CLOCK_MONOTONIC);
        let until = if self.armed_ns > now {
            self.armed_ns
        } else {
            u64::MAX
        };
        sys::nap(runtime.caps.get().nap, (until - now).min(MOST_NS));
    }

    /// Begins a wait: registers the descriptor on first use and links the waiter.
    ///
    /// # Errors
    /// The error of epoll_ctl(2): EPERM for what cannot be polled, ENOSPC, ENOMEM, EBADF.
    pub fn begin(&self, slots: &Slots, waiter: &FdWaiter) -> io::Result<()> {
        let fd = waiter.fd.get();
        let slot = slots
            .get(fd)
            .ok_or(io::Error::from_raw_os_error(libc::EPERM))?;
        if waiter.wakes == Wakes::OneAnywhere {
            self.begin_exclusive(slots, slot, fd)?;
        } else {
            self.begin_plain(slots, slot, fd)?;
        }
        slots.link(waiter);
        Ok(())
    }

    #[inline(always)]
    fn begin_plain(&self, slots: &Slots, slot: &Slot, fd: i32) -> io::Result<()> {
        match slots.is_watched(fd) {
            true => Ok(()),
            false => self.register(slots, slot, fd),
        }
    }

    fn register(&self, slots: &Slots, slot: &Slot, fd: i32) -> io::Result<()> {
        // EPOLL_CTL_MOD does not take EPOLLEXCLUSIVE back.
        slots.leave_exclusive(fd);
        let token = Token(fd as usize | (slot.generation.get() as usize) << 32);
        let all = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        let registry = self.poll.registry();
        match registry.register(&mut SourceFd(&fd), token, all) {
            Err(e) if e.raw_os_error() == Some(libc::EEXIST) => {
                registry.reregister(&mut SourceFd(&fd), token, all)?;
            }
            other => other?,
        }
        slot.flags.set(slot.flags.get() | REGISTERED);
        slots.end.set(slots.end.get().max(fd + 1));
        Ok(())
    }

    /// Registers what processes may share, unless it is registered for somebody who waits, or a helper waits.
    fn begin_exclusive(&self, slots: &Slots, slot: &Slot, fd: i32) -> io::Result<()> {
        let flags = slot.flags.get();
        if flags & CLAIMED != 0 || flags & REGISTERED != 0 && slots.has_waiters(fd) {
            return Ok(());
        }
        let epoll = self.poll.as_raw_fd();
        if flags & REGISTERED != 0 {
            slot.flags.set(flags & !REGISTERED);
            sys::epoll_delete(epoll, fd);
        }
        let events = libc::EPOLLIN | libc::EPOLLET | libc::EPOLLEXCLUSIVE;
        let data = fd as u64 | u64::from(slot.generation.get()) << 32;
        if !sys::epoll_add(epoll, fd, events as u32, data) {
            return self.begin_plain(slots, slot, fd);
        }
        slot.flags.set(slot.flags.get() | REGISTERED | EXCLUSIVE);
        slots.end.set(slots.end.get().max(fd + 1));
        Ok(())
    }

    /// Sees to it that the wait of [`Reactor::turn`] ends at `deadline_ns` at the latest.
    pub fn arm(&mut self, deadline_ns: u64, now_ns: u64) {
        let stands = self.armed_ns > now_ns && self.armed_ns <= deadline_ns;
        if !stands {
            self.armed_ns = deadline_ns;
            if !self.blind {
                sys::timerfd_set(self.timerfd, deadline_ns.max(1));
            }
        }
    }

    /// Takes events from the kernel and wakes whom they concern; with `block`, waits for the first.
    pub fn turn(&mut self, runtime: &Runtime, block: bool) {
        if self.blind {
            if block {
                self.nap(runtime);
            }
            return;
        }
        let patience = if block { None } else { Some(Duration::ZERO) };
        if self.poll.poll(&mut self.events, patience).is_err() {
            return; // EINTR: a signal was noted; the scheduler looks at it next.
        }
        self.told.clear();
        self.told.extend(
            self.events
                .iter()
                .map(|event| (event.token(), said_by(event))),
        );
        // A waiter lies on the stack of a green that has not run for long: neither is in the cache.
        // So what an event will need is fetched some events ahead.
        for i in 0..self.told.len() {
            if let Some((Token(token), _)) = self.told.get(i + 2 * AHEAD) {
                runtime.slots.fetch_waiter(*token as u32 as i32);
            }
            if let Some((Token(token), _)) = self.told.get(i + AHEAD) {
                runtime.slots.fetch_green(*token as u32 as i32);
            }
            let (Token(token), said) = self.told[i];
            if Token(token) != DOORBELL && Token(token) != CLOCK {
                let generation = (token >> 32) as u32;
                runtime
                    .slots
                    .fire(runtime, token as u32 as i32, generation, said);
            }
        }
    }
}

/// What an edge says, in our bits.
fn said_by(event: &mio::event::Event) -> u8 {
    let bit = |yes: bool, bit: u8| if yes { bit } else { 0 };
    if mutant(Mutant::PollMissesHangup) && event.is_read_closed() {
        return 0;
    }
    let gone = event.is_error() || event.is_read_closed() && event.is_write_closed();
    bit(gone, READ | WRITE | URGENT)
        | bit(event.is_readable() || event.is_read_closed(), READ)
        | bit(event.is_writable(), WRITE)
        | bit(event.is_priority(), URGENT)
        | bit(event.is_read_closed() || event.is_error(), END)
}

/// Moves mio's epoll descriptor to a high number. mio offers no way to choose it, and a low number
/// is one the program would see missing; the number is found in the `Poll` by its value, and the
/// change is kept only if `as_raw_fd` confirms it.
fn lift_poll(poll: &mut Poll) {
    let low = poll.as_raw_fd();
    let high = sys::fcntl(low, libc::F_DUPFD_CLOEXEC, sys::descriptor_floor());
    if high < 0 {
        return;
    }
    let words = size_of::<Poll>() / size_of::<i32>();
    let first = core::ptr::from_mut(poll).cast::<i32>();
    for i in 0..words {
        // SAFETY: stays within `poll`, which is plain integers and descriptors; a wrong guess is
        // put back before anybody looks.
        unsafe {
            let word = first.add(i);
            if word.read() == low {
                word.write(high as i32);
                if poll.as_raw_fd() == high as i32 {
                    sys::close(low);
                    return;
                }
                word.write(low);
            }
        }
    }
    sys::close(high as i32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoll_descriptor_goes_to_a_high_number_and_still_works() {
        let mut poll = Poll::new().unwrap();
        let low = poll.as_raw_fd();
        lift_poll(&mut poll);
        assert_ne!(poll.as_raw_fd(), low);
        let bell = sys::eventfd() as i32;
        poll.registry()
            .register(&mut SourceFd(&bell), Token(3), Interest::READABLE)
            .unwrap();
        sys::write(bell, &1u64.to_ne_bytes());
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert_eq!(events.iter().next().map(|e| e.token()), Some(Token(3)));
    }
}

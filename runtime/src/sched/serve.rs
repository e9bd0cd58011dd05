//! What the scheduler does for a green that has just left its stack: books its state, queues it for what it waits for,
//! and sets its deadline. Called by [`Scheduler::run`] alone; the requests come from `park`. Scheduler side.

use super::{Scheduler, read_clock};
use crate::futexes::{Waiter, Who};
use crate::green::{GreenRef, State, Wait, Wake};
use crate::park::{Deadline, Request};
use crate::reactor::FdWaiter;
use core::sync::atomic::Ordering;

impl Scheduler {
    /// A green left its stack and asks for `request`.
    pub(super) fn serve(&mut self, green: GreenRef, request: &mut Request<'_>) {
        match request {
            Request::Yield => {
                self.settle(green, State::Ready, Wait::Turn, 0);
                self.runtime.carrier.ready.push(green);
            }
            Request::Sleep {
                wait,
                argument,
                deadline,
            } => {
                self.settle(green, State::Parked, *wait, *argument);
                self.limit(green, *deadline);
            }
            Request::Fd { waiter, deadline } => {
                self.settle(
                    green,
                    State::Parked,
                    Wait::Descriptor,
                    waiter.fd.get() as u64,
                );
                match self.reactor.begin(&self.runtime.slots, waiter) {
                    Ok(()) => self.limit(green, *deadline),
                    Err(_) => self.refuse(green, request),
                }
            }
            Request::Fds {
                count,
                watch,
                deadline,
            } => {
                let waiters: Box<[FdWaiter]> = (0..*count)
                    .filter_map(watch)
                    .map(|(fd, what)| FdWaiter::new(green, fd, what).one_of_many())
                    .collect();
                self.settle(
                    green,
                    State::Parked,
                    Wait::Descriptors,
                    waiters.len() as u64,
                );
                self.limit(green, *deadline);
                self.wait_many(green, waiters);
            }
            Request::Futex {
                waiter,
                address,
                check,
                deadline,
                verdict,
            } => {
                self.settle(green, State::Parked, Wait::Futex, *address);
                waiter
                    .who
                    .set(Who::Green(green, green.park_count.load(Ordering::Relaxed)));
                match self.runtime.futexes.enqueue(waiter, *check) {
                    Ok(()) => self.limit(green, *deadline),
                    Err(errno) => {
                        *verdict = errno;
                        self.at_once(green);
                    }
                }
            }
            Request::Futexes {
                count,
                key,
                check,
                deadline,
                verdict,
                woken,
            } => {
                self.settle(green, State::Parked, Wait::Addresses, *count as u64);
                let who = Who::Green(green, green.park_count.load(Ordering::Relaxed));
                let waiters = (0..*count)
                    .map(|i| Waiter::new(key(i), u32::MAX, who))
                    .collect();
                match self.wait_addresses(green, waiters, *check) {
                    Ok(()) => self.limit(green, *deadline),
                    Err((by, errno)) => {
                        (*woken, *verdict) = (by, errno);
                        self.at_once(green);
                    }
                }
            }
            Request::Serve(service) => {
                service(self);
                self.at_once(green);
            }
            Request::End => self.end(green),
        }
    }

    fn settle(&self, green: GreenRef, state: State, wait: Wait, argument: u64) {
        green.enter(state, wait, argument, self.runtime.carrier.now_ns.get());
        // A signal that came while it was ready left it alone, since it would look by itself; but
        // what it was woken for is gone, and it waits again.
        let open = !green.mask.get() | green.sigwait.get();
        let listens = state == State::Parked && wait != Wait::Work;
        if listens && green.pending.get() & open != 0 {
            self.runtime.worker.unrouted.store(1, Ordering::Relaxed);
            // `pending` may remember what another has taken; `told` does not.
            if u64::from(green.told.get()) & open != 0 {
                self.runtime.worker.signalled.set(Some(green));
            }
        }
    }

    /// The green goes on at once: there was nothing to wait for.
    fn at_once(&self, green: GreenRef) {
        green.state.set(State::Ready);
        green.wake.set(Wake::Ready);
        self.runtime.carrier.ready.push_front(green);
    }

    fn refuse(&self, green: GreenRef, request: &mut Request<'_>) {
        if let Request::Fd { waiter, .. } = request {
            waiter.fd.set(-1);
        }
        self.at_once(green);
    }

    #[inline(always)]
    fn limit(&mut self, green: GreenRef, deadline: Deadline) {
        if deadline != Deadline::Never {
            self.end_at(green, deadline);
        }
    }

    fn end_at(&mut self, green: GreenRef, deadline: Deadline) {
        let at = match deadline {
            Deadline::Never => return,
            Deadline::At(ns) => ns,
            Deadline::In(ns) => {
                self.tell_time();
                self.runtime.carrier.now_ns.get().saturating_add(ns)
            }
            Deadline::Realtime(ns) => {
                self.tell_time();
                let left = ns.saturating_sub(read_clock(libc::CLOCK_REALTIME));
                self.runtime.carrier.now_ns.get().saturating_add(left)
            }
        };
        self.timers.insert(at, green);
    }
}

//! Who runs next. One carrier at present: a scheduler context on its own stack with its own TCB.
//!
//! [`Scheduler::run`] is the whole story: take in what happened, run whoever is ready, and when
//! nobody is, sleep in the reactor until something happens.
//!
//! What both sides share is in [`shared`].

pub mod queue;
mod shared;
pub mod switch;
pub mod worker;

pub use shared::{Carrier, Hooks, LICHEN_RUNTIME, Runtime, runtime};
pub use worker::Worker;

use crate::caps::Caps;
use crate::futexes::{Waiter, Who};
use crate::green::{GreenRef, State, Wait, Wake};
use crate::park::{Deadline, Request};
use crate::reactor::{FdWaiter, Reactor};
use crate::sys;
use crate::timers::Timers;
use core::sync::atomic::Ordering;
use std::collections::BTreeMap;

/// Greens resumed, or about 80 us of a 2.5 GHz counter spent, before the kernel is asked for news.
const TURN_GREENS: u32 = 64;
const TURN_CYCLES: u64 = 200_000;

/// What only the scheduler side has.
pub struct Scheduler {
    runtime: &'static Runtime,
    reactor: Reactor,
    timers: Timers<GreenRef>,
    /// The waiters of greens that wait for several descriptors, by the address of their record.
    many: BTreeMap<usize, Box<[FdWaiter]>>,
    /// The same for several addresses.
    addresses: BTreeMap<usize, Box<[Waiter]>>,
    /// Private duplicates of what the program closed while a green waited for several descriptors: the
    /// description lives until that green has looked, as natively.
    held: Vec<(GreenRef, i32)>,
}

impl Scheduler {
    /// The scheduler of the process.
    ///
    /// # Errors
    /// When the process is out of descriptors or memory.
    pub fn new(runtime: &'static Runtime) -> std::io::Result<Scheduler> {
        let reactor = Reactor::new(runtime)?;
        Ok(Scheduler {
            runtime,
            reactor,
            timers: Timers::new(),
            many: BTreeMap::new(),
            addresses: BTreeMap::new(),
            held: Vec::new(),
        })
    }

    /// Runs greens, for ever.
    pub fn run(&mut self) -> ! {
        self.tell_time();
        loop {
            self.take_in();
            self.run_ready();
            self.take_in();
            let idle = self.runtime.carrier.ready.is_empty();
            if idle {
                self.arm();
            }
            self.reactor.turn(self.runtime, idle);
            self.tell_time();
        }
    }

    /// Signals noted, wakes from other kernel threads, deadlines passed.
    fn take_in(&mut self) {
        if self.runtime.worker.unrouted.swap(0, Ordering::Relaxed) != 0
            && let Some(hooks) = self.runtime.hooks.get()
        {
            (hooks.route_signals)();
        }
        let runtime = self.runtime;
        if let Some(green) = runtime.worker.signalled.take()
            && green.state.get() == State::Parked
        {
            runtime.unpark(green, Wake::Interrupted);
        }
        if !runtime.remote.is_empty() {
            runtime.remote.drain(|green, count| {
                if green.park_count.load(Ordering::Relaxed) == count {
                    runtime.unpark(green, Wake::Ready);
                }
            });
        }
        if !self.timers.is_empty() {
            self.tell_time();
            while let Some(green) = self.timers.pop_due(runtime.carrier.now_ns.get()) {
                runtime.unpark(green, Wake::TimedOut);
            }
        }
    }

    fn run_ready(&mut self) {
        let begun = crate::arch::cycles();
        for turn in 0..TURN_GREENS {
            let Some(green) = self.runtime.carrier.ready.pop() else {
                return;
            };
            if green.timer_position.get() != 0 {
                self.timers.remove(green);
            }
            switch::fetch_ahead(green.next.get());
            if green.wait.get() == Wait::Descriptors {
                self.drop_waiters(green);
            }
            switch::resume(self.runtime, green, |request| self.serve(green, request));
            // The next green may be the one for which a signal was noted meanwhile.
            let signal = self.runtime.worker.unrouted.load(Ordering::Relaxed) != 0;
            let late = turn % 8 == 7 && crate::arch::cycles().wrapping_sub(begun) > TURN_CYCLES;
            if signal || late {
                return;
            }
        }
    }

    /// A green left its stack and asks for `request`.
    fn serve(&mut self, green: GreenRef, request: &mut Request<'_>) {
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
        if state == State::Parked && green.pending.get() & open != 0 {
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

    fn limit(&mut self, green: GreenRef, deadline: Deadline) {
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

    /// Waits for several descriptors: the waiters stay on the heap while the green is parked.
    fn wait_many(&mut self, green: GreenRef, waiters: Box<[FdWaiter]>) {
        for waiter in &waiters {
            if self.reactor.begin(&self.runtime.slots, waiter).is_err() {
                self.runtime.unpark(green, Wake::Ready);
            }
        }
        self.many.insert(core::ptr::from_ref(green).addr(), waiters);
    }

    /// Queues a green at several addresses. What one of them says against it counts only if none has woken
    /// it meanwhile (futex_waitv(2)).
    fn wait_addresses(
        &mut self,
        green: GreenRef,
        waiters: Box<[Waiter]>,
        check: &dyn Fn(usize) -> Result<(), i32>,
    ) -> Result<(), (Option<usize>, i32)> {
        let futexes = &self.runtime.futexes;
        let refused = waiters
            .iter()
            .enumerate()
            .find_map(|(i, w)| Some((i, futexes.enqueue(w, &|| check(i)).err()?)));
        let Some((queued, errno)) = refused else {
            self.addresses
                .insert(core::ptr::from_ref(green).addr(), waiters);
            return Ok(());
        };
        match last_woken(self.runtime, &waiters[..queued]) {
            None => Err((None, errno)),
            woken => Err((woken, 0)),
        }
    }

    /// Takes a green, which goes on, out of all its queues. Returns which of them had woken it.
    pub fn leave_addresses(&mut self, green: GreenRef) -> Option<usize> {
        let waiters = self.addresses.remove(&core::ptr::from_ref(green).addr())?;
        last_woken(self.runtime, &waiters)
    }

    fn drop_waiters(&mut self, green: GreenRef) {
        let waiters = self.many.remove(&core::ptr::from_ref(green).addr());
        for waiter in waiters.iter().flatten() {
            self.runtime.slots.unlink(waiter);
            if waiter.is_private() {
                self.held.push((green, waiter.fd.get()));
            }
        }
        self.runtime.slots.held.set(self.held.len());
    }

    /// Closes the private duplicates that a wait for several descriptors of this green left.
    pub fn release_held(&mut self, green: GreenRef) {
        let slots = &self.runtime.slots;
        self.held.retain(|&(owner, fd)| {
            let keep = !core::ptr::eq(owner, green);
            if !keep {
                slots.close_private(fd);
            }
            keep
        });
        slots.held.set(self.held.len());
    }

    fn end(&mut self, green: GreenRef) {
        let runtime = self.runtime;
        if green.accounted.replace(false) {
            runtime.masks.remove(green.mask.get());
        }
        let first = green.is_first.get();
        green
            .state
            .set(if first { State::Ended } else { State::Free });
        if let Some(hooks) = runtime.hooks.get() {
            (hooks.ended)(green);
        }
        if !first {
            runtime.table.give_back(green);
        } else if let Some(header) = runtime.table.header() {
            header.alive.set(header.alive.get().wrapping_sub(1));
        }
    }

    /// In the child of a fork, on behalf of its only green: everything that was shared with the
    /// parent through the kernel is made anew. Where that cannot be had (a seccomp filter, no
    /// descriptors left), the child does without epoll.
    pub fn rebuild_after_fork(&mut self) {
        self.timers.clear();
        self.many.clear();
        self.addresses.clear();
        self.held.clear();
        self.runtime.slots.held.set(0);
        self.runtime.slots.clear();
        let caps = self.runtime.caps.get();
        let old = self.runtime.own_fds();
        let reactor = (caps.epoll && caps.renew).then(|| Reactor::new(self.runtime));
        let Some(Ok(reactor)) = reactor else {
            // What was inherited is the parent's, and not touched any more.
            self.runtime.caps.set(Caps {
                epoll: false,
                ..caps
            });
            return self.reactor.go_blind();
        };
        // The inherited epoll instance is the parent's too: it is closed, never changed.
        self.reactor = reactor;
        old[1..3].iter().for_each(|&fd| {
            sys::close(fd);
        });
    }

    /// epoll may not be used any more: who waits for a descriptor looks for himself from now on.
    pub fn go_blind(&mut self) {
        self.reactor.go_blind();
        self.runtime.slots.wake_all(self.runtime);
    }

    fn arm(&mut self) {
        if let Some(deadline) = self.timers.next_deadline() {
            self.reactor
                .arm(deadline, self.runtime.carrier.now_ns.get());
        }
    }

    fn tell_time(&self) {
        self.runtime
            .carrier
            .now_ns
            .set(read_clock(libc::CLOCK_MONOTONIC));
    }
}

/// Takes all, which were queued, out of their queues. Returns the place of the last that was not in its
/// queue any more because it was woken.
fn last_woken(runtime: &Runtime, waiters: &[Waiter]) -> Option<usize> {
    let mut last = None;
    for (i, waiter) in waiters.iter().enumerate() {
        if !runtime.futexes.cancel(waiter) {
            last = Some(i);
        }
    }
    last
}

/// A clock through the vDSO. Scheduler side.
fn read_clock(clock: i32) -> u64 {
    switch::clock_ns(clock)
}

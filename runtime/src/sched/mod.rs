//! Who runs next. One carrier at present: a scheduler context on its own stack with its own TCB.
//!
//! [`Scheduler::run`] is the whole story: take in what happened, run whoever is ready, and when
//! nobody is, sleep in the reactor until something happens.
//!
//! What a green asks for when it parks is done in [`serve`]; waits for several things at once have their books in
//! [`several`]. What both sides share is in [`shared`].

pub mod queue;
mod serve;
mod several;
mod shared;
pub mod switch;
pub mod worker;

pub use shared::{Carrier, Hooks, LICHEN_RUNTIME, Runtime, runtime};
pub use worker::Worker;

use crate::caps::Caps;
use crate::futexes::Waiter;
use crate::green::{GreenRef, State, Wait, Wake};
use crate::reactor::{FdWaiter, Reactor};
use crate::sys;
use crate::timers::Timers;
use core::sync::atomic::Ordering;
use std::collections::BTreeMap;

/// Greens resumed, or about 80 us of a 2.5 GHz counter spent, before signals, deadlines and wakes from other kernel
/// threads are looked at.
const TURN_GREENS: usize = 64;
const TURN_CYCLES: u64 = 200_000;
/// The kernel is asked for news when all who were ready at the last asking have run but so many, so that there is somebody
/// whose stack is fetched while the last of them run; or after about 2 ms. Whoever has news joins the end of the line
/// anyway; asked earlier, it would only stand there until what was touched to wake it is out of the cache again.
const KEPT_BACK: usize = 4;
const NEWS_CYCLES: u64 = 5_000_000;
/// Behind a full turn the kernel is not asked again within about 20 us: two threads that hand something back and forth would
/// pay for it every ten. (Behind a shorter one it is: who sleeps for a moment expects that what has happened is noticed.)
const LEAST_CYCLES: u64 = 50_000;
/// So many may jump the line ([`Runtime::unpark_next`]) between two askings.
const JUMPS: u32 = 32;

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
        let (mut asked, mut before_news) = (0, 0);
        loop {
            self.tell_time();
            self.take_in();
            let ran = self.run_ready();
            self.take_in();
            let ready = self.runtime.carrier.ready.len();
            before_news = ready.min(usize::saturating_sub(before_news, ran));
            let since = crate::arch::cycles().wrapping_sub(asked);
            let soon = before_news > 0 && since < NEWS_CYCLES;
            let busy = ran >= TURN_GREENS && ready > 0;
            if soon || busy && since < LEAST_CYCLES {
                continue;
            }
            if ready == 0 {
                self.arm();
            }
            self.reactor.turn(self.runtime, ready == 0);
            asked = crate::arch::cycles();
            before_news = self.runtime.carrier.ready.len().saturating_sub(KEPT_BACK);
            self.runtime.carrier.jumps.set(JUMPS);
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

    /// Runs those who are ready, for a while. How many ran.
    fn run_ready(&mut self) -> usize {
        let carrier = &self.runtime.carrier;
        carrier.begin(TURN_GREENS, TURN_CYCLES);
        // The next green may be the one for which a signal was noted meanwhile.
        while !carrier.is_over() && self.runtime.worker.unrouted.load(Ordering::Relaxed) == 0 {
            let Some(green) = carrier.pop() else {
                return TURN_GREENS - carrier.left.get();
            };
            if green.timer_position.get() != 0 {
                self.timers.remove(green);
            }
            switch::fetch_ahead(green.next.get());
            if green.wait.get() == Wait::Descriptors {
                self.drop_waiters(green);
            }
            switch::resume(self.runtime, green, |last, request| {
                self.serve(last, request);
            });
        }
        TURN_GREENS - carrier.left.get()
    }

    fn end(&mut self, green: GreenRef) {
        let runtime = self.runtime;
        if green.account(false) {
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

/// A clock through the vDSO. Scheduler side.
fn read_clock(clock: i32) -> u64 {
    switch::clock_ns(clock)
}

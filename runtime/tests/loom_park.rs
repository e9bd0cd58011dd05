//! Park and wake with a waker on another kernel thread, in every interleaving that loom finds.
//!
//! The stack of remote wakes is the real file, `src/remote.rs`, compiled here over loom's atomics.
//! The rest is modelled, in the words of its source:
//!
//! | here | there |
//! |---|---|
//! | [`Bucket`] and its three calls | `futexes::Futexes`: a mutex for its spin lock, one waiter for its list |
//! | [`Bell`] | the eventfd of `Runtime::ring`, edge-triggered in the reactor, never read |
//! | [`Carrier::park`] | `park::wait_futex`, `Scheduler::serve` (Futex), `run`, `take_in` |
//! | [`wake_from_elsewhere`] | `shim::handlers::futex::wake` and `futexes::rouse`, not on the carrier |
//!
//! Each mutant at the end breaks one rule; loom must find the interleaving that shows it.
#![allow(unsafe_code)]

use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;
use std::cell::Cell;
use std::ptr::null_mut;

/// Stands in for the crate's own module of this name.
mod sync {
    pub use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
}

#[path = "../src/remote.rs"]
#[allow(dead_code)] // what only a fork child does
mod remote;

use remote::{Links, Node, Remote};

/// A green, as far as other kernel threads see it.
#[derive(Default)]
struct Green {
    remote: Links<Green>,
}

impl Node for Green {
    fn links(&self) -> &Links<Green> {
        &self.remote
    }
    fn behind(pointer: *mut Green) -> Option<&'static Green> {
        // SAFETY: every green here is leaked, as the real records are never unmapped.
        unsafe { pointer.as_ref() }
    }
}

/// One futex word's queue, with room for the one waiter there is: its park count.
struct Bucket {
    waiter: Mutex<Option<u32>>,
}

impl Bucket {
    fn new() -> Bucket {
        Bucket {
            waiter: Mutex::new(None),
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Option<u32>) -> R) -> R {
        f(&mut self.waiter.lock().unwrap())
    }

    /// The word is looked at under the lock: a waker changes it first, and takes the lock then.
    fn enqueue(&self, count: u32, word: &AtomicU32) -> bool {
        self.with(|waiter| {
            let agrees = word.load(Ordering::Relaxed) == 0;
            if agrees {
                *waiter = Some(count);
            }
            agrees
        })
    }

    /// Was it still queued?
    fn cancel(&self) -> bool {
        self.with(|waiter| waiter.take().is_some())
    }

    fn wake(&self, rouse: impl FnOnce(u32)) {
        self.with(|waiter| {
            if let Some(count) = waiter.take() {
                rouse(count);
            }
        });
    }
}

/// The doorbell. An edge that nobody waited for yet ends the next wait.
struct Bell {
    rung: Mutex<bool>,
    waiting: Condvar,
}

impl Bell {
    fn new() -> Bell {
        Bell {
            rung: Mutex::new(false),
            waiting: Condvar::new(),
        }
    }

    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.waiting.notify_one();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.waiting.wait(rung).unwrap();
        }
        *rung = false;
    }
}

/// What the kernel threads share.
struct Shared {
    green: &'static Green,
    remote: Remote<Green>,
    bell: Bell,
    /// Two futex words of the program, each with its bucket.
    words: [AtomicU32; 2],
    buckets: [Bucket; 2],
    /// The deadline of the first wait has passed.
    late: AtomicBool,
}

impl Shared {
    /// Leaked, like statics: nothing of loom's may be dropped while a mutant's panic unwinds.
    fn new() -> &'static Shared {
        Box::leak(Box::new(Shared {
            green: Box::leak(Box::default()),
            remote: Remote::new(AtomicPtr::new(null_mut())),
            bell: Bell::new(),
            words: [AtomicU32::new(0), AtomicU32::new(0)],
            buckets: [Bucket::new(), Bucket::new()],
            late: AtomicBool::new(false),
        }))
    }
}

/// How a wake reaches the carrier; a mutant does it otherwise.
type Push = fn(&Shared, u32);

fn push(shared: &Shared, count: u32) {
    shared.remote.push(shared.green, count);
    shared.bell.ring();
}

/// The program stores, then makes the system call.
fn wake_from_elsewhere(shared: &Shared, which: usize, push: Push) {
    shared.words[which].store(1, Ordering::Relaxed);
    shared.buckets[which].wake(|count| push(shared, count));
}

/// Why a park ended.
#[derive(PartialEq, Eq, Debug)]
enum Wake {
    Ready,
    TimedOut,
}

/// How the carrier takes wakes in; a mutant does it otherwise.
type Drain = fn(&Shared, &mut dyn FnMut(u32));

fn drain(shared: &Shared, wake: &mut dyn FnMut(u32)) {
    shared.remote.drain(|_, count| wake(count));
}

/// The carrier and its one green: coroutines of one kernel thread.
struct Carrier {
    shared: &'static Shared,
    park_count: Cell<u32>,
    drain: Drain,
}

impl Carrier {
    fn new(shared: &'static Shared, drain: Drain) -> Carrier {
        Carrier {
            shared,
            park_count: Cell::new(0),
            drain,
        }
    }

    /// Waits on a word until it is woken; with a deadline, until that at the latest.
    fn park(&self, which: usize, deadline: bool) -> Wake {
        let shared = self.shared;
        let count = self.park_count.get() + 1;
        self.park_count.set(count);
        if !shared.buckets[which].enqueue(count, &shared.words[which]) {
            return Wake::Ready;
        }
        let wake = self.run_until_ready(count, deadline);
        // A waker that took it out of the queue has done its work, whatever else happened.
        if shared.buckets[which].cancel() {
            wake
        } else {
            Wake::Ready
        }
    }

    fn run_until_ready(&self, count: u32, deadline: bool) -> Wake {
        let shared = self.shared;
        loop {
            let mut ready = false;
            if !shared.remote.is_empty() {
                (self.drain)(shared, &mut |of| ready |= of == count);
            }
            if ready {
                return Wake::Ready;
            }
            if deadline && shared.late.load(Ordering::Relaxed) {
                return Wake::TimedOut;
            }
            shared.bell.wait();
        }
    }
}

/// Every interleaving with at most four switches that nobody asked for, or as many as
/// `LOOM_MAX_PREEMPTIONS` says.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(4));
    builder.check(model);
}

fn one_wait(push: Push) {
    let shared = Shared::new();
    let carrier = Carrier::new(shared, drain);
    let waker = thread::spawn(move || wake_from_elsewhere(shared, 0, push));
    assert_eq!(carrier.park(0, false), Wake::Ready);
    waker.join().unwrap();
}

#[test]
fn a_wake_from_another_kernel_thread_is_never_lost() {
    explore(|| one_wait(push));
}

/// Two waits in a row, each with a waker of its own.
fn two_waits() {
    let shared = Shared::new();
    let carrier = Carrier::new(shared, drain);
    let wakers =
        [0, 1].map(|which| thread::spawn(move || wake_from_elsewhere(shared, which, push)));
    for which in [0, 1] {
        assert_eq!(carrier.park(which, false), Wake::Ready);
        assert_eq!(shared.words[which].load(Ordering::Relaxed), 1);
    }
    for waker in wakers {
        waker.join().unwrap();
    }
}

#[test]
fn wakes_of_two_kernel_threads_both_arrive() {
    explore(two_waits);
}

/// The first wait times out about when it is woken; the second must get its own wake, neither
/// mistaking the first one's for it nor losing it behind that one.
fn late_wake(drain: Drain) {
    let shared = Shared::new();
    let carrier = Carrier::new(shared, drain);
    let clock = thread::spawn(move || {
        shared.late.store(true, Ordering::Relaxed);
        shared.bell.ring();
    });
    let waker = thread::spawn(move || {
        wake_from_elsewhere(shared, 0, push);
        wake_from_elsewhere(shared, 1, push);
    });
    carrier.park(0, true);
    assert_eq!(carrier.park(1, false), Wake::Ready);
    let word = shared.words[1].load(Ordering::Relaxed);
    assert_eq!(word, 1, "woken for the wait before");
    clock.join().unwrap();
    waker.join().unwrap();
}

#[test]
fn a_late_wake_neither_ends_the_next_wait_nor_hides_its_wake() {
    explore(|| late_wake(drain));
}

// Mutants.

#[test]
#[should_panic(expected = "deadlock")]
fn mutant_that_does_not_look_at_the_word_under_the_lock_sleeps_for_ever() {
    explore(|| {
        let shared = Shared::new();
        let carrier = Carrier::new(shared, drain);
        let waker = thread::spawn(move || wake_from_elsewhere(shared, 0, push));
        if shared.words[0].load(Ordering::Relaxed) == 0 {
            shared.buckets[0].with(|waiter| *waiter = Some(1));
            carrier.run_until_ready(1, false);
        }
        waker.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn mutant_that_rings_before_it_pushes_sleeps_for_ever() {
    explore(|| {
        one_wait(|shared, count| {
            shared.bell.ring();
            shared.remote.push(shared.green, count);
        });
    });
}

#[test]
#[should_panic(expected = "woken for the wait before")]
fn mutant_that_does_not_compare_counts_wakes_the_wrong_wait() {
    explore(|| {
        late_wake(|shared, wake| {
            shared.remote.drain(|_, _| (1..3).for_each(&mut *wake));
        });
    });
}

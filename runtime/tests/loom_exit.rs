//! A green ends while a kernel thread that is not ours joins it, in every interleaving that loom
//! finds: the joiner must wake, must not touch the stack before the green has left it, and nobody
//! may touch the joiner's record of its wait after the frame that holds it has ended.
//!
//! All is modelled, in the words of its source:
//!
//! | here | there |
//! |---|---|
//! | [`end`] | `park::end`, `Scheduler::end`, `shim::handlers::thread::ended` |
//! | [`join`] | glibc's `__pthread_clockjoin_ex`, `shim::handlers::futex::wait_foreign` |
//! | [`Bucket`] | `futexes::Futexes`: a mutex for its spin lock, one waiter for its list |
//! | [`rouse`] | `futexes::rouse` for `Who::Kernel` |
//! | [`Kernel`] | the real futex(2) on the waiter's own word |
//!
//! Each mutant at the end breaks one rule; loom must find the interleaving that shows it.
#![allow(unsafe_code)]

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;

/// Memory whose use loom watches: a write must not meet another thread's use.
struct Memory(UnsafeCell<u32>);

impl Memory {
    fn new() -> Memory {
        Memory(UnsafeCell::new(0))
    }

    fn read(&self) {
        // SAFETY: loom fails the test if somebody writes meanwhile.
        self.0.with(|at| unsafe { at.read() });
    }

    /// Also stands for unmapping it, or for the end of the frame it is in.
    fn write(&self) {
        // SAFETY: loom fails the test if somebody else uses it meanwhile.
        self.0.with_mut(|at| unsafe { at.write(1) });
    }
}

/// The kernel's side of a waiter's word.
struct Kernel {
    queue: Mutex<()>,
    sleeping: Condvar,
}

impl Kernel {
    /// FUTEX_WAIT for the value 0, until `late` at the latest.
    fn wait(&self, word: &AtomicU32, late: &AtomicBool) {
        let queue = self.queue.lock().unwrap();
        if word.load(Ordering::Relaxed) == 0 && !late.load(Ordering::Relaxed) {
            drop(self.sleeping.wait(queue).unwrap());
        }
    }

    fn wake(&self) {
        let queue = self.queue.lock().unwrap();
        self.sleeping.notify_all();
        drop(queue);
    }
}

/// One wait of the joiner. `frame` is the memory that it lies in.
struct Waiter {
    frame: Memory,
    word: AtomicU32,
}

impl Waiter {
    fn new() -> &'static Waiter {
        Box::leak(Box::new(Waiter {
            frame: Memory::new(),
            word: AtomicU32::new(0),
        }))
    }
}

/// The queue of the thread's id word.
struct Bucket {
    waiter: Mutex<Option<&'static Waiter>>,
    /// What a look without the lock sees; only a mutant looks.
    busy: AtomicBool,
}

impl Bucket {
    fn enqueue(&self, waiter: &'static Waiter, check: impl FnOnce() -> bool) -> bool {
        let mut queue = self.waiter.lock().unwrap();
        self.busy.store(true, Ordering::SeqCst);
        let agrees = check();
        if agrees {
            *queue = Some(waiter);
        }
        self.busy.store(agrees, Ordering::SeqCst);
        agrees
    }

    /// Was it still queued?
    fn cancel(&self) -> bool {
        let mut queue = self.waiter.lock().unwrap();
        self.busy.store(false, Ordering::SeqCst);
        queue.take().is_some()
    }

    fn wake(&self, kernel: &Kernel) {
        let mut queue = self.waiter.lock().unwrap();
        if let Some(waiter) = queue.take() {
            rouse(kernel, waiter);
        }
    }
}

/// Under the bucket's lock. After the store the waiter may be gone; the kernel is given its address
/// only.
fn rouse(kernel: &Kernel, waiter: &Waiter) {
    waiter.frame.read();
    waiter.word.store(1, Ordering::Release);
    kernel.wake();
}

/// What the two kernel threads share.
struct Shared {
    /// `pthread.tid`, CLONE_CHILD_CLEARTID's word.
    tid: AtomicU32,
    /// The stack of the green, freed by who joins it.
    stack: Memory,
    bucket: Bucket,
    kernel: Kernel,
    /// The joiner's deadline has passed.
    late: AtomicBool,
}

impl Shared {
    /// Leaked, like statics: nothing of loom's may be dropped while a mutant's panic unwinds.
    fn new() -> &'static Shared {
        Box::leak(Box::new(Shared {
            tid: AtomicU32::new(1),
            stack: Memory::new(),
            bucket: Bucket {
                waiter: Mutex::new(None),
                busy: AtomicBool::new(false),
            },
            kernel: Kernel {
                queue: Mutex::new(()),
                sleeping: Condvar::new(),
            },
            late: AtomicBool::new(false),
        }))
    }
}

/// The carrier: the green's last instructions, then the scheduler on its own stack.
fn end(shared: &Shared) {
    shared.stack.write();
    // jump_fcontext: from here on nobody stands on the green's stack.
    shared.tid.store(0, Ordering::Release);
    shared.bucket.wake(&shared.kernel);
}

/// The joiner. `false`: its deadline passed first.
fn join(shared: &'static Shared) -> bool {
    while shared.tid.load(Ordering::Acquire) != 0 {
        if shared.late.load(Ordering::Relaxed) {
            return false;
        }
        let waiter = Waiter::new();
        let check = || shared.tid.load(Ordering::Relaxed) != 0;
        if shared.bucket.enqueue(waiter, check) {
            shared.kernel.wait(&waiter.word, &shared.late);
            if !shared.bucket.cancel() {
                while waiter.word.load(Ordering::Acquire) == 0 {
                    thread::yield_now();
                }
            }
        }
        waiter.frame.write();
    }
    shared.stack.write();
    true
}

/// Every interleaving with at most four switches that nobody asked for, or as many as
/// `LOOM_MAX_PREEMPTIONS` says.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(4));
    builder.check(model);
}

#[test]
fn the_joiner_wakes_and_finds_the_stack_left() {
    explore(|| {
        let shared = Shared::new();
        let carrier = thread::spawn(move || end(shared));
        assert!(join(shared));
        carrier.join().unwrap();
    });
}

#[test]
fn a_joiner_that_gives_up_leaves_nothing_behind() {
    explore(|| {
        let shared = Shared::new();
        let carrier = thread::spawn(move || end(shared));
        let clock = thread::spawn(move || {
            shared.late.store(true, Ordering::Relaxed);
            shared.kernel.wake();
        });
        join(shared);
        carrier.join().unwrap();
        clock.join().unwrap();
    });
}

// Mutants.

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_that_publishes_its_end_before_it_leaves_its_stack_is_freed_under_its_feet() {
    explore(|| {
        let shared = Shared::new();
        let carrier = thread::spawn(move || {
            shared.tid.store(0, Ordering::Release);
            shared.bucket.wake(&shared.kernel);
            shared.stack.write();
        });
        join(shared);
        carrier.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn mutant_that_looks_for_waiters_without_the_lock_leaves_the_joiner_asleep() {
    explore(|| {
        let shared = Shared::new();
        let carrier = thread::spawn(move || {
            shared.tid.store(0, Ordering::Release);
            if shared.bucket.busy.load(Ordering::SeqCst) {
                shared.bucket.wake(&shared.kernel);
            }
        });
        join(shared);
        carrier.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_that_gives_up_without_leaving_the_queue_is_touched_after_its_frame() {
    explore(|| {
        let shared = Shared::new();
        let carrier = thread::spawn(move || end(shared));
        let waiter = Waiter::new();
        let check = || shared.tid.load(Ordering::Relaxed) != 0;
        if shared.bucket.enqueue(waiter, check) {
            // A time-out at once.
            waiter.frame.write();
        }
        carrier.join().unwrap();
    });
}

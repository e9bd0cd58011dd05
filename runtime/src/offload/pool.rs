//! Work that ends by itself (a sync, a slow open): a few kernel threads, made when there is work for
//! them, ended when there was none for a while, and a queue for what they cannot begin at once.
//!
//! ```text
//! the green                                   a thread of the pool
//!   job on its own stack; append it
//!   wake a thread, or make one ────────────►    takes the first job; does it
//!   parks                                       result; ticket done
//!                  ◄──────────────────────────  remote wake, doorbell; the next job
//! ```
//! Nothing that waits for another party may come here: it could fill the pool, and the call that ends
//! the wait would queue behind it for ever.
//!
//! Queue and counts are under a lock that the green side takes too, for a few instructions. Threads have
//! all signals blocked: work that was begun is finished. When the program changes what the kernel checks
//! calls against, [`Pool::freeze`] ends all threads first, and new ones are made behind the change.
#![allow(unsafe_code)]

use super::Ticket;
use crate::arch::{self, syscall6};
use crate::green::{GreenRef, Wait};
use crate::park::{self, Deadline};
use crate::{Runtime, sys};
use core::cell::Cell;
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicIsize, AtomicU32, Ordering};

/// No pool has more threads.
pub const MOST: u32 = 16;
/// Twice as many places: a thread that has left may take a moment to be gone.
const PLACES: usize = 2 * MOST as usize;
const STACK: usize = 16 << 10;
/// A thread without work for so long ends.
const IDLE_NS: u64 = 5 * sys::SECOND_NS;
/// How often a change looks whether the threads have ended.
const ENDED_EVERY_NS: u64 = 500_000;
/// The result of a job that no thread can be had for; no system call returns it.
const REFUSED: isize = isize::MIN;

/// What a thread of the pool does.
#[derive(Clone, Copy)]
pub enum Work {
    /// This system call.
    Call(usize),
    /// This function, by the rules of a kernel thread of ours.
    Own(fn([usize; 6]) -> isize),
}

/// One piece of work; lives on the stack of the green that waits for it.
struct Job {
    next: Cell<*const Job>,
    work: Work,
    arguments: [usize; 6],
    result: AtomicIsize,
    ticket: Ticket,
    green: GreenRef,
}

impl Job {
    fn finish(&self, result: isize) {
        self.result.store(result, Ordering::Release);
        let green = self.green;
        // From here on the job may be gone.
        let count = self.ticket.done();
        let runtime = crate::sched::runtime();
        runtime.remote.push(green, count);
        runtime.ring();
    }
}

/// A place for a thread. Its stack is kept for the next one.
struct Thread {
    /// The kernel's id; 0 when it is gone (CLONE_CHILD_CLEARTID).
    tid: AtomicU32,
    taken: Cell<bool>,
    generation: Cell<u32>,
    stack: Cell<*mut u8>,
}

/// The pool.
pub struct Pool {
    lock: AtomicU32,
    /// Changes whenever sleeping threads have to look.
    news: AtomicU32,
    first: Cell<*const Job>,
    last: Cell<*const Job>,
    queued: Cell<u32>,
    /// Threads that sleep, threads that have not left, and the most there ever were.
    idle: Cell<u32>,
    alive: Cell<u32>,
    peak: Cell<u32>,
    generation: Cell<u32>,
    /// Changes under way: no thread may be made.
    frozen: Cell<u32>,
    /// How many threads there may be; 0: everything is refused.
    cap: Cell<u32>,
    threads: [Thread; PLACES],
}

impl Pool {
    /// Without threads, and with room for none.
    pub const fn new() -> Pool {
        Pool {
            lock: AtomicU32::new(0),
            news: AtomicU32::new(0),
            first: Cell::new(null()),
            last: Cell::new(null()),
            queued: Cell::new(0),
            idle: Cell::new(0),
            alive: Cell::new(0),
            peak: Cell::new(0),
            generation: Cell::new(0),
            frozen: Cell::new(0),
            cap: Cell::new(0),
            threads: [const {
                Thread {
                    tid: AtomicU32::new(0),
                    taken: Cell::new(false),
                    generation: Cell::new(0),
                    stack: Cell::new(null_mut()),
                }
            }; PLACES],
        }
    }

    /// How many threads there may be. Activation.
    pub fn set_cap(&self, cap: u32) {
        self.cap.set(cap.min(MOST));
    }

    /// The most threads there were at once, for statistics.
    pub fn peak(&self) -> u32 {
        self.peak.get()
    }

    /// In the child of a fork: threads and work are the parent's.
    pub fn clear(&self) {
        self.lock.store(0, Ordering::Relaxed);
        self.first.set(null());
        self.last.set(null());
        for count in [
            &self.queued,
            &self.idle,
            &self.alive,
            &self.peak,
            &self.frozen,
        ] {
            count.set(0);
        }
        for thread in &self.threads {
            thread.tid.store(0, Ordering::Relaxed);
            thread.taken.set(false);
        }
    }

    fn lock(&self) {
        let free = self
            .lock
            .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed);
        if free.is_err() {
            // 2: somebody sleeps, or may.
            while self.lock.swap(2, Ordering::Acquire) != 0 {
                sys::futex_wait(&self.lock, 2);
            }
        }
    }

    fn unlock(&self) {
        if self.lock.swap(0, Ordering::Release) == 2 {
            sys::futex_wake_one(&raw const self.lock);
        }
    }

    /// Locked.
    fn append(&self, job: &Job) {
        let last = self.last.replace(job);
        // SAFETY: jobs in the queue are alive: their greens wait.
        match unsafe { last.as_ref() } {
            Some(last) => last.next.set(job),
            None => self.first.set(job),
        }
        self.queued.set(self.queued.get() + 1);
    }

    /// Locked.
    fn take(&self) -> Option<&'static Job> {
        // SAFETY: as above; nobody but the taker lets its green go on.
        let job: &'static Job = unsafe { self.first.get().as_ref() }?;
        self.first.set(job.next.get());
        if self.first.get().is_null() {
            self.last.set(null());
        }
        self.queued.set(self.queued.get().wrapping_sub(1));
        Some(job)
    }

    /// Hands a job over. It is finished by a thread, or refused if there is none and none can be had.
    fn submit(&self, job: &Job) {
        self.lock();
        self.append(job);
        let asleep = self.idle.get() != 0;
        let short = self.queued.get() > self.idle.get() && self.alive.get() < self.cap.get();
        let frozen = self.frozen.get() != 0;
        self.news.fetch_add(1, Ordering::Relaxed);
        self.unlock();
        if asleep {
            sys::futex_wake_one(&raw const self.news);
        }
        if short && !frozen {
            self.make();
            self.refuse_if_alone();
        }
    }

    /// Makes a thread. The carrier only.
    fn make(&self) -> bool {
        self.lock();
        let gone = |t: &&Thread| !t.taken.get() && t.tid.load(Ordering::Acquire) == 0;
        let thread = self.threads.iter().find(gone);
        if let Some(thread) = thread {
            thread.taken.set(true);
            thread.generation.set(self.generation.get());
            self.alive.set(self.alive.get() + 1);
            self.peak.set(self.peak.get().max(self.alive.get()));
        }
        self.unlock();
        let Some(thread) = thread else { return false };
        if thread.stack.get().is_null() {
            thread
                .stack
                .set(sys::map_anonymous(STACK).unwrap_or(null_mut()));
        }
        if thread.start() {
            return true;
        }
        self.lock();
        self.leave(thread);
        self.unlock();
        false
    }

    /// Locked.
    fn leave(&self, thread: &Thread) {
        thread.taken.set(false);
        self.alive.set(self.alive.get().wrapping_sub(1));
    }

    /// Without a thread nobody would ever come for the queue.
    fn refuse_if_alone(&self) {
        loop {
            self.lock();
            let alone = self.alive.get() == 0;
            let job = if alone { self.take() } else { None };
            self.unlock();
            match job {
                Some(job) => job.finish(REFUSED),
                None => return,
            }
        }
    }

    /// The next job for `thread`; `None`: it has left, and is to end.
    fn next(&self, thread: &Thread) -> Option<&'static Job> {
        let mut patient = true;
        self.lock();
        while thread.generation.get() == self.generation.get() {
            let job = self.take();
            if job.is_some() {
                self.unlock();
                return job;
            }
            if !patient {
                break;
            }
            self.idle.set(self.idle.get() + 1);
            let news = self.news.load(Ordering::Relaxed);
            self.unlock();
            let woken = sys::futex_wait_for(&self.news, news, IDLE_NS);
            patient = woken != -(libc::ETIMEDOUT as isize);
            self.lock();
            self.idle.set(self.idle.get().wrapping_sub(1));
        }
        self.leave(thread);
        self.unlock();
        None
    }

    /// Before a change of what the kernel checks calls against: finishes what was begun and ends all
    /// threads. What is queued, now or until [`Pool::thaw`], waits. Green side; parks.
    pub fn freeze(&self, runtime: &Runtime) {
        self.lock();
        self.frozen.set(self.frozen.get() + 1);
        self.generation.set(self.generation.get().wrapping_add(1));
        self.news.fetch_add(1, Ordering::Relaxed);
        self.unlock();
        sys::futex_wake(&raw const self.news);
        let there = |t: &Thread| t.tid.load(Ordering::Acquire) != 0;
        while self.threads.iter().any(there) {
            park::sleep(runtime, Wait::Work, 0, Deadline::In(ENDED_EVERY_NS));
        }
    }

    /// Behind the change: makes threads for what is queued.
    pub fn thaw(&self) {
        self.lock();
        self.frozen.set(self.frozen.get().wrapping_sub(1));
        let frozen = self.frozen.get() != 0;
        let wanted = self.queued.get().min(self.cap.get());
        self.unlock();
        if frozen {
            return;
        }
        for _ in 0..wanted {
            self.make();
        }
        self.refuse_if_alone();
    }
}

impl Default for Pool {
    fn default() -> Self {
        Pool::new()
    }
}

impl Thread {
    fn start(&self) -> bool {
        if self.stack.get().is_null() {
            return false;
        }
        let mask = sys::set_kernel_mask(u64::MAX);
        let top = self.stack.get() as usize + STACK;
        let this = core::ptr::from_ref(self) as usize;
        // SAFETY: nobody runs on the stack, its last thread is gone; `run` never returns.
        let tid = unsafe { arch::spawn_kernel_thread(top, run, this, self.tid.as_ptr()) };
        sys::set_kernel_mask(mask);
        tid > 0
    }
}

/// The life of a thread: raw system calls only.
extern "C" fn run(thread: usize) -> ! {
    // SAFETY: `start` passes a place in the static pool.
    let thread = unsafe { &*(thread as *const Thread) };
    while let Some(job) = crate::sched::runtime().pool.next(thread) {
        let result = match job.work {
            Work::Call(number) => {
                let [a, b, c, d, e, f] = job.arguments;
                // SAFETY: the program's call; it waits for the result, so its memory stays.
                unsafe { syscall6(number, a, b, c, d, e, f) }
            }
            Work::Own(function) => function(job.arguments),
        };
        job.finish(result);
    }
    loop {
        // SAFETY: ends this kernel thread; the kernel clears `tid`.
        unsafe { syscall6(libc::SYS_exit as usize, 0, 0, 0, 0, 0, 0) };
    }
}

/// Has the pool do `work` and parks until it is done; `shown` is the number of the call that the green is
/// seen to wait for. `None`: there is no pool, or no kernel thread can be had. A signal does not end it.
/// Green side; parks; allocates nothing but a thread's stack.
pub fn run_on_pool(
    runtime: &Runtime,
    work: Work,
    shown: usize,
    arguments: [usize; 6],
) -> Option<isize> {
    let green = runtime.worker.current.get()?;
    let pool = &runtime.pool;
    if pool.cap.get() == 0 {
        return None;
    }
    let job = Job {
        next: Cell::new(null()),
        work,
        arguments,
        result: AtomicIsize::new(REFUSED),
        ticket: Ticket::new(),
        green,
    };
    job.ticket.open(green);
    pool.submit(&job);
    while job.ticket.expects(green) {
        park::sleep(runtime, Wait::Work, shown as u64, Deadline::Never);
    }
    let result = job.result.load(Ordering::Acquire);
    (result != REFUSED).then_some(result)
}

//! The only way to block, and to make and end greens. Green side.
//!
//! Each function fills a request on the caller's own stack and changes to the scheduler, which
//! does the rest. So nothing here allocates, and a green has left its stack before anybody can
//! wake it:
//!
//! ```text
//!   the green                         the scheduler                     a waker
//!     attempt: would block
//!     request on its stack ═════════► state := Parked
//!                                     link the waiter / the timer
//!                                                                       sees Parked: Ready, queue
//!                                     ... its turn
//!     attempt again      ◄═══════════ Running
//! ```

use crate::futexes::{Key, Waiter, Who};
use crate::green::{GreenRef, State, Wait, Wake};
use crate::reactor::{FdWaiter, Wakes};
use crate::sched::{Runtime, Scheduler, switch};
use core::sync::atomic::Ordering;

/// When a wait ends at the latest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deadline {
    Never,
    /// Monotonic nanoseconds.
    At(u64),
    /// Nanoseconds from now.
    In(u64),
    /// CLOCK_REALTIME nanoseconds.
    Realtime(u64),
}

/// What a green asks of the scheduler side.
pub enum Request<'a> {
    /// Let others run first.
    Yield,
    /// Wait for time alone, or for an unpark.
    Sleep {
        wait: Wait,
        argument: u64,
        deadline: Deadline,
    },
    /// Wait for one descriptor. Comes back with `waiter.fd` -1 if it cannot be watched.
    Fd {
        waiter: &'a FdWaiter,
        deadline: Deadline,
    },
    /// Wait for any of `count` descriptors; `watch` names the i-th and what it is waited for, or
    /// `None` if it does not count.
    Fds {
        count: usize,
        watch: &'a dyn Fn(usize) -> Option<(i32, u8)>,
        deadline: Deadline,
    },
    /// Wait on an address, if `check` agrees under the queue's lock; else `verdict` is its errno.
    Futex {
        waiter: &'a Waiter,
        address: u64,
        check: &'a dyn Fn() -> Result<(), i32>,
        deadline: Deadline,
        verdict: i32,
    },
    /// Wait on `count` addresses; `key` names the i-th. Queued if `check` agrees for each under its
    /// queue's lock; else `verdict` is the errno.
    Futexes {
        count: usize,
        key: &'a dyn Fn(usize) -> Key,
        check: &'a dyn Fn(usize) -> Result<(), i32>,
        deadline: Deadline,
        verdict: i32,
        woken: Option<usize>,
    },
    /// Run this on the scheduler side and come back at once.
    Serve(&'a mut dyn FnMut(&mut Scheduler)),
    /// The thread has ended; never comes back.
    End,
}

/// How long somebody who is not told of descriptors waits before looking again.
const LOOK_NS: u64 = 5_000_000;

fn park(runtime: &Runtime, request: &mut Request<'_>) -> Wake {
    if let Some(green) = runtime.worker.current.get() {
        count(runtime, green);
    }
    switch::to_scheduler(runtime, request)
}

/// Counts a park that begins, and says which of the green's it is.
#[inline(always)]
fn count(runtime: &Runtime, green: GreenRef) -> u32 {
    let park = green.park_count.load(Ordering::Relaxed).wrapping_add(1);
    green.park_count.store(park, Ordering::Relaxed);
    runtime.worker.parks.set(runtime.worker.parks.get() + 1);
    park
}

/// Lets every other ready green run first.
pub fn yield_now(runtime: &Runtime) {
    park(runtime, &mut Request::Yield);
}

/// Parks until `deadline`, an unpark or a signal.
pub fn sleep(runtime: &Runtime, wait: Wait, argument: u64, deadline: Deadline) -> Wake {
    park(
        runtime,
        &mut Request::Sleep {
            wait,
            argument,
            deadline,
        },
    )
}

/// Parks until `fd` has an edge that meets `interest`. Returns why it woke and the descriptor to
/// try again: usually `fd`; a private duplicate of it, which the caller must close, when the
/// program closed `fd` meanwhile; -1 when it cannot be watched.
pub fn wait_fd(runtime: &Runtime, fd: i32, interest: u8, deadline: Deadline) -> (Wake, i32) {
    wait_fd_as(runtime, fd, interest, deadline, Wakes::All)
}

/// As [`wait_fd`]; `wakes` says how many of those who wait an edge wakes.
pub fn wait_fd_as(
    runtime: &Runtime,
    fd: i32,
    interest: u8,
    deadline: Deadline,
    wakes: Wakes,
) -> (Wake, i32) {
    let Some(green) = runtime.worker.current.get() else {
        return (Wake::Ready, -1);
    };
    if !runtime.caps.get().epoll {
        return (look_later(runtime, fd as u64, deadline), fd);
    }
    let waiter = FdWaiter::new(green, fd, interest).waking(wakes);
    let wake = park(
        runtime,
        &mut Request::Fd {
            waiter: &waiter,
            deadline,
        },
    );
    runtime.slots.unlink(&waiter);
    (wake, waiter.fd.get())
}

/// As [`wait_fd`] without an end; the turn goes straight to the next in line if it can. A frame smaller than that of
/// [`wait_fd`], which is what counts with thousands of them.
#[inline(always)]
pub fn wait_watched_fd(runtime: &Runtime, fd: i32, interest: u8) -> (Wake, i32) {
    if let Some(green) = runtime.worker.current.get()
        && runtime.slots.is_watched(fd)
    {
        let waiter = FdWaiter::new(green, fd, interest);
        let queue = || {
            count(runtime, green);
            runtime.slots.link(&waiter);
        };
        let wake = switch::pass_on(runtime, green, Wait::Descriptor, fd as u64, queue);
        if let Some(wake) = wake {
            runtime.slots.unlink(&waiter);
            return (wake, waiter.fd.get());
        }
    }
    wait_fd(runtime, fd, interest, Deadline::Never)
}

/// While nobody is told of descriptors: parks for a moment, after which the caller looks for itself.
fn look_later(runtime: &Runtime, argument: u64, deadline: Deadline) -> Wake {
    let moment = crate::sys::clock_ns(libc::CLOCK_MONOTONIC).saturating_add(LOOK_NS);
    if matches!(deadline, Deadline::At(ns) if ns <= moment) {
        return sleep(runtime, Wait::Descriptor, argument, deadline);
    }
    match sleep(runtime, Wait::Descriptor, argument, Deadline::At(moment)) {
        Wake::TimedOut => Wake::Ready,
        other => other,
    }
}

/// Parks until one of several descriptors has an edge that concerns it.
pub fn wait_fds(
    runtime: &Runtime,
    count: usize,
    watch: &dyn Fn(usize) -> Option<(i32, u8)>,
    deadline: Deadline,
) -> Wake {
    if !runtime.caps.get().epoll {
        return look_later(runtime, count as u64, deadline);
    }
    park(
        runtime,
        &mut Request::Fds {
            count,
            watch,
            deadline,
        },
    )
}

/// Closes what was kept open for the caller's wait for several descriptors: those the program closed
/// meanwhile. To be called when the caller has looked at them for the last time.
pub fn release_held(runtime: &Runtime) {
    if runtime.slots.held.get() != 0
        && let Some(green) = runtime.worker.current.get()
    {
        serve(runtime, &mut |scheduler| scheduler.release_held(green));
    }
}

/// Parks on an address. `Err` is what `check` said; `Ok` why it woke.
///
/// # Errors
/// The errno of `check`.
pub fn wait_futex(
    runtime: &Runtime,
    waiter: &Waiter,
    address: usize,
    check: &dyn Fn() -> Result<(), i32>,
    deadline: Deadline,
) -> Result<Wake, i32> {
    let mut request = Request::Futex {
        waiter,
        address: address as u64,
        check,
        deadline,
        verdict: 0,
    };
    let wake = park(runtime, &mut request);
    if let Request::Futex { verdict, .. } = request
        && verdict != 0
    {
        return Err(verdict);
    }
    // A waker that took it out of the queue has done its work, whatever else happened.
    let unwoken = runtime.futexes.cancel(waiter);
    Ok(if unwoken { wake } else { Wake::Ready })
}

/// As [`wait_futex`] without an end, on a word of which the caller knows that it still says so: no kernel thread but the
/// carrier has part. The turn goes straight to the next in line if it can.
pub fn wait_own_futex(runtime: &Runtime, waiter: &Waiter, address: usize) -> Wake {
    if let Some(green) = runtime.worker.current.get() {
        let queue = || {
            let park = count(runtime, green);
            waiter.who.set(Who::Green(green, park));
            runtime.futexes.enqueue_own(waiter);
        };
        let wake = switch::pass_on(runtime, green, Wait::Futex, address as u64, queue);
        if let Some(wake) = wake {
            let unwoken = runtime.futexes.cancel(waiter);
            return if unwoken { wake } else { Wake::Ready };
        }
    }
    let check = || Ok(());
    wait_futex(runtime, waiter, address, &check, Deadline::Never).unwrap_or(Wake::Ready)
}

/// Parks on several addresses. `Err` is what `check` said of one; `Ok` why it woke, and the place of the
/// address it was woken by, if it was. `key` and `check` run on the scheduler side.
///
/// # Errors
/// The errno of `check`.
pub fn wait_futexes(
    runtime: &Runtime,
    count: usize,
    key: &dyn Fn(usize) -> Key,
    check: &dyn Fn(usize) -> Result<(), i32>,
    deadline: Deadline,
) -> Result<(Wake, Option<usize>), i32> {
    let mut request = Request::Futexes {
        count,
        key,
        check,
        deadline,
        verdict: 0,
        woken: None,
    };
    let wake = park(runtime, &mut request);
    let mut by = None;
    if let Request::Futexes { verdict, woken, .. } = request {
        if verdict != 0 {
            return Err(verdict);
        }
        by = woken;
    }
    if let Some(green) = runtime.worker.current.get() {
        serve(runtime, &mut |scheduler| {
            by = by.or(scheduler.leave_addresses(green));
        });
    }
    Ok((wake, by))
}

/// Runs `service` on the scheduler side: there std and allocation are allowed.
pub fn serve(runtime: &Runtime, service: &mut dyn FnMut(&mut Scheduler)) {
    switch::to_scheduler(runtime, &mut Request::Serve(service));
}

/// Ends the running green. Its stack is not touched after this.
pub fn end(runtime: &Runtime) -> ! {
    switch::to_scheduler(runtime, &mut Request::End);
    crate::sys::die("a thread came back after its end")
}

/// Makes a green ready that begins with the door's frame at `frame`, on the stack below it.
/// It inherits the caller's floating-point control words.
///
/// # Safety
/// `frame` must be a complete frame at the top of an unused stack with 512 bytes below it.
#[allow(unsafe_code)]
pub unsafe fn spawn(runtime: &Runtime, green: GreenRef, frame: usize, fs: usize) {
    green.frame.set(frame);
    green.fs.set(fs);
    switch::keep_rights(runtime, green); // a new thread has its maker's
    // SAFETY: by the caller's contract; the context lies right below the frame.
    let context = unsafe { crate::green::context::make(frame, 512, switch::begin) };
    green.context.set(context);
    green.enter(State::Ready, Wait::Turn, 0, runtime.carrier.now_ns.get());
    runtime.carrier.ready.push(green);
}

//! io_uring_enter that waits for completions.
//!
//! A ring is a descriptor that is ready when there is a completion, so waiting is done as elsewhere: what is to
//! be submitted is submitted; then the ring is polled, and if it has something the kernel gets its turn
//! without waiting, because some rings complete only then; and the green parks until the next edge. The
//! kernel thread stays the same, as rings with a single issuer demand.
//!
//! The kernel does not tell how many completions there are, and with a time-out it is content with one. So
//! whoever waits for several looks at the ring's own counters, through a mapping of ours.
//! A ring known by an index only (IORING_ENTER_REGISTERED_RING) can be neither watched nor mapped: it is looked at
//! every millisecond for one completion, and waited for in the kernel for several. A ring with
//! IORING_SETUP_DEFER_TASKRUN does not tell epoll that it has work; it is looked at every millisecond as well, and
//! so is one that was made before the program's first thread, of which that is not known.
#![allow(unsafe_code)]

use super::signal::{masks, notes};
use super::time::read_timespec;
use super::{io, kernel};
use crate::abi::forbidden::forbids;
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, RESTART_NO_HANDLER, error};
use crate::fds;
use core::sync::atomic::{AtomicU32, Ordering};
use lichen_runtime::Runtime;
use lichen_runtime::green::{Wait, Wake};
use lichen_runtime::park::{self, Deadline};
use lichen_runtime::reactor::READ;
use lichen_runtime::sys;

/// Flags of io_uring_enter(2).
const GETEVENTS: usize = 1;
const SQ_WAKEUP: usize = 2;
const EXT_ARG: usize = 8;
const REGISTERED_RING: usize = 16;
const ABS_TIMER: usize = 32;
const NO_IOWAIT: usize = 128;
/// With others (SQ_WAIT, arguments in a registered region) the call is native.
const KNOWN: usize = GETEVENTS | SQ_WAKEUP | EXT_ARG | REGISTERED_RING | ABS_TIMER | NO_IOWAIT;

const NO_TIME: Answer = error(libc::ETIME);
/// How often a ring is looked at of whose completions epoll does not hear.
const LOOK_NS: u64 = 1_000_000;

/// `struct io_uring_getevents_arg`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Extra {
    mask: u64,
    mask_size: u32,
    /// After so many microseconds one completion is enough.
    min_wait_us: u32,
    timeout: u64,
}

/// What one call waits for.
struct Completions {
    ring: usize,
    flags: usize,
    enough: usize,
    /// When to make do with one completion, and when with none: monotonic nanoseconds.
    fewer_at: u64,
    end: u64,
    /// Where the ring's counters are mapped; 0: nowhere yet.
    counters: usize,
}

/// `io_uring_setup(2)`: notes whether the ring can be watched.
pub fn io_uring_setup(frame: &mut Frame, _: &Runtime) -> Answer {
    const FLAGS: usize = 8;
    const DEFER_TASKRUN: u32 = 1 << 13;
    // SAFETY: the program's own arguments.
    let fd = unsafe { kernel(frame.number, frame.args()) };
    if fd >= 0 {
        let flags = user::read_u32(frame.rsi.wrapping_add(FLAGS)).unwrap_or(DEFER_TASKRUN);
        fds::made_ring(fd as i32, flags & DEFER_TASKRUN == 0);
    }
    fd
}

/// `io_uring_enter(2)`.
pub fn io_uring_enter(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [ring, submit, enough, flags, argument, size] = frame.args();
    let (submit, enough) = (submit as u32 as usize, enough as u32 as usize);
    if flags & GETEVENTS == 0 || enough == 0 || flags as u32 as usize & !KNOWN != 0 {
        return NATIVE;
    }
    let submitted = if submit == 0 {
        0
    } else {
        let flags = flags & (SQ_WAKEUP | REGISTERED_RING);
        // SAFETY: integers only.
        unsafe { kernel(frame.number, [ring, submit, 0, flags, 0, 0]) }
    };
    if submitted < submit as Answer {
        return submitted;
    }
    let answer = wait(runtime, ring, enough, flags, [argument, size]);
    // Whatever came of waiting: something was submitted, and that is the answer.
    if submitted > 0 { submitted } else { answer }
}

fn wait(
    runtime: &Runtime,
    ring: usize,
    enough: usize,
    flags: usize,
    [argument, size]: [usize; 2],
) -> Answer {
    let mut extra = Extra {
        mask: argument as u64,
        mask_size: size as u32,
        min_wait_us: 0,
        timeout: 0,
    };
    if flags & EXT_ARG != 0 {
        if size != size_of::<Extra>() {
            return error(libc::EINVAL);
        }
        match user::read(argument) {
            Ok(given) => extra = given,
            Err(_) => return error(libc::EFAULT),
        }
    }
    let now = sys::clock_ns(libc::CLOCK_MONOTONIC);
    let end = match extra.timeout as usize {
        0 => sys::FOREVER,
        at => match read_timespec(at) {
            Ok(ns) if flags & ABS_TIMER != 0 => ns,
            Ok(ns) => now.saturating_add(ns),
            Err(answer) => return answer,
        },
    };
    let fewer_at = match extra.min_wait_us {
        0 => sys::FOREVER,
        us => now.saturating_add(u64::from(us) * 1000),
    };
    let mut completions = Completions {
        ring,
        flags: flags & (GETEVENTS | REGISTERED_RING),
        enough,
        fewer_at,
        end,
        counters: 0,
    };
    let (mask, size) = (extra.mask as usize, extra.mask_size as usize);
    masks::during(runtime, mask, size, || completions.arrive(runtime))
}

impl Completions {
    /// Parks until there are enough, the time is over (ETIME), or a signal came.
    fn arrive(&mut self, runtime: &Runtime) -> Answer {
        let mut fd = self.ring as i32;
        let answer = match self.arrive_at(runtime, &mut fd) {
            // With fewer than asked for, but any, the kernel says 0.
            RESTART_NO_HANDLER | NO_TIME if self.enough > 1 && self.count(fd) > 0 => 0,
            answer => answer,
        };
        if self.counters != 0 {
            // SAFETY: the mapping made by `count`.
            unsafe { sys::unmap(self.counters as *mut u8, PAGE) };
        }
        if fd != self.ring as i32 && fd >= 0 {
            runtime.slots.forget(fd);
            sys::close(fd);
        }
        answer
    }

    fn arrive_at(&mut self, runtime: &Runtime, fd: &mut i32) -> Answer {
        loop {
            let answer = self.ask(*fd);
            if answer != NO_TIME {
                return answer;
            }
            let now = sys::clock_ns(libc::CLOCK_MONOTONIC);
            if now >= self.end {
                return NO_TIME;
            }
            if now >= self.fewer_at {
                self.fewer_at = sys::FOREVER;
                self.enough = 1;
                continue;
            }
            let (wake, again) = self.park(runtime, *fd);
            if again < 0 {
                return self.wait_in_kernel();
            }
            *fd = again;
            if wake == Wake::Interrupted && notes::any_for_current(runtime) {
                return RESTART_NO_HANDLER;
            }
        }
    }

    fn by_index(&self) -> bool {
        self.flags & REGISTERED_RING != 0
    }

    fn park(&self, runtime: &Runtime, fd: i32) -> (Wake, i32) {
        let until = self.end.min(self.fewer_at);
        if self.by_index() || !fds::ring_tells(fd) {
            let look = sys::clock_ns(libc::CLOCK_MONOTONIC).saturating_add(LOOK_NS);
            let deadline = Deadline::At(until.min(look));
            let wake = park::sleep(runtime, Wait::Descriptor, self.ring as u64, deadline);
            return (wake, fd);
        }
        let deadline = match until {
            sys::FOREVER => Deadline::Never,
            ns => Deadline::At(ns),
        };
        park::wait_fd(runtime, fd, READ, deadline)
    }

    /// 0 if there are enough, ETIME if not.
    fn ask(&mut self, fd: i32) -> Answer {
        if self.by_index() {
            return match self.enough {
                1 => self.enter_for_one(self.ring),
                _ => self.wait_in_kernel(),
            };
        }
        if !io::ready(fd, libc::POLLIN) {
            return NO_TIME;
        }
        if self.enough == 1 {
            return self.enter_for_one(fd as usize);
        }
        let args = [fd as usize, 0, 0, self.flags, 0, 0];
        // SAFETY: integers only; waits for nothing.
        let answer = unsafe { kernel(libc::SYS_io_uring_enter as usize, args) };
        if answer < 0 {
            return answer;
        }
        match self.count(fd) {
            -1 => self.wait_in_kernel(),
            count if count < self.enough as isize => NO_TIME,
            _ => 0,
        }
    }

    /// 0 if there is one, ETIME if not.
    fn enter_for_one(&self, ring: usize) -> Answer {
        let at_once = [0i64; 2];
        let extra = Extra {
            mask: 0,
            mask_size: 0,
            min_wait_us: 0,
            timeout: at_once.as_ptr() as u64,
        };
        let extra = &raw const extra as usize;
        let args = [ring, 0, 1, self.flags | EXT_ARG, extra, size_of::<Extra>()];
        // SAFETY: the argument and its time are ours.
        let answer = unsafe { kernel(libc::SYS_io_uring_enter as usize, args) };
        // A kernel without EXT_ARG (before 5.11), or a ring that says EINVAL anyway.
        if answer == error(libc::EINVAL) {
            return self.wait_in_kernel();
        }
        answer
    }

    /// Completions not yet taken; -1: the ring's counters cannot be seen.
    fn count(&mut self, fd: i32) -> isize {
        let Some((head, tail)) = layout() else {
            return -1;
        };
        if self.counters == 0 {
            let Some(at) = counters(fd) else { return -1 };
            self.counters = at;
        }
        let word = |offset: usize| user::read_u32(self.counters + offset).unwrap_or(0);
        word(tail).wrapping_sub(word(head)) as i32 as isize
    }

    /// What cannot be watched holds up the others.
    fn wait_in_kernel(&self) -> Answer {
        // SAFETY: integers only.
        unsafe {
            kernel(
                libc::SYS_io_uring_enter as usize,
                [self.ring, 0, self.enough, self.flags, 0, 0],
            )
        }
    }
}

const PAGE: usize = 4096;
const OFF_CQ_RING: usize = 0x800_0000;
/// Of [`LAYOUT`].
const NOT_ASKED: u32 = 0;
const UNUSABLE: u32 = 1;

/// Where this kernel has the counters of completions within a ring: head, and tail 16 bits up. Asked once, of
/// a ring of our own, because the program's are made before we know of them.
static LAYOUT: AtomicU32 = AtomicU32::new(NOT_ASKED);

fn layout() -> Option<(usize, usize)> {
    let mut layout = LAYOUT.load(Ordering::Relaxed);
    if layout == NOT_ASKED {
        layout = ask_layout();
        LAYOUT.store(layout, Ordering::Relaxed);
    }
    (layout != UNUSABLE).then_some((layout as usize & 0xffff, layout as usize >> 16))
}

fn ask_layout() -> u32 {
    if forbids(libc::SYS_io_uring_setup) {
        return UNUSABLE;
    }
    // `struct io_uring_params`: the offsets of head and tail are its words 20 and 21.
    let mut params = [0u32; 30];
    let args = [1, params.as_mut_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: the structure is ours, zeroed, and large enough.
    let fd = unsafe { kernel(libc::SYS_io_uring_setup as usize, args) };
    if fd < 0 {
        return UNUSABLE;
    }
    sys::close(fd as i32);
    let [.., head, tail, _, _, _, _, _, _, _, _] = params;
    let last = (PAGE - 4) as u32;
    if tail == 0 || head > last || tail > last {
        return UNUSABLE;
    }
    head | tail << 16
}

/// Maps the first page of a ring, for reading. `None`: it lies in the program's own memory.
fn counters(fd: i32) -> Option<usize> {
    let (read, shared) = (libc::PROT_READ as usize, libc::MAP_SHARED as usize);
    let args = [0, PAGE, read, shared, fd as usize, OFF_CQ_RING];
    // SAFETY: a fresh mapping at an address of the kernel's choice.
    let at = unsafe { kernel(libc::SYS_mmap as usize, args) };
    usize::try_from(at).ok()
}

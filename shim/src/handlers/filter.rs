//! seccomp filters of the program's own. A filter that lets `read` through may forbid the `preadv2` that we make of it.
//! So before a filter is installed it is asked about each call that we make in the program's stead ([`OURS`]), by
//! running it, since a call that is made to find out might be answered with SIGKILL. What is forbidden is never made
//! from then on: other ways are taken, and where there is none the program's own call goes to the kernel as it is.
//!
//! Called by `offload::credentials` around the installing call. Green side; parks once if the reactor goes blind.

use super::io::DONTWAIT;
use crate::abi::forbidden::{self, Numbers, forbids};
use crate::abi::{bpf, user};
use crate::call::Frame;
use crate::{fds, init};
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, Ordering};
use lichen_runtime::caps::Caps;
use lichen_runtime::{Runtime, log, park};

const NOWAIT: [usize; 6] = [0, 0, 1, usize::MAX, usize::MAX, 8];
const NONE: [usize; 6] = [0; 6];

/// What we make of the program's calls: number, name, arguments that matter. Calls that the program must be allowed
/// anyway to get that far (read, futex, clone, mmap) are not asked about.
const OURS: [(i64, &str, [usize; 6]); 39] = [
    (libc::SYS_preadv2, "preadv2", NOWAIT),
    (libc::SYS_pwritev2, "pwritev2", NOWAIT),
    (libc::SYS_recvfrom, "recvfrom", [0, 0, 0, DONTWAIT, 0, 0]),
    (libc::SYS_sendto, "sendto", [0, 0, 0, DONTWAIT, 0, 0]),
    (libc::SYS_recvmsg, "recvmsg", [0, 0, DONTWAIT, 0, 0, 0]),
    (libc::SYS_sendmsg, "sendmsg", [0, 0, DONTWAIT, 0, 0, 0]),
    (libc::SYS_readv, "readv", [0, 0, 1, 0, 0, 0]),
    (libc::SYS_writev, "writev", [0, 0, 1, 0, 0, 0]),
    (libc::SYS_poll, "poll", [0, 1, 0, 0, 0, 0]),
    (libc::SYS_pselect6, "pselect6", NONE),
    (libc::SYS_epoll_wait, "epoll_wait", NONE),
    (libc::SYS_epoll_ctl, "epoll_ctl", NONE),
    (libc::SYS_timerfd_settime, "timerfd_settime", NONE),
    (libc::SYS_madvise, "madvise", [0, 0, 102, 0, 0, 0]),
    (libc::SYS_madvise, "madvise", [0, 0, 103, 0, 0, 0]),
    (libc::SYS_openat, "openat", NONE),
    (libc::SYS_lseek, "lseek", NONE),
    (libc::SYS_io_uring_setup, "io_uring_setup", NONE),
    (libc::SYS_kill, "kill", NONE),
    (libc::SYS_getpgrp, "getpgrp", NONE),
    (libc::SYS_ioctl, "ioctl", NONE),
    (libc::SYS_getsockopt, "getsockopt", NONE),
    (libc::SYS_fstat, "fstat", NONE),
    (
        libc::SYS_fcntl,
        "fcntl",
        [0, libc::F_GETFL as usize, 0, 0, 0, 0],
    ),
    (libc::SYS_pidfd_open, "pidfd_open", NONE),
    (libc::SYS_signalfd4, "signalfd4", NONE),
    (libc::SYS_timer_create, "timer_create", NONE),
    (libc::SYS_timer_settime, "timer_settime", NONE),
    (libc::SYS_timer_delete, "timer_delete", NONE),
    (libc::SYS_epoll_create1, "epoll_create1", NONE),
    (libc::SYS_eventfd2, "eventfd2", NONE),
    (libc::SYS_timerfd_create, "timerfd_create", NONE),
    (libc::SYS_rt_sigprocmask, "rt_sigprocmask", NONE),
    (libc::SYS_rt_tgsigqueueinfo, "rt_tgsigqueueinfo", NONE),
    (libc::SYS_nanosleep, "nanosleep", NONE),
    (libc::SYS_clock_nanosleep, "clock_nanosleep", NONE),
    (libc::SYS_ppoll, "ppoll", NONE),
    (libc::SYS_futex, "futex", NONE),
    (libc::SYS_exit_group, "exit_group", NONE),
];

/// Any of these does for the scheduler's sleep while it is blind.
const NAPS: [i64; 6] = [
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_poll,
    libc::SYS_pselect6,
    libc::SYS_futex,
];

/// What the child of a fork makes for itself.
const MADE_ANEW: [i64; 3] = [
    libc::SYS_epoll_create1,
    libc::SYS_eventfd2,
    libc::SYS_timerfd_create,
];

static SAID: AtomicBool = AtomicBool::new(false);

/// What was so before a filter came.
pub struct Before {
    caps: Caps,
    forbidden: Numbers,
}

/// Before the call that installs a filter: from here on nothing is made that it forbids. `strict`: the mode without a
/// program. `program`: the address of the `struct sock_fprog` otherwise.
pub fn expect(runtime: &Runtime, frame: &Frame, strict: bool, program: usize) -> Before {
    let forbidden = forbidden::all();
    let caps = runtime.caps.get();
    let before = Before { caps, forbidden };
    let judged = if strict {
        Some([u64::MAX; 8])
    } else {
        judge(frame, program)
    };
    let Some(new) = judged.filter(|new| *new != [0; 8]) else {
        return before;
    };
    park::serve(runtime, &mut |_| say(&new));
    let mut together = forbidden;
    for (word, new) in together.iter_mut().zip(new) {
        *word |= new;
    }
    forbidden::set(together);
    runtime.caps.set(with_what_is_left(caps));
    before
}

/// After it: takes everything back if the kernel did not install the filter; else wakes whoever waits for a descriptor,
/// if nobody is told of descriptors any more.
pub fn settle(runtime: &Runtime, before: &Before, installed: bool) {
    if !installed {
        forbidden::set(before.forbidden);
        runtime.caps.set(before.caps);
        return;
    }
    let now = runtime.caps.get();
    if before.caps.nowait && !now.nowait {
        fds::forget_nowait();
    }
    if before.caps.epoll && !now.epoll {
        park::serve(runtime, &mut |scheduler| scheduler.go_blind());
    }
}

/// Which of our calls the filter forbids. `None` if it cannot be read: the kernel will not take it either.
fn judge(frame: &Frame, program: usize) -> Option<Numbers> {
    let [len, address] = user::read::<[usize; 2]>(program).ok()?;
    let mut numbers = [0; 8];
    for (number, _, arguments) in OURS {
        let number = number as usize;
        let data = bpf::data(number, frame.slot, arguments);
        let answer = bpf::answer(address, len & 0xffff, &data)?;
        let allowed = matches!(
            answer & libc::SECCOMP_RET_ACTION_FULL,
            libc::SECCOMP_RET_ALLOW | libc::SECCOMP_RET_LOG
        );
        if !allowed && let Some(word) = numbers.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }
    Some(numbers)
}

/// What the kernel offers, less what is forbidden.
fn with_what_is_left(caps: Caps) -> Caps {
    let allowed = |number: i64| !forbids(number);
    let waits = allowed(libc::SYS_epoll_wait) && allowed(libc::SYS_epoll_ctl);
    let guards = allowed(libc::SYS_madvise);
    let nap = NAPS.into_iter().find(|&number| allowed(number));
    Caps {
        nowait: caps.nowait && allowed(libc::SYS_preadv2) && allowed(libc::SYS_pwritev2),
        guard_install: caps.guard_install && guards,
        stack_slots: caps.stack_slots && guards,
        procmap_query: caps.procmap_query && allowed(libc::SYS_ioctl),
        epoll: caps.epoll && waits && allowed(libc::SYS_timerfd_settime),
        renew: caps.renew && MADE_ANEW.into_iter().all(allowed),
        nap: nap.unwrap_or(0),
        ..caps
    }
}

/// One line for a process tree, before the filter can forbid it. Scheduler side.
fn say(forbidden: &Numbers) {
    let quiet = init::settled().is_none_or(|loaded| loaded.settings.quiet);
    if quiet || SAID.swap(true, Ordering::Relaxed) {
        return;
    }
    let mut line = log::Line::anonymous();
    let _ = line.write_str(
        "the program's seccomp filter forbids calls made for it, slower ways are taken:",
    );
    let mut last = "";
    for (number, name, _) in OURS {
        let number = number as usize;
        let forbidden = forbidden
            .get(number / 64)
            .is_some_and(|w| w >> (number % 64) & 1 != 0);
        if forbidden && name != last {
            let _ = line.write_str(" ");
            let _ = line.write_str(name);
            last = name;
        }
    }
    line.send(2);
}

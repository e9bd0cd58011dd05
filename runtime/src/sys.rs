//! Typed calls to the real kernel (*we* ask it), past every door. Results are value or `-errno`.
//!
//! Callable from both sides: nothing here allocates, parks, or touches `errno`.
#![allow(unsafe_code)]

use crate::arch::syscall6;
use libc::c_int;

/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;
/// A deadline that never comes.
pub const FOREVER: u64 = u64::MAX;

macro_rules! raw {
    ($nr:expr $(, $a:expr)*) => { raw!(@ $nr, [$($a as usize,)*] ) };
    (@ $nr:expr, [$($a:expr,)*]) => {{
        let args = [$($a),*];
        let get = |i: usize| if i < args.len() { args[i] } else { 0 };
        syscall6($nr as usize, get(0), get(1), get(2), get(3), get(4), get(5))
    }};
}

/// `write(2)`; the way our own words leave the process.
pub fn write(fd: c_int, bytes: &[u8]) -> isize {
    // SAFETY: pointer and length come from one slice.
    unsafe { raw!(libc::SYS_write, fd, bytes.as_ptr(), bytes.len()) }
}

/// `read(2)` into `bytes`.
pub fn read(fd: c_int, bytes: &mut [u8]) -> isize {
    // SAFETY: pointer and length come from one slice.
    unsafe { raw!(libc::SYS_read, fd, bytes.as_mut_ptr(), bytes.len()) }
}

/// `open(2)` of a file to append to, made if it is not there. Close-on-exec.
pub fn open_to_append(path: &core::ffi::CStr) -> isize {
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
    // SAFETY: the path ends with a zero byte.
    unsafe {
        raw!(
            libc::SYS_openat,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            0o666
        )
    }
}

/// A file's bytes; none if it cannot be read. Allocates.
pub fn read_file(path: &core::ffi::CStr) -> Vec<u8> {
    let mut all = Vec::new();
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: the path ends with a zero byte.
    let fd = unsafe { raw!(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags) };
    if fd < 0 {
        return all;
    }
    let mut bytes = [0; 4096];
    while let Some(some) = usize::try_from(read(fd as c_int, &mut bytes))
        .ok()
        .and_then(|count| bytes.get(..count))
        .filter(|some| !some.is_empty())
    {
        all.extend_from_slice(some);
    }
    close(fd as c_int);
    all
}

/// `close(2)`.
pub fn close(fd: c_int) -> isize {
    // SAFETY: no pointers.
    unsafe { raw!(libc::SYS_close, fd) }
}

/// `getpid(2)`.
pub fn getpid() -> u32 {
    // SAFETY: no pointers.
    unsafe { raw!(libc::SYS_getpid) as u32 }
}

/// `gettid(2)` of the kernel thread, not of the green.
pub fn gettid() -> u32 {
    // SAFETY: no pointers.
    unsafe { raw!(libc::SYS_gettid) as u32 }
}

/// `fcntl(2)` with an integer argument.
pub fn fcntl(fd: c_int, command: c_int, argument: usize) -> isize {
    // SAFETY: used with commands that take an integer only.
    unsafe { raw!(libc::SYS_fcntl, fd, command, argument) }
}

/// A private anonymous mapping, readable and writable, that reserves no swap.
/// Returns its address, or `None` when the kernel refuses.
pub fn map_anonymous(len: usize) -> Option<*mut u8> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a fresh mapping at an address of the kernel's choice touches nothing that exists.
    let address = unsafe {
        raw!(
            libc::SYS_mmap,
            0,
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            flags,
            -1isize,
            0
        )
    };
    (address > 0).then_some(address as *mut u8)
}

/// Maps `len` bytes of an io_uring at one of its fixed offsets; children of forks do not get them.
pub fn map_ring(fd: c_int, len: usize, offset: usize) -> Option<*mut u8> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
    // SAFETY: a fresh mapping at an address of the kernel's choice touches nothing that exists.
    unsafe {
        let address = raw!(libc::SYS_mmap, 0, len, protection, flags, fd, offset);
        if address <= 0 {
            return None;
        }
        raw!(libc::SYS_madvise, address, len, libc::MADV_DONTFORK);
        Some(address as *mut u8)
    }
}

/// `munmap(2)`.
///
/// # Safety
/// Nothing may use the range any more.
pub unsafe fn unmap(address: *mut u8, len: usize) -> isize {
    // SAFETY: by the caller's contract.
    unsafe { raw!(libc::SYS_munmap, address, len) }
}

/// `mprotect(2)`.
///
/// # Safety
/// Nothing may need the access that is taken away.
pub unsafe fn protect(address: *mut u8, len: usize, protection: c_int) -> isize {
    // SAFETY: by the caller's contract.
    unsafe { raw!(libc::SYS_mprotect, address, len, protection) }
}

/// Names an anonymous mapping for /proc/PID/maps (`PR_SET_VMA_ANON_NAME`); older kernels ignore it.
pub fn name_mapping(address: *mut u8, len: usize, name: &core::ffi::CStr) {
    const PR_SET_VMA: usize = 0x5356_4d41;
    // SAFETY: the kernel copies the name; nothing else is touched.
    unsafe { raw!(libc::SYS_prctl, PR_SET_VMA, 0, address, len, name.as_ptr()) };
}

/// `FUTEX_WAIT_PRIVATE` on a word of ours: waits while it holds `value`, for ever.
pub fn futex_wait(word: &core::sync::atomic::AtomicU32, value: u32) -> isize {
    let op = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word outlives the call.
    unsafe { raw!(libc::SYS_futex, word.as_ptr(), op, value, 0) }
}

/// The same for at most `ns` nanoseconds; then -ETIMEDOUT.
pub fn futex_wait_for(word: &core::sync::atomic::AtomicU32, value: u32, ns: u64) -> isize {
    let op = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    let time = timespec(ns);
    // SAFETY: word and time outlive the call.
    unsafe { raw!(libc::SYS_futex, word.as_ptr(), op, value, &raw const time) }
}

/// `FUTEX_WAKE_PRIVATE` on a word of ours: wakes one.
pub fn futex_wake_one(word: *const core::sync::atomic::AtomicU32) -> isize {
    let op = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel uses the address as a key only.
    unsafe { raw!(libc::SYS_futex, word, op, 1) }
}

/// `FUTEX_WAKE_PRIVATE` on a word of ours: wakes all.
pub fn futex_wake(word: *const core::sync::atomic::AtomicU32) -> isize {
    let op = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel uses the address as a key only.
    unsafe { raw!(libc::SYS_futex, word, op, i32::MAX) }
}

/// `CLOCK_MONOTONIC` or another clock, in nanoseconds. A real system call (about 0.1-0.2 us):
/// the scheduler side uses its cached time instead wherever that will do.
pub fn clock_ns(clock: c_int) -> u64 {
    let mut t = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `t` is ours.
    unsafe { raw!(libc::SYS_clock_gettime, clock, &raw mut t) };
    t.tv_sec as u64 * SECOND_NS + t.tv_nsec as u64
}

/// `rt_sigprocmask(SIG_SETMASK)` of the kernel thread; returns the mask it had.
pub fn set_kernel_mask(mask: u64) -> u64 {
    let mut old = 0u64;
    // SAFETY: both masks are ours.
    unsafe {
        raw!(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const mask,
            &raw mut old,
            8
        )
    };
    old
}

/// Has this kernel thread a seccomp filter? (`PR_GET_SECCOMP`; kernels without seccomp say EINVAL.)
pub fn is_filtered() -> bool {
    // SAFETY: no pointers.
    unsafe { raw!(libc::SYS_prctl, libc::PR_GET_SECCOMP) > 0 }
}

/// An `eventfd(2)`, close-on-exec and non-blocking.
pub fn eventfd() -> isize {
    // SAFETY: no pointers.
    unsafe {
        raw!(
            libc::SYS_eventfd2,
            0,
            libc::EFD_CLOEXEC | libc::EFD_NONBLOCK
        )
    }
}

/// Registers `fd` with an epoll instance for `events`, with `data`.
pub fn epoll_add(epoll: c_int, fd: c_int, events: u32, data: u64) -> bool {
    let mut event = libc::epoll_event { events, u64: data };
    let add = libc::EPOLL_CTL_ADD;
    // SAFETY: the event is ours.
    unsafe { raw!(libc::SYS_epoll_ctl, epoll, add, fd, &raw mut event) == 0 }
}

/// Takes `fd` out of an epoll instance.
pub fn epoll_delete(epoll: c_int, fd: c_int) -> isize {
    // SAFETY: no pointers.
    unsafe { raw!(libc::SYS_epoll_ctl, epoll, libc::EPOLL_CTL_DEL, fd) }
}

/// A monotonic `timerfd(2)`, close-on-exec and non-blocking.
pub fn timerfd() -> isize {
    let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
    // SAFETY: no pointers.
    unsafe { raw!(libc::SYS_timerfd_create, libc::CLOCK_MONOTONIC, flags) }
}

/// Arms a timerfd for an absolute monotonic time in nanoseconds; 0 disarms it.
pub fn timerfd_set(fd: c_int, deadline_ns: u64) -> isize {
    let zero = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let spec = libc::itimerspec {
        it_interval: zero,
        it_value: timespec(deadline_ns),
    };
    // SAFETY: `spec` outlives the call.
    unsafe {
        raw!(
            libc::SYS_timerfd_settime,
            fd,
            libc::TFD_TIMER_ABSTIME,
            &raw const spec,
            0
        )
    }
}

/// Nanoseconds as the kernel's `timespec`.
pub fn timespec(ns: u64) -> libc::timespec {
    libc::timespec {
        tv_sec: (ns / SECOND_NS) as i64,
        tv_nsec: (ns % SECOND_NS) as i64,
    }
}

/// Sleeps for `ns` nanoseconds by the system call `number`, one of those that can; by another: does not sleep.
pub fn nap(number: i64, ns: u64) {
    let time = timespec(ns);
    let (at, ms) = (&raw const time, ns.div_ceil(1_000_000));
    let word = core::sync::atomic::AtomicU32::new(0);
    let wait = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: time and word are ours; no other pointers.
    unsafe {
        match number {
            libc::SYS_nanosleep => raw!(number, at, 0),
            libc::SYS_clock_nanosleep => raw!(number, libc::CLOCK_MONOTONIC, 0, at, 0),
            libc::SYS_ppoll => raw!(number, 0, 0, at, 0, 8),
            libc::SYS_poll => raw!(number, 0, 0, ms),
            libc::SYS_pselect6 => raw!(number, 0, 0, 0, 0, at, 0),
            libc::SYS_futex => raw!(number, word.as_ptr(), wait, 0, at),
            _ => 0,
        };
    }
}

fn limits(resource: libc::__rlimit_resource_t) -> libc::rlimit {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is ours.
    unsafe { raw!(libc::SYS_prlimit64, 0, resource, 0, &raw mut limit) };
    limit
}

/// The soft limit of a resource (getrlimit(2)); `u64::MAX` is none.
pub fn soft_limit(resource: libc::__rlimit_resource_t) -> u64 {
    limits(resource).rlim_cur
}

/// The hard limit of a resource.
pub fn hard_limit(resource: libc::__rlimit_resource_t) -> u64 {
    limits(resource).rlim_max
}

/// Where our own descriptors begin: just below the soft limit.
pub fn descriptor_floor() -> usize {
    soft_limit(libc::RLIMIT_NOFILE)
        .min(1 << 20)
        .saturating_sub(16) as usize
}

/// Moves a descriptor of ours to a high number, close-on-exec, so that the program neither meets it
/// nor counts it among its low numbers. Keeps the old one on failure.
pub fn lift(fd: c_int) -> c_int {
    let high = fcntl(fd, libc::F_DUPFD_CLOEXEC, descriptor_floor());
    if high < 0 {
        return fd;
    }
    close(fd);
    high as c_int
}

/// Last words, by raw write, then `SIGABRT` as the kernel delivers it. For broken invariants of
/// ours only. Callable from anywhere.
#[cold]
#[inline(never)]
pub fn die(what: &str) -> ! {
    write(2, b"lichen: internal error: ");
    write(2, what.as_bytes());
    write(2, b"\n");
    // SAFETY: resets SIGABRT to its default action and raises it; nothing returns.
    unsafe {
        let act = [0usize; 4];
        raw!(libc::SYS_rt_sigaction, libc::SIGABRT, act.as_ptr(), 0, 8);
        set_kernel_mask(0);
        raw!(libc::SYS_tgkill, getpid(), gettid(), libc::SIGABRT);
        raw!(libc::SYS_exit_group, 134);
    }
    loop {
        crate::arch::relax();
    }
}

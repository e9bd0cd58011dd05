//! What this kernel and this processor offer, probed once; each can be forced off from outside
//! (`LICHEN_WITHOUT`), because other people's kernels are our fallback paths.
//!
//! Called at activation; afterwards only read.
#![allow(unsafe_code)]

use crate::arch::syscall6;
use crate::sys;

/// One byte per ability.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// `preadv2(RWF_NOWAIT)` works on pipes (6.4 and later).
    pub nowait: bool,
    /// `MADV_GUARD_INSTALL` (6.13 and later): guards of stacks without a mapping of their own.
    pub guard_install: bool,
    /// `PROCMAP_QUERY` on /proc/self/maps (6.11 and later).
    pub procmap_query: bool,
    /// A short read tells that a TCP stream is empty until its next edge.
    pub short_read: bool,
    /// `openat2(RESOLVE_CACHED)` (5.12 and later): names looked up in memory only.
    pub resolve_cached: bool,
    /// `IORING_OP_ACCEPT` with IORING_ACCEPT_DONTWAIT (6.10 and later, where io_uring is allowed); whether it
    /// is really there shows at the first use.
    pub ring_accept: bool,
    /// Stacks of threads come from one big region.
    pub stack_slots: bool,
    /// A timer on the worker's processor time ends slices.
    pub slices: bool,
    /// The reactor may wait with epoll. Without (a seccomp filter of the program's) everybody who waits for a descriptor
    /// looks again every few milliseconds.
    pub epoll: bool,
    /// The child of a fork may have a reactor of its own; else it does without epoll.
    pub renew: bool,
    /// The system call by which the scheduler sleeps then; 0: none.
    pub nap: i64,
}

impl Caps {
    /// Nothing: the state before activation.
    pub const NONE: Caps = Caps {
        nowait: false,
        guard_install: false,
        procmap_query: false,
        short_read: false,
        resolve_cached: false,
        ring_accept: false,
        stack_slots: false,
        slices: false,
        epoll: true,
        renew: true,
        nap: libc::SYS_nanosleep,
    };

    /// Asks the kernel. Costs a few microseconds; allocates nothing.
    pub fn probe() -> Caps {
        Caps {
            nowait: probe_nowait(),
            guard_install: probe_guard_install(),
            procmap_query: true,
            short_read: true,
            resolve_cached: probe_resolve_cached(),
            ring_accept: true,
            stack_slots: true,
            slices: true,
            epoll: true,
            renew: true,
            nap: libc::SYS_nanosleep,
        }
    }
}

/// The processor and the kernel let user space set FS and GS bases (AT_HWCAP2 bit 1, Linux 5.9).
pub fn has_fsgsbase() -> bool {
    const HWCAP2_FSGSBASE: u64 = 1 << 1;
    // SAFETY: reads the auxiliary vector.
    unsafe { libc::getauxval(libc::AT_HWCAP2) & HWCAP2_FSGSBASE != 0 }
}

fn probe_nowait() -> bool {
    const RWF_NOWAIT: usize = 8;
    let mut ends = [0i32; 2];
    let mut byte = 0u8;
    let iov = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    // SAFETY: all pointers are to locals.
    unsafe {
        let flags = libc::O_CLOEXEC as usize;
        if syscall6(
            libc::SYS_pipe2 as usize,
            ends.as_mut_ptr() as usize,
            flags,
            0,
            0,
            0,
            0,
        ) < 0
        {
            return false;
        }
        let got = syscall6(
            libc::SYS_preadv2 as usize,
            ends[0] as usize,
            (&raw const iov) as usize,
            1,
            usize::MAX,
            usize::MAX,
            RWF_NOWAIT,
        );
        sys::close(ends[0]);
        sys::close(ends[1]);
        got == -(libc::EAGAIN as isize)
    }
}

fn probe_resolve_cached() -> bool {
    const RESOLVE_CACHED: u64 = 0x20;
    let how = [(libc::O_PATH | libc::O_CLOEXEC) as u64, 0, RESOLVE_CACHED];
    // SAFETY: a constant name; `how` is ours. The root is always in memory.
    let fd = unsafe {
        syscall6(
            libc::SYS_openat2 as usize,
            libc::AT_FDCWD as usize,
            c"/".as_ptr() as usize,
            how.as_ptr() as usize,
            size_of_val(&how),
            0,
            0,
        )
    };
    if fd >= 0 {
        sys::close(fd as i32);
    }
    fd >= 0
}

/// `madvise` advice that makes pages fault like a guard without splitting the mapping.
pub const MADV_GUARD_INSTALL: usize = 102;
/// Its opposite.
pub const MADV_GUARD_REMOVE: usize = 103;

fn probe_guard_install() -> bool {
    let Some(page) = sys::map_anonymous(4096) else {
        return false;
    };
    // SAFETY: advises, then unmaps, a page of our own.
    unsafe {
        let nr = libc::SYS_madvise as usize;
        let done = syscall6(nr, page as usize, 4096, MADV_GUARD_INSTALL, 0, 0, 0) == 0;
        sys::unmap(page, 4096);
        done
    }
}

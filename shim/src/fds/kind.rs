//! The kinds of descriptors, and how the kernel is asked for one and for what a descriptor allows. Called by `fds`, which
//! remembers the kinds. Green side; no allocation.
#![allow(unsafe_code)]

use crate::abi::forbidden::forbids;
use crate::sockopt;
use lichen_runtime::arch::syscall6;
use lichen_runtime::sys;

/// How to try a call on it without blocking.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Not looked at yet.
    Unknown = 0,
    /// Regular file, directory, block device, memory device: never waits for a peer. Native.
    File = 1,
    /// A TCP socket: MSG_DONTWAIT, and a short read tells that it is empty.
    Tcp = 2,
    /// Another stream socket: MSG_DONTWAIT.
    Stream = 3,
    /// A datagram socket.
    Datagram = 4,
    /// A sequenced-packet socket: write(2) sets MSG_EOR.
    SeqPacket = 5,
    /// A pipe that knows RWF_NOWAIT.
    Pipe = 6,
    /// Reads with RWF_NOWAIT; writes are polled first (eventfd, timerfd, signalfd).
    Event = 7,
    /// Polled first, then called: terminals, FIFOs, inotify, ...
    Polled = 8,
}

impl Kind {
    /// As it was stored.
    pub fn from(byte: u8) -> Kind {
        match byte {
            1 => Kind::File,
            2 => Kind::Tcp,
            3 => Kind::Stream,
            4 => Kind::Datagram,
            5 => Kind::SeqPacket,
            6 => Kind::Pipe,
            7 => Kind::Event,
            8 => Kind::Polled,
            _ => Kind::Unknown,
        }
    }

    /// Is it a socket?
    pub fn is_socket(self) -> bool {
        matches!(
            self,
            Kind::Tcp | Kind::Stream | Kind::Datagram | Kind::SeqPacket
        )
    }

    /// A socket without message boundaries?
    pub fn is_stream(self) -> bool {
        matches!(self, Kind::Tcp | Kind::Stream)
    }
}

/// Is it a pipe or a FIFO? Asks the kernel; no, if that may not be asked.
pub fn is_pipe(fd: i32) -> bool {
    !forbids(libc::SYS_fcntl) && sys::fcntl(fd, libc::F_GETPIPE_SZ, 0) >= 0
}

/// Asks the kernel. What is not open counts as a file.
pub fn classify(fd: i32) -> Kind {
    if forbids(libc::SYS_fstat) || forbids(libc::SYS_getsockopt) {
        return Kind::File; // cannot be found out: its calls are the kernel's
    }
    // SAFETY: zero is a valid `stat`; the kernel fills it.
    let mut stat: libc::stat = unsafe { core::mem::zeroed() };
    // SAFETY: `stat` is ours.
    let failed = unsafe {
        syscall6(
            libc::SYS_fstat as usize,
            fd as usize,
            &raw mut stat as usize,
            0,
            0,
            0,
            0,
        ) < 0
    };
    if failed {
        return Kind::File;
    }
    // Whether this very one knows RWF_NOWAIT shows at the first call on it.
    let nowait = lichen_runtime::sched::runtime().caps.get().nowait;
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFSOCK => socket_kind(fd),
        libc::S_IFIFO if nowait => Kind::Pipe,
        libc::S_IFIFO => Kind::Polled,
        libc::S_IFCHR if is_memory_device(stat.st_rdev) => Kind::File,
        libc::S_IFCHR => Kind::Polled,
        libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK | libc::S_IFLNK => Kind::File,
        _ => Kind::Event,
    }
}

/// /dev/null, zero, full, random, urandom, kmsg: major number 1.
fn is_memory_device(device: libc::dev_t) -> bool {
    libc::major(device) == 1
}

fn socket_kind(fd: i32) -> Kind {
    kind_of_socket(
        sockopt::option(fd, libc::SO_DOMAIN),
        sockopt::option(fd, libc::SO_TYPE),
        sockopt::option(fd, libc::SO_PROTOCOL),
    )
}

/// Was it opened for reading, or for writing? `true` for what is not open.
pub fn allows(fd: i32, reading: bool) -> bool {
    if forbids(libc::SYS_fcntl) {
        return true;
    }
    let flags = sys::fcntl(fd, libc::F_GETFL, 0);
    flags < 0 || !refuses(flags as i32, reading)
}

/// Can a call on it wait? Not with O_NONBLOCK, nor where it says EBADF because it was not opened for
/// that. Asks the kernel.
pub fn may_wait(fd: i32, reading: bool) -> bool {
    let flags = sys::fcntl(fd, libc::F_GETFL, 0);
    flags >= 0 && flags as i32 & libc::O_NONBLOCK == 0 && !refuses(flags as i32, reading)
}

fn refuses(flags: i32, reading: bool) -> bool {
    let wrong = if reading {
        libc::O_WRONLY
    } else {
        libc::O_RDONLY
    };
    flags & libc::O_ACCMODE == wrong
}

/// The kind of a socket by what socket(2) was told.
pub fn kind_of_socket(domain: i32, kind: i32, protocol: i32) -> Kind {
    let inet = domain == libc::AF_INET || domain == libc::AF_INET6;
    match kind & 0xf {
        libc::SOCK_STREAM if inet && (protocol == 0 || protocol == libc::IPPROTO_TCP) => Kind::Tcp,
        libc::SOCK_STREAM => Kind::Stream,
        libc::SOCK_SEQPACKET => Kind::SeqPacket,
        _ => Kind::Datagram,
    }
}

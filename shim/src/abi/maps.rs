//! Is this address in memory shared with other processes? Asked of the kernel's own map:
//! `PROCMAP_QUERY` on /proc/self/maps (6.11), else by reading the lines.
//!
//! Green side: raw calls, a small buffer, no allocation.
#![allow(unsafe_code)]

use crate::abi::forbidden::forbids;
use lichen_runtime::arch::syscall6;
use lichen_runtime::sched::runtime;
use lichen_runtime::sys;

/// `struct procmap_query` of linux/fs.h.
#[repr(C)]
#[derive(Default)]
struct Query {
    size: u64,
    query_flags: u64,
    query_addr: u64,
    vma_start: u64,
    vma_end: u64,
    vma_flags: u64,
    rest: [u64; 7],
}

const PROCMAP_QUERY: usize = 0xc068_6611;
const VMA_SHARED: u64 = 8;

fn open_maps() -> Option<i32> {
    if forbids(libc::SYS_openat) {
        return None;
    }
    let path = c"/proc/self/maps".as_ptr() as usize;
    let flags = (libc::O_RDONLY | libc::O_CLOEXEC) as usize;
    // SAFETY: a constant path.
    let fd = unsafe {
        syscall6(
            libc::SYS_openat as usize,
            libc::AT_FDCWD as usize,
            path,
            flags,
            0,
            0,
            0,
        )
    };
    (fd >= 0).then_some(fd as i32)
}

/// Does `address` lie in a MAP_SHARED mapping? `None` if /proc does not tell.
fn ask(address: usize) -> Option<bool> {
    let fd = open_maps()?;
    let answer = if runtime().caps.get().procmap_query {
        query(fd, address)
    } else {
        None
    };
    let answer = answer.or_else(|| scan(fd, address));
    sys::close(fd);
    answer
}

fn query(fd: i32, address: usize) -> Option<bool> {
    let mut query = Query {
        size: size_of::<Query>() as u64,
        query_addr: address as u64,
        ..Query::default()
    };
    let at = &raw mut query as usize;
    // SAFETY: the kernel fills our structure.
    let answer = unsafe {
        syscall6(
            libc::SYS_ioctl as usize,
            fd as usize,
            PROCMAP_QUERY,
            at,
            0,
            0,
            0,
        )
    };
    (answer == 0).then_some(query.vma_flags & VMA_SHARED != 0)
}

/// Where a line of /proc/self/maps is being read: `start-end perms ...`.
enum Field {
    Start(u64),
    End(u64, u64),
    Permissions(bool, u8),
    Rest,
}

fn scan(fd: i32, address: usize) -> Option<bool> {
    let address = address as u64;
    let mut field = Field::Start(0);
    let mut bytes = [0u8; 256];
    loop {
        let n = sys::read(fd, &mut bytes);
        if n <= 0 {
            return None;
        }
        for &byte in bytes.iter().take(n as usize) {
            let digit = u64::from(if byte >= b'a' {
                byte - b'a' + 10
            } else {
                byte.wrapping_sub(b'0')
            });
            field = match (field, byte) {
                (_, b'\n') => Field::Start(0),
                (Field::Start(v), b'-') => Field::End(v, 0),
                (Field::Start(v), _) => Field::Start(v << 4 | digit & 15),
                (Field::End(s, e), b' ') => Field::Permissions(s <= address && address < e, 0),
                (Field::End(s, e), _) => Field::End(s, e << 4 | digit & 15),
                (Field::Permissions(true, 3), _) => return Some(byte == b's'),
                (Field::Permissions(hit, n), _) if n < 3 => Field::Permissions(hit, n + 1),
                _ => Field::Rest,
            };
        }
    }
}

/// Surely shared with other processes: waits belong in the kernel.
pub fn is_shared(address: usize) -> bool {
    !is_thread_word(address) && ask(address) == Some(true)
}

/// Perhaps shared: wakes go to the kernel too.
pub fn may_be_shared(address: usize) -> bool {
    !is_thread_word(address) && ask(address) != Some(false)
}

/// The id word of the running green or of one about to be joined lies in a stack slot of ours:
/// private, and known without asking.
fn is_thread_word(address: usize) -> bool {
    crate::handlers::memory::is_slot(address)
}

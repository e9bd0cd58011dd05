//! select and pselect6: sets of descriptors as bits. As `poll` does, they ask without waiting, park, ask
//! again; each time with a copy of the sets, because the kernel writes its answer over the question.
#![allow(unsafe_code)]

use super::borrowed;
use super::kernel;
use super::poll::{until_ready, with_timespec};
use super::signal::masks;
use crate::abi::forbidden::forbids;
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, error};
use crate::fds;
use crate::sockopt;
use lichen_runtime::Runtime;
use lichen_runtime::reactor::{READ, URGENT, WRITE};
use lichen_runtime::sys::{self, SECOND_NS};

/// Words of a set that fits on the stack: 1,024 descriptors.
const SET_WORDS: usize = 16;
/// Three sets as the program gave them, and three as the kernel answers.
const SETS: usize = 6;
/// So many bits that are no descriptors: whatever that is, it is no set.
const STRAY: usize = 64;

/// How many descriptors the kernel would look at if there were none of ours: its table is as large as the
/// highest one ever open needs, and bits beyond are neither read nor written. Programs rely on that when
/// they pass the limit of open files with a set of 1,024 bits. Ours are high, so the kernel's own bound
/// does not help.
fn bound(runtime: &Runtime, count: usize, at: [usize; 3]) -> usize {
    let mut size = table_size(fds::end() as usize);
    let mut stray = 0;
    let mut word = size / 64;
    while word * 64 < count {
        for address in at.into_iter().filter(|&a| a != 0) {
            let Ok(mut bits) = user::read::<u64>(address.wrapping_add(word * 8)) else {
                return count.min(size);
            };
            while bits != 0 && stray < STRAY {
                let fd = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if fds::is_open(fd as i32) && !runtime.is_own_fd(fd as i32) {
                    size = size.max(table_size(fd + 1));
                } else {
                    stray += 1;
                }
            }
        }
        if stray >= STRAY {
            break;
        }
        word += 1;
    }
    count.min(size)
}

/// What select finds when a descriptor was closed while it waited: a closed one is ready, where the
/// call's beginning would say EBADF (select_poll_one in Linux). Fills the copies of the answer.
fn one_by_one(count: usize, at: [usize; 3], words: usize, room: *mut u64) -> Answer {
    const ALWAYS: i16 = libc::POLLERR | libc::POLLNVAL;
    const ASKED: [i16; 3] = [
        libc::POLLIN | libc::POLLRDBAND,
        libc::POLLOUT,
        libc::POLLPRI,
    ];
    const MEANT: [i16; 3] = [
        ASKED[0] | libc::POLLRDNORM | libc::POLLHUP | ALWAYS,
        ASKED[1] | libc::POLLWRNORM | libc::POLLWRBAND | ALWAYS,
        ASKED[2] | libc::POLLNVAL,
    ];
    let mut found = 0;
    for fd in 0..count {
        let (word, bit) = (fd / 64, 1u64 << (fd % 64));
        for (i, (&asked, &meant)) in ASKED.iter().zip(&MEANT).enumerate() {
            if at.get(i).is_none_or(|&a| a == 0) {
                continue;
            }
            // SAFETY: `room` holds six sets of `words` words; `fd` is below `count`.
            unsafe {
                let wanted = room.add(i * words + word).read() & bit != 0;
                let answer = room.add((3 + i) * words + word);
                let is_ready = wanted && sockopt::state(fd as i32, asked) & meant != 0;
                found += Answer::from(is_ready);
                let others = answer.read() & !bit;
                answer.write(others | if is_ready { bit } else { 0 });
            }
        }
    }
    found
}

/// The size of the kernel's table that holds `end` descriptors.
fn table_size(end: usize) -> usize {
    if end <= 64 {
        64
    } else {
        end.max(256).next_power_of_two()
    }
}

fn select_for(runtime: &Runtime, count: usize, at: [usize; 3], timeout: Option<u64>) -> Answer {
    let Ok(count) = usize::try_from(count as i32) else {
        return error(libc::EINVAL);
    };
    let count = bound(runtime, count, at);
    let words = count.div_ceil(64);
    if words <= SET_WORDS {
        let mut room = [0u64; SETS * SET_WORDS];
        return with_room(runtime, count, at, room.as_mut_ptr(), timeout);
    }
    let room = borrowed::words(runtime, SETS * words);
    if room.is_null() {
        return error(libc::ENOMEM);
    }
    let answer = with_room(runtime, count, at, room, timeout);
    borrowed::give_back(runtime, room, SETS * words);
    answer
}

/// Asks with copies of the sets; `room` holds six of them.
fn with_room(
    runtime: &Runtime,
    count: usize,
    at: [usize; 3],
    room: *mut u64,
    timeout: Option<u64>,
) -> Answer {
    let words = count.div_ceil(64);
    // The i-th copy; the first three are what the program wants, the others what was found.
    let copy = |i: usize| room.wrapping_add(i * words);
    for (i, &address) in at.iter().enumerate() {
        if address != 0 && user::copy(copy(i) as usize, address, words * 8).is_err() {
            return error(libc::EFAULT);
        }
    }
    let set = |i: usize| {
        at.get(i)
            .map_or(0, |&a| if a == 0 { 0 } else { copy(3 + i) as usize })
    };
    let mut again = false;
    let mut ask = || {
        if forbids(libc::SYS_pselect6) {
            return NATIVE;
        }
        for (i, &address) in at.iter().enumerate() {
            if address != 0 {
                let _ = user::copy(copy(3 + i) as usize, copy(i) as usize, words * 8);
            }
        }
        let no_time = [0i64; 2];
        let time = no_time.as_ptr() as usize;
        let args = [count, set(0), set(1), set(2), time, 0];
        // SAFETY: our copies of the sets, no waiting.
        let answer = unsafe { kernel(libc::SYS_pselect6 as usize, args) };
        if answer == error(libc::EBADF) && again {
            return one_by_one(count, at, words, room);
        }
        again = true;
        answer
    };
    let answer = until_ready(runtime, timeout, count, &mut ask, &|fd| {
        let bit = 1u64 << (fd % 64);
        let mut interest = 0;
        for (i, what) in [READ, WRITE, URGENT].into_iter().enumerate() {
            let given = at.get(i).is_some_and(|&a| a != 0);
            // SAFETY: `fd` is below `count`, so within the i-th of the copies made above.
            if given && unsafe { copy(i).add(fd / 64).read() } & bit != 0 {
                interest |= what;
            }
        }
        (interest != 0).then_some((fd as i32, interest))
    });
    if answer >= 0 {
        for (i, &address) in at.iter().enumerate() {
            if address != 0 && user::copy(address, copy(3 + i) as usize, words * 8).is_err() {
                return error(libc::EFAULT);
            }
        }
    }
    answer
}

/// `select(2)`: the time-out is a `timeval`, and tells afterwards what remains.
pub fn select(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [count, r, w, e, time, _] = frame.args();
    if time == 0 {
        return select_for(runtime, count, [r, w, e], None);
    }
    let Ok([seconds, us]) = user::read::<[i64; 2]>(time) else {
        return error(libc::EFAULT);
    };
    if seconds < 0 || us < 0 {
        return error(libc::EINVAL);
    }
    let ns = (seconds as u64)
        .saturating_mul(SECOND_NS)
        .saturating_add(us as u64 * 1000);
    let begun = sys::clock_ns(libc::CLOCK_MONOTONIC);
    let answer = select_for(runtime, count, [r, w, e], Some(ns));
    let left = ns.saturating_sub(sys::clock_ns(libc::CLOCK_MONOTONIC) - begun);
    let _ = user::write(
        time,
        &[(left / SECOND_NS) as i64, (left % SECOND_NS / 1000) as i64],
    );
    answer
}

/// `pselect6`, the call behind pselect(2) and, in newer libc's, select(2).
pub fn pselect6(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [count, r, w, e, time, packed] = frame.args();
    let (mut mask, mut size) = (0, 0);
    if packed != 0 {
        match user::read::<[usize; 2]>(packed) {
            Ok([m, s]) => (mask, size) = (m, s),
            Err(_) => return error(libc::EFAULT),
        }
    }
    masks::during(runtime, mask, size, || {
        with_timespec(time, |ns| select_for(runtime, count, [r, w, e], ns))
    })
}

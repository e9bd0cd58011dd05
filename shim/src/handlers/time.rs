//! Sleeping. Deadlines are kept to the nanosecond by the reactor's timerfd and never come early.

use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, RESTART_NO_HANDLER, error};
use lichen_runtime::Runtime;
use lichen_runtime::green::{Wait, Wake};
use lichen_runtime::park::{self, Deadline};
use lichen_runtime::sys::{self, SECOND_NS};

/// A `timespec` of the program, in nanoseconds.
///
/// # Errors
/// EFAULT or EINVAL, as the kernel says.
pub fn read_timespec(address: usize) -> Result<u64, Answer> {
    let [seconds, ns] = user::read::<[i64; 2]>(address).map_err(|_| error(libc::EFAULT))?;
    if seconds < 0 || !(0..SECOND_NS as i64).contains(&ns) {
        return Err(error(libc::EINVAL));
    }
    Ok((seconds as u64)
        .saturating_mul(SECOND_NS)
        .saturating_add(ns as u64))
}

/// Writes nanoseconds as a `timespec`.
///
/// # Errors
/// EFAULT.
pub fn write_timespec(address: usize, ns: u64) -> Result<(), Answer> {
    let value = [(ns / SECOND_NS) as i64, (ns % SECOND_NS) as i64];
    user::write(address, &value).map_err(|_| error(libc::EFAULT))
}

/// A relative deadline that stays the same over several parks.
pub fn after(ns: u64) -> Deadline {
    Deadline::At(sys::clock_ns(libc::CLOCK_MONOTONIC).saturating_add(ns))
}

/// `nanosleep(2)`.
pub fn nanosleep(frame: &mut Frame, runtime: &Runtime) -> Answer {
    sleep_for(runtime, frame.rdi, frame.rsi)
}

/// Sleeps. EINTR, with the remainder, if a handler is to run; if the signal went to another thread
/// the sleep goes on for the rest, and the program's request is not read again.
fn sleep_for(runtime: &Runtime, request: usize, remainder: usize) -> Answer {
    let ns = match read_timespec(request) {
        Ok(ns) => ns,
        Err(answer) => return answer,
    };
    let end = sys::clock_ns(libc::CLOCK_MONOTONIC).saturating_add(ns);
    loop {
        if park::sleep(runtime, Wait::Time, 0, Deadline::At(end)) != Wake::Interrupted {
            return 0;
        }
        if super::signal::notes::any_for_current(runtime) {
            break;
        }
    }
    if remainder != 0 {
        let left = end.saturating_sub(sys::clock_ns(libc::CLOCK_MONOTONIC));
        if let Err(answer) = write_timespec(remainder, left) {
            return answer;
        }
    }
    error(libc::EINTR)
}

/// `clock_nanosleep(2)`.
pub fn clock_nanosleep(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [clock, flags, request, remainder, ..] = frame.args();
    let absolute = flags as i32 & libc::TIMER_ABSTIME != 0;
    let clock = clock as i32;
    match (clock, absolute) {
        (libc::CLOCK_REALTIME | libc::CLOCK_MONOTONIC, false) => {
            sleep_for(runtime, request, remainder)
        }
        (libc::CLOCK_REALTIME | libc::CLOCK_MONOTONIC, true) => {
            let ns = match read_timespec(request) {
                Ok(ns) => ns,
                Err(answer) => return answer,
            };
            let deadline = match clock {
                libc::CLOCK_MONOTONIC => Deadline::At(ns),
                _ => Deadline::Realtime(ns),
            };
            match park::sleep(runtime, Wait::Time, 0, deadline) {
                Wake::Interrupted => RESTART_NO_HANDLER,
                _ => 0,
            }
        }
        _ => NATIVE,
    }
}

//! Completions of the kernel's older asynchronous I/O: io_getevents, io_pgetevents. A context is no
//! descriptor, so what is not there yet is waited for by a helper. Contexts belong to the address space: it
//! does not matter which kernel thread asks.
#![allow(unsafe_code)]

use super::by_helper;
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, RESTART, RESTART_NO_HANDLER, error};
use crate::handlers::kernel;
use crate::handlers::signal::masks;
use lichen_runtime::Runtime;

/// Bytes of a `struct io_event`.
const EVENT: usize = 32;

/// `io_getevents(2)`.
pub fn io_getevents(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [context, least, most, events, timeout, _] = frame.args();
    if (least as isize) <= 0 || least > most {
        return NATIVE;
    }
    wait(runtime, [context, least, most, events, timeout])
}

/// `io_pgetevents`, which libaio uses for a wait with a signal mask.
pub fn io_pgetevents(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [context, least, most, events, timeout, signals] = frame.args();
    if (least as isize) <= 0 || least > most {
        return NATIVE;
    }
    let (mut mask, mut size) = (0, 0);
    if signals != 0 {
        match user::read::<[usize; 2]>(signals) {
            Ok([m, s]) => (mask, size) = (m, s),
            Err(_) => return error(libc::EFAULT),
        }
    }
    masks::during(runtime, mask, size, || {
        wait(runtime, [context, least, most, events, timeout])
    })
}

/// Takes what is there; a helper waits for the rest.
fn wait(runtime: &Runtime, [context, least, most, events, timeout]: [usize; 5]) -> Answer {
    const NUMBER: usize = libc::SYS_io_getevents as usize;
    let no_time = [0i64; 2];
    // The kernel looks no closer at the time than this.
    if timeout != 0 && user::read::<[i64; 2]>(timeout).is_err() {
        return error(libc::EFAULT);
    }
    let at_once = no_time.as_ptr() as usize;
    // SAFETY: the program's own array, a time of ours.
    let got = unsafe { kernel(NUMBER, [context, least, most, events, at_once, 0]) };
    if got < 0 || got >= least as Answer {
        return got;
    }
    let got = got as usize;
    let place = events.wrapping_add(got * EVENT);
    let args = [context, least - got, most - got, place, timeout, 0];
    let more = match by_helper(runtime, NUMBER, args) {
        // SAFETY: the program's own arguments; there is no kernel thread to be had.
        NATIVE => unsafe { kernel(NUMBER, args) },
        RESTART => RESTART_NO_HANDLER,
        more => more,
    };
    match more {
        more if more > 0 => more + got as Answer,
        _ if got > 0 => got as Answer,
        more => more,
    }
}

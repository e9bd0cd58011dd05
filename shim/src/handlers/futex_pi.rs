//! Priority-inheritance futexes between threads of this process. Greens have no priorities of their
//! own to inherit; what remains is the protocol: the word holds the owner's id, the kernel's part is
//! to hand it to the next waiter. See futex(2) and the kernel's `futex_lock_pi`.
//!
//! Waiters queue under the word's address plus one, so that they never meet those of the plain
//! operations (a futex address is a multiple of four).

use super::futex::Call;
use super::time::read_timespec;
use crate::abi::user;
use crate::call::{Answer, RESTART, error};
use core::cell::Cell;
use lichen_runtime::Runtime;
use lichen_runtime::futexes::{Key, Waiter, Who, rouse};
use lichen_runtime::green::Wake;
use lichen_runtime::park::{self, Deadline};

const WAITERS: u32 = 0x8000_0000;
const DIED: u32 = 0x4000_0000;
const OWNER: u32 = 0x3fff_ffff;

fn key(call: &Call) -> Key {
    Key {
        address: call.address + 1,
        private: call.private,
    }
}

fn current_tid(runtime: &Runtime) -> u32 {
    runtime.worker.current.get().map_or(0, |g| g.tid.get())
}

/// Takes the lock if nobody has it. `Ok(false)`: somebody has.
fn take_free(call: &Call, tid: u32) -> Result<bool, Answer> {
    loop {
        let old = user::read_u32(call.address).map_err(|_| error(libc::EFAULT))?;
        if old & OWNER == tid {
            return Err(error(libc::EDEADLK));
        }
        let new = if old & OWNER == 0 {
            tid | old & DIED
        } else {
            old | WAITERS
        };
        let seen = user::compare_exchange_u32(call.address, old, new);
        if seen.map_err(|_| error(libc::EFAULT))? == old {
            return Ok(old & OWNER == 0);
        }
    }
}

/// FUTEX_LOCK_PI and FUTEX_LOCK_PI2. The time-out is absolute, of CLOCK_REALTIME unless `monotonic`.
pub fn lock(runtime: &Runtime, call: &Call, monotonic: bool) -> Answer {
    let tid = current_tid(runtime);
    let deadline = match call.fourth {
        0 => Deadline::Never,
        at => match read_timespec(at) {
            Ok(ns) if monotonic => Deadline::At(ns),
            Ok(ns) => Deadline::Realtime(ns),
            Err(answer) => return answer,
        },
    };
    match take_free(call, tid) {
        Err(answer) => return answer,
        Ok(true) => return 0,
        Ok(false) => {}
    }
    let waiter = Waiter::new(key(call), u32::MAX, Who::Kernel);
    let check = || match user::read_u32(call.address) {
        Ok(now) if now & OWNER != 0 => Ok(()),
        Ok(_) => Err(libc::EAGAIN),
        Err(_) => Err(libc::EFAULT),
    };
    match park::wait_futex(runtime, &waiter, call.address, &check, deadline) {
        Ok(Wake::Ready) => 0, // the lock was handed to us
        Ok(Wake::TimedOut) => error(libc::ETIMEDOUT),
        Ok(Wake::Interrupted) | Err(libc::EAGAIN) => RESTART,
        Err(errno) => error(errno),
    }
}

/// FUTEX_TRYLOCK_PI: libc comes here when the word is not plainly free.
pub fn try_lock(runtime: &Runtime, call: &Call) -> Answer {
    match take_free(call, current_tid(runtime)) {
        Ok(true) => 0,
        Ok(false) => error(libc::EAGAIN),
        Err(answer) => answer,
    }
}

/// FUTEX_UNLOCK_PI: hands the lock to the first waiter.
pub fn unlock(runtime: &Runtime, call: &Call) -> Answer {
    let old = match user::read_u32(call.address) {
        Ok(old) => old,
        Err(_) => return error(libc::EFAULT),
    };
    if old & OWNER != current_tid(runtime) {
        return error(libc::EPERM);
    }
    let heir = Cell::new(0);
    runtime.futexes.wake(key(call), 1, u32::MAX, &|w| {
        if let Who::Green(green, _) = w.who.get() {
            heir.set(green.tid.get());
        }
        rouse(runtime, true, w);
    });
    // With the waiters' bit the heir comes here too when it unlocks, and finds whether any is left.
    let new = if heir.get() == 0 {
        0
    } else {
        heir.get() | WAITERS
    };
    if user::write_u32(call.address, new).is_ok() {
        0
    } else {
        error(libc::EFAULT)
    }
}

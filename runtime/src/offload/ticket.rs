//! What a green and the kernel thread that works for it agree on: is it done, and which park is the wake
//! for? Both in one word, so that neither can miss the other.
//!
//! ```text
//! the green                                   the kernel thread
//!   expects(number of its next park)            (works)
//!     was it done? take the result              done() := DONE, and the number that is named
//!   parks                                       wakes that park, and no other
//! ```
//! Before the first `expects` the number of a park that is over is named: work that is done at once wakes
//! nobody, and above all not the green's next park for something else.

use crate::green::GreenRef;
use core::sync::atomic::{AtomicU64, Ordering};

const DONE: u64 = 1 << 32;

/// See above.
pub struct Ticket(AtomicU64);

impl Ticket {
    /// Of no work yet.
    pub const fn new() -> Ticket {
        Ticket(AtomicU64::new(0))
    }

    /// Work for `green` is about to be handed over. The green itself.
    pub fn open(&self, green: GreenRef) {
        let last = green.park_count.load(Ordering::Relaxed);
        self.0.store(u64::from(last), Ordering::Release);
    }

    /// The green is about to park: `true`, and it must park. `false`: it is done.
    pub fn expects(&self, green: GreenRef) -> bool {
        let next = u64::from(green.park_count.load(Ordering::Relaxed).wrapping_add(1));
        let mut now = self.0.load(Ordering::Acquire);
        while now & DONE == 0 {
            match self
                .0
                .compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return true,
                Err(seen) => now = seen,
            }
        }
        false
    }

    /// Is it done?
    pub fn is_done(&self) -> bool {
        self.0.load(Ordering::Acquire) & DONE != 0
    }

    /// It is done; returns the park to wake. Whoever waits may go on at once, so the ticket may be gone
    /// when this returns.
    pub fn done(&self) -> u32 {
        self.0.fetch_or(DONE, Ordering::AcqRel) as u32
    }
}

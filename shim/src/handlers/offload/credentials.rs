//! Changes of what the kernel keeps for each thread and checks calls against: credentials, capabilities,
//! namespaces, filters. No kernel thread of ours may begin a call with what was true before. Green side;
//! parks.
#![allow(unsafe_code)]

use crate::call::{Answer, Frame};
use crate::handlers::{filter, kernel};
use lichen_runtime::Runtime;

/// `setuid(2)` and its family, `capset(2)`, `unshare(2)`, `setns(2)`, `landlock_restrict_self(2)`: made
/// between the end of the pool's threads and the making of new ones. What they had begun is finished, what
/// was queued is done with what holds afterwards. Helpers that wait for another party end after their
/// call, and are not used again.
pub fn change(frame: &mut Frame, runtime: &Runtime) -> Answer {
    make(frame, runtime, Filters::No)
}

/// Does the call install a filter, and which?
#[derive(Clone, Copy)]
enum Filters {
    No,
    Strict,
    /// The program is described at this address.
    Program(usize),
}

fn make(frame: &Frame, runtime: &Runtime, filters: Filters) -> Answer {
    runtime.pool.freeze(runtime);
    runtime.helpers.retire();
    let before = match filters {
        Filters::No => None,
        Filters::Strict => Some(filter::expect(runtime, frame, true, 0)),
        Filters::Program(at) => Some(filter::expect(runtime, frame, false, at)),
    };
    // SAFETY: the program's own arguments.
    let answer = unsafe { kernel(frame.number, frame.args()) };
    if before.is_some() && answer == 0 {
        runtime.pool.set_cap(0);
        runtime.helpers.bar();
    }
    runtime.pool.thaw();
    if let Some(before) = before {
        filter::settle(runtime, &before, answer == 0);
    }
    answer
}

/// `seccomp(2)`: a filter may forbid to make a kernel thread, or kill for it; and the program's calls must
/// not get round the filter by being made elsewhere. So from now on they are made where they stand.
pub fn filter(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let filters = match frame.rdi as u32 {
        libc::SECCOMP_SET_MODE_STRICT => Filters::Strict,
        libc::SECCOMP_SET_MODE_FILTER => Filters::Program(frame.rdx),
        _ => Filters::No,
    };
    make(frame, runtime, filters)
}

/// The part of `prctl(2)` that is about what a thread may do.
pub fn prctl(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let filters = match (frame.rdi as i32, frame.rsi as u32) {
        (libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) => Filters::Strict,
        (libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER) => Filters::Program(frame.rdx),
        _ => Filters::No,
    };
    make(frame, runtime, filters)
}

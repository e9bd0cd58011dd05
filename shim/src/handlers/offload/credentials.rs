//! Changes of what the kernel keeps for each thread and checks calls against: credentials, capabilities,
//! namespaces, filters. No kernel thread of ours may begin a call with what was true before. Green side;
//! parks.
#![allow(unsafe_code)]

use crate::call::{Answer, Frame};
use crate::handlers::kernel;
use lichen_runtime::Runtime;

/// `setuid(2)` and its family, `capset(2)`, `unshare(2)`, `setns(2)`, `landlock_restrict_self(2)`: made
/// between the end of the pool's threads and the making of new ones. What they had begun is finished, what
/// was queued is done with what holds afterwards. Helpers that wait for another party end after their
/// call, and are not used again.
pub fn change(frame: &mut Frame, runtime: &Runtime) -> Answer {
    make(frame, runtime, false)
}

fn make(frame: &Frame, runtime: &Runtime, filters: bool) -> Answer {
    runtime.pool.freeze(runtime);
    runtime.helpers.retire();
    // SAFETY: the program's own arguments.
    let answer = unsafe { kernel(frame.number, frame.args()) };
    if filters && answer >= 0 {
        runtime.pool.set_cap(0);
        runtime.helpers.bar();
    }
    runtime.pool.thaw();
    answer
}

/// `seccomp(2)`: a filter may forbid to make a kernel thread, or kill for it; and the program's calls must
/// not get round the filter by being made elsewhere. So from now on they are made where they stand.
pub fn filter(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let mode = frame.rdi as u32;
    let filters = matches!(
        mode,
        libc::SECCOMP_SET_MODE_STRICT | libc::SECCOMP_SET_MODE_FILTER
    );
    make(frame, runtime, filters)
}

/// The part of `prctl(2)` that is about what a thread may do.
pub fn prctl(frame: &mut Frame, runtime: &Runtime) -> Answer {
    make(frame, runtime, frame.rdi as i32 == libc::PR_SET_SECCOMP)
}

//! Changes of what the kernel keeps for each thread and checks calls against: no kernel thread of ours may
//! make a call with what was true before. Green side.

use crate::call::{Answer, Frame, NATIVE};
use lichen_runtime::Runtime;

/// A change of credentials: they belong to a kernel thread, so helpers with the old ones must never
/// make a call again.
pub fn change(_: &mut Frame, runtime: &Runtime) -> Answer {
    runtime.helpers.retire();
    NATIVE
}

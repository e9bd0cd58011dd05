//! The plan of a module: from the user's cache if it is there, else made now and kept for the next start.
//!
//! Called by `init` at activation and by `doors::rewrite::late` on the scheduler side, so: no function of libc's. Headers
//! first, then the two bytes `0f 05`: most modules are done with that.
#![allow(unsafe_code)]

use crate::init::Loaded;
use lichen_plan::{Outline, Plan, cache};
use lichen_runtime::arch::syscall6;

/// Device and inode of `/`: behind a chroot the cache's path names something else. Zeroes if nobody may look.
pub fn root() -> (u64, u64) {
    let mut stat = core::mem::MaybeUninit::<libc::stat>::zeroed();
    let (path, into) = (c"/".as_ptr() as usize, stat.as_mut_ptr() as usize);
    // SAFETY: a constant path, and a structure with room; zeroes are valid for it.
    let stat = unsafe {
        syscall6(libc::SYS_stat as usize, path, into, 0, 0, 0, 0);
        stat.assume_init()
    };
    (stat.st_dev, stat.st_ino)
}

/// The plan of the module. Allocates; takes up to a millisecond for each MB of text that is not in the cache, more
/// where there are sites.
pub fn plan_of(outline: Outline<'_>, loaded: &Loaded) -> Plan {
    let usable = loaded.cache.as_deref().filter(|_| loaded.root == root());
    let cached = usable.zip(outline.build_id());
    if let Some(plan) = cached.and_then(|(dir, id)| cache::load(dir, id)) {
        return plan;
    }
    let plan = if outline.has_syscall_bytes() {
        lichen_plan::plan(&outline.image()).unwrap_or_default()
    } else {
        Plan {
            build_id: outline.build_id().unwrap_or_default().to_vec(),
            text_bytes: outline.code().map(|(_, bytes)| bytes.len()).sum(),
            ..Plan::default()
        }
    };
    if let Some((dir, _)) = cached {
        let _ = cache::store(dir, &plan);
    }
    plan
}

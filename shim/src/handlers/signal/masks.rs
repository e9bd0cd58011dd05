//! Each green's mask, and the kernel's, which is their intersection.
//!
//! A change reaches the kernel only when the intersection changes. glibc blocks everything for a
//! moment round thread creation and end; that never does while other threads live.
#![allow(unsafe_code)]

use super::notes;
use crate::abi::forbidden::forbids;
use crate::abi::user;
use crate::call::{Answer, error, is_restart};
use core::sync::atomic::Ordering;
use lichen_runtime::Runtime;
use lichen_runtime::green::GreenRef;
use lichen_runtime::green::masks::{ALL, bit};
use lichen_runtime::offload::POKE;
use lichen_runtime::sys;

/// glibc's own "block everything" has SIGCANCEL (32) and SIGSETXID (33) in it; no program's mask
/// can, because glibc's sigprocmask takes them out. Such a moment passes without a blocking call, so
/// the kernel need not hear of it.
const LIBC_MOMENT: u64 = bit(32) | bit(33);

/// Counts a new green's mask.
pub fn account(runtime: &Runtime, green: GreenRef) {
    if !green.account(true) {
        runtime.masks.add(green.mask.get());
    }
}

/// The green's mask becomes `mask`; signals that are open now are looked for at the exit edge.
pub fn set(runtime: &Runtime, green: GreenRef, mask: u64) {
    let before = green.mask.get();
    if before == mask {
        return;
    }
    green.mask.set(mask);
    if green.is_accounted() {
        runtime.masks.remove(before);
        runtime.masks.add(mask);
        if mask & LIBC_MOMENT != LIBC_MOMENT {
            push(runtime);
        }
    }
    if notes::any_for(green) {
        runtime.worker.attention.store(1, Ordering::Relaxed);
    }
}

/// What the kernel is to keep while notes are scarce: all but what cannot wait.
pub const KEPT: u64 = ALL
    & !(bit(libc::SIGSEGV) | bit(libc::SIGBUS) | bit(libc::SIGFPE) | bit(libc::SIGILL))
    & !(bit(libc::SIGTRAP) | bit(libc::SIGKILL) | bit(libc::SIGSTOP) | bit(POKE));

/// What the kernel's mask should be: the intersection; more while notes are scarce.
pub fn wanted(runtime: &Runtime) -> u64 {
    let mask = runtime.masks.intersection();
    if notes::are_scarce() {
        mask | KEPT
    } else {
        mask
    }
}

/// Makes the kernel's mask what it should be.
pub fn push(runtime: &Runtime) {
    let mask = wanted(runtime);
    if runtime.worker.kernel_mask.replace(mask) != mask && !forbids(libc::SYS_rt_sigprocmask) {
        sys::set_kernel_mask(mask);
    }
}

/// Runs a call with the mask at `address` (`ppoll`, `sigsuspend`); 0 is none. If a signal ends it,
/// the handler's frame restores the old mask; otherwise it is put back here.
pub fn during(
    runtime: &Runtime,
    address: usize,
    size: usize,
    call: impl FnOnce() -> Answer,
) -> Answer {
    if address == 0 {
        return call();
    }
    if size != 8 {
        return error(libc::EINVAL);
    }
    let Some(green) = runtime.worker.current.get() else {
        return call();
    };
    let Ok(mask) = user::read::<u64>(address) else {
        return error(libc::EFAULT);
    };
    let old = green.mask.get();
    set(runtime, green, mask & !super::UNBLOCKABLE);
    let answer = if notes::any_for(green) {
        crate::call::RESTART_NO_HANDLER
    } else {
        call()
    };
    if is_restart(answer) && notes::any_for(green) {
        green.saved_mask.set(old);
        green.mask_saved.set(true);
    } else {
        set(runtime, green, old);
    }
    answer
}

/// After a call with a mask of its own ended without a handler.
pub fn restore_saved(runtime: &Runtime, green: GreenRef) {
    if green.mask_saved.replace(false) {
        set(runtime, green, green.saved_mask.get());
    }
}

//! Threads: their end, their ids, and what the kernel keeps per thread. Their birth is in `fork`.
#![allow(unsafe_code)]

use super::signal::masks;
use super::{kernel, names};
use crate::abi::forbidden::forbids;
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, error};
use crate::doors::x86_64 as asm;
use crate::{stats, tcb};
use core::sync::atomic::{AtomicI32, Ordering};
use lichen_runtime::Runtime;
use lichen_runtime::futexes::{Key, rouse};
use lichen_runtime::green::{GreenRef, State, Wait};
use lichen_runtime::sched::runtime;
use lichen_runtime::{arch, park, sys};

/// `exit(2)` status of the first thread: what the process ends with if all threads end by `exit`.
static FIRST_STATUS: AtomicI32 = AtomicI32::new(0);

/// Enters the program as a new thread. The hook of `runtime::Hooks::start`.
///
/// # Safety
/// `frame` must be the address of a complete frame at the top of the green's stack.
pub unsafe extern "C" fn start(frame: usize) -> ! {
    // SAFETY: by the caller's contract.
    unsafe { asm::lichen_start(frame) }
}

/// Makes the calling thread, the process's first, a green. Activation.
pub fn adopt_first(runtime: &Runtime, offsets: tcb::Offsets, tid: u32, mask: u64) {
    let Some(green) = runtime.table.take() else {
        sys::die("the table of threads is empty")
    };
    green.tid.set(tid);
    green.is_first.set(true);
    green.fs.set(arch::rdfsbase());
    green.mask.set(mask);
    green.account(true);
    green.clear_tid.set(arch::rdfsbase() + offsets.tid);
    green.enter(State::Running, Wait::Nothing, 0, 0);
    names::adopt(green);
    runtime.worker.charge(green); // so its clock does not go back
    runtime.masks.add(mask);
    runtime.worker.kernel_mask.set(u64::MAX);
    let mut alternate = [0usize; 3];
    // SAFETY: asks for the alternate stack and the robust list of this thread into locals.
    unsafe {
        kernel(
            libc::SYS_sigaltstack as usize,
            [0, alternate.as_mut_ptr() as usize, 0, 0, 0, 0],
        );
        let (mut head, mut len) = (0usize, 0usize);
        let at = [0, &raw mut head as usize, &raw mut len as usize, 0, 0, 0];
        if kernel(libc::SYS_get_robust_list as usize, at) == 0 {
            green.robust_list.set(head);
        }
    }
    // The kernel's order is address, flags (32 bits), size.
    green
        .altstack
        .set([alternate[0], alternate[2], alternate[1] as u32 as usize]);
    runtime.worker.current.set(Some(green));
}

/// Unregisters rseq of the first thread: the kernel would write to its TCB whichever green runs.
pub fn leave_rseq() {
    const SIGNATURE: usize = 0x5305_3053;
    const UNREGISTER: usize = 1;
    if let Some((area, size)) = tcb::rseq_area() {
        for len in [32, size as usize] {
            // SAFETY: unregisters the area that libc registered.
            let done = unsafe {
                kernel(
                    libc::SYS_rseq as usize,
                    [area, len, UNREGISTER, SIGNATURE, 0, 0],
                )
            };
            if done == 0 {
                return;
            }
        }
    }
}

/// `exit(2)`: the thread ends. Its robust mutexes are handed on while its memory is certainly there;
/// the rest happens on the scheduler side, when its stack has been left.
pub fn exit(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let Some(green) = runtime.worker.current.get() else {
        return NATIVE;
    };
    if green.is_first.get() {
        FIRST_STATUS.store(frame.rdi as i32, Ordering::Relaxed);
    }
    release_robust(runtime, green);
    park::end(runtime)
}

/// After the last use of its stack: clears the id word and wakes who joins. The hook of
/// `runtime::Hooks::ended`. When nobody is left the process ends.
pub fn ended(green: GreenRef) {
    let runtime = runtime();
    super::signal::notes::forget(green);
    let word = green.clear_tid.get();
    if word != 0 && user::write_u32(word, 0).is_ok() {
        let key = Key {
            address: word,
            private: false,
        };
        runtime
            .futexes
            .wake(key, 1, u32::MAX, &|w| rouse(runtime, true, w));
    }
    masks::push(runtime);
    let alive = runtime.table.header().map_or(0, |h| h.alive.get());
    if alive <= 1 {
        stats::at_exit();
        let status = FIRST_STATUS.load(Ordering::Relaxed) as usize;
        // In seccomp's strict mode only exit(2) is left, and there is one kernel thread.
        let number = if forbids(libc::SYS_exit_group) {
            libc::SYS_exit
        } else {
            libc::SYS_exit_group
        };
        // SAFETY: no thread is left; the process ends with the status of its first thread.
        unsafe { kernel(number as usize, [status, 0, 0, 0, 0, 0]) };
    }
}

/// Robust mutexes of a thread that ends: the kernel's `exit_robust_list` (kernel/futex/core.c).
fn release_robust(runtime: &Runtime, green: GreenRef) {
    const LIMIT: usize = 2048;
    let head = green.robust_list.get();
    let Ok([first, offset, pending]) = user::read::<[usize; 3]>(head) else {
        return;
    };
    let mut entry = first;
    for _ in 0..LIMIT {
        if entry & !1 == head || entry & !1 == 0 {
            break;
        }
        let Ok(next) = user::read::<usize>(entry & !1) else {
            return;
        };
        if entry != pending {
            owner_died(
                runtime,
                green,
                (entry & !1).wrapping_add(offset),
                entry & 1 != 0,
                false,
            );
        }
        entry = next;
    }
    if pending & !1 != 0 {
        owner_died(
            runtime,
            green,
            (pending & !1).wrapping_add(offset),
            pending & 1 != 0,
            true,
        );
    }
}

fn owner_died(runtime: &Runtime, green: GreenRef, word: usize, pi: bool, pending: bool) {
    const WAITERS: u32 = 0x8000_0000;
    const DIED: u32 = 0x4000_0000;
    const OWNER: u32 = 0x3fff_ffff;
    let wake = || {
        for private in [true, false] {
            let key = Key {
                address: word,
                private,
            };
            runtime
                .futexes
                .wake(key, 1, u32::MAX, &|w| rouse(runtime, true, w));
        }
        let args = [word, libc::FUTEX_WAKE as usize, 1, 0, 0, 0];
        // SAFETY: a wake of the program's word, in case it is shared with other processes.
        unsafe { kernel(libc::SYS_futex as usize, args) };
    };
    loop {
        let Ok(old) = user::read_u32(word) else {
            return;
        };
        if pending && old & OWNER == 0 {
            return wake();
        }
        if old & OWNER != green.tid.get() {
            return;
        }
        match user::compare_exchange_u32(word, old, old & WAITERS | DIED) {
            Err(_) => return,
            Ok(seen) if seen == old => {
                if old & WAITERS != 0 && !pi {
                    wake();
                }
                return;
            }
            Ok(_) => {}
        }
    }
}

/// `exit_group(2)`: native, after the report, which is formatted on the scheduler's stack.
pub fn exit_group(_: &mut Frame, runtime: &Runtime) -> Answer {
    park::serve(runtime, &mut |_| stats::at_exit());
    NATIVE
}

/// The thread that makes the call.
pub fn current(runtime: &Runtime) -> GreenRef {
    match runtime.worker.current.get() {
        Some(green) => green,
        None => sys::die("a call came from a worker that runs no thread"),
    }
}

/// `gettid(2)`.
pub fn gettid(_: &mut Frame, runtime: &Runtime) -> Answer {
    current(runtime).tid.get() as Answer
}

/// `set_tid_address(2)`.
pub fn set_tid_address(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let green = current(runtime);
    green.clear_tid.set(frame.rdi);
    green.tid.get() as Answer
}

/// `set_robust_list(2)`.
pub fn set_robust_list(frame: &mut Frame, runtime: &Runtime) -> Answer {
    if frame.rsi != 24 {
        return error(libc::EINVAL);
    }
    current(runtime).robust_list.set(frame.rdi);
    0
}

/// `get_robust_list(2)`.
pub fn get_robust_list(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let green = match frame.rdi as u32 {
        0 => current(runtime),
        tid => match runtime.table.find(tid) {
            Some(green) => green,
            None => return NATIVE,
        },
    };
    let written = user::write(frame.rsi, &green.robust_list.get())
        .and_then(|()| user::write(frame.rdx, &24usize));
    if written.is_ok() {
        0
    } else {
        error(libc::EFAULT)
    }
}

/// `rseq(2)`: answered without registering. glibc aborts if a thread cannot register while the first
/// could, so the answer is 0; a negative cpu_id in the area sends its users to getcpu(2).
pub fn rseq(frame: &mut Frame, _: &Runtime) -> Answer {
    const UNREGISTER: usize = 1;
    const REGISTRATION_FAILED: u32 = -2i32 as u32;
    if frame.rdx & UNREGISTER == 0 && user::write_u32(frame.rdi + 4, REGISTRATION_FAILED).is_err() {
        return error(libc::EFAULT);
    }
    0
}

/// `sched_yield(2)`.
pub fn sched_yield(_: &mut Frame, runtime: &Runtime) -> Answer {
    park::yield_now(runtime);
    0
}

/// The thread a scheduling call names: `Ok(0)` for one of ours, its number for anybody else.
fn translate(runtime: &Runtime, tid: u32) -> Result<usize, Answer> {
    if tid == 0 || runtime.table.find(tid).is_some() {
        return Ok(0);
    }
    // No kernel task has a number above 2^22: a thread of ours that has ended. A negative one is the
    // kernel's to refuse.
    if (1 << 22..1 << 30).contains(&tid) {
        return Err(error(libc::ESRCH));
    }
    Ok(tid as i32 as usize)
}

/// sched_*(2) calls whose first argument is a thread: they mean the kernel thread.
pub fn scheduling(frame: &mut Frame, runtime: &Runtime) -> Answer {
    match translate(runtime, frame.rdi as u32) {
        Err(answer) => answer,
        Ok(tid) => {
            let a = frame.args();
            // SAFETY: the program's own arguments with a real thread id.
            unsafe { kernel(frame.number, [tid, a[1], a[2], a[3], a[4], a[5]]) }
        }
    }
}

/// `sched_setaffinity(2)`: of one thread among many it would move all of them, so it is only checked
/// for errors; of a process that has one thread it acts.
pub fn set_affinity(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let alone = runtime.table.header().is_none_or(|h| h.alive.get() <= 1);
    match translate(runtime, frame.rdi as u32) {
        Ok(0) if !alone && !runtime.helpers.are_barred() => try_affinity(frame.rsi, frame.rdx),
        _ => scheduling(frame, runtime),
    }
}

/// Sets the kernel thread's affinity and sets it back: which processors may be asked for only the kernel knows.
fn try_affinity(size: usize, set: usize) -> Answer {
    let mut old = [0u64; 64];
    let at = old.as_mut_ptr() as usize;
    let asked = [0, size_of_val(&old), at, 0, 0, 0];
    // SAFETY: the kernel writes our words, then reads the program's set, then our words.
    unsafe {
        let got = kernel(libc::SYS_sched_getaffinity as usize, asked);
        if got <= 0 {
            return 0; // more processors than there is room for
        }
        let number = libc::SYS_sched_setaffinity as usize;
        let answer = kernel(number, [0, size, set, 0, 0, 0]);
        if answer == 0 {
            kernel(number, [0, got as usize, at, 0, 0, 0]);
        }
        answer
    }
}

/// `getpriority(2)` and `setpriority(2)` of a thread (PRIO_PROCESS).
pub fn priority(frame: &mut Frame, runtime: &Runtime) -> Answer {
    if frame.rdi != libc::PRIO_PROCESS as usize {
        return NATIVE;
    }
    match translate(runtime, frame.rsi as u32) {
        Err(answer) => answer,
        Ok(who) => {
            // SAFETY: integers only.
            unsafe { kernel(frame.number, [frame.rdi, who, frame.rdx, 0, 0, 0]) }
        }
    }
}

/// PR_GET_TID_ADDRESS: the kernel says whether it has this, and looks at the address; the word is the green's own.
fn tid_address(frame: &Frame, runtime: &Runtime) -> Answer {
    // SAFETY: the program's own arguments.
    let answer = unsafe { kernel(frame.number, frame.args()) };
    if answer != 0 {
        return answer;
    }
    match user::write(frame.rsi, &current(runtime).clear_tid.get()) {
        Ok(()) => 0,
        Err(_) => error(libc::EFAULT),
    }
}

/// `prctl(2)`: names and the word cleared at the end are per thread.
pub fn prctl(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let green = current(runtime);
    match frame.rdi as i32 {
        libc::PR_SET_NAME => names::set_own(green, frame.rsi),
        libc::PR_GET_NAME => names::get_own(green, frame.rsi),
        libc::PR_GET_TID_ADDRESS => tid_address(frame, runtime),
        libc::PR_SET_SECCOMP
        | libc::PR_SET_NO_NEW_PRIVS
        | libc::PR_SET_SECUREBITS
        | libc::PR_SET_KEEPCAPS
        | libc::PR_CAPBSET_DROP
        | libc::PR_CAP_AMBIENT => super::offload::credentials::prctl(frame, runtime),
        _ => NATIVE,
    }
}

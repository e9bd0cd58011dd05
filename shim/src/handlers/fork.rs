//! Birth: threads (clone and clone3 with CLONE_THREAD), processes (fork), and children that borrow
//! our memory until they execute something (vfork, posix_spawn).
#![allow(unsafe_code)]

use super::kernel;
use super::signal::{actions, masks, notes, sent};
use crate::abi::user;
use crate::call::{Answer, Frame, NATIVE, error};
use crate::doors::x86_64 as asm;
use crate::{fds, init};
use core::sync::atomic::{AtomicPtr, Ordering};
use lichen_runtime::Runtime;
use lichen_runtime::heap::Heap;
use lichen_runtime::sched::runtime;
use lichen_runtime::sched::worker::INSIDE_LENT;
use lichen_runtime::{park, sys};
use lichen_settings::Cap;

const VM: u64 = libc::CLONE_VM as u64;
const VFORK: u64 = libc::CLONE_VFORK as u64;
const THREAD: u64 = libc::CLONE_THREAD as u64;
const SETTLS: u64 = libc::CLONE_SETTLS as u64;

/// The private heap, whose lock is held over a fork.
static HEAP: AtomicPtr<Heap> = AtomicPtr::new(core::ptr::null_mut());

/// Notes the heap at activation.
pub fn note_heap(heap: &'static Heap) {
    HEAP.store(core::ptr::from_ref(heap).cast_mut(), Ordering::Release);
}

/// `struct clone_args` up to `tls`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Arguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
}

impl Arguments {
    const NONE: Arguments = Arguments {
        flags: 0,
        pidfd: 0,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: 0,
        stack: 0,
        stack_size: 0,
        tls: 0,
    };
}

/// `clone(2)`.
pub fn clone(frame: &mut Frame, runtime: &Runtime) -> Answer {
    let [flags, stack, parent_tid, child_tid, tls, _] = frame.args();
    let arguments = Arguments {
        flags: flags as u64 & !0xff,
        pidfd: parent_tid as u64,
        child_tid: child_tid as u64,
        parent_tid: parent_tid as u64,
        exit_signal: flags as u64 & 0xff,
        stack: stack as u64,
        stack_size: 0,
        tls: tls as u64,
    };
    make(frame, runtime, &arguments, stack)
}

/// `clone3(2)`.
pub fn clone3(frame: &mut Frame, runtime: &Runtime) -> Answer {
    if init::settled().is_some_and(|l| l.settings.without.has(Cap::Clone3)) {
        return error(libc::ENOSYS);
    }
    if frame.rsi < size_of::<Arguments>() {
        return NATIVE;
    }
    match user::read::<Arguments>(frame.rdi) {
        Err(_) => error(libc::EFAULT),
        Ok(a) => {
            let top = if a.stack == 0 {
                0
            } else {
                (a.stack + a.stack_size) as usize
            };
            make(frame, runtime, &a, top)
        }
    }
}

fn make(frame: &mut Frame, runtime: &Runtime, a: &Arguments, top: usize) -> Answer {
    if a.flags & THREAD != 0 && a.flags & SETTLS != 0 && top != 0 {
        return thread(frame, runtime, a, top);
    }
    if a.flags & VM == 0 {
        return process(frame, runtime, a, top);
    }
    if a.flags & VFORK != 0 && top == 0 {
        return NATIVE; // a vfork spelt as clone, without a stack of its own: nothing we can stand on
    }
    if top == 0 {
        return NATIVE;
    }
    with_own_stack(frame, runtime, a, top)
}

/// A thread: a green. No kernel thread is made; the child's first frame is a copy of the parent's on
/// the child's stack.
fn thread(frame: &mut Frame, runtime: &Runtime, a: &Arguments, top: usize) -> Answer {
    let Some(parent) = runtime.worker.current.get() else {
        return NATIVE;
    };
    let Some(green) = runtime.table.take() else {
        return error(libc::EAGAIN);
    };
    let tid = green.tid.get();
    let place = (top - size_of::<Frame>()) & !15;
    // SAFETY: the program gave the memory below `top` as the child's stack.
    let child = unsafe { &mut *(place as *mut Frame) };
    // SAFETY: frames are plain words, and the two do not overlap.
    unsafe { core::ptr::copy_nonoverlapping(frame, child, 1) };
    child.rax = 0;
    child.rsp = top;
    let write = |wanted: i32, at: u64| {
        a.flags & wanted as u64 == 0 || user::write_u32(at as usize, tid).is_ok()
    };
    if !write(libc::CLONE_PARENT_SETTID, a.parent_tid)
        || !write(libc::CLONE_CHILD_SETTID, a.child_tid)
    {
        runtime.table.give_back(green);
        return error(libc::EFAULT);
    }
    if a.flags & libc::CLONE_CHILD_CLEARTID as u64 != 0 {
        green.clear_tid.set(a.child_tid as usize);
    }
    // A new thread has its parent's mask and no alternate stack (sigaltstack(2)).
    green.mask.set(parent.mask.get());
    masks::account(runtime, green);
    green.name.set(parent.name.get());
    green.start.set(start_function(a.tls as usize));
    // SAFETY: the frame is complete and the child's stack lies below it.
    unsafe { park::spawn(runtime, green, place, a.tls as usize) };
    tid as Answer
}

/// The function `pthread_create` was given, for tools.
fn start_function(tls: usize) -> usize {
    match super::memory::start_offset() {
        0 => 0,
        offset => user::read(tls.wrapping_add(offset)).unwrap_or(0),
    }
}

/// A process of its own: the child keeps the calling green only.
///
/// The child begins on a copy of this stack even if the program gave it another: it makes its world
/// anew first, and goes to its own stack when it returns to the program.
fn process(frame: &mut Frame, runtime: &Runtime, a: &Arguments, top: usize) -> Answer {
    fds::share_all();
    let mask = sys::set_kernel_mask(u64::MAX);
    let heap = HEAP.load(Ordering::Acquire);
    // SAFETY: null or our static heap.
    let heap = unsafe { heap.as_ref() };
    if let Some(heap) = heap {
        heap.lock_for_fork();
    }
    let [flags, parent_tid, tls] =
        [a.flags | a.exit_signal, a.parent_tid, a.tls].map(|w| w as usize);
    let own_stack = [flags, 0, parent_tid, a.child_tid as usize, tls, 0];
    let answer = if top != 0 && a.flags & libc::CLONE_PIDFD as u64 == 0 {
        // SAFETY: the program's own arguments, but for the stack.
        unsafe { kernel(libc::SYS_clone as usize, own_stack) }
    } else {
        // SAFETY: the program's own arguments; the child has a copy of this stack.
        unsafe { kernel(frame.number, frame.args()) }
    };
    if let Some(heap) = heap {
        heap.unlock_after_fork();
    }
    if answer == 0 {
        child(runtime);
        begin_anew(runtime, a);
        if top != 0 {
            frame.rsp = top;
        }
    } else {
        sys::set_kernel_mask(mask);
    }
    answer
}

/// What a thread that forks does not leave to the child: the word cleared at its end, unless the child was given one
/// (clone(2)), and its list of robust mutexes (get_robust_list(2)).
fn begin_anew(runtime: &Runtime, a: &Arguments) {
    let asked = a.flags & libc::CLONE_CHILD_CLEARTID as u64 != 0;
    if let Some(green) = runtime.worker.current.get() {
        green
            .clear_tid
            .set(if asked { a.child_tid as usize } else { 0 });
        green.robust_list.set(0);
    }
}

/// In the child of a fork.
fn child(runtime: &Runtime) {
    let Some(green) = runtime.worker.current.get() else {
        return;
    };
    runtime.table.keep_only(green);
    runtime.carrier.ready.clear();
    runtime.futexes.clear();
    runtime.remote.drain(|_, _| ());
    runtime.helpers.clear();
    runtime.pool.clear();
    runtime.acceptor.clear(runtime);
    super::io::files::forget_work();
    super::signal::timers::clear();
    let tid = sys::gettid();
    runtime.worker.tid.set(tid);
    runtime.worker.calls.set(0);
    runtime.worker.charge_anew(green);
    green.tid.set(tid);
    green.is_first.set(true);
    super::names::name_process(green);
    notes::clear();
    sent::forget();
    runtime.masks.clear();
    green.account(false);
    masks::account(runtime, green);
    super::futex::set_foreign(false);
    park::serve(runtime, &mut |scheduler| scheduler.rebuild_after_fork());
    super::signal::slices::start(runtime);
    crate::trace::after_fork(runtime);
    crate::doors::audit::after_fork();
    runtime.worker.kernel_mask.set(u64::MAX);
    masks::push(runtime);
}

/// A child in our memory on a stack of its own: posix_spawn (lent until exec), or a kernel thread
/// that the program makes by hand (foreign from then on).
fn with_own_stack(frame: &mut Frame, runtime: &Runtime, a: &Arguments, top: usize) -> Answer {
    let lent = a.flags & VFORK != 0;
    // What the child finds at the top of its stack: its mask, and the way back to the program.
    let mask = runtime.worker.current.get().map_or(0, |g| g.mask.get());
    let waiting = [mask as usize, frame.rip];
    if user::write(top - size_of_val(&waiting), &waiting).is_err() {
        return error(libc::EFAULT);
    }
    // SAFETY: a frame is plain words.
    let mut changed: Frame = unsafe { core::ptr::read(frame) };
    let mut arguments: [u64; 11] = [0; 11];
    if frame.number == libc::SYS_clone3 as usize {
        let size = frame.rsi.min(size_of_val(&arguments));
        if user::copy(arguments.as_mut_ptr() as usize, frame.rdi, size).is_err() {
            return error(libc::EFAULT);
        }
        arguments[6] -= size_of_val(&waiting) as u64; // stack_size
        changed.rdi = arguments.as_ptr() as usize;
        changed.rsi = size;
    } else {
        changed.rsi -= size_of_val(&waiting);
    }
    if lent {
        return borrow(&changed, runtime);
    }
    super::futex::set_foreign(true);
    let mask = sys::set_kernel_mask(u64::MAX);
    // SAFETY: the child's stack holds its way back; its GS base becomes 0.
    let answer = unsafe { asm::lichen_clone(&raw const changed, 0) };
    sys::set_kernel_mask(mask);
    answer
}

/// While a child has our memory every door passes its calls to the kernel, and no signal may run a
/// handler: they would be the parent's handlers in the parent's memory.
fn lend(runtime: &Runtime) {
    fds::share_all();
    let mask = runtime.worker.current.get().map_or(0, |g| g.mask.get());
    if let Some(word) = runtime.worker.scratch.get(2) {
        word.set(mask as usize);
    }
    sys::set_kernel_mask(u64::MAX);
    actions::really_ignore();
    runtime.worker.inside.store(INSIDE_LENT, Ordering::Relaxed);
}

fn take_back(runtime: &Runtime) {
    runtime.worker.inside.store(0, Ordering::Relaxed);
    actions::stand_for_ignored();
    runtime.worker.kernel_mask.set(u64::MAX);
    masks::push(runtime);
}

fn borrow(frame: &Frame, runtime: &Runtime) -> Answer {
    lend(runtime);
    // SAFETY: the child's stack holds its way back; it keeps our GS base, so its doors see `inside`.
    let answer = unsafe { asm::lichen_clone(frame, 1) };
    take_back(runtime);
    answer
}

/// `fork(2)`, which glibc makes by clone.
pub fn fork(frame: &mut Frame, runtime: &Runtime) -> Answer {
    process(frame, runtime, &Arguments::NONE, 0)
}

/// `vfork(2)`: parent and child share the stack, so the door's frame must be gone when the child
/// runs. Does not come back here: the parent returns through [`lichen_vfork_done`].
pub fn vfork(frame: &mut Frame, runtime: &Runtime) -> Answer {
    lend(runtime);
    // SAFETY: our frame is left for good.
    unsafe { asm::lichen_vfork(frame, &raw const runtime.worker) }
}

/// The parent of a vfork goes on, with a new frame.
#[unsafe(no_mangle)]
extern "C" fn lichen_vfork_done(_: &mut Frame) {
    take_back(runtime());
}

//! THE TABLE: every call we stand for, and the way from a door to its handler.
//!
//! A call exists if it is here; `docs/support.md` is printed from this table. What is not here is
//! native: its sites are not even rewritten.
#![allow(unsafe_code)]

use crate::call::{self, Answer, Frame, NATIVE};
use crate::handlers::{
    exec, fd, fork, futex, io, memory, message, offload, poll, signal, socket, thread, time,
};
use core::sync::atomic::Ordering;
use lichen_runtime::Runtime;
use lichen_runtime::sched::runtime;

/// Stands for one call. Green side.
pub type Handler = fn(&mut Frame, &Runtime) -> Answer;

/// One line of the table.
#[derive(Clone, Copy)]
pub struct Entry {
    pub number: usize,
    pub name: &'static str,
    pub handler: Handler,
    /// What it waits for.
    pub waits: &'static str,
    /// What differs from Linux or is worth knowing.
    pub note: &'static str,
}

macro_rules! table {
    ($($number:ident $handler:path, $waits:literal, $note:literal;)*) => {
        /// All entries, in the order of the documentation.
        pub const TABLE: &[Entry] = &[$(Entry {
            number: libc::$number as usize,
            name: stringify!($number),
            handler: $handler,
            waits: $waits,
            note: $note,
        }),*];

        /// The table as text, one line a call: number's name, handler, waits, note.
        const SUPPORT: &str = concat!($(
            stringify!($number), "\t", stringify!($handler), "\t", $waits, "\t", $note, "\n",
        )*);
    };
}

/// What this library stands for, to be read from the file by tools: `docs/support.md` is printed
/// from it. Exported, so that it survives strip(1); nothing here uses it.
#[unsafe(no_mangle)]
#[used]
pub static LICHEN_SUPPORT: [u8; SUPPORT.len()] = match SUPPORT.as_bytes().first_chunk() {
    Some(text) => *text,
    None => unreachable!(),
};

table! {
    SYS_read io::read, "a descriptor", "";
    SYS_write io::write, "a descriptor", "";
    SYS_readv io::readv, "a descriptor", "";
    SYS_writev io::writev, "a descriptor", "";
    SYS_recvfrom io::recvfrom, "a descriptor", "";
    SYS_sendto io::sendto, "a descriptor", "";
    SYS_recvmsg message::recvmsg, "a descriptor", "";
    SYS_sendmsg message::sendmsg, "a descriptor", "";
    SYS_recvmmsg message::recvmmsg, "a descriptor", "";
    SYS_sendmmsg message::sendmmsg, "a descriptor", "";
    SYS_accept socket::accept, "a peer", "on a listener that other processes may share a helper thread accepts";
    SYS_accept4 socket::accept4, "a peer", "as accept";
    SYS_connect socket::connect, "a peer", "with a socket that other processes may share a helper thread waits";
    SYS_socket socket::socket, "nothing", "noted, so that the socket's kind is known";
    SYS_socketpair socket::socketpair, "nothing", "noted";
    SYS_setsockopt socket::setsockopt, "nothing", "noted: time-outs, upper-layer protocols";
    SYS_poll poll::poll, "several descriptors", "";
    SYS_ppoll poll::ppoll, "several descriptors", "";
    SYS_select poll::select, "several descriptors", "";
    SYS_pselect6 poll::pselect6, "several descriptors", "";
    SYS_epoll_wait poll::epoll_wait, "several descriptors", "";
    SYS_epoll_pwait poll::epoll_pwait, "several descriptors", "";
    SYS_epoll_pwait2 poll::epoll_pwait2, "several descriptors", "";
    SYS_nanosleep time::nanosleep, "a time", "";
    SYS_clock_nanosleep time::clock_nanosleep, "a time", "a step of CLOCK_REALTIME during an absolute sleep is not noticed";
    SYS_close fd::close, "nothing", "";
    SYS_close_range fd::close_range, "nothing", "descriptors of Lichen are left out";
    SYS_dup fd::dup, "nothing", "";
    SYS_dup2 fd::dup2, "nothing", "";
    SYS_dup3 fd::dup3, "nothing", "";
    SYS_fcntl fd::fcntl, "another process", "F_SETLKW and F_OFD_SETLKW: a helper thread waits";
    SYS_ioctl fd::ioctl, "nothing", "FIONBIO is noted";
    SYS_pipe fd::pipe, "nothing", "noted";
    SYS_pipe2 fd::pipe2, "nothing", "noted";
    SYS_futex futex::futex, "an address", "on memory shared with other processes a helper thread waits; priority inheritance works between threads of one process";
    SYS_clone fork::clone, "nothing", "with CLONE_THREAD and its own TLS it makes a thread of Lichen's";
    SYS_clone3 fork::clone3, "nothing", "as clone";
    SYS_fork fork::fork, "nothing", "";
    SYS_vfork fork::vfork, "the child", "";
    SYS_execve exec::execve, "nothing", "";
    SYS_execveat exec::execve, "nothing", "";
    SYS_exit thread::exit, "nothing", "";
    SYS_exit_group thread::exit_group, "nothing", "";
    SYS_gettid thread::gettid, "nothing", "ids above 4,194,304 are threads of Lichen's";
    SYS_set_tid_address thread::set_tid_address, "nothing", "";
    SYS_set_robust_list thread::set_robust_list, "nothing", "kept per thread";
    SYS_get_robust_list thread::get_robust_list, "nothing", "";
    SYS_rseq thread::rseq, "nothing", "answered without registering";
    SYS_sched_yield thread::sched_yield, "its turn", "";
    SYS_sched_getaffinity thread::scheduling, "nothing", "answers for the kernel thread";
    SYS_sched_setaffinity thread::set_affinity, "nothing", "of a thread: accepted, without effect while others share the kernel thread";
    SYS_sched_getparam thread::scheduling, "nothing", "answers for the kernel thread";
    SYS_sched_setparam thread::scheduling, "nothing", "acts on the kernel thread";
    SYS_sched_getscheduler thread::scheduling, "nothing", "answers for the kernel thread";
    SYS_sched_setscheduler thread::scheduling, "nothing", "acts on the kernel thread";
    SYS_sched_getattr thread::scheduling, "nothing", "answers for the kernel thread";
    SYS_sched_setattr thread::scheduling, "nothing", "acts on the kernel thread";
    SYS_sched_rr_get_interval thread::scheduling, "nothing", "answers for the kernel thread";
    SYS_getpriority thread::priority, "nothing", "answers for the kernel thread";
    SYS_setpriority thread::priority, "nothing", "acts on the kernel thread";
    SYS_prctl thread::prctl, "nothing", "a thread may name itself; tools outside see the first thread's name";
    SYS_tgkill signal::tgkill, "nothing", "";
    SYS_tkill signal::tkill, "nothing", "";
    SYS_rt_sigprocmask signal::rt_sigprocmask, "nothing", "masks are per thread";
    SYS_rt_sigaction signal::rt_sigaction, "nothing", "";
    SYS_rt_sigpending signal::rt_sigpending, "nothing", "";
    SYS_rt_sigsuspend signal::rt_sigsuspend, "a signal", "";
    SYS_rt_sigtimedwait signal::rt_sigtimedwait, "a signal", "";
    SYS_pause signal::pause, "a signal", "";
    SYS_sigaltstack signal::sigaltstack, "nothing", "";
    SYS_timer_create signal::timers::timer_create, "nothing", "timers that signal one thread";
    SYS_timer_delete signal::timers::timer_delete, "nothing", "";
    SYS_wait4 offload::children::wait4, "a child", "for any child, or for a stop, a helper thread waits";
    SYS_waitid offload::children::waitid, "a child", "as wait4";
    SYS_flock offload::locks::flock, "another process", "a helper thread waits";
    SYS_semop offload::ipc::semop, "another process", "a helper thread waits";
    SYS_semtimedop offload::ipc::semop, "another process", "a helper thread waits";
    SYS_msgsnd offload::ipc::msgsnd, "another process", "a helper thread waits";
    SYS_msgrcv offload::ipc::msgrcv, "another process", "a helper thread waits";
    SYS_setuid offload::credentials::change, "nothing", "helper threads with the old credentials end";
    SYS_setgid offload::credentials::change, "nothing", "as setuid";
    SYS_setreuid offload::credentials::change, "nothing", "as setuid";
    SYS_setregid offload::credentials::change, "nothing", "as setuid";
    SYS_setresuid offload::credentials::change, "nothing", "as setuid";
    SYS_setresgid offload::credentials::change, "nothing", "as setuid";
    SYS_setfsuid offload::credentials::change, "nothing", "as setuid";
    SYS_setfsgid offload::credentials::change, "nothing", "as setuid";
    SYS_setgroups offload::credentials::change, "nothing", "as setuid";
    SYS_capset offload::credentials::change, "nothing", "as setuid";
    SYS_mmap memory::mmap, "nothing", "stacks of threads come from one region";
    SYS_munmap memory::munmap, "nothing", "";
    SYS_mprotect memory::mprotect, "nothing", "";
    SYS_madvise memory::madvise, "nothing", "";
}

/// Numbers end here.
const NUMBERS: usize = 512;

/// The table by number.
static BY_NUMBER: [Option<Handler>; NUMBERS] = {
    let mut by_number: [Option<Handler>; NUMBERS] = [None; NUMBERS];
    let mut i = 0;
    while i < TABLE.len() {
        by_number[TABLE[i].number] = Some(TABLE[i].handler);
        i += 1;
    }
    by_number
};

/// Is there a handler for this call?
pub fn handles(number: usize) -> bool {
    number < NUMBERS && BY_NUMBER[number].is_some()
}

/// From a door. Returns 0 when `frame.rax` holds the result, 1 when the call is to run natively.
///
/// # Safety
/// Called by the entries only, with their frame.
#[unsafe(no_mangle)]
unsafe extern "C" fn lichen_dispatch(frame: &mut Frame) -> usize {
    let runtime = runtime();
    runtime.worker.calls.set(runtime.worker.calls.get() + 1);
    let Some(Some(handler)) = BY_NUMBER.get(frame.number) else {
        return 1;
    };
    loop {
        let answer = handler(frame, runtime);
        if answer == NATIVE {
            return 1;
        }
        if call::is_restart(answer) {
            if !signal::notes::any_for_current(runtime) {
                continue; // for a signal that somebody else has taken meanwhile: begin again
            }
            // The exit edge must look, whoever looked before.
            runtime.worker.attention.store(1, Ordering::Relaxed);
        }
        frame.rax = answer as usize;
        return 0;
    }
}

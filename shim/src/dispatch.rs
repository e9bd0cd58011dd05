//! THE TABLE: every call we stand for, and the way from a door to its handler.
//!
//! A call exists if it is here. What is not here is native: its sites are not even rewritten, and
//! [`natives`] says why that is right or what it costs. `docs/support.md` is printed from both.
#![allow(unsafe_code)]

mod list;
mod natives;
pub mod numbers;

use crate::call::{self, Answer, Frame, NATIVE};
use crate::doors::audit;
use crate::handlers::{
    clocks, exec, fd, fork, futex, futex_waitv, io, memory, message, offload, poll, ring, select,
    signal, socket, thread, time, transfer,
};
use crate::trace;
use core::sync::atomic::Ordering;
use lichen_plan::Number;
use lichen_runtime::Runtime;
use lichen_runtime::sched::runtime;
use list::{Class, Group, Line};

/// Stands for one call. Green side.
pub type Handler = fn(&mut Frame, &Runtime) -> Answer;

/// One line of the table: the handler, and what the list of calls says of it.
#[derive(Clone, Copy)]
pub struct Entry {
    pub handler: Handler,
    pub line: Line,
}

macro_rules! table {
    ($($group:ident {
        $($class:ident $number:ident $handler:path, $waits:literal, $note:literal;)*
    })*) => {
        /// All entries, in the order of the documentation.
        pub const TABLE: &[Entry] = &[$($(Entry {
            handler: $handler,
            line: Line {
                number: numbers::$number as usize,
                name: stringify!($number),
                group: Group::$group,
                class: Class::$class,
                text: concat!(
                    stringify!($group), "\t", stringify!($class), "\t", stringify!($number), "\t",
                    stringify!($handler), "\t", $waits, "\t", $note,
                ),
            },
        },)*)*];
    };
}

// Group { Class call handler, what it waits for, what is worth knowing; }. What stands for each
// class is said at `list::Class`; a call with several ways has the class of the longest wait.
table! {
    Io {
        Cooperative SYS_read io::read, "a descriptor", "of a file: native, and waits for the disk; with --file-io=offload the pool does";
        Cooperative SYS_write io::write, "a descriptor", "as read";
        Cooperative SYS_readv io::readv, "a descriptor", "as read";
        Cooperative SYS_writev io::writev, "a descriptor", "as read";
        Cooperative SYS_preadv2 io::preadv2, "a descriptor", "as read";
        Cooperative SYS_pwritev2 io::pwritev2, "a descriptor", "as read";
        Holds SYS_pread64 io::pread64, "the disk", "with --file-io=offload the pool waits; sockets, pipes and terminals refuse it; devices that do not park the caller";
        Holds SYS_pwrite64 io::pwrite64, "the disk", "as pread64";
        Holds SYS_preadv io::preadv, "the disk", "as pread64";
        Holds SYS_pwritev io::pwritev, "the disk", "as pread64";
        Cooperative SYS_sendfile transfer::sendfile, "a descriptor", "to a socket that other processes may share a helper thread sends; the file is read natively";
        Cooperative SYS_splice transfer::splice, "a descriptor", "as sendfile";
        Cooperative SYS_tee transfer::tee, "a descriptor", "";
        Cooperative SYS_vmsplice transfer::vmsplice, "a descriptor", "";
    }
    Files {
        Offloaded SYS_flock offload::locks::flock, "another process", "a helper thread waits";
        Offloaded SYS_open offload::open::open, "the disk, or the other end of a FIFO", "what is not in memory, is made or is cut off: by the pool; a FIFO or a device: a helper thread waits; /proc/self/task/TID/comm is a thread's name";
        Offloaded SYS_openat offload::open::open, "as open", "";
        Offloaded SYS_openat2 offload::open::open, "as open", "";
        Offloaded SYS_creat offload::open::open, "as open", "";
        Offloaded SYS_fsync offload::files::on_file, "the disk", "a thread of the pool waits, until what was written is safe";
        Offloaded SYS_fdatasync offload::files::on_file, "the disk", "as fsync";
        Offloaded SYS_sync_file_range offload::files::on_file, "the disk", "as fsync, for a part";
        Offloaded SYS_syncfs offload::files::on_disk, "the disk", "as fsync, for a file system";
        Offloaded SYS_sync offload::files::on_disk, "the disks", "as fsync, for all file systems";
        Offloaded SYS_fallocate offload::files::on_file, "the disk", "a thread of the pool takes or frees the blocks";
        Offloaded SYS_rename offload::files::on_disk, "the disk", "a thread of the pool changes the folders";
        Offloaded SYS_renameat offload::files::on_disk, "the disk", "as rename";
        Offloaded SYS_renameat2 offload::files::on_disk, "the disk", "as rename";
        Offloaded SYS_unlink offload::files::on_disk, "the disk", "a thread of the pool takes the name away; with the last one the blocks of a file are freed";
        Offloaded SYS_unlinkat offload::files::on_disk, "the disk", "as unlink";
        Offloaded SYS_rmdir offload::files::on_disk, "the disk", "as unlink";
        Offloaded SYS_mkdir offload::files::on_disk, "the disk", "a thread of the pool makes the name";
        Offloaded SYS_mkdirat offload::files::on_disk, "the disk", "as mkdir";
        Offloaded SYS_mknod offload::files::on_disk, "the disk", "as mkdir";
        Offloaded SYS_mknodat offload::files::on_disk, "the disk", "as mkdir";
        Offloaded SYS_link offload::files::on_disk, "the disk", "as mkdir";
        Offloaded SYS_linkat offload::files::on_disk, "the disk", "as mkdir";
        Offloaded SYS_symlink offload::files::on_disk, "the disk", "as mkdir";
        Offloaded SYS_symlinkat offload::files::on_disk, "the disk", "as mkdir";
        Offloaded SYS_truncate offload::files::on_disk, "the disk", "a thread of the pool frees the blocks";
        Offloaded SYS_ftruncate offload::files::on_file, "the disk", "as truncate";
    }
    Sockets {
        Cooperative SYS_recvfrom io::recvfrom, "a descriptor", "";
        Cooperative SYS_sendto io::sendto, "a descriptor", "";
        Cooperative SYS_recvmsg message::recvmsg, "a descriptor", "";
        Cooperative SYS_sendmsg message::sendmsg, "a descriptor", "";
        Cooperative SYS_recvmmsg message::recvmmsg, "a descriptor", "";
        Cooperative SYS_sendmmsg message::sendmmsg, "a descriptor", "";
        Cooperative SYS_accept socket::accept, "a peer", "on a listener that other processes may share through io_uring; where that cannot be a helper thread accepts";
        Cooperative SYS_accept4 socket::accept4, "a peer", "as accept";
        Cooperative SYS_connect socket::connect, "a peer", "with a socket that other processes may share a helper thread waits";
        Quick SYS_socket socket::socket, "", "noted, so that the socket's kind is known";
        Quick SYS_socketpair socket::socketpair, "", "noted, as socket";
        Quick SYS_setsockopt socket::setsockopt, "", "noted: time-outs, upper-layer protocols";
    }
    Polling {
        Cooperative SYS_poll poll::poll, "several descriptors", "";
        Cooperative SYS_ppoll poll::ppoll, "several descriptors", "";
        Cooperative SYS_select select::select, "several descriptors", "";
        Cooperative SYS_pselect6 select::pselect6, "several descriptors", "";
        Cooperative SYS_epoll_wait poll::epoll_wait, "several descriptors", "";
        Cooperative SYS_epoll_pwait poll::epoll_pwait, "several descriptors", "";
        Cooperative SYS_epoll_pwait2 poll::epoll_pwait2, "several descriptors", "";
    }
    Descriptors {
        Holds SYS_close fd::close, "a peer or a file server", "only the last one of a socket with SO_LINGER, of a file on a file server, or of one whose name was taken away";
        Holds SYS_close_range fd::close_range, "as close", "descriptors of Lichen are left out";
        Holds SYS_dup2 fd::dup2, "as close", "the descriptor it replaces is closed";
        Holds SYS_dup3 fd::dup3, "as close", "as dup2";
        Quick SYS_dup fd::dup, "", "noted, so that the descriptor's kind is known";
        Offloaded SYS_fcntl fd::fcntl, "another process", "F_SETLKW and F_OFD_SETLKW: a helper thread waits; else it never waits long";
        Holds SYS_ioctl fd::ioctl, "what the device's driver waits for", "tcdrain, for example; most never wait. FIONBIO is noted";
        Quick SYS_pipe fd::pipe, "", "noted, so that the descriptor's kind is known";
        Quick SYS_pipe2 fd::pipe2, "", "as pipe";
    }
    Time {
        Cooperative SYS_nanosleep time::nanosleep, "a time", "";
        Cooperative SYS_clock_nanosleep time::clock_nanosleep, "a time", "a step of CLOCK_REALTIME during an absolute sleep is not noticed; other clocks than REALTIME and MONOTONIC are native";
        Quick SYS_clock_gettime clocks::clock_gettime, "", "processor time of a thread is counted from the first question on; other clocks are native";
        Quick SYS_clock_getres clocks::clock_getres, "", "knows the processor clocks of threads";
        Quick SYS_timer_create signal::timers::timer_create, "", "noted: timers that signal one thread";
        Quick SYS_timer_delete signal::timers::timer_delete, "", "noted";
    }
    Threads {
        Cooperative SYS_futex futex::futex, "an address", "on memory shared with other processes a helper thread waits; priority inheritance works between threads of one process";
        Cooperative SYS_futex_waitv futex_waitv::futex_waitv, "several addresses", "if some are in memory shared with other processes a helper thread waits";
        Quick SYS_clone fork::clone, "", "with CLONE_THREAD and its own TLS it makes a thread of Lichen's";
        Quick SYS_clone3 fork::clone3, "", "as clone";
        Quick SYS_exit thread::exit, "", "ends a thread";
        Quick SYS_gettid thread::gettid, "", "ids above 4,194,304 are threads of Lichen's";
        Quick SYS_set_tid_address thread::set_tid_address, "", "kept per thread";
        Quick SYS_set_robust_list thread::set_robust_list, "", "kept per thread";
        Quick SYS_get_robust_list thread::get_robust_list, "", "kept per thread";
        Quick SYS_rseq thread::rseq, "", "answered without registering";
        Cooperative SYS_sched_yield thread::sched_yield, "its turn", "";
        Quick SYS_sched_getaffinity thread::scheduling, "", "answers for the kernel thread";
        Quick SYS_sched_setaffinity thread::set_affinity, "", "of a thread: accepted, without effect while others share the kernel thread";
        Quick SYS_sched_getparam thread::scheduling, "", "answers for the kernel thread";
        Quick SYS_sched_setparam thread::scheduling, "", "acts on the kernel thread";
        Quick SYS_sched_getscheduler thread::scheduling, "", "answers for the kernel thread";
        Quick SYS_sched_setscheduler thread::scheduling, "", "acts on the kernel thread";
        Quick SYS_sched_getattr thread::scheduling, "", "answers for the kernel thread";
        Quick SYS_sched_setattr thread::scheduling, "", "acts on the kernel thread";
        Quick SYS_sched_rr_get_interval thread::scheduling, "", "answers for the kernel thread";
        Quick SYS_getpriority thread::priority, "", "answers for the kernel thread";
        Quick SYS_setpriority thread::priority, "", "acts on the kernel thread";
        Quick SYS_prctl thread::prctl, "", "a thread may name itself; tools outside see the first thread's name";
    }
    Processes {
        Quick SYS_fork fork::fork, "", "copies the process; the child has the calling thread";
        Holds SYS_vfork fork::vfork, "the child", "until it has executed a program or ended";
        Quick SYS_execve exec::execve, "", "the other threads end with it";
        Quick SYS_execveat exec::execve, "", "as execve";
        Quick SYS_exit_group thread::exit_group, "", "ends the process";
        Cooperative SYS_wait4 offload::children::wait4, "a child", "for any child, or for a stop, a helper thread waits";
        Cooperative SYS_waitid offload::children::waitid, "a child", "as wait4";
        Holds SYS_ptrace offload::children::ptrace, "the traced process", "until it has stopped running; for debuggers. Noted: from then on a helper thread makes all waits for children";
        Quick SYS_setuid offload::credentials::change, "", "kernel threads of Lichen with the old credentials end first; what they are doing is finished";
        Quick SYS_setgid offload::credentials::change, "", "as setuid";
        Quick SYS_setreuid offload::credentials::change, "", "as setuid";
        Quick SYS_setregid offload::credentials::change, "", "as setuid";
        Quick SYS_setresuid offload::credentials::change, "", "as setuid";
        Quick SYS_setresgid offload::credentials::change, "", "as setuid";
        Quick SYS_setfsuid offload::credentials::change, "", "as setuid";
        Quick SYS_setfsgid offload::credentials::change, "", "as setuid";
        Quick SYS_setgroups offload::credentials::change, "", "as setuid";
        Quick SYS_capset offload::credentials::change, "", "holds for the kernel thread, so for all threads; else as setuid";
        Quick SYS_unshare offload::credentials::change, "", "as capset";
        Quick SYS_setns offload::credentials::change, "", "as capset";
        Quick SYS_landlock_restrict_self offload::credentials::change, "", "as capset";
        Quick SYS_seccomp offload::credentials::filter, "", "as capset; from then on no call is made by another kernel thread, which the filter might not allow";
    }
    Signals {
        Quick SYS_tgkill signal::tgkill, "", "knows the threads of Lichen";
        Quick SYS_tkill signal::tkill, "", "as tgkill";
        Quick SYS_rt_tgsigqueueinfo signal::rt_tgsigqueueinfo, "", "as tgkill";
        Quick SYS_rt_sigprocmask signal::rt_sigprocmask, "", "masks are per thread";
        Quick SYS_rt_sigaction signal::rt_sigaction, "", "kept by Lichen, whose handler comes first";
        Quick SYS_rt_sigpending signal::rt_sigpending, "", "pending signals are per thread";
        Cooperative SYS_rt_sigsuspend signal::rt_sigsuspend, "a signal", "";
        Cooperative SYS_rt_sigtimedwait signal::rt_sigtimedwait, "a signal", "";
        Cooperative SYS_pause signal::pause, "a signal", "";
        Quick SYS_sigaltstack signal::sigaltstack, "", "kept per thread";
    }
    Ipc {
        Offloaded SYS_semop offload::ipc::semop, "another process", "a helper thread waits";
        Offloaded SYS_semtimedop offload::ipc::semop, "another process", "a helper thread waits";
        Offloaded SYS_msgsnd offload::ipc::msgsnd, "another process", "a helper thread waits";
        Offloaded SYS_msgrcv offload::ipc::msgrcv, "another process", "a helper thread waits";
        Offloaded SYS_mq_timedsend offload::ipc::mq_timed, "another process", "a helper thread waits";
        Offloaded SYS_mq_timedreceive offload::ipc::mq_timed, "another process", "a helper thread waits";
    }
    Memory {
        Offloaded SYS_msync offload::files::msync, "the disk", "with MS_SYNC a thread of the pool waits";
        Quick SYS_mmap memory::mmap, "", "stacks of threads come from one region";
        Quick SYS_munmap memory::munmap, "", "stacks go back to their region";
        Quick SYS_mprotect memory::mprotect, "", "as munmap";
        Quick SYS_madvise memory::madvise, "", "as munmap";
    }
    Uring {
        Quick SYS_io_uring_setup ring::io_uring_setup, "", "noted: whether epoll hears of completions";
        Cooperative SYS_io_uring_enter ring::io_uring_enter, "completions", "it looks every millisecond at a registered ring, and at one with DEFER_TASKRUN; with SQ_WAIT or arguments in a registered region it is native";
        Offloaded SYS_io_getevents offload::aio::io_getevents, "completions", "a helper thread waits";
        Offloaded SYS_io_pgetevents offload::aio::io_pgetevents, "completions", "as io_getevents";
    }
}

/// The list as text, to be read from the file by tools: `docs/support.md` is printed from it.
/// Exported, so that it survives strip(1); nothing here uses it.
#[unsafe(no_mangle)]
#[used]
pub static LICHEN_SUPPORT: [u8; SUPPORT_LEN] = {
    let mut text = [0; SUPPORT_LEN];
    let end = list::write_text(&LINES, &mut text, 0);
    list::write_text(natives::NATIVES, &mut text, end);
    text
};

const SUPPORT_LEN: usize = list::text_len(&LINES) + list::text_len(natives::NATIVES);

/// What the list says of the calls in the table.
const LINES: [Line; TABLE.len()] = {
    let mut lines = [TABLE[0].line; TABLE.len()];
    let mut i = 0;
    while i < lines.len() {
        lines[i] = TABLE[i].line;
        i += 1;
    }
    lines
};

/// Numbers end here.
pub const NUMBERS: usize = 512;

/// The table by number.
static BY_NUMBER: [Option<Handler>; NUMBERS] = {
    let mut by_number: [Option<Handler>; NUMBERS] = [None; NUMBERS];
    let mut i = 0;
    while i < TABLE.len() {
        by_number[TABLE[i].line.number] = Some(TABLE[i].handler);
        i += 1;
    }
    by_number
};

/// Which numbers have a handler; without naming the handlers, for those who must not run them.
static HANDLED: [bool; NUMBERS] = {
    let mut handled = [false; NUMBERS];
    let mut i = 0;
    while i < TABLE.len() {
        handled[TABLE[i].line.number] = true;
        i += 1;
    }
    handled
};

/// Which calls never wait long.
static QUICK: [bool; NUMBERS] = {
    let mut all = [false; NUMBERS];
    list::note_quick(&LINES, &mut all);
    list::note_quick(natives::NATIVES, &mut all);
    all
};

/// Where the line of each number begins in [`LICHEN_SUPPORT`]; 0 for the first, and for none.
static LINE_AT: [u16; NUMBERS] = {
    let mut all = [0; NUMBERS];
    let end = list::note_lines(&LINES, &mut all, 0);
    list::note_lines(natives::NATIVES, &mut all, end);
    all
};

/// The name of a call; `None` for a number that Linux does not have. Not for the green side.
pub fn name(number: usize) -> Option<&'static str> {
    let line = LICHEN_SUPPORT.get(*LINE_AT.get(number)? as usize..)?;
    let mut fields = line.split(|&byte| byte == b'\t');
    let listed = core::str::from_utf8(fields.next()?).ok()?;
    if listed.parse() != Ok(number) {
        return None;
    }
    let name = core::str::from_utf8(fields.nth(2)?).ok()?;
    name.strip_prefix("SYS_")
}

/// Is there a handler for this call?
pub fn handles(number: usize) -> bool {
    HANDLED.get(number).is_some_and(|&handled| handled)
}

/// Does this call never wait long, whoever makes it?
pub fn is_quick(number: usize) -> bool {
    QUICK.get(number).is_some_and(|&quick| quick)
}

/// Is a site of this number to be rewritten? One whose number is known at run time only is; all are
/// where a trace is to show them.
pub fn wants(number: Number) -> bool {
    match number {
        Number::Constant(number) => handles(number as usize) || trace::asked_for(),
        Number::Variable => true,
    }
}

/// From a door. Returns 0 when `frame.rax` holds the result, 1 when the call is to run natively.
///
/// # Safety
/// Called by the entries only, with their frame.
#[unsafe(no_mangle)]
unsafe extern "C" fn lichen_dispatch(frame: &mut Frame) -> usize {
    let runtime = runtime();
    runtime.worker.calls.set(runtime.worker.calls.get() + 1);
    if runtime.worker.watched.get() {
        return watched(frame, runtime);
    }
    stand_for(frame, runtime)
}

/// As [`stand_for`], for a trace or an audit.
#[cold]
#[inline(never)]
fn watched(frame: &mut Frame, runtime: &Runtime) -> usize {
    audit::at_door();
    let native = if runtime.trace_fd() >= 0 {
        trace::dispatch(frame, runtime)
    } else {
        stand_for(frame, runtime)
    };
    if native != 0 {
        audit::goes_on(frame.number, frame.rip);
    }
    native
}

/// The rest of [`lichen_dispatch`], with its results. Green side; may park.
#[inline(always)]
pub fn stand_for(frame: &mut Frame, runtime: &Runtime) -> usize {
    let Some(Some(handler)) = BY_NUMBER.get(frame.number) else {
        return 1;
    };
    let answer = handler(frame, runtime);
    if answer == NATIVE {
        return 1;
    }
    if call::is_restart(answer) {
        return interrupted(frame, runtime, *handler, answer);
    }
    frame.rax = answer as usize;
    0
}

/// A signal ended the call, or was taken by another thread meanwhile: then the call begins again.
#[cold]
#[inline(never)]
fn interrupted(
    frame: &mut Frame,
    runtime: &Runtime,
    handler: Handler,
    mut answer: Answer,
) -> usize {
    while call::is_restart(answer) && !signal::notes::any_for_current(runtime) {
        answer = handler(frame, runtime);
        if answer == NATIVE {
            return 1;
        }
    }
    if call::is_restart(answer) {
        // The exit edge must look, whoever looked before.
        runtime.worker.attention.store(1, Ordering::Relaxed);
    }
    frame.rax = answer as usize;
    0
}

//! The few libc functions that we define in front of libc's. Each does one small thing and calls the
//! real one: they only *notice*; all behaviour is behind the doors.
//!
//! * Functions that make a thread: activation happens before the first one. glibc makes some
//!   threads for itself (timers with SIGEV_THREAD, asynchronous I/O and name look-up); those calls
//!   do not cross the PLT, so their public entries are here.
//! * Functions that execute a program: see [`crate::follow`].
#![allow(unsafe_code)]

use crate::handlers::clocks;
use crate::{follow, init};
use core::ffi::{CStr, c_char, c_int, c_void};
use core::sync::atomic::{AtomicUsize, Ordering};

/// The definition behind ours.
fn real(cell: &AtomicUsize, name: &CStr) -> usize {
    let known = cell.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    // SAFETY: a constant name.
    let address = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) } as usize;
    if address == 0 {
        lichen_runtime::sys::die("a libc function that was called is missing from libc");
    }
    cell.store(address, Ordering::Relaxed);
    address
}

macro_rules! notice_thread {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {$(
        /// Activates, then calls libc's function of this name.
        ///
        /// # Safety
        /// As libc's.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $type),*) -> c_int {
            static REAL: AtomicUsize = AtomicUsize::new(0);
            let at = real(&REAL, const {
                match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                    Ok(name) => name,
                    Err(_) => panic!(),
                }
            });
            init::activate();
            // SAFETY: the address is libc's function with this very signature.
            unsafe {
                let next: unsafe extern "C" fn($($type),*) -> c_int = core::mem::transmute(at);
                next($($arg),*)
            }
        }
    )*};
}

type P = *mut c_void;

notice_thread! {
    pthread_create(thread: P, attributes: P, start: P, argument: P);
    thrd_create(thread: P, start: P, argument: P);
    mq_notify(queue: c_int, event: P);
    getaddrinfo_a(mode: c_int, list: P, count: c_int, event: P);
    aio_read(block: P);
    aio_read64(block: P);
    aio_write(block: P);
    aio_write64(block: P);
    aio_fsync(operation: c_int, block: P);
    aio_fsync64(operation: c_int, block: P);
    lio_listio(mode: c_int, list: P, count: c_int, event: P);
    lio_listio64(mode: c_int, list: P, count: c_int, event: P);
}

/// Activates if the timer is to run a function in a thread (SIGEV_THREAD), then calls libc's.
///
/// # Safety
/// As timer_create(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timer_create(clock: c_int, event: *mut libc::sigevent, timer: P) -> c_int {
    static REAL: AtomicUsize = AtomicUsize::new(0);
    let at = real(&REAL, c"timer_create");
    // SAFETY: libc would read the same structure.
    if !event.is_null() && unsafe { (*event).sigev_notify } == libc::SIGEV_THREAD {
        init::activate();
    }
    // SAFETY: libc's function with this signature.
    unsafe {
        let next: unsafe extern "C" fn(c_int, *mut libc::sigevent, P) -> c_int =
            core::mem::transmute(at);
        next(clock, event, timer)
    }
}

type Strings = *const *const c_char;

macro_rules! notice_exec {
    ($($name:ident($($arg:ident: $type:ty),*), target $at:expr, $path:ident, environment $env:ident;)*) => {$(
        /// Looks at the target, then calls libc's function of this name.
        ///
        /// # Safety
        /// As libc's.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $type),*) -> c_int {
            static REAL: AtomicUsize = AtomicUsize::new(0);
            let at = real(&REAL, const {
                match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                    Ok(name) => name,
                    Err(_) => panic!(),
                }
            });
            // SAFETY: libc's function with this very signature; the environment is the program's or
            // a changed copy on our stack that lives over the call.
            unsafe {
                let next: unsafe extern "C" fn($($type),*) -> c_int = core::mem::transmute(at);
                follow::with_environment($at, $path, $env, |$env| next($($arg),*))
            }
        }
    )*};
}

notice_exec! {
    execve(path: *const c_char, argv: Strings, envp: Strings), target follow::Search::Path, path, environment envp;
    execvpe(path: *const c_char, argv: Strings, envp: Strings), target follow::Search::Everywhere, path, environment envp;
    posix_spawn(pid: P, path: *const c_char, actions: P, attributes: P, argv: Strings, envp: Strings), target follow::Search::Path, path, environment envp;
    posix_spawnp(pid: P, path: *const c_char, actions: P, attributes: P, argv: Strings, envp: Strings), target follow::Search::Everywhere, path, environment envp;
}

unsafe extern "C" {
    static environ: Strings;
}

/// `execv(3)`: `execve` with the program's environment.
///
/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execv(path: *const c_char, argv: Strings) -> c_int {
    // SAFETY: passes the caller's contract on.
    unsafe { execve(path, argv, environ) }
}

/// `execvp(3)`: `execvpe` with the program's environment.
///
/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execvp(file: *const c_char, argv: Strings) -> c_int {
    // SAFETY: passes the caller's contract on.
    unsafe { execvpe(file, argv, environ) }
}

/// `fexecve(3)`.
///
/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fexecve(fd: c_int, argv: Strings, envp: Strings) -> c_int {
    static REAL: AtomicUsize = AtomicUsize::new(0);
    let at = real(&REAL, c"fexecve");
    // SAFETY: libc's function with this signature.
    unsafe {
        let next: unsafe extern "C" fn(c_int, Strings, Strings) -> c_int = core::mem::transmute(at);
        let empty = c"".as_ptr();
        follow::with_environment(follow::Search::At(fd), empty, envp, |envp| {
            next(fd, argv, envp)
        })
    }
}

/// `execveat(2)`.
///
/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execveat(
    directory: c_int,
    path: *const c_char,
    argv: Strings,
    envp: Strings,
    flags: c_int,
) -> c_int {
    static REAL: AtomicUsize = AtomicUsize::new(0);
    let at = real(&REAL, c"execveat");
    // SAFETY: libc's function with this signature.
    unsafe {
        let next: unsafe extern "C" fn(c_int, *const c_char, Strings, Strings, c_int) -> c_int =
            core::mem::transmute(at);
        follow::with_environment(follow::Search::At(directory), path, envp, |envp| {
            next(directory, path, argv, envp, flags)
        })
    }
}

macro_rules! listed_arguments {
    ($($name:ident $target:path;)*) => {$(
        /// Takes its arguments one by one. Pushed back below those that are on the stack already,
        /// they are the array that the other functions want.
        ///
        /// # Safety
        /// As libc's.
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() -> c_int {
            core::arch::naked_asm!(
                ".cfi_startproc",
                "pop %rax",
                "push %r9", "push %r8", "push %rcx", "push %rdx", "push %rsi",
                "mov %rsp, %rsi",
                "push %rax",
                ".cfi_def_cfa_offset 56",
                ".cfi_offset 16, -56",
                "call {target}",
                "pop %rcx",
                "add $40, %rsp",
                ".cfi_def_cfa 7, 0",
                ".cfi_register 16, 2",
                "jmp *%rcx",
                ".cfi_endproc",
                target = sym $target,
                options(att_syntax),
            )
        }
    )*};
}

listed_arguments! {
    execl execv;
    execlp execvp;
    execle execve_with_environment_behind;
}

/// `execle`: the environment comes behind the null that ends the arguments.
unsafe extern "C" fn execve_with_environment_behind(path: *const c_char, argv: Strings) -> c_int {
    let mut end = argv;
    // SAFETY: the caller of `execle` ends its arguments with a null pointer and an environment.
    unsafe {
        while !(*end).is_null() {
            end = end.add(1);
        }
        execve(path, argv, *end.add(1).cast::<Strings>())
    }
}

/// `pthread_getcpuclockid(3)`: where the vDSO could not be rewritten nobody tells us of the question for that clock, and
/// the kernel has none for a thread of ours. Then the answer is that of the kernel thread that runs it.
///
/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_getcpuclockid(
    thread: libc::pthread_t,
    clock: *mut c_int,
) -> c_int {
    static REAL: AtomicUsize = AtomicUsize::new(0);
    let at = real(&REAL, c"pthread_getcpuclockid");
    // SAFETY: libc's function with this signature; it has written the clock when it says 0.
    unsafe {
        let next: unsafe extern "C" fn(libc::pthread_t, *mut c_int) -> c_int =
            core::mem::transmute(at);
        let error = next(thread, clock);
        // A thread's clock is the complement of its id, shifted by three (linux/posix-timers.h).
        if error == 0 && !clocks::are_own() && !(*clock >> 3) as u32 >= 1 << 22 {
            *clock = libc::CLOCK_THREAD_CPUTIME_ID;
        }
        error
    }
}

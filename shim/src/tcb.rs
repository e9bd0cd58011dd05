//! A thread control block for the scheduler side, made by hand: in no list of glibc's, not counted,
//! never handed to the program again after a fork (what `pthread_create` makes, is).
//!
//! `_dl_allocate_tls` of ld.so makes TLS and DTV; the header is laid out by the x86-64 ABI
//! (sysdeps/x86_64/nptl/tls.h); offsets that differ between glibc versions come from the symbols
//! that libc exports for debuggers (nptl_db).
#![allow(unsafe_code)]

use core::ffi::{CStr, c_void};
use lichen_runtime::arch;

/// Offsets in `struct pthread`, as this libc has them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offsets {
    /// Of the thread id.
    pub tid: usize,
    /// Of the start function; 0 if unknown.
    pub start: usize,
}

fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a constant name.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address)
}

/// Reads a `_thread_db_*` descriptor: {bits, elements, offset}.
fn offset(name: &CStr) -> Option<usize> {
    // SAFETY: these symbols are arrays of three 32-bit words.
    symbol(name).map(|at| unsafe { at.cast::<[u32; 3]>().read()[2] as usize })
}

/// Asks libc. `None` if it is no glibc we know.
pub fn offsets() -> Option<Offsets> {
    Some(Offsets {
        tid: offset(c"_thread_db_pthread_tid")?,
        start: offset(c"_thread_db_pthread_start_routine").unwrap_or(0),
    })
}

/// Makes a TCB that carries the guards of the calling thread. `None` when ld.so has no memory or
/// does not offer the function. Activation only.
pub fn make(offsets: Offsets, tid: u32) -> Option<usize> {
    let allocate = symbol(c"_dl_allocate_tls")?;
    // SAFETY: the signature of glibc's `_dl_allocate_tls (void *mem)`; NULL asks for fresh memory.
    // The header fields written lie within `struct pthread`.
    unsafe {
        let allocate: extern "C" fn(*mut c_void) -> *mut c_void = core::mem::transmute(allocate);
        let tcb = allocate(core::ptr::null_mut()) as usize;
        if tcb == 0 {
            return None;
        }
        let own = arch::rdfsbase();
        let word = |base: usize, at: usize| (base + at) as *mut usize;
        word(tcb, 0).write(tcb); // tcb
        word(tcb, 0x10).write(tcb); // self
        ((tcb + 0x18) as *mut u32).write(1); // multiple_threads
        for guard in [0x28, 0x30] {
            word(tcb, guard).write(word(own, guard).read());
        }
        ((tcb + offsets.tid) as *mut u32).write(tid);
        if let Some(rseq) = symbol(c"__rseq_offset") {
            let area = tcb.wrapping_add_signed(rseq.cast::<isize>().read());
            ((area + 4) as *mut i32).write(-2); // RSEQ_CPU_ID_REGISTRATION_FAILED
        }
        if let Some(init) = symbol(c"__ctype_init") {
            let init: extern "C" fn() = core::mem::transmute(init);
            arch::wrfsbase(tcb);
            init();
            arch::wrfsbase(own);
        }
        Some(tcb)
    }
}

/// The rseq area of the calling thread: (address, registered length).
pub fn rseq_area() -> Option<(usize, u32)> {
    let at = symbol(c"__rseq_offset")?;
    let size = symbol(c"__rseq_size")?;
    // SAFETY: `ptrdiff_t __rseq_offset` and `unsigned __rseq_size`, gnu libc 2.35 and later.
    unsafe {
        let size = size.cast::<u32>().read();
        (size != 0).then(|| {
            (
                arch::rdfsbase().wrapping_add_signed(at.cast::<isize>().read()),
                size,
            )
        })
    }
}

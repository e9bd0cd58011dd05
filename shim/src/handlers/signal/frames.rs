//! Signal frames: how a handler of the program is entered. The kernel built the frame on the worker's
//! alternate stack; it is copied to the green's stack, or to its own alternate stack, and the master
//! handler returns into the program's.
//!
//! Called by `delivery`, which decides whether to; from its signal handler, so nothing here may park,
//! allocate, or take a lock.
#![allow(unsafe_code)]

use super::notes::{self, Info};
use super::{UNBLOCKABLE, actions, masks};
use crate::call::Frame;
use crate::doors::x86_64 as asm;
use crate::handlers::kernel;
use core::sync::atomic::Ordering;
use lichen_runtime::green::GreenRef;
use lichen_runtime::green::masks::bit;
use lichen_runtime::{Runtime, sys};

/// The kernel's `struct ucontext` on x86-64: what a signal frame really contains (glibc's
/// `ucontext_t` is larger).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Context {
    flags: u64,
    link: u64,
    pub stack: [usize; 3],
    pub r8: usize,
    pub r9: usize,
    pub r10: usize,
    pub r11: usize,
    pub r12: usize,
    pub r13: usize,
    pub r14: usize,
    pub r15: usize,
    pub rdi: usize,
    pub rsi: usize,
    pub rbp: usize,
    pub rbx: usize,
    pub rdx: usize,
    pub rax: usize,
    pub rcx: usize,
    pub rsp: usize,
    pub rip: usize,
    eflags: usize,
    segments: u64,
    error: u64,
    trap: u64,
    old_mask: u64,
    pub cr2: u64,
    fpstate: usize,
    reserved: [u64; 8],
    pub mask: u64,
}

const _: () = assert!(core::mem::offset_of!(Context, rsp) == 160);
const _: () = assert!(size_of::<Context>() == 304);

/// A signal frame as the kernel lays it out: the handler's return address, context, siginfo.
#[repr(C)]
struct SignalFrame {
    returns_to: usize,
    context: Context,
    info: Info,
}

/// Does `rsp` lie on the green's own alternate stack?
pub fn on_alternate(green: GreenRef, rsp: usize) -> bool {
    let [address, size, flags] = green.altstack.get();
    flags & libc::SS_DISABLE as usize == 0 && size != 0 && rsp.wrapping_sub(address) < size
}

/// The program's registers at a door, where the kernel would have them.
pub fn load_registers(context: &mut Context, frame: &Frame) {
    context.rax = frame.rax;
    context.rdi = frame.rdi;
    context.rsi = frame.rsi;
    context.rdx = frame.rdx;
    context.r10 = frame.r10;
    context.r8 = frame.r8;
    context.r9 = frame.r9;
    context.rbx = frame.rbx;
    context.rbp = frame.rbp;
    context.r12 = frame.r12;
    context.r13 = frame.r13;
    context.r14 = frame.r14;
    context.r15 = frame.r15;
    context.rsp = frame.rsp;
    context.rip = frame.rip;
    context.rcx = frame.rip;
    // Flags are nobody's over a system call, but some windows end in `cmp $-4096,%rax`.
    context.eflags &= !0x8d5;
    if frame.rax >= -4096isize as usize {
        context.eflags |= if frame.rax == -4096isize as usize {
            0x44
        } else {
            0
        };
    } else {
        context.eflags |= 0x1
            | if (frame.rax.wrapping_add(4096) as isize) < 0 {
                0x80
            } else {
                0
            };
    }
}

/// Bytes of the vector state at `fpstate` (its software-reserved part tells).
fn vector_size(fpstate: usize) -> usize {
    const MAGIC: u32 = 0x4650_5853;
    // SAFETY: the kernel's frame; the words lie in the 512-byte legacy area.
    unsafe {
        let at = (fpstate + 464) as *const u32;
        if at.read() == MAGIC {
            at.add(1).read() as usize
        } else {
            512
        }
    }
}

/// Enters the program's handler: the frame goes to the green's stack, and our return goes there.
pub fn enter(runtime: &Runtime, green: GreenRef, signal: i32, info: &Info, context: &mut Context) {
    let action = actions::get(signal);
    if action.handler <= 1 {
        // The disposition changed while the signal was on its way.
        if action.handler == 0 {
            actions::to_default(signal);
            notes_default(runtime, signal);
        }
        return;
    }
    if action.flags & libc::SA_RESETHAND as u32 as u64 != 0 {
        actions::set(
            signal,
            actions::Action {
                handler: 0,
                ..action
            },
        );
    }
    let [alternate, size, flags] = green.altstack.get();
    let usable = flags & libc::SS_DISABLE as usize == 0 && size != 0;
    let to_alternate =
        action.flags & libc::SA_ONSTACK as u64 != 0 && usable && !on_alternate(green, context.rsp);
    let top = if to_alternate {
        alternate + size
    } else {
        context.rsp - 128
    };
    let vectors = vector_size(context.fpstate);
    let fpstate = (top - vectors) & !63;
    let place = ((fpstate - size_of::<SignalFrame>()) & !15) - 8;
    let old_mask = if green.mask_saved.replace(false) {
        green.saved_mask.get()
    } else {
        green.mask.get()
    };
    let mut saved = *context;
    saved.mask = old_mask;
    saved.stack = [
        alternate,
        if on_alternate(green, context.rsp) {
            1
        } else {
            flags
        },
        size,
    ];
    saved.fpstate = if context.fpstate == 0 { 0 } else { fpstate };
    // SAFETY: the green's own stack below its red zone, or its alternate stack. If there is no room
    // this faults with every signal blocked, and the kernel ends the process as it would itself.
    unsafe {
        if context.fpstate != 0 {
            core::ptr::copy_nonoverlapping(
                context.fpstate as *const u8,
                fpstate as *mut u8,
                vectors,
            );
        }
        (place as *mut SignalFrame).write(SignalFrame {
            returns_to: asm::lichen_restorer as *const () as usize,
            context: saved,
            info: *info,
        });
        fresh_control_words(context.fpstate);
    }
    let mut blocked = green.mask.get() | action.mask & !UNBLOCKABLE;
    if action.flags & libc::SA_NODEFER as u64 == 0 {
        blocked |= bit(signal);
    }
    set_mask_quietly(runtime, green, blocked);
    context.mask = runtime.worker.kernel_mask.get();
    context.rdi = signal as usize;
    context.rsi = place + core::mem::offset_of!(SignalFrame, info);
    context.rdx = place + core::mem::offset_of!(SignalFrame, context);
    context.rax = 0;
    context.rsp = place;
    context.rip = action.handler;
    context.eflags &= !0x10_500; // DF, TF, RF
    if notes::any_for(green) {
        runtime.worker.attention.store(1, Ordering::Relaxed);
    }
}

/// A handler begins with the default rounding and exception masks.
///
/// # Safety
/// `fpstate` must be 0 or the kernel's vector state.
unsafe fn fresh_control_words(fpstate: usize) {
    if fpstate != 0 {
        // SAFETY: by the caller's contract; fcw at 0, mxcsr at 24.
        unsafe {
            (fpstate as *mut u16).write(0x37f);
            ((fpstate + 24) as *mut u32).write(0x1f80);
        }
    }
}

/// Changes the mask and the books; the kernel learns of it when the master handler returns.
pub fn set_mask_quietly(runtime: &Runtime, green: GreenRef, mask: u64) {
    if green.is_accounted() {
        runtime.masks.remove(green.mask.get());
        runtime.masks.add(mask);
    }
    green.mask.set(mask);
    runtime.worker.kernel_mask.set(masks::wanted(runtime));
}

/// The kernel acts on a signal that was handled when it was sent and is not any more.
fn notes_default(runtime: &Runtime, signal: i32) {
    let to = [
        sys::getpid() as usize,
        runtime.worker.tid.get() as usize,
        signal as usize,
        0,
        0,
        0,
    ];
    // SAFETY: integers only; the signal is delivered when the master handler returns.
    unsafe { kernel(libc::SYS_tgkill as usize, to) };
}

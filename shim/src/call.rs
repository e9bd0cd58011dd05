//! One call of the program: the registers at its `syscall` instruction, and what a handler answers.

/// The program's registers at a door, built by the entry on the green's own stack. The layout is
/// known to the asm in `doors::x86_64` (and to its unwind tables: `rsp` at 112, `rip` at 120).
#[repr(C)]
pub struct Frame {
    /// The result, value or `-errno`; the number on entry.
    pub rax: usize,
    /// The call's number.
    pub number: usize,
    pub rdi: usize,
    pub rsi: usize,
    pub rdx: usize,
    pub r10: usize,
    pub r8: usize,
    pub r9: usize,
    pub rbx: usize,
    pub rbp: usize,
    pub r12: usize,
    pub r13: usize,
    pub r14: usize,
    pub r15: usize,
    /// The stack pointer at the `syscall` instruction.
    pub rsp: usize,
    /// Where the program goes on.
    pub rip: usize,
    /// The native part of the site's slot.
    pub slot: usize,
    /// Keeps the size a multiple of 16.
    pub spare: usize,
}

const _: () = assert!(size_of::<Frame>() == 144);
const _: () = assert!(core::mem::offset_of!(Frame, rsp) == 112);
const _: () = assert!(core::mem::offset_of!(Frame, rip) == 120);

impl Frame {
    /// The six arguments.
    #[inline(always)]
    pub fn args(&self) -> [usize; 6] {
        [self.rdi, self.rsi, self.rdx, self.r10, self.r8, self.r9]
    }

    /// The first argument as a descriptor.
    #[inline(always)]
    pub fn fd(&self) -> i32 {
        self.rdi as i32
    }
}

/// What a handler answers: the kernel's convention (value or `-errno`), or one of the words below.
pub type Answer = isize;

/// Not ours: run the site's own `syscall` instruction.
pub const NATIVE: Answer = isize::MIN;
/// Interrupted by a signal; begins again if the handler has SA_RESTART, else EINTR (the kernel's
/// ERESTARTSYS).
pub const RESTART: Answer = -512;
/// Interrupted by a signal; EINTR whenever a handler runs, begins again if none does (the kernel's
/// ERESTARTNOHAND).
pub const RESTART_NO_HANDLER: Answer = -514;

/// The kernel's answer to a call that was not to wait and would have to.
pub const AGAIN: Answer = error(libc::EAGAIN);

/// `-errno`.
#[inline(always)]
pub const fn error(errno: i32) -> Answer {
    -(errno as isize)
}

/// Is it one of the two "interrupted" answers?
#[inline(always)]
pub fn is_restart(answer: Answer) -> bool {
    answer == RESTART || answer == RESTART_NO_HANDLER
}

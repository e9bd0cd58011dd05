//! The asm of the doors, and what Rust must know of it.
//!
//! * [`slots`]: where the jumps of rewritten sites land.
//! * [`frame`]: how a frame is built and loaded; macros for the other blocks of asm.
//! * [`entries`]: from a slot to `dispatch`, and the ways back to the program.
//! * [`offspring`]: threads that begin, clone, vfork: the few that may not return normally.
//! * [`signals`]: a signal sent to ourselves; what handlers return to.
//! * [`place`]: where an instruction pointer stands with respect to all that.
//!
//! # The way of a call
//! ```text
//!  libc, rewritten                  slot of the site (64 bytes, in our text)
//!    mov $NR,%eax  ─┐                 0: the displaced instructions (mov $NR,%eax)
//!    syscall        │  is now         d: lea native(%rip),%r11      <- the site's restart address
//!                   └► jmp slot  ──►     jmp lichen_entry_*
//!                                    40: syscall                    <- native: straight to the kernel
//!                                        cmp $-4096,%rax
//!                                        jmp resume in libc
//!                                    55: d (one byte)
//!                                    56: address of resume in libc
//! ```
//! An entry knows the site by %r11 (the slot's native part). Like the `syscall` instruction it may
//! change only %rax, %rcx, %r11 and the flags. Every exit does the `cmp` that some windows displace.
//!
//! # The stack at a door
//! ```text
//!   program's rsp ──►  | the function's frame       |
//!                      | red zone, 128 bytes        |
//!                      | vectors (entry_xmm, _wide) |
//!         frame ────►  | Frame, 144 bytes           |   16-byte aligned (64 for entry_wide)
//!                      | dispatch, handler, park    |
//! ```
//! Three entries for three kinds of function around the site, told apart by the planner: no vector
//! register lives over the call; xmm registers may; wider ones may.
//!
//! # The exit edge
//! From `lichen_exit_*` to `lichen_commit_*` is restartable: a signal that arrives there is noted,
//! and the handler moves the instruction pointer back to the check. From the commit on, all
//! registers are the program's and a handler may run at once. The way to a native call has the same
//! edge, from `lichen_native_*` to `lichen_leave_*`: a signal noted behind the last look would wait as
//! long as the call does.

mod entries;
mod frame;
mod offspring;
mod place;
mod signals;
mod slots;

pub use entries::{lichen_entry_none, lichen_entry_wide, lichen_entry_xmm};
pub use offspring::{lichen_clone, lichen_start, lichen_vfork};
pub use place::{Place, place};
pub use signals::{lichen_plain_restorer, lichen_raise, lichen_restorer};
pub use slots::{SLOT, SLOT_NATIVE, SLOT_RESTART, SLOT_RESUME, SLOTS, lichen_slots};

//! `liblichen.so`: preloaded into an unmodified program, it turns the program's threads into green
//! threads. Everything between the program and the machine (`lichen-runtime`) is here.
//!
//! The life of one `read()` on a socket, in the order of the modules below:
//!
//! 1. [`init`] has rewritten libc when the program made its first thread ([`symbols`] noticed).
//! 2. libc's `read` runs into a jump where its `syscall` instruction was: [`doors`].
//! 3. The door saves the registers as a [`call::Frame`] and calls [`dispatch`].
//! 4. The table there names the handler, [`handlers::io`]. It looks up the descriptor in [`fds`] and
//!    tries the call without blocking.
//! 5. It would block: the handler parks; the scheduler runs other greens and wakes this one on an
//!    edge of the descriptor. The handler tries again.
//! 6. The result goes back through the door's exit edge, where noted signals are looked at.
//!
//! Green-side rules (steps 3 to 6): no allocation, no libc function, no thread-local storage, no
//! panic, small frames. Only [`abi::user`] touches the program's memory.

pub mod init;
pub mod symbols;

pub mod doors;

pub mod call;
pub mod dispatch;

pub mod fds;
pub mod handlers;
pub mod sockopt;

pub mod abi;

mod follow;
mod modules;
mod plans;
mod stats;
mod tcb;
mod trace;

/// Our memory; the program's malloc is never entered.
#[global_allocator]
static HEAP: lichen_runtime::heap::Heap = lichen_runtime::heap::Heap::new();

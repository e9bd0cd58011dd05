//! Bytes that go from one descriptor to another inside the kernel: splice, tee, vmsplice, sendfile.
//!
//! Either end can be the one that is not ready, and the kernel's EAGAIN does not say which. Pipe ends
//! obey SPLICE_F_NONBLOCK; nothing else does. So each call is made with that flag, other ends are
//! asked beforehand or made not to wait for the time of the call, and after EAGAIN the ends are asked
//! in the kernel's own order.
//!
//! * [`calls`]: the handlers. [`engine`]: one transfer. [`held`]: its other end, while one is waited for.

mod calls;
mod engine;
mod held;

pub use calls::{sendfile, splice, tee, vmsplice};

//! Bytes: read, write, readv, writev, recvfrom, sendto, and reads and writes with an offset or flags.
//!
//! Per-call ways of not blocking, by the descriptor's kind; never O_NONBLOCK on a description.
//! A blocking write to a stream or pipe is complete, as Linux's is: it loops until everything is
//! written, and gives the part that was when it is interrupted.
//!
//! * [`attempt`]: single calls that do not wait.
//! * [`bytes`]: one buffer; [`quick`]: the short way for TCP. [`vectors`]: several. [`positioned`]: with an offset or flags.
//! * [`terminal`]: job control.
//! * [`files`]: what is on a disk, if it is off-loaded.
//! * [`stream`]: calls that are done in more than one part; [`writers`]: of one writer only.
//! * [`turns`]: whose turn it is among connections.

mod attempt;
mod bytes;
pub mod files;
mod positioned;
mod quick;
mod stream;
mod terminal;
pub mod turns;
mod vectors;
mod writers;

pub use attempt::{DONTWAIT, is_private_pipe, is_shut, ready};
pub use bytes::{read, recvfrom, sendto, write};
pub use positioned::{HERE, pread64, preadv, preadv2, pwrite64, pwritev, pwritev2};
pub use stream::{Fill, never_waits, of_no_bytes, send_datagram, send_part};
pub use vectors::{Rest, finish_vector, length, readv, writev};
pub use writers::first as first_writer;

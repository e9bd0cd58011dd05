//! A thread that runs over the end of its stack dies of SIGSEGV as natively; with logging on, one line names it.
//!
//! Called by the master handler, on the worker's alternate stack, when nobody handles the fault. It may take
//! no lock, allocate nothing, and touch no stack but its own.

use super::frames::Context;
use super::notes::Info;
use core::fmt::Write;
use lichen_runtime::green::GreenRef;
use lichen_runtime::log::{self, Line};

/// How far below the stack pointer a function may touch its frame first: large frames are probed page by page.
const BELOW: usize = 64 << 10;
/// A call pushes above where it stands.
const ABOVE: usize = 4096;

/// Did the fault happen where a stack that is used up ends: at the stack pointer or not far below?
pub fn happened(signal: i32, info: &Info, context: &Context) -> bool {
    let [_, _, address, ..] = *info;
    let lowest = context.rsp.saturating_sub(BELOW);
    signal == libc::SIGSEGV && (lowest..context.rsp + ABOVE).contains(&(address as usize))
}

/// Says so, if anybody listens.
#[inline(never)]
pub fn tell(green: GreenRef, info: &Info) {
    let Some(fd) = log::listener() else {
        return;
    };
    let name = green.name.get();
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    let mut line = Line::new();
    let _ = write!(line, "error: thread {} ", green.tid.get());
    if let Ok(name) = core::str::from_utf8(name)
        && !name.is_empty()
    {
        let _ = write!(line, "\"{name}\" ");
    }
    let _ = write!(
        line,
        "ran over the end of its stack, at {:#x}: SIGSEGV",
        info[2]
    );
    line.send(fd);
}

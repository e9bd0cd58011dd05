//! One line of the trace: who, which call, with what, and what came of it.
//!
//! Called by [`super`] on the scheduler side, because formatting is ordinary Rust. It reads the
//! program's memory through [`user`] only; what cannot be read is shown as an address.

use super::signatures::{SIGNATURES, UNKNOWN};
use super::words;
use crate::abi::user;
use crate::call::{self, Answer};
use crate::dispatch;
use core::fmt::{Result, Write};
use lichen_runtime::log::Line;

/// Bytes shown of a text or a buffer.
const SHOWN: usize = 32;
const SHOWN_OF_NAME: usize = 128;

/// What came of a call.
#[derive(Clone, Copy)]
pub enum Came {
    /// A value or `-errno`.
    Answer(Answer, By),
    /// It is made where it stands, and we do not see the end of it.
    Native,
    /// It does not come back, or we could not tell when.
    NoReturn,
}

/// Who gave an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The handler, at once.
    Lichen,
    /// The handler, with the caller parked meanwhile; nanoseconds.
    Parked(u64),
    /// The kernel: no handler wanted the call.
    Kernel,
}

/// Which call.
pub struct Call {
    pub number: usize,
    pub args: [usize; 6],
}

/// The line, without its end; `who` is the process and the thread.
pub fn line(who: [u32; 2], call: &Call, came: Came) -> Line {
    let mut line = Line::empty();
    let [process, thread] = who;
    let _ = write!(line, "{process} {thread} ").and_then(|()| write_line(&mut line, call, came));
    line
}

fn write_line(line: &mut Line, call: &Call, came: Came) -> Result {
    match dispatch::name(call.number) {
        Some(name) => line.write_str(name)?,
        None => write!(line, "syscall_{}", call.number)?,
    }
    line.write_str("(")?;
    let letters = SIGNATURES.get(call.number).copied().unwrap_or([UNKNOWN; 6]);
    for (i, letter) in letters.into_iter().take_while(|&l| l != 0).enumerate() {
        if i > 0 {
            line.write_str(", ")?;
        }
        let room = match (letter, came) {
            (b'r', Came::Answer(answer, _)) => answer.max(0) as usize,
            (b'w', _) => call.args.get(i + 1).copied().unwrap_or(0),
            _ => 0,
        };
        argument(line, letter, call.args.get(i).copied().unwrap_or(0), room)?;
    }
    line.write_str(")")?;
    outcome(line, came)
}

fn argument(line: &mut Line, letter: u8, word: usize, room: usize) -> Result {
    match letter {
        b'd' => write!(line, "{}", word as i32),
        b'u' => write!(line, "{word}"),
        b'o' => write!(line, "{word:#o}"),
        b'S' => words::signal(line, word as i32),
        b'F' => words::futex_operation(line, word as i32),
        b'A' if word as i32 == libc::AT_FDCWD => line.write_str("AT_FDCWD"),
        b'A' => write!(line, "{}", word as i32),
        b's' => text(line, word),
        b'w' | b'r' => buffer(line, word, room),
        b'T' => time(line, word),
        b'p' => address(line, word),
        _ => write!(line, "{word:#x}"),
    }
}

fn address(line: &mut Line, word: usize) -> Result {
    match word {
        0 => line.write_str("NULL"),
        _ => write!(line, "{word:#x}"),
    }
}

fn time(line: &mut Line, at: usize) -> Result {
    match user::read::<[i64; 2]>(at) {
        Ok([seconds, ns]) if at != 0 => write!(line, "{{{seconds}, {ns}}}"),
        _ => address(line, at),
    }
}

/// A text that ends with a zero byte.
fn text(line: &mut Line, at: usize) -> Result {
    if at == 0 || user::read::<u8>(at).is_err() {
        return address(line, at);
    }
    line.write_str("\"")?;
    for i in 0..SHOWN_OF_NAME {
        match user::read::<u8>(at.wrapping_add(i)) {
            Ok(0) | Err(_) => return line.write_str("\""),
            Ok(byte) => character(line, byte)?,
        }
    }
    line.write_str("\"...")
}

/// The first of `count` bytes.
fn buffer(line: &mut Line, at: usize, count: usize) -> Result {
    let mut bytes = [0u8; SHOWN];
    let shown = count.min(SHOWN);
    if shown == 0 || user::copy(bytes.as_mut_ptr() as usize, at, shown).is_err() {
        return address(line, at);
    }
    line.write_str("\"")?;
    for &byte in bytes.iter().take(shown) {
        character(line, byte)?;
    }
    line.write_str(if count > SHOWN { "\"..." } else { "\"" })
}

fn character(line: &mut Line, byte: u8) -> Result {
    write!(line, "{}", core::ascii::escape_default(byte))
}

fn outcome(line: &mut Line, came: Came) -> Result {
    let (answer, by) = match came {
        Came::Native => return line.write_str(" native"),
        Came::NoReturn => return line.write_str(" = ?"),
        Came::Answer(answer, by) => (answer, by),
    };
    if by == By::Kernel {
        line.write_str(" native")?;
    }
    match answer {
        call::RESTART => line.write_str(" = ? ERESTARTSYS")?,
        call::RESTART_NO_HANDLER => line.write_str(" = ? ERESTARTNOHAND")?,
        -4095..=-1 => {
            line.write_str(" = -1 ")?;
            words::errno(line, -answer as i32)?;
        }
        _ if answer > i32::MAX as isize => write!(line, " = {answer:#x}")?,
        _ => write!(line, " = {answer}")?,
    }
    match by {
        By::Parked(ns) => write!(
            line,
            " <parked {}.{:06}>",
            ns / 1_000_000_000,
            ns / 1000 % 1_000_000
        ),
        _ => Ok(()),
    }
}

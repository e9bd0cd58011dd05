//! What a line of the list of system calls says, and the list as text inside the library.
//!
//! Filled by [`super`] (calls with a handler) and [`super::natives`] (all others); read by tools from
//! the file, as `LICHEN_SUPPORT`. Data only: nothing here runs in a program.

/// How a call that has to wait is stood for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// It parks its caller; an event loop, a timer or another thread of the program ends the wait.
    Cooperative,
    /// A kernel thread of ours makes it while its caller is parked.
    Offloaded,
    /// It never waits long, whoever makes it.
    Quick,
    /// It can wait, is made where it stands, and holds up the other threads: docs/limits.md says so.
    Holds,
}

/// Where a user would look for a call. The titles are in tests/checks/src/support.rs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    Io,
    Files,
    Sockets,
    Polling,
    Descriptors,
    Time,
    Threads,
    Processes,
    Signals,
    Ipc,
    Memory,
    Uring,
    System,
}

/// One call.
#[derive(Clone, Copy)]
pub struct Line {
    pub number: usize,
    /// As in `<sys/syscall.h>`.
    pub name: &'static str,
    pub group: Group,
    pub class: Class,
    /// The group, class, name, handler, what it waits for and the note, separated by tabs.
    pub text: &'static str,
}

/// Digits that begin a line of the text: the number.
const DIGITS: usize = 3;

/// Bytes of the text of `lines`.
pub const fn text_len(lines: &[Line]) -> usize {
    let (mut sum, mut i) = (0, 0);
    while i < lines.len() {
        sum += DIGITS + 1 + lines[i].text.len() + 1;
        i += 1;
    }
    sum
}

/// The text of `lines` at `at`: number, tab, [`Line::text`], newline. Returns where it ends.
pub const fn write_text(lines: &[Line], into: &mut [u8], mut at: usize) -> usize {
    let mut i = 0;
    while i < lines.len() {
        let line = &lines[i];
        assert!(line.number < 1000);
        into[at] = b'0' + (line.number / 100) as u8;
        into[at + 1] = b'0' + (line.number / 10 % 10) as u8;
        into[at + 2] = b'0' + (line.number % 10) as u8;
        into[at + DIGITS] = b'\t';
        at += DIGITS + 1;
        let (_, rest) = into.split_at_mut(at);
        let (place, _) = rest.split_at_mut(line.text.len());
        place.copy_from_slice(line.text.as_bytes());
        at += line.text.len();
        into[at] = b'\n';
        at += 1;
        i += 1;
    }
    at
}

/// Notes at its number where each of `lines` begins in their text, which begins at `at`. Returns
/// where it ends.
pub const fn note_lines(lines: &[Line], into: &mut [u16], mut at: usize) -> usize {
    let mut i = 0;
    while i < lines.len() {
        assert!(at <= u16::MAX as usize);
        into[lines[i].number] = at as u16;
        at += DIGITS + 1 + lines[i].text.len() + 1;
        i += 1;
    }
    at
}

/// Notes at its number which of `lines` never wait long.
pub const fn note_quick(lines: &[Line], into: &mut [bool]) {
    let mut i = 0;
    while i < lines.len() {
        into[lines[i].number] = matches!(lines[i].class, Class::Quick);
        i += 1;
    }
}

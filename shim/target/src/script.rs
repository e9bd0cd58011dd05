//! `#!` lines, read as the kernel reads them (fs/binfmt_script.c; execve(2), "Interpreter scripts").
//!
//! Called by `judge_file` and by the launcher's report. Pure; must never open anything.

use core::ffi::CStr;

use crate::Scratch;

/// Scripts that may stand in a row, each the interpreter of the one before. One more is ELOOP.
pub const MAX_DEPTH: usize = 5;

/// Bytes of a script's first line that the kernel looks at.
pub const LINE_MAX: usize = 255;

/// Whether a file that starts with `head` is a script.
#[must_use]
pub fn is_script(head: &[u8]) -> bool {
    head.starts_with(b"#!")
}

/// The interpreter named by the first line; `None` if there is none or its name is cut off.
#[must_use]
pub fn interpreter(head: &[u8]) -> Option<&[u8]> {
    let line = head.get(..head.len().min(LINE_MAX))?.strip_prefix(b"#!")?;
    let end = line.iter().position(|&b| b == b'\n' || b == 0);
    let text = line.get(..end.unwrap_or(line.len()))?;
    let start = text.iter().position(|b| !is_blank(b))?;
    let text = text.get(start..)?;
    match text.iter().position(is_blank) {
        Some(stop) => text.get(..stop),
        // The name reaches the end of what the kernel sees: it may go on beyond.
        None if end.is_none() && head.len() >= LINE_MAX => None,
        None => Some(text),
    }
}

/// The same inside `scratch`, made a C string by a NUL behind it. Bytes beyond a short file must be
/// zero, as [`ReadAt`](crate::ReadAt) leaves them.
pub(crate) fn interpreter_in_place(scratch: &mut Scratch) -> Option<&CStr> {
    let length = interpreter(scratch)?.len();
    // The name starts after "#!" and blanks.
    let blanks = scratch.get(2..)?.iter().position(|b| !is_blank(b))?;
    let start = blanks.checked_add(2)?;
    let end = start.checked_add(length)?;
    *scratch.get_mut(end)? = 0;
    CStr::from_bytes_until_nul(scratch.get(start..)?).ok()
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(text: &[u8]) -> Option<std::vec::Vec<u8>> {
        let mut scratch = [0; crate::SCRATCH_LEN];
        let seen = text.len().min(scratch.len());
        scratch[..seen].copy_from_slice(&text[..seen]);
        let pure = interpreter(&scratch).map(<[u8]>::to_vec);
        let in_place = interpreter_in_place(&mut scratch).map(|name| name.to_bytes().to_vec());
        assert_eq!(pure, in_place);
        pure
    }

    #[test]
    fn the_first_word_of_the_line_counts() {
        assert_eq!(both(b"#!/bin/sh\n").unwrap(), b"/bin/sh");
        assert_eq!(both(b"#! \t/bin/sh -e x\n").unwrap(), b"/bin/sh");
        assert_eq!(both(b"#!/bin/sh").unwrap(), b"/bin/sh");
        assert_eq!(both(b"#!sh\0junk").unwrap(), b"sh");
    }

    #[test]
    fn lines_without_an_interpreter_have_none() {
        for line in [&b"#!"[..], b"#!\n/bin/sh", b"#!  \n", b"", b"\x7fELF"] {
            assert_eq!(both(line), None);
        }
    }

    #[test]
    fn a_name_that_is_cut_off_is_none() {
        let mut long = std::vec![b'a'; 400];
        long[..3].copy_from_slice(b"#!/");
        assert_eq!(both(&long), None);
        long[200] = b' ';
        assert_eq!(both(&long).unwrap().len(), 198);
    }
}

//! The name of a log file: a template with `%p`, `%h`, `%e` and `%%`.
//!
//! Checked by `settings.rs`, filled in by the shim when it opens the log. Pure; opens nothing.

use alloc::vec::Vec;

/// Accepts a template whose every `%` is followed by a known letter.
pub(crate) fn checked(template: &[u8]) -> Option<&[u8]> {
    let mut bytes = template.iter();
    while let Some(&byte) = bytes.next() {
        if byte == b'%' && !matches!(bytes.next(), Some(b'p' | b'h' | b'e' | b'%')) {
            return None;
        }
    }
    Some(template)
}

/// Fills in a template: `%p` the process id, `%h` the host name, `%e` the program's file name, `%%` a
/// percent sign. A `/` inside `host` or `program` becomes `_`, so that neither can choose another folder.
#[must_use]
pub fn expand(template: &[u8], pid: u32, host: &[u8], program: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(template.len() + 32);
    let mut bytes = template.iter();
    let flat = |part: &[u8], name: &mut Vec<u8>| {
        name.extend(part.iter().map(|&b| if b == b'/' { b'_' } else { b }));
    };
    while let Some(&byte) = bytes.next() {
        if byte != b'%' {
            name.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'p') => name.extend(alloc::format!("{pid}").bytes()),
            Some(b'h') => flat(host, &mut name),
            Some(b'e') => flat(program, &mut name),
            _ => name.push(b'%'),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_letters_are_filled_in() {
        assert_eq!(
            expand(b"/l/%e.%h.%p%%", 7, b"box", b"a/b"),
            b"/l/a_b.box.7%"
        );
    }

    #[test]
    fn unknown_letters_are_rejected() {
        assert!(checked(b"/l/%x").is_none());
        assert!(checked(b"/l/%").is_none());
        assert!(checked(b"/l/%%x%p").is_some());
    }
}

//! The value of `LD_PRELOAD`: put ourselves in, take ourselves out, leave everyone else alone.
//!
//! Called by the launcher, and by the shim when the program executes another one. There it may run on
//! a small stack or in a vfork child, hence the `_into` forms, which write to a caller's buffer and
//! never allocate. Calls nothing. It must never drop, reorder or change an entry that is not ours.
//!
//! ld.so(8): entries are separated by blanks or colons.

use alloc::vec::Vec;

/// File name by which an entry is known to be ours, wherever it was installed.
pub const FILE_NAME: &[u8] = b"liblichen.so";

/// An entry is ours if its file name is [`FILE_NAME`].
#[must_use]
pub fn is_ours(entry: &[u8]) -> bool {
    file_name(entry) == FILE_NAME
}

/// Whether a path can stand in `LD_PRELOAD` at all: a blank or colon would split it, and `$` may be
/// taken for a token such as `$ORIGIN`.
#[must_use]
pub fn can_be_listed(path: &[u8]) -> bool {
    path.starts_with(b"/") && !path.iter().any(|b| b" :$\n".contains(b))
}

/// The new value with `ours` (an absolute path) in front and in no other place.
///
/// AddressSanitizer's runtime aborts unless it comes first, so entries of that name stay ahead of ours.
#[must_use]
pub fn with(existing: Option<&[u8]>, ours: &[u8]) -> Vec<u8> {
    let existing = existing.unwrap_or_default();
    let mut value = Vec::with_capacity(existing.len() + ours.len() + 1);
    for part in arranged(existing, Some(ours)) {
        append(&mut value, part);
    }
    value
}

/// The value without our entry; `None` if no entry is left, so that the variable should be unset.
#[must_use]
pub fn without(existing: &[u8]) -> Option<Vec<u8>> {
    let mut value = Vec::with_capacity(existing.len());
    for part in arranged(existing, None) {
        append(&mut value, part);
    }
    (!value.is_empty()).then_some(value)
}

/// Whether our entry is among those of `existing`.
#[must_use]
pub fn contains_ours(existing: &[u8]) -> bool {
    entries(existing).any(is_ours)
}

/// As [`with`], into `out`; `None` if it does not fit. Needs at most `existing + ours + 1` bytes.
pub fn with_into<'a>(existing: &[u8], ours: &[u8], out: &'a mut [u8]) -> Option<&'a [u8]> {
    fill(arranged(existing, Some(ours)), out)
}

/// As [`without`], into `out`; an empty result means: unset the variable. `None` if it does not fit.
/// Needs at most as many bytes as `existing` has.
pub fn without_into<'a>(existing: &[u8], out: &'a mut [u8]) -> Option<&'a [u8]> {
    fill(arranged(existing, None), out)
}

/// The entries of the new value in order: those that must lead, ours, the rest.
fn arranged<'a>(existing: &'a [u8], ours: Option<&'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    let others = move || entries(existing).filter(|entry| !is_ours(entry));
    let lead = move |entry: &&[u8]| ours.is_some() && must_lead(entry);
    others()
        .filter(lead)
        .chain(ours)
        .chain(others().filter(move |entry| !lead(entry)))
}

/// Whether this is AddressSanitizer's runtime (GCC's or Clang's).
fn must_lead(entry: &[u8]) -> bool {
    let name = file_name(entry);
    name.starts_with(b"libasan.so") || name.starts_with(b"libclang_rt.asan")
}

fn entries(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|b| b" :".contains(b))
        .filter(|entry| !entry.is_empty())
}

fn file_name(entry: &[u8]) -> &[u8] {
    entry.rsplit(|&b| b == b'/').next().unwrap_or(entry)
}

fn append(value: &mut Vec<u8>, part: &[u8]) {
    if !value.is_empty() {
        value.push(b':');
    }
    value.extend_from_slice(part);
}

fn fill<'p, 'a>(parts: impl Iterator<Item = &'p [u8]>, out: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut len = 0;
    for part in parts {
        if len > 0 {
            *out.get_mut(len)? = b':';
            len += 1;
        }
        out.get_mut(len..len + part.len())?.copy_from_slice(part);
        len += part.len();
    }
    out.get(..len)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &[u8] = b"/p/lib/liblichen.so";

    fn with_str(existing: &str) -> alloc::string::String {
        let allocated = with(Some(existing.as_bytes()), OURS);
        let mut buffer = [0; 256];
        assert_eq!(
            with_into(existing.as_bytes(), OURS, &mut buffer).unwrap(),
            allocated
        );
        alloc::string::String::from_utf8(allocated).unwrap()
    }

    #[test]
    fn ours_comes_first_and_the_others_keep_their_order() {
        assert_eq!(with(None, OURS), OURS);
        assert_eq!(with_str(""), "/p/lib/liblichen.so");
        assert_eq!(with_str("a.so b.so"), "/p/lib/liblichen.so:a.so:b.so");
    }

    #[test]
    fn ours_is_never_there_twice() {
        assert_eq!(
            with_str("a.so:/old/liblichen.so:/p/lib/liblichen.so"),
            "/p/lib/liblichen.so:a.so"
        );
    }

    #[test]
    fn the_address_sanitizer_stays_ahead() {
        assert_eq!(
            with_str("x.so:libasan.so.8:/p/lib/liblichen.so"),
            "libasan.so.8:/p/lib/liblichen.so:x.so"
        );
    }

    #[test]
    fn only_ours_is_dropped() {
        let mut buffer = [0; 64];
        assert_eq!(without(b"/q/liblichen.so"), None);
        assert_eq!(
            without_into(b"/q/liblichen.so", &mut buffer),
            Some(&b""[..])
        );
        let value = b"x.so:libasan.so.8 /q/liblichen.so:/l/liblichen.so.bak";
        assert_eq!(
            without(value).unwrap(),
            b"x.so:libasan.so.8:/l/liblichen.so.bak"
        );
        assert_eq!(without_into(value, &mut buffer[..8]), None);
    }

    #[test]
    fn paths_that_the_loader_would_split_are_refused() {
        assert!(can_be_listed(OURS));
        for bad in ["/a b/liblichen.so", "/a:b/x", "/$LIB/x", "lib/x"] {
            assert!(!can_be_listed(bad.as_bytes()), "{bad}");
        }
    }
}

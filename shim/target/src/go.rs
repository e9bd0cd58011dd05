//! Signs that a program was made by Go: its build-id note, or the name of its build-info section.
//!
//! Called by `elf`. Two signs, because either can be missing: `-buildid=` drops the note, and a
//! stripped section table drops the name.

use crate::bytes::{contains, u16_at, u32_at, u64_at};
use crate::elf::Span;
use crate::{ReadAt, SCRATCH_LEN, Scratch};

const SECTION: &[u8; 13] = b".go.buildinfo";
const NOTE_NAME: &[u8] = b"Go\0\0";
const SECTION_HEADER_LEN: u64 = 64;
/// Bytes of section names that are looked at; Go's own linker needs about 200.
const NAMES_MAX: u64 = 16 * 1024;

/// Whether one of the notes is Go's. Notes are small and Go's comes first in its segment.
pub(crate) fn has_note(
    file: &impl ReadAt,
    scratch: &mut Scratch,
    notes: &[Option<Span>; 4],
) -> bool {
    notes
        .iter()
        .flatten()
        .any(|span| note_named_go(file.read_at(span.offset, scratch), span.len))
}

/// Walks the notes at the start of `bytes`: name length, contents length, type, name, contents.
fn note_named_go(bytes: &[u8], len: u64) -> bool {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let mut rest = bytes.get(..bytes.len().min(len)).unwrap_or_default();
    while let (Some(name_len), Some(desc_len)) = (u32_at(rest, 0), u32_at(rest, 4)) {
        let name = rest.get(12..).unwrap_or_default();
        if name_len == 4 && name.starts_with(NOTE_NAME) {
            return true;
        }
        let skip = padded(name_len)
            .saturating_add(padded(desc_len))
            .saturating_add(12);
        rest = rest.get(skip..).unwrap_or_default();
    }
    false
}

fn padded(len: u32) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX).saturating_add(3) & !3
}

/// Where the header of the section that holds the section names lies, from the ELF header.
pub(crate) fn section_names(head: &[u8]) -> Option<u64> {
    let table = u64_at(head, 40).filter(|&at| at != 0)?;
    let index = u64::from(u16_at(head, 62)?);
    table.checked_add(index.checked_mul(SECTION_HEADER_LEN)?)
}

/// Whether a section has Go's name. The name table is searched as text: a section header per name need
/// not be read.
pub(crate) fn has_section(file: &impl ReadAt, scratch: &mut Scratch, header_at: u64) -> bool {
    let header = file.read_at(header_at, scratch);
    let (Some(offset), Some(len)) = (u64_at(header, 24), u64_at(header, 32)) else {
        return false;
    };
    let mut at = 0;
    while at < len.min(NAMES_MAX) {
        let bytes = file.read_at(offset.saturating_add(at), scratch);
        if contains(bytes, SECTION) {
            return true;
        }
        if bytes.len() < SCRATCH_LEN {
            return false;
        }
        // Overlap, so that a name across the border is seen.
        at += (SCRATCH_LEN - SECTION.len()) as u64;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_go_note_is_found_behind_another() {
        let mut notes = std::vec::Vec::new();
        for (name, desc) in [(&b"GNU\0"[..], &b"abcde\0\0\0"[..]), (b"Go\0\0", b"id")] {
            let desc_len = if name == b"GNU\0" { 5_u32 } else { 2 };
            notes.extend(4_u32.to_le_bytes());
            notes.extend(desc_len.to_le_bytes());
            notes.extend(4_u32.to_le_bytes());
            notes.extend(name);
            notes.extend(desc);
        }
        assert!(note_named_go(&notes, notes.len() as u64));
        assert!(!note_named_go(&notes[..24], 24));
        assert!(!note_named_go(&[0xff; 64], 64));
    }
}

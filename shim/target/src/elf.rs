//! What an ELF file's headers say about its loader (elf(5)).
//!
//! Called by `judge_file` and by the launcher. Reads through [`ReadAt`] only; input is untrusted, so
//! every number may be wrong and every loop has a bound.

use crate::bytes::{file_name, u16_at, u32_at, u64_at, until_nul};
use crate::{Errno, Judgement, ReadAt, Reason, Scratch, go};

const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const MACHINE_X86_64: u16 = 62;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_NOTE: u32 = 4;
const DT_STRTAB: u64 = 5;
const DT_SONAME: u64 = 14;
const HEADER_LEN: u64 = 56;
/// More program headers than this no linker makes.
const HEADERS_MAX: u16 = 64;
/// Bytes of a dynamic section that are looked at.
const DYNAMIC_MAX: u64 = 4096;

/// A piece of the file.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub offset: u64,
    pub len: u64,
}

/// The pieces a judgement needs.
#[derive(Default)]
struct Parts {
    interp: Option<Span>,
    dynamic: Option<Span>,
    notes: [Option<Span>; 4],
}

/// Judges an ELF file; `Unknown(ENOEXEC)` if it is none.
#[must_use]
pub fn judge_elf(file: &impl ReadAt, scratch: &mut Scratch) -> Judgement {
    judge(file, scratch).unwrap_or(Judgement::Unknown(Errno::NOEXEC))
}

/// `None` stands for headers that make no sense.
fn judge(file: &impl ReadAt, scratch: &mut Scratch) -> Option<Judgement> {
    let head = file.read_at(0, scratch);
    if !head.starts_with(b"\x7fELF") {
        return None;
    }
    if let Some(reason) = foreign(head) {
        return Some(Judgement::NotLoadable(reason));
    }
    let table = u64_at(head, 32)?;
    let count = u16_at(head, 56)?.min(HEADERS_MAX);
    let names = go::section_names(head);
    if u64::from(u16_at(head, 54)?) != HEADER_LEN {
        return None;
    }
    let parts = collect(file, scratch, table, count)?;
    let made_by_go = go::has_note(file, scratch, &parts.notes)
        || names.is_some_and(|at| go::has_section(file, scratch, at));
    let loader = parts.interp.map(|span| loader(file, scratch, span));
    let reason = match loader {
        _ if made_by_go => Reason::Go,
        Some(Some(reason)) => reason,
        Some(None) => return Some(Judgement::Loadable),
        None if is_loader(file, scratch, parts.dynamic) => return Some(Judgement::Loadable),
        None => Reason::Static,
    };
    Some(Judgement::NotLoadable(reason))
}

/// Whether the header is for another kind of machine.
fn foreign(head: &[u8]) -> Option<Reason> {
    let is_x86_64 = u16_at(head, 18) == Some(MACHINE_X86_64);
    let is_little = head.get(5) == Some(&LITTLE_ENDIAN);
    let is_i386 = u16_at(head, 18) == Some(3) && is_little;
    match head.get(4) {
        Some(&CLASS_64) if is_x86_64 && is_little => None,
        Some(&CLASS_64) => Some(Reason::OtherCpu),
        // x32 programs have this machine in a 32-bit file.
        _ if is_x86_64 || is_i386 => Some(Reason::Bits32),
        _ => Some(Reason::OtherCpu),
    }
}

/// Walks the program headers, several per read.
fn collect(file: &impl ReadAt, scratch: &mut Scratch, table: u64, count: u16) -> Option<Parts> {
    let mut parts = Parts::default();
    let mut index = 0;
    while index < count {
        let bytes = file.read_at(table.checked_add(u64::from(index) * HEADER_LEN)?, scratch);
        let (entries, _) = bytes.as_chunks::<{ HEADER_LEN as usize }>();
        for entry in entries.iter().take(usize::from(count - index)) {
            note_entry(&mut parts, entry)?;
            index += 1;
        }
        if entries.is_empty() {
            return None;
        }
    }
    Some(parts)
}

fn note_entry(parts: &mut Parts, entry: &[u8]) -> Option<()> {
    let span = Span {
        offset: u64_at(entry, 8)?,
        len: u64_at(entry, 32)?,
    };
    match u32_at(entry, 0)? {
        PT_INTERP => parts.interp = Some(span),
        PT_DYNAMIC => parts.dynamic = Some(span),
        PT_NOTE => {
            if let Some(free) = parts.notes.iter_mut().find(|slot| slot.is_none()) {
                *free = Some(span);
            }
        }
        _ => {}
    }
    Some(())
}

/// Why the loader named by PT_INTERP will not do; `None` if it is glibc's. Known by its file name,
/// because systems such as Nix and Guix keep it in folders of their own.
fn loader(file: &impl ReadAt, scratch: &mut Scratch, span: Span) -> Option<Reason> {
    let path = until_nul(file.read_at(span.offset, scratch));
    let name = file_name(path);
    if name.starts_with(b"ld-linux-x86-64") {
        None
    } else if name.starts_with(b"ld-musl") {
        Some(Reason::Musl)
    } else {
        Some(Reason::OtherLoader)
    }
}

/// Whether this is glibc's loader itself, which can be run as a program with another one as its
/// argument. Told from a static-PIE by its DT_SONAME.
fn is_loader(file: &impl ReadAt, scratch: &mut Scratch, dynamic: Option<Span>) -> bool {
    let Some(span) = dynamic else { return false };
    let (mut strings, mut soname) = (None, None);
    let mut at = 0;
    while at < span.len.min(DYNAMIC_MAX) {
        let bytes = file.read_at(span.offset.saturating_add(at), scratch);
        if bytes.len() < 16 {
            break;
        }
        let (entries, _) = bytes.as_chunks::<16>();
        for entry in entries {
            match u64_at(entry, 0) {
                Some(DT_STRTAB) => strings = u64_at(entry, 8),
                Some(DT_SONAME) => soname = u64_at(entry, 8),
                _ => {}
            }
        }
        at = at.saturating_add(entries.len() as u64 * 16);
    }
    // Addresses equal offsets in the first segment, where a loader has its strings.
    let (Some(strings), Some(soname)) = (strings, soname) else {
        return false;
    };
    file.read_at(strings.saturating_add(soname), scratch)
        .starts_with(b"ld-linux-x86-64")
}

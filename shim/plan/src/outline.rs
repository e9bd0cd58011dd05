//! The outline of an ELF module, from its file or from its mapping: program headers, loadable segments, build id.
//!
//! What is read of each module before anybody knows whether there is anything to plan; [`Image`] reads the rest.
//! Must never read outside the slices it was given, and never panic.

use crate::image::Image;
use crate::{bytes, dynamic};
use std::fmt;

pub(crate) const PT_LOAD: u32 = 1;
pub(crate) const PT_DYNAMIC: u32 = 2;
const PT_NOTE: u32 = 4;
const PF_X: u32 = 1;
const PF_W: u32 = 2;
const PHDR_SIZE: usize = 56;
const NT_GNU_BUILD_ID: u32 = 3;
/// User addresses end here; sums of two smaller values cannot overflow.
const ADDRESS_LIMIT: u64 = 1 << 47;

/// Why a module cannot be planned at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanError {
    /// Not a 64-bit little-endian ELF file for x86-64.
    NotX86_64Elf,
    /// A header points outside the file or outside what is mapped.
    Truncated,
    /// Loadable segments overlap, are out of order, or lie at impossible addresses.
    BadSegments,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PlanError::NotX86_64Elf => "not a 64-bit x86-64 ELF file; give the path of a shared library or program for this processor",
            PlanError::Truncated => "the ELF file is cut short; reinstall the package it belongs to",
            PlanError::BadSegments => "the ELF program headers contradict each other; reinstall the package it belongs to",
        })
    }
}

impl std::error::Error for PlanError {}

/// One loadable segment: its address before relocation and its bytes as far as the file fills them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub vaddr: u64,
    pub bytes: &'a [u8],
    pub executable: bool,
    pub writable: bool,
    /// The segment begins with the ELF header, so its first bytes are no code.
    pub has_headers: bool,
}

impl Segment<'_> {
    pub fn end(&self) -> u64 {
        self.vaddr + self.bytes.len() as u64
    }
}

/// The least that must be read of a module to know whether there is anything to plan: its executable segments, its build
/// id, and whether its text is written to when it is relocated. Costs next to nothing, however large the module.
#[derive(Debug)]
pub struct Outline<'a> {
    phdrs: Vec<Phdr>,
    segments: Vec<Segment<'a>>,
    build_id: Option<&'a [u8]>,
    text_relocations: bool,
}

impl<'a> Outline<'a> {
    /// Reads the headers of an ELF file.
    ///
    /// # Errors
    /// If it is no x86-64 ELF file, is cut short, or has contradictory program headers.
    pub fn from_file(file: &'a [u8]) -> Result<Outline<'a>, PlanError> {
        let phdrs = file_phdrs(file)?;
        Outline::build(phdrs, |phdr| {
            let bytes = bytes::slice(file, phdr.offset, phdr.filesz);
            bytes.ok_or(PlanError::Truncated).map(Some)
        })
    }

    /// Of a mapped module; the arguments are those of [`Image::from_segments`].
    ///
    /// # Errors
    /// As [`Image::from_segments`].
    pub fn from_segments(
        phdrs: &[u8],
        segment: impl Fn(u64, usize) -> Option<&'a [u8]>,
    ) -> Result<Outline<'a>, PlanError> {
        Outline::build(parse_phdrs(phdrs), mapped(segment))
    }

    fn build(
        phdrs: Vec<Phdr>,
        content: impl Fn(&Phdr) -> Result<Option<&'a [u8]>, PlanError>,
    ) -> Result<Outline<'a>, PlanError> {
        let segments = load_segments(&phdrs, content)?;
        let at = |phdr: &Phdr| {
            let segment = segments
                .iter()
                .find(|segment| phdr.vaddr >= segment.vaddr && phdr.vaddr < segment.end())?;
            bytes::slice(segment.bytes, phdr.vaddr - segment.vaddr, phdr.filesz)
        };
        let of_kind = |kind: u32| phdrs.iter().filter(move |phdr| phdr.kind == kind);
        let build_id = of_kind(PT_NOTE).find_map(|phdr| find_build_id(at(phdr)?));
        let text_relocations =
            of_kind(PT_DYNAMIC).any(|phdr| at(phdr).is_some_and(dynamic::writes_text));
        Ok(Outline {
            phdrs,
            segments,
            build_id,
            text_relocations,
        })
    }

    /// The GNU build id, if the module carries one.
    pub fn build_id(&self) -> Option<&'a [u8]> {
        self.build_id
    }

    /// Whether ld.so(8) changes the text of this module after it has mapped it (DT_TEXTREL).
    pub fn text_relocations(&self) -> bool {
        self.text_relocations
    }

    /// Whether the executable segments contain the bytes of a `syscall` instruction at all, as code or by chance.
    pub fn has_syscall_bytes(&self) -> bool {
        has_syscall_bytes(&self.segments)
    }

    /// The executable segments: unrelocated address and bytes.
    pub fn code(&self) -> impl Iterator<Item = (u64, &'a [u8])> {
        self.segments
            .iter()
            .filter(|segment| segment.executable)
            .map(|segment| (segment.vaddr, segment.bytes))
    }

    /// All that planning needs.
    pub fn image(self) -> Image<'a> {
        Image::read(&self.phdrs, self.segments, self.build_id)
    }
}

/// Whether an executable segment holds the bytes of a `syscall` instruction.
pub(crate) fn has_syscall_bytes(segments: &[Segment<'_>]) -> bool {
    segments
        .iter()
        .filter(|segment| segment.executable)
        .any(|segment| memchr::memmem::find(segment.bytes, &[0x0f, 0x05]).is_some())
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Phdr {
    pub kind: u32,
    flags: u32,
    offset: u64,
    pub vaddr: u64,
    pub filesz: u64,
}

fn file_phdrs(file: &[u8]) -> Result<Vec<Phdr>, PlanError> {
    let is_ours = file.starts_with(b"\x7fELF\x02\x01") && bytes::u16(file, 18) == Some(62);
    if !is_ours {
        return Err(PlanError::NotX86_64Elf);
    }
    let read = || -> Option<(u64, u16, u16)> {
        Some((
            bytes::u64(file, 32)?,
            bytes::u16(file, 54)?,
            bytes::u16(file, 56)?,
        ))
    };
    let (offset, entry_size, count) = read().ok_or(PlanError::Truncated)?;
    if usize::from(entry_size) != PHDR_SIZE {
        return Err(PlanError::NotX86_64Elf);
    }
    let table = bytes::slice(file, offset, u64::from(count) * PHDR_SIZE as u64)
        .ok_or(PlanError::Truncated)?;
    Ok(parse_phdrs(table))
}

/// The bytes of a mapped segment. If they cannot be read, an executable segment is an error; others only add knowledge.
fn mapped<'a>(
    segment: impl Fn(u64, usize) -> Option<&'a [u8]>,
) -> impl Fn(&Phdr) -> Result<Option<&'a [u8]>, PlanError> {
    move |phdr| {
        let len = usize::try_from(phdr.filesz).map_err(|_| PlanError::BadSegments)?;
        match segment(phdr.vaddr, len).and_then(|bytes| bytes.get(..len)) {
            None if phdr.flags & PF_X != 0 => Err(PlanError::Truncated),
            bytes => Ok(bytes),
        }
    }
}

fn parse_phdrs(table: &[u8]) -> Vec<Phdr> {
    let parse = |raw: &[u8]| {
        Some(Phdr {
            kind: bytes::u32(raw, 0)?,
            flags: bytes::u32(raw, 4)?,
            offset: bytes::u64(raw, 8)?,
            vaddr: bytes::u64(raw, 16)?,
            filesz: bytes::u64(raw, 32)?,
        })
    };
    table.chunks_exact(PHDR_SIZE).filter_map(parse).collect()
}

fn load_segments<'a>(
    phdrs: &[Phdr],
    content: impl Fn(&Phdr) -> Result<Option<&'a [u8]>, PlanError>,
) -> Result<Vec<Segment<'a>>, PlanError> {
    let mut segments: Vec<Segment<'a>> = Vec::new();
    for phdr in phdrs
        .iter()
        .filter(|phdr| phdr.kind == PT_LOAD && phdr.filesz > 0)
    {
        if phdr.vaddr >= ADDRESS_LIMIT || phdr.filesz >= ADDRESS_LIMIT {
            return Err(PlanError::BadSegments);
        }
        if segments.last().is_some_and(|last| phdr.vaddr < last.end()) {
            return Err(PlanError::BadSegments);
        }
        let Some(bytes) = content(phdr)? else {
            continue;
        };
        let executable = phdr.flags & PF_X != 0;
        segments.push(Segment {
            vaddr: phdr.vaddr,
            bytes,
            executable,
            writable: phdr.flags & PF_W != 0,
            has_headers: phdr.offset == 0,
        });
    }
    Ok(segments)
}

fn find_build_id(mut notes: &[u8]) -> Option<&[u8]> {
    let padded = |len: u32| (len as usize).checked_add(3).map(|len| len & !3);
    while notes.len() >= 12 {
        let (name_len, id_len, kind) = (
            bytes::u32(notes, 0)?,
            bytes::u32(notes, 4)?,
            bytes::u32(notes, 8)?,
        );
        let id_at = padded(name_len)?.checked_add(12)?;
        if kind == NT_GNU_BUILD_ID && notes.get(12..16) == Some(b"GNU\0") {
            return notes
                .get(id_at..id_at.checked_add(id_len as usize)?)
                .filter(|id| !id.is_empty());
        }
        notes = notes.get(id_at.checked_add(padded(id_len)?)?..)?;
    }
    None
}

//! What the planner knows of one ELF module, from its file or from its mapping.
//!
//! Built by the shim and the launcher; read by every later step. Only program headers are trusted, because a mapped
//! module has no section headers; a file's `.symtab` is used in addition where it was not stripped.
//! Must never read outside the slices it was given, and never panic.

use crate::outline::{Outline, PT_DYNAMIC, Phdr, PlanError, Segment};
use crate::{bytes, dynamic, unwind};

const PT_GNU_EH_FRAME: u32 = 0x6474_e550;
const PT_GNU_RELRO: u32 = 0x6474_e552;
const SHT_SYMTAB: u32 = 2;

/// A function as symbol tables or unwind tables give it; `end == start` if the size is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    pub start: u64,
    pub end: u64,
}

/// A module, parsed as far as planning needs it.
#[derive(Debug)]
pub struct Image<'a> {
    pub(crate) segments: Vec<Segment<'a>>,
    /// Function symbols inside executable segments, sorted by start.
    pub(crate) functions: Vec<Range>,
    /// Unwind ranges inside executable segments, sorted by start; signal frames left out.
    pub(crate) frames: Vec<Range>,
    /// Start of an unwind range and address of its exception table, sorted.
    pub(crate) exception_tables: Vec<(u64, u64)>,
    /// Addresses inside executable segments that relocations write into data.
    pub(crate) pointers: Vec<u64>,
    /// Linked to run at fixed addresses: plain immediates may be code addresses.
    pub(crate) fixed_address: bool,
    build_id: Option<&'a [u8]>,
}

impl<'a> Image<'a> {
    /// Reads the bytes of an ELF file.
    ///
    /// # Errors
    /// If it is no x86-64 ELF file, is cut short, or has contradictory program headers.
    pub fn from_file(file: &'a [u8]) -> Result<Image<'a>, PlanError> {
        let mut image = Outline::from_file(file)?.image();
        image.add_symtab(file);
        Ok(image)
    }

    /// Reads a mapped module. `phdrs` is its raw `Elf64_Phdr` array; `segment` gives the bytes at an unrelocated
    /// address, where they are mapped, or `None` if they cannot be read. It is asked once for each non-empty loadable
    /// segment. Of writable segments only the dynamic section and read-only-after-relocation data are looked at.
    ///
    /// # Errors
    /// If `segment` refuses an executable segment, or the program headers contradict each other. Other segments only
    /// add knowledge.
    pub fn from_segments(
        phdrs: &[u8],
        segment: impl Fn(u64, usize) -> Option<&'a [u8]>,
    ) -> Result<Image<'a>, PlanError> {
        Ok(Outline::from_segments(phdrs, segment)?.image())
    }

    /// The GNU build id, if the module carries one.
    pub fn build_id(&self) -> Option<&[u8]> {
        self.build_id
    }

    pub(crate) fn read(
        phdrs: &[Phdr],
        segments: Vec<Segment<'a>>,
        build_id: Option<&'a [u8]>,
    ) -> Image<'a> {
        let fixed_address = segments
            .first()
            .is_some_and(|segment| segment.vaddr >= 0x1_0000);
        let mut image = Image {
            segments,
            functions: Vec::new(),
            frames: Vec::new(),
            exception_tables: Vec::new(),
            pointers: Vec::new(),
            fixed_address,
            build_id,
        };
        let relro = phdrs
            .iter()
            .find(|phdr| phdr.kind == PT_GNU_RELRO)
            .map(|phdr| Range {
                start: phdr.vaddr,
                end: phdr.vaddr.saturating_add(phdr.filesz),
            });
        for phdr in phdrs {
            match phdr.kind {
                PT_DYNAMIC => dynamic::read(&mut image, phdr.vaddr, phdr.filesz, relro),
                PT_GNU_EH_FRAME => {
                    let frames = unwind::read(&image, phdr.vaddr);
                    (image.frames, image.exception_tables) =
                        (frames.ranges, frames.exception_tables);
                }
                _ => {}
            }
        }
        image.functions.sort_unstable();
        image.functions.dedup();
        image
    }

    /// `len` bytes at an unrelocated address, if one segment holds them all.
    pub(crate) fn at(&self, vaddr: u64, len: u64) -> Option<&'a [u8]> {
        bytes::slice(self.from(vaddr)?, 0, len)
    }

    /// All bytes from an unrelocated address to the end of its segment.
    pub(crate) fn from(&self, vaddr: u64) -> Option<&'a [u8]> {
        let segment = self
            .segments
            .iter()
            .find(|segment| vaddr >= segment.vaddr && vaddr < segment.end())?;
        segment.bytes.get((vaddr - segment.vaddr) as usize..)
    }

    pub(crate) fn code(&self) -> impl Iterator<Item = &Segment<'a>> {
        self.segments.iter().filter(|segment| segment.executable)
    }

    pub(crate) fn is_code(&self, vaddr: u64) -> bool {
        self.code()
            .any(|segment| vaddr >= segment.vaddr && vaddr < segment.end())
    }

    /// Whether some function's stated range holds `address`.
    pub(crate) fn is_in_function(&self, address: u64) -> bool {
        let holds =
            |ranges: &[Range]| last_start(ranges, address).is_some_and(|range| address < range.end);
        holds(&self.frames) || holds(&self.functions)
    }

    /// Where the function that begins at `start` ends, as far as tables tell; `start` itself if they do not.
    pub(crate) fn known_end(&self, start: u64) -> u64 {
        let end = |ranges: &[Range]| last_start(ranges, start).map_or(start, |range| range.end);
        end(&self.frames).max(end(&self.functions)).max(start)
    }

    /// Undoes relocation: ld.so adds the load bias to some addresses in mapped tables. The bias is seen from where the
    /// bytes lie, so no caller has to know it.
    pub(crate) fn unrelocated(&self, address: u64) -> u64 {
        let inside = |address| {
            self.segments
                .iter()
                .any(|segment| address >= segment.vaddr && address <= segment.end())
        };
        let Some(first) = self.segments.first() else {
            return address;
        };
        let bias = (first.bytes.as_ptr() as u64).wrapping_sub(first.vaddr);
        let without = address.wrapping_sub(bias);
        if !inside(address) && inside(without) {
            without
        } else {
            address
        }
    }

    fn add_symtab(&mut self, file: &[u8]) {
        let read =
            || -> Option<(u64, u16)> { Some((bytes::u64(file, 40)?, bytes::u16(file, 60)?)) };
        let Some((offset, count)) = read() else {
            return;
        };
        for index in 0..u64::from(count) {
            let Some(header) = offset
                .checked_add(index * 64)
                .and_then(|at| bytes::slice(file, at, 64))
            else {
                break;
            };
            if bytes::u32(header, 4) != Some(SHT_SYMTAB) {
                continue;
            }
            let table = (bytes::u64(header, 24), bytes::u64(header, 32));
            if let (Some(at), Some(len)) = table
                && let Some(table) = bytes::slice(file, at, len)
            {
                dynamic::add_symbols(self, table);
            }
        }
        self.functions.sort_unstable();
        self.functions.dedup();
    }
}

/// The last range that begins at or before `address`; `ranges` are sorted.
pub(crate) fn last_start(ranges: &[Range], address: u64) -> Option<Range> {
    ranges[..ranges.partition_point(|range| range.start <= address)]
        .last()
        .copied()
}

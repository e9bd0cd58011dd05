//! One ELF module as ld.so(8) sees it: its loader, what it needs, where it looks for that, its build id.
//!
//! Called by `target`, `libc` and `check`. Reads headers, the dynamic section and notes by their
//! offsets, never a whole file: a libc is 2 MB and a start must stay cheap. Input is untrusted; what
//! does not parse is left out, because the loader will complain itself.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use object::LittleEndian;
use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_STRTAB, FileHeader64, PT_LOAD};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::read::{ReadCache, ReadRef};

const LE: LittleEndian = LittleEndian;
const NT_GNU_BUILD_ID: u32 = 3;

type Header = FileHeader64<LittleEndian>;
type Segment = object::elf::ProgramHeader64<LittleEndian>;

/// What the headers say.
#[derive(Debug, Default)]
pub struct Module {
    /// PT_INTERP: the loader.
    pub loader: Option<PathBuf>,
    /// DT_NEEDED, in order.
    pub needed: Vec<OsString>,
    /// DT_RUNPATH: folders separated by colons, searched after LD_LIBRARY_PATH.
    pub runpath: Option<OsString>,
    /// DT_RPATH, which only counts without a RUNPATH: searched before LD_LIBRARY_PATH.
    pub rpath: Option<OsString>,
    /// The GNU build id; empty if there is none.
    pub build_id: Vec<u8>,
}

impl Module {
    /// Reads the module at `path`; `None` if it cannot be opened or is no 64-bit little-endian ELF file.
    pub fn read(path: &Path) -> Option<Self> {
        let cache = ReadCache::new(File::open(path).ok()?);
        parse(&cache)
    }

    /// The build id in hexadecimal digits, as gdb and file(1) show it.
    pub fn build_id_hex(&self) -> String {
        self.build_id.iter().map(|b| format!("{b:02x}")).collect()
    }
}

fn parse<'d>(data: impl ReadRef<'d>) -> Option<Module> {
    let header = Header::parse(data).ok()?;
    let segments = header.program_headers(LE, data).ok()?;
    let mut module = Module::default();
    for segment in segments {
        if let Ok(Some(path)) = segment.interpreter(LE, data) {
            module.loader = Some(PathBuf::from(OsStr::from_bytes(path)));
        }
        if let Ok(Some(entries)) = segment.dynamic(LE, data) {
            read_dynamic(&mut module, entries, segments, data);
        }
        if let Ok(Some(mut notes)) = segment.notes(LE, data) {
            while let Ok(Some(note)) = notes.next() {
                if note.n_type(LE) == NT_GNU_BUILD_ID && note.name() == b"GNU" {
                    module.build_id = note.desc().to_vec();
                }
            }
        }
    }
    Some(module)
}

fn read_dynamic<'d>(
    module: &mut Module,
    entries: &[object::elf::Dyn64<LittleEndian>],
    segments: &[Segment],
    data: impl ReadRef<'d>,
) {
    let value = |tag| {
        entries
            .iter()
            .find(|e| e.tag32(LE) == Some(tag))
            .map(|e| e.d_val(LE))
    };
    let Some(strings) = value(DT_STRTAB).and_then(|address| file_offset(segments, address)) else {
        return;
    };
    let text = |offset: u64| {
        let start = strings.checked_add(offset)?;
        let end = data.len().ok()?;
        let bytes = data.read_bytes_at_until(start..end, 0).ok()?;
        Some(OsStr::from_bytes(bytes).to_owned())
    };
    module.needed = entries
        .iter()
        .filter(|e| e.tag32(LE) == Some(DT_NEEDED))
        .filter_map(|e| text(e.d_val(LE)))
        .collect();
    module.runpath = value(DT_RUNPATH).and_then(text);
    module.rpath = value(DT_RPATH)
        .filter(|_| module.runpath.is_none())
        .and_then(text);
}

/// Where in the file the byte at this address lies.
fn file_offset(segments: &[Segment], address: u64) -> Option<u64> {
    segments
        .iter()
        .filter(|s| s.p_type(LE) == PT_LOAD)
        .find_map(|s| {
            let into = address.checked_sub(s.p_vaddr(LE))?;
            (into < s.p_filesz(LE)).then(|| s.p_offset(LE).checked_add(into))?
        })
}

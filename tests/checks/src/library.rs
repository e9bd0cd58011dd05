//! `liblichen.so` as a file: functions, dynamic symbols, and where its pointers point.
//!
//! Callers: everything else in this package. It only reads; it builds nothing and loads nothing.

use object::{
    Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind, SymbolKind, SymbolSection,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

type File<'d> = object::read::elf::ElfFile64<'d, object::LittleEndian>;

/// A function of the library.
#[derive(Clone, Debug)]
pub struct Function {
    /// Demangled, without the hash.
    pub name: String,
    pub code: Range<u64>,
}

/// Where a pointer in the library's data points once ld.so has relocated it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pointer {
    /// To an address of the library itself.
    Here(u64),
    /// To another library's symbol.
    Elsewhere(String),
}

/// The library, taken apart.
pub struct Library {
    bytes: Vec<u8>,
    sections: Vec<(String, Range<u64>, usize)>,
    functions: BTreeMap<u64, Function>,
    pointers: BTreeMap<u64, Pointer>,
    /// Address and size of every symbol by its unmangled name, the asm's labels among them.
    symbols: BTreeMap<String, (u64, u64)>,
    /// Dynamic symbols that the library wants from others.
    pub undefined: BTreeSet<String>,
    /// Dynamic symbols that it offers.
    pub exported: BTreeSet<String>,
}

/// Cargo's target folder: `CARGO_TARGET_DIR`, else `target/` in the root of the repository.
fn target() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root.join(dir),
        None => root.join("target"),
    }
}

impl Library {
    /// Opens the release build.
    ///
    /// # Errors
    /// One line that names the remedy.
    pub fn release() -> Result<Library, String> {
        let path = target().join("release/liblichen.so");
        let bytes = std::fs::read(&path).map_err(|e| {
            let path = path.display();
            format!("{path}: {e}: run scripts/test, or `cargo build --release -p lichen-shim`")
        })?;
        Library::parse(bytes).map_err(|e| format!("{}: {e}", path.display()))
    }

    fn parse(bytes: Vec<u8>) -> Result<Library, String> {
        let file = File::parse(&*bytes).map_err(|e| e.to_string())?;
        let sections = file
            .sections()
            .filter(|s| s.address() != 0 && s.kind() != SectionKind::UninitializedData)
            .map(|s| {
                let name = s.name().unwrap_or_default().to_owned();
                let at = s.file_range().map_or(0, |(at, _)| at as usize);
                (name, s.address()..s.address() + s.size(), at)
            })
            .collect();
        let mut library = Library {
            sections,
            functions: functions(&file),
            pointers: pointers(&file),
            symbols: file
                .symbols()
                .chain(file.dynamic_symbols())
                .filter(|s| s.is_definition())
                .filter_map(|s| Some((s.name().ok()?.to_owned(), (s.address(), s.size()))))
                .collect(),
            undefined: BTreeSet::new(),
            exported: BTreeSet::new(),
            bytes: Vec::new(),
        };
        for symbol in file.dynamic_symbols() {
            let name = symbol.name().unwrap_or_default().to_owned();
            if symbol.is_undefined() {
                library.undefined.insert(name);
            } else {
                library.exported.insert(name);
            }
        }
        if library.functions.is_empty() {
            return Err("it has no symbol table; is it stripped?".into());
        }
        drop(file);
        library.bytes = bytes;
        Ok(library)
    }

    /// All functions, in order of address.
    pub fn functions(&self) -> impl Iterator<Item = &Function> {
        self.functions.values()
    }

    /// The function that `address` lies in.
    pub fn function_at(&self, address: u64) -> Option<&Function> {
        let (_, function) = self.functions.range(..=address).next_back()?;
        function.code.contains(&address).then_some(function)
    }

    /// The address of a symbol by its name as the linker knows it.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        self.symbols.get(name).map(|&(at, _)| at)
    }

    /// The table of supported calls, as text.
    ///
    /// # Errors
    /// When the library has none: it is older than the table.
    pub fn support(&self) -> Result<&[u8], String> {
        let symbol = crate::support::SYMBOL;
        let found = self.symbols.get(symbol);
        let bytes = found.and_then(|&(at, size)| self.bytes_at(at..at + size));
        bytes.ok_or_else(|| format!("liblichen.so has no {symbol}; build it again"))
    }

    /// The range of the data object that `address` lies in, if it has a symbol.
    pub fn object_at(&self, address: u64) -> Option<Range<u64>> {
        let holds = |&&(at, size): &&(u64, u64)| (at..at + size).contains(&address);
        let &(at, size) = self.symbols.values().find(holds)?;
        Some(at..at + size)
    }

    /// The bytes of a range of addresses; `None` if the file does not hold it.
    pub fn bytes_at(&self, range: Range<u64>) -> Option<&[u8]> {
        let (_, section, at) = self
            .sections
            .iter()
            .find(|(_, s, _)| s.contains(&range.start) && range.end <= s.end)?;
        let from = at + (range.start - section.start) as usize;
        self.bytes
            .get(from..from + (range.end - range.start) as usize)
    }

    /// The word of data at `address`, as in the file.
    pub fn word_at(&self, address: u64) -> Option<u64> {
        let bytes = self.bytes_at(address..address + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    }

    /// Where the pointer at `address` points.
    pub fn pointer_at(&self, address: u64) -> Option<&Pointer> {
        self.pointers.get(&address)
    }

    /// The range of a section.
    pub fn section(&self, name: &str) -> Option<Range<u64>> {
        let found = self.sections.iter().find(|(n, _, _)| n == name)?;
        Some(found.1.clone())
    }

    /// The name of the section that holds `address`.
    pub fn section_of(&self, address: u64) -> &str {
        let found = self.sections.iter().find(|(_, s, _)| s.contains(&address));
        found.map_or("", |(name, _, _)| name)
    }
}

/// A symbol's name as people write it.
fn plain(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// Functions by their symbols. Asm labels without a size reach to the next symbol.
fn functions(file: &File<'_>) -> BTreeMap<u64, Function> {
    let text = |s: &object::read::elf::ElfSymbol64<'_, '_, object::LittleEndian>| {
        let section = match s.section() {
            SymbolSection::Section(index) => file.section_by_index(index).ok(),
            _ => None,
        };
        section.filter(|s| s.kind() == SectionKind::Text)
    };
    let mut sized = BTreeMap::new();
    let mut labels = BTreeMap::new();
    for symbol in file.symbols() {
        let (Some(section), Ok(name)) = (text(&symbol), symbol.name()) else {
            continue;
        };
        let start = symbol.address();
        if symbol.size() > 0 && symbol.kind() == SymbolKind::Text {
            let code = start..start + symbol.size();
            sized.insert(
                start,
                Function {
                    name: plain(name),
                    code,
                },
            );
        } else if !name.is_empty() {
            labels.insert(start, (plain(name), section.address() + section.size()));
        }
    }
    let starts: BTreeSet<u64> = sized.keys().chain(labels.keys()).copied().collect();
    for (start, (name, end)) in labels {
        let inside = sized
            .range(..=start)
            .next_back()
            .is_some_and(|(_, f)| f.code.contains(&start));
        if !inside {
            let next = starts.range(start + 1..).next().copied().unwrap_or(end);
            let code = start..next.min(end);
            sized.insert(start, Function { name, code });
        }
    }
    sized
}

fn pointers(file: &File<'_>) -> BTreeMap<u64, Pointer> {
    let names: Vec<(String, bool, u64)> = file
        .dynamic_symbols()
        .map(|s| {
            (
                s.name().unwrap_or_default().to_owned(),
                s.is_undefined(),
                s.address(),
            )
        })
        .collect();
    // Index 0 is the null symbol, which the iterator leaves out.
    let symbol = |index: usize| index.checked_sub(1).and_then(|i| names.get(i));
    let mut found = BTreeMap::new();
    for (at, relocation) in file.dynamic_relocations().into_iter().flatten() {
        let pointer = match relocation.target() {
            RelocationTarget::Symbol(index) => match symbol(index.0) {
                Some((name, true, _)) => Pointer::Elsewhere(name.clone()),
                Some((_, false, address)) => {
                    Pointer::Here(address.wrapping_add_signed(relocation.addend()))
                }
                None => continue,
            },
            _ => Pointer::Here(relocation.addend() as u64),
        };
        found.insert(at, pointer);
    }
    found
}

//! The instructions of entry and exit: the section `lichen_doors` of the library's file, cut by its symbols.

use iced_x86::{Decoder, DecoderOptions, Mnemonic};
use object::{Object, ObjectSection, ObjectSymbol};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

type Result<T> = std::result::Result<T, String>;

/// Entry and exit of the library, by addresses as the file has them.
pub struct Section {
    pub range: Range<u64>,
    /// Where each instruction begins, without those that are never run (int3 and nop between functions, ud2).
    pub instructions: BTreeSet<u64>,
    symbols: BTreeMap<u64, String>,
    sizes: BTreeMap<String, u64>,
}

impl Section {
    /// Reads it from the library at `path`.
    ///
    /// # Errors
    /// One line when there is no such section, or no symbols (a stripped library).
    pub fn read(path: &Path) -> Result<Section> {
        let bytes =
            std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        let file = object::File::parse(&*bytes).map_err(|e| format!("{}: {e}", path.display()))?;
        let section = file
            .section_by_name("lichen_doors")
            .ok_or("the library has no section lichen_doors")?;
        let text = section.data().map_err(|e| e.to_string())?;
        let range = section.address()..section.address() + section.size();
        let symbols: BTreeMap<u64, String> = file
            .symbols()
            .filter(|s| range.contains(&s.address()))
            .filter_map(|s| Some((s.address(), s.name().ok()?.to_owned())))
            .filter(|(_, name)| name.starts_with("lichen_"))
            .collect();
        let sizes = file
            .symbols()
            .filter(|s| range.contains(&s.address()))
            .filter_map(|s| Some((s.name().ok()?.to_owned(), s.size())))
            .collect();
        if symbols.is_empty() {
            return Err(
                "the library has no symbols: build it with `cargo build --release -p lichen-shim`"
                    .into(),
            );
        }
        let instructions = Decoder::with_ip(64, text, range.start, DecoderOptions::NONE)
            .into_iter()
            .filter(|i| !matches!(i.mnemonic(), Mnemonic::Nop | Mnemonic::Int3 | Mnemonic::Ud2))
            .map(|i| i.ip())
            .collect();
        Ok(Section {
            range,
            instructions,
            symbols,
            sizes,
        })
    }

    /// The address of a symbol.
    ///
    /// # Errors
    /// One line that names it when there is none.
    pub fn symbol(&self, name: &str) -> Result<u64> {
        let found = self.symbols.iter().find(|(_, n)| *n == name);
        found.map(|(at, _)| *at).ok_or(format!("no symbol {name}"))
    }

    /// An address in words: the symbol before it and the distance.
    pub fn name(&self, address: u64) -> String {
        match self.symbols.range(..=address).next_back() {
            Some((at, name)) => format!("{name}+{:#x}", address - at),
            None => format!("{address:#x}"),
        }
    }

    /// Instructions between two symbols.
    ///
    /// # Errors
    /// As [`Section::symbol`].
    pub fn between(&self, from: &str, to: &str) -> Result<BTreeSet<u64>> {
        let range = self.symbol(from)?..self.symbol(to)?;
        Ok(self.instructions.range(range).copied().collect())
    }

    /// The instructions of a function.
    ///
    /// # Errors
    /// As [`Section::symbol`].
    pub fn function(&self, name: &str) -> Result<BTreeSet<u64>> {
        let start = self.symbol(name)?;
        let end = start + self.sizes.get(name).copied().unwrap_or(0);
        Ok(self.instructions.range(start..end).copied().collect())
    }
}

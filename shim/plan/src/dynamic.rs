//! Function symbols and code pointers from the dynamic section.
//!
//! Called by `image` only. The dynamic section is all that a mapped module keeps of its symbol table; addresses in it
//! may already be relocated, which `Image::unrelocated` undoes. A damaged table yields less, never an error.

use crate::bytes;
use crate::image::{Image, Range};

const DT_PLTRELSZ: u64 = 2;
const DT_HASH: u64 = 4;
const DT_SYMTAB: u64 = 6;
const DT_RELA: u64 = 7;
const DT_RELASZ: u64 = 8;
const DT_INIT: u64 = 12;
const DT_FINI: u64 = 13;
const DT_TEXTREL: u64 = 22;
const DT_JMPREL: u64 = 23;
const DT_FLAGS: u64 = 30;
const DT_RELRSZ: u64 = 35;
const DT_RELR: u64 = 36;
const DT_GNU_HASH: u64 = 0x6fff_fef5;

const DF_TEXTREL: u64 = 4;

const SYMBOL_SIZE: usize = 24;
const RELA_SIZE: usize = 24;
const STT_NOTYPE: u8 = 0;
const STT_FUNC: u8 = 2;
const STT_GNU_IFUNC: u8 = 10;
const R_X86_64_RELATIVE: u32 = 8;
const R_X86_64_IRELATIVE: u32 = 37;

/// Whether the dynamic section says that relocations are applied to text.
pub fn writes_text(section: &[u8]) -> bool {
    section
        .chunks_exact(16)
        .map(|entry| (bytes::u64(entry, 0), bytes::u64(entry, 8)))
        .take_while(|&(tag, _)| tag != Some(0))
        .any(|(tag, value)| {
            tag == Some(DT_TEXTREL) || tag == Some(DT_FLAGS) && value.unwrap_or(0) & DF_TEXTREL != 0
        })
}

/// Adds what the dynamic section at `vaddr` tells to `image`.
pub fn read(image: &mut Image<'_>, vaddr: u64, len: u64, relro: Option<Range>) {
    let Some(section) = image.at(vaddr, len) else {
        return;
    };
    let tag = |wanted: u64| {
        let entry = section
            .chunks_exact(16)
            .take_while(|entry| bytes::u64(entry, 0) != Some(0))
            .find(|entry| bytes::u64(entry, 0) == Some(wanted))?;
        bytes::u64(entry, 8)
    };
    let address = |wanted: u64| tag(wanted).map(|value| image.unrelocated(value));

    let symbols = address(DT_SYMTAB).and_then(|at| image.from(at));
    let count = address(DT_GNU_HASH)
        .and_then(|at| gnu_hash_count(image.from(at)?))
        .or_else(|| bytes::u32(image.from(address(DT_HASH)?)?, 4));
    let relocations = [(DT_RELA, DT_RELASZ), (DT_JMPREL, DT_PLTRELSZ)]
        .map(|(at, len)| image.at(address(at)?, tag(len)?));
    let packed = address(DT_RELR).and_then(|at| image.at(at, tag(DT_RELRSZ)?));
    let entries = [address(DT_INIT), address(DT_FINI)];

    if let (Some(symbols), Some(count)) = (symbols, count) {
        let len = symbols
            .len()
            .min((count as usize).saturating_mul(SYMBOL_SIZE));
        add_symbols(image, &symbols[..len]);
    }
    for table in relocations.into_iter().flatten() {
        add_relocations(image, table);
    }
    if let (Some(packed), Some(relro)) = (packed, relro) {
        add_packed(image, packed, relro);
    }
    for entry in entries
        .into_iter()
        .flatten()
        .filter(|&entry| image.is_code(entry))
        .collect::<Vec<_>>()
    {
        image.functions.push(Range {
            start: entry,
            end: entry,
        });
    }
}

/// Adds the function symbols of a raw `Elf64_Sym` array that lie in code; untyped ones count as jump targets.
pub fn add_symbols(image: &mut Image<'_>, table: &[u8]) {
    for symbol in table.chunks_exact(SYMBOL_SIZE) {
        let kind = symbol[4] & 15;
        let (Some(section), Some(start), Some(size)) = (
            bytes::u16(symbol, 6),
            bytes::u64(symbol, 8),
            bytes::u64(symbol, 16),
        ) else {
            continue;
        };
        if section == 0 || !image.is_code(start) {
            continue;
        }
        match kind {
            STT_FUNC | STT_GNU_IFUNC => image.functions.push(Range {
                start,
                end: start.saturating_add(size),
            }),
            STT_NOTYPE => image.pointers.push(start),
            _ => {}
        }
    }
}

/// The number of dynamic symbols: one more than the last one in the last chain of the GNU hash table.
fn gnu_hash_count(table: &[u8]) -> Option<u32> {
    let (buckets, first, bloom_words) = (
        bytes::u32(table, 0)?,
        bytes::u32(table, 4)?,
        bytes::u32(table, 8)?,
    );
    let buckets_at = (bloom_words as usize).checked_mul(8)?.checked_add(16)?;
    let chains_at = (buckets as usize).checked_mul(4)?.checked_add(buckets_at)?;
    let last_chain = table
        .get(buckets_at..chains_at)?
        .chunks_exact(4)
        .filter_map(|word| bytes::u32(word, 0))
        .max()?;
    let mut last = last_chain.checked_sub(first)?;
    while bytes::u32(
        table,
        (last as usize).checked_mul(4)?.checked_add(chains_at)?,
    )? & 1
        == 0
    {
        last = last.checked_add(1)?;
    }
    last.checked_add(first)?.checked_add(1)
}

fn add_relocations(image: &mut Image<'_>, table: &[u8]) {
    for entry in table.chunks_exact(RELA_SIZE) {
        let (Some(kind), Some(addend)) = (bytes::u32(entry, 8), bytes::u64(entry, 16)) else {
            continue;
        };
        if matches!(kind, R_X86_64_RELATIVE | R_X86_64_IRELATIVE) && image.is_code(addend) {
            image.pointers.push(addend);
        }
    }
}

/// Packed relative relocations (DT_RELR) keep the pointer in place. Only read-only data is looked at: the rest may be
/// changing under us in a running program.
fn add_packed(image: &mut Image<'_>, table: &[u8], relro: Range) {
    let mut place = 0u64;
    let mut found = Vec::new();
    let mut note = |place: u64| {
        if (relro.start..relro.end).contains(&place)
            && let Some(word) = image.at(place, 8)
            && let Some(value) = bytes::u64(word, 0)
        {
            found.push(image.unrelocated(value));
        }
    };
    for entry in table.chunks_exact(8).filter_map(|word| bytes::u64(word, 0)) {
        if entry & 1 == 0 {
            note(entry);
            place = entry.wrapping_add(8);
        } else {
            for bit in (0..63).filter(|bit| entry >> (bit + 1) & 1 == 1) {
                note(place.wrapping_add(bit * 8));
            }
            place = place.wrapping_add(63 * 8);
        }
    }
    found.retain(|&pointer| image.is_code(pointer));
    image.pointers.append(&mut found);
}

//! Landing pads: where the unwinder enters a function to run its clean-up code.
//!
//! Called by `sweep` for the functions that hold sites. No instruction names these addresses, only the function's
//! exception table does, so a block that begins with one would look unreachable, and a window might cover one. libc
//! has them too: cancellation unwinds. Format: Itanium C++ ABI, exception tables, as gcc and clang write them.

use crate::bytes;
use crate::image::Image;

const OMITTED: u8 = 0xff;
const ULEB128: u8 = 0x01;
const UDATA4: u8 = 0x03;
/// More than any function has; bounds the work on hostile input.
const MAX_PADS: usize = 1 << 16;

/// The landing pads of the function whose unwind range begins at `start`.
pub fn pads(image: &Image<'_>, start: u64) -> Vec<u64> {
    let Ok(index) = image
        .exception_tables
        .binary_search_by_key(&start, |entry| entry.0)
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if let Some(table) = image.from(image.exception_tables[index].1) {
        let _ = read(table, start, &mut found);
    }
    found
}

/// Reads one table as far as it is well-formed.
fn read(table: &[u8], function: u64, found: &mut Vec<u64>) -> Option<()> {
    let mut at = 0;
    // A base of its own, other than the function's start, is rare and has an encoding of its own: not followed.
    if next_byte(table, &mut at)? != OMITTED {
        return None;
    }
    if next_byte(table, &mut at)? != OMITTED {
        uleb(table, &mut at)?;
    }
    let encoding = next_byte(table, &mut at)?;
    let len = usize::try_from(uleb(table, &mut at)?).ok()?;
    let end = at.checked_add(len)?.min(table.len());
    while at < end && found.len() < MAX_PADS {
        let mut field = || match encoding {
            ULEB128 => uleb(table, &mut at),
            UDATA4 => {
                let value = bytes::u32(table, at);
                at += 4;
                value.map(u64::from)
            }
            _ => None,
        };
        let (_start, _len, pad) = (field()?, field()?, field()?);
        uleb(table, &mut at)?; // what to do there
        if pad != 0 {
            found.push(function.wrapping_add(pad));
        }
    }
    Some(())
}

fn next_byte(bytes: &[u8], at: &mut usize) -> Option<u8> {
    let byte = *bytes.get(*at)?;
    *at += 1;
    Some(byte)
}

/// An unsigned LEB128 number, as DWARF writes it.
pub fn uleb(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    let mut shift = 0;
    loop {
        let byte = next_byte(bytes, at)?;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn pads_of_a_table_are_relative_to_the_function() {
        // no base, no types, uleb call sites: (0, 5, no pad), (5, 4, pad 0x90)
        let table = [0xff, 0xff, 0x01, 9, 0, 5, 0, 0, 5, 4, 0x90, 0x01, 0];
        let mut found = Vec::new();
        assert_eq!(super::read(&table, 0x1000, &mut found), Some(()));
        assert_eq!(found, [0x1090]);
    }

    #[test]
    fn a_cut_table_gives_what_is_there() {
        let mut found = Vec::new();
        assert_eq!(
            super::read(&[0xff, 0xff, 0x01, 9, 5, 4, 7, 0, 5], 0x1000, &mut found),
            None
        );
        assert_eq!(found, [0x1007]);
    }

    #[test]
    fn numbers_longer_than_a_word_do_not_overflow() {
        assert!(super::uleb(&[0xff; 40], &mut 0).is_none());
        assert!(super::uleb(&[&[0xff; 40][..], &[1]].concat(), &mut 0).is_some());
    }

    #[test]
    fn the_pads_of_libc_lie_in_their_functions() {
        let bytes = std::fs::read("/lib/x86_64-linux-gnu/libc.so.6").expect("readable");
        let image = crate::Image::from_file(&bytes).expect("an ELF file");
        let mut count = 0;
        for &(start, _) in &image.exception_tables {
            let range = crate::image::last_start(&image.frames, start).expect("its range");
            for pad in super::pads(&image, start) {
                assert!(
                    (range.start..range.end).contains(&pad),
                    "{pad:#x} of {start:#x}"
                );
                count += 1;
            }
        }
        assert!(count > 50, "{count}");
    }
}

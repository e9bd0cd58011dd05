//! Function ranges from the unwind tables (`.eh_frame_hdr` and `.eh_frame`).
//!
//! Called by `image` only. Stripped libraries keep these, so they are the second source of function starts.
//! A start from here is NOT always an instruction boundary: glibc begins the entry of its signal-return stub one byte
//! early, on purpose. Entries marked as signal frames are therefore left out. Format: LSB Core, chapter 10.6.

use crate::bytes;
use crate::image::{Image, Range};
use crate::landing::uleb;

/// `DW_EH_PE_datarel | DW_EH_PE_sdata4`, the only form of the search table that linkers write.
const TABLE_ENCODING: u8 = 0x3b;
const DW_EH_PE_UDATA4: u8 = 0x03;
/// `DW_EH_PE_pcrel | DW_EH_PE_sdata4`.
const PC_RELATIVE_4: u8 = 0x1b;

#[derive(Clone, Copy)]
struct Cie {
    at: u64,
    /// Bytes of one code address in the entries that belong to it: 4 or 8.
    width: u64,
    signal_frame: bool,
    /// Entries name an exception table, by a 4-byte distance from where the name stands.
    has_table: bool,
}

/// What the unwind tables tell of a module.
#[derive(Debug, Default)]
pub struct Frames {
    /// The ranges of all ordinary entries that lie in code, sorted by start.
    pub ranges: Vec<Range>,
    /// Start and exception table of those that have one, sorted.
    pub exception_tables: Vec<(u64, u64)>,
}

/// Reads the unwind tables whose search table lies at `header_at`; nothing if it has not the usual form.
pub fn read(image: &Image<'_>, header_at: u64) -> Frames {
    let mut frames = Frames::default();
    let _ = read_all(image, header_at, &mut frames);
    frames.ranges.sort_unstable();
    frames.ranges.dedup_by_key(|range| range.start);
    frames.exception_tables.sort_unstable();
    frames
}

fn read_all(image: &Image<'_>, header_at: u64, frames: &mut Frames) -> Option<()> {
    let header = image.from(header_at)?;
    let &[version, pointer, count_form, table_form] = header.first_chunk::<4>()?;
    if (version, count_form, table_form) != (1, DW_EH_PE_UDATA4, TABLE_ENCODING) {
        return None;
    }
    let count_at = 4 + usize::try_from(width(pointer)?).ok()?;
    let count = bytes::u32(header, count_at)?;
    let mut cie = None;
    for entry in header
        .get(count_at + 4..)?
        .chunks_exact(8)
        .take(count as usize)
    {
        let relative =
            |at| Some(header_at.wrapping_add_signed(i64::from(bytes::u32(entry, at)? as i32)));
        let _ = read_entry(image, &mut cie, relative(0)?, relative(4)?, frames);
    }
    Some(())
}

fn read_entry(
    image: &Image<'_>,
    last_cie: &mut Option<Cie>,
    start: u64,
    at: u64,
    frames: &mut Frames,
) -> Option<()> {
    let entry = image.from(at)?;
    let cie_at = at
        .checked_add(4)?
        .checked_sub(u64::from(bytes::u32(entry, 4)?))?;
    if last_cie.is_none_or(|cie| cie.at != cie_at) {
        *last_cie = read_cie(image.from(cie_at)?, cie_at);
    }
    let cie = (*last_cie)?;
    let len = if cie.width == 4 {
        u64::from(bytes::u32(entry, 12)?)
    } else {
        bytes::u64(entry, 16)?
    };
    let end = start.checked_add(len)?;
    if cie.signal_frame || len == 0 || !image.is_code(start) || !image.is_code(end - 1) {
        return None;
    }
    frames.ranges.push(Range { start, end });
    if cie.has_table {
        let mut place = 8 + 2 * usize::try_from(cie.width).ok()?;
        uleb(entry, &mut place)?; // length of what follows
        let distance = bytes::u32(entry, place)?;
        let table = at
            .wrapping_add(place as u64)
            .wrapping_add_signed(i64::from(distance as i32));
        if distance != 0 {
            frames.exception_tables.push((start, table));
        }
    }
    Some(())
}

fn read_cie(cie: &[u8], at: u64) -> Option<Cie> {
    let augmentation = cie.get(9..)?;
    let augmentation = augmentation.get(..augmentation.iter().position(|&byte| byte == 0)?)?;
    let mut read = Cie {
        at,
        width: 8,
        signal_frame: augmentation.contains(&b'S'),
        has_table: false,
    };
    if augmentation.first() != Some(&b'z') {
        return Some(read);
    }
    let mut next = 9 + augmentation.len() + 1;
    for _ in [
        "code alignment",
        "data alignment",
        "return address column",
        "length of what follows",
    ] {
        uleb(cie, &mut next)?;
    }
    for letter in augmentation[1..]
        .iter()
        .filter(|letter| b"RLP".contains(letter))
    {
        let encoding = bytes::u8(cie, next)?;
        next += 1;
        match letter {
            b'R' => read.width = width(encoding)?,
            b'L' => read.has_table = encoding == PC_RELATIVE_4,
            _ => next += usize::try_from(width(encoding)?).ok()?,
        }
    }
    Some(read)
}

fn width(encoding: u8) -> Option<u64> {
    match encoding & 0x0f {
        0x00 | 0x04 | 0x0c => Some(8),
        0x03 | 0x0b => Some(4),
        _ => None,
    }
}

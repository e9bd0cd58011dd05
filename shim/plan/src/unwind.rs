//! Function ranges from the unwind tables (`.eh_frame_hdr` and `.eh_frame`).
//!
//! Called by `image` only. Stripped libraries keep these, so they are the second source of function starts.
//! A start from here is NOT always an instruction boundary: glibc begins the entry of its signal-return stub one byte
//! early, on purpose. Entries marked as signal frames are therefore left out. Format: LSB Core, chapter 10.6.

use crate::bytes;
use crate::image::{Image, Range};

/// `DW_EH_PE_datarel | DW_EH_PE_sdata4`, the only form of the search table that linkers write.
const TABLE_ENCODING: u8 = 0x3b;
const DW_EH_PE_UDATA4: u8 = 0x03;

#[derive(Clone, Copy)]
struct Cie {
    at: u64,
    /// Bytes of one code address in the entries that belong to it: 4 or 8.
    width: u64,
    signal_frame: bool,
}

/// The ranges of all ordinary entries, sorted by start, that lie in code.
pub fn read(image: &Image<'_>, header_at: u64) -> Vec<Range> {
    let mut ranges = Vec::new();
    let Some(header) = image.from(header_at) else {
        return ranges;
    };
    if header
        .first_chunk::<4>()
        .is_none_or(|form| form[0] != 1 || form[2] != DW_EH_PE_UDATA4 || form[3] != TABLE_ENCODING)
    {
        return ranges;
    }
    let frame_pointer_width = if header[1] & 0x0f == 0x0c || header[1] & 0x0f == 0x04 {
        8
    } else {
        4
    };
    let count_at = 4 + frame_pointer_width;
    let Some(count) = bytes::u32(header, count_at) else {
        return ranges;
    };
    let Some(table) = header.get(count_at + 4..) else {
        return ranges;
    };
    let mut cie = None;
    for entry in table.chunks_exact(8).take(count as usize) {
        let relative = |at| {
            bytes::u32(entry, at)
                .map(|value| header_at.wrapping_add_signed(i64::from(value as i32)))
        };
        let (Some(start), Some(description)) = (relative(0), relative(4)) else {
            break;
        };
        if let Some(range) = read_entry(image, &mut cie, start, description) {
            ranges.push(range);
        }
    }
    ranges.sort_unstable();
    ranges.dedup_by_key(|range| range.start);
    ranges
}

fn read_entry(image: &Image<'_>, last_cie: &mut Option<Cie>, start: u64, at: u64) -> Option<Range> {
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
    (!cie.signal_frame && len > 0 && image.is_code(start) && image.is_code(end - 1))
        .then_some(Range { start, end })
}

fn read_cie(cie: &[u8], at: u64) -> Option<Cie> {
    let augmentation = cie.get(9..)?;
    let augmentation = augmentation.get(..augmentation.iter().position(|&byte| byte == 0)?)?;
    let mut plain = Cie {
        at,
        width: 8,
        signal_frame: augmentation.contains(&b'S'),
    };
    if augmentation.first() != Some(&b'z') {
        return Some(plain);
    }
    let mut next = 9 + augmentation.len() + 1;
    skip_leb(cie, &mut next)?; // code alignment
    skip_leb(cie, &mut next)?; // data alignment
    skip_leb(cie, &mut next)?; // return address column
    skip_leb(cie, &mut next)?; // length of what follows
    for letter in &augmentation[1..] {
        match letter {
            b'R' => plain.width = width(bytes::u8(cie, next)?)?,
            b'L' => next += 1,
            b'P' => next += 1 + usize::try_from(width(bytes::u8(cie, next)?)?).ok()?,
            _ => {}
        }
        next += usize::from(*letter == b'R');
    }
    Some(plain)
}

fn width(encoding: u8) -> Option<u64> {
    match encoding & 0x0f {
        0x00 | 0x04 | 0x0c => Some(8),
        0x03 | 0x0b => Some(4),
        _ => None,
    }
}

fn skip_leb(bytes: &[u8], at: &mut usize) -> Option<()> {
    while *bytes.get(*at)? & 0x80 != 0 {
        *at += 1;
    }
    *at += 1;
    Some(())
}

//! Looks at bytes, without decoding them, for anything that could lead into given code.
//!
//! Called by `sweep` once the sites are known. Every position is taken for a branch or a `lea` whose bytes would fit, so
//! this finds too much (bytes inside other instructions), never too little. What looks like a branch is decoded
//! afterwards; `lea` is distinctive enough to be believed. (Short branches do not reach far: `sweep` decodes the
//! neighbourhood.) It reads every byte of code, so it must stay simple.

use crate::bitmap::Bitmap;
use crate::image::Image;
use crate::outline::Segment;
use crate::tables::Tables;

const CALL: u8 = 0xe8;
const JMP: u8 = 0xe9;
/// First byte of `jcc` with a 32-bit distance, the second being 80 to 8f.
const ESCAPE: u8 = 0x0f;
const XBEGIN: [u8; 2] = [0xc7, 0xf8];
const LEA: u8 = 0x8d;

/// What refers into wanted code.
#[derive(Default)]
pub struct References {
    /// Where something points at wanted code; each may be a coincidence.
    pub suspects: Vec<u64>,
    /// Starts of wanted functions that are called, and code whose address is taken.
    pub entered: Vec<u64>,
}

/// All references from `segment` to `wanted` addresses. `starts` are the function starts, sorted: a branch there enters
/// the function as a whole and need not be looked at.
pub fn references(
    image: &Image<'_>,
    segment: &Segment<'_>,
    wanted: &[Bitmap],
    starts: &[u64],
    tables: &mut Tables,
) -> References {
    let mut found = References::default();
    for map in wanted {
        distances(segment, map, starts, &mut found);
        if image.fixed_address {
            addresses(segment, map, &mut found);
        }
    }
    taken(image, segment, tables, &mut found);
    found
}

fn distances(segment: &Segment<'_>, wanted: &Bitmap, starts: &[u64], found: &mut References) {
    let bytes = segment.bytes;
    let mut look = |opcode_at: usize, opcode_len: usize| {
        let Some(word) = bytes
            .get(opcode_at + opcode_len..)
            .and_then(|rest| rest.first_chunk::<4>())
        else {
            return;
        };
        let end = segment.vaddr + (opcode_at + opcode_len + 4) as u64;
        let target = end.wrapping_add_signed(i64::from(i32::from_le_bytes(*word)));
        if !wanted.contains(target) {
            return;
        }
        if starts.binary_search(&target).is_err() {
            found.suspects.push(segment.vaddr + opcode_at as u64);
        } else if bytes[opcode_at] == CALL {
            found.entered.push(target);
        }
    };
    for at in memchr::memchr3_iter(CALL, JMP, ESCAPE, bytes) {
        match bytes[at] {
            ESCAPE if bytes.get(at + 1).is_some_and(|next| next & 0xf0 == 0x80) => look(at, 2),
            ESCAPE => {}
            _ => look(at, 1),
        }
    }
    memchr::memmem::find_iter(bytes, &XBEGIN).for_each(|at| look(at, 2));
}

/// In a program at fixed addresses code may be named by its plain address.
fn addresses(segment: &Segment<'_>, wanted: &Bitmap, found: &mut References) {
    for (offset, word) in segment.bytes.windows(4).enumerate() {
        if word
            .first_chunk::<4>()
            .is_some_and(|word| wanted.contains(u64::from(u32::from_le_bytes(*word))))
        {
            found.suspects.push(segment.vaddr + offset as u64);
        }
    }
}

/// Addresses taken by `lea x(%rip),%reg`, of code and of tables, and tables used by `jmp *table(,%reg,8)`.
fn taken(image: &Image<'_>, segment: &Segment<'_>, tables: &mut Tables, found: &mut References) {
    let bytes = segment.bytes;
    for offset in memchr::memchr_iter(LEA, bytes) {
        let Some(&[form, a, b, c, d]) = bytes
            .get(offset + 1..)
            .and_then(|rest| rest.first_chunk::<5>())
        else {
            continue;
        };
        let wide = offset > 0 && bytes[offset - 1] & 0xf8 == 0x48;
        if !wide || form & 0xc7 != 0x05 {
            continue;
        }
        let end = segment.vaddr + offset as u64 + 6;
        let target = end.wrapping_add_signed(i64::from(i32::from_le_bytes([a, b, c, d])));
        if image.is_code(target) {
            found.entered.push(target);
        }
        tables.note_relative(target);
    }
    if image.fixed_address {
        for offset in memchr::memmem::find_iter(bytes, &[0xff, 0x24]) {
            let Some(&[index, a, b, c, d]) = bytes
                .get(offset + 2..)
                .and_then(|rest| rest.first_chunk::<5>())
            else {
                continue;
            };
            if index & 0xc7 == 0xc5 {
                tables.note_absolute(u64::from(u32::from_le_bytes([a, b, c, d])));
            }
        }
    }
}

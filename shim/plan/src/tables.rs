//! Jump tables: the targets of `switch` statements.
//!
//! Called by `sweep`. Compilers for x86-64 write a table of 32-bit distances from the table itself and take its address
//! with a rip-relative `lea`; programs at fixed addresses may use 8-byte absolute entries. Any address taken of
//! read-only data is tried as a table: a wrong guess adds a target, which can only forbid a window, never allow one.

use crate::bitmap::Bitmap;
use crate::bytes;
use crate::image::Image;
use crate::outline::Segment;
use crate::sweep::Targets;

/// More entries than any compiler emits for one `switch`; bounds the work on hostile input.
const MAX_ENTRIES: u64 = 1 << 16;

pub struct Tables {
    /// Addresses in data that code names: table bases, and where the table before must end.
    named: Vec<Bitmap>,
    relative: Vec<u64>,
    absolute: Vec<u64>,
}

impl Tables {
    pub fn new(image: &Image<'_>) -> Tables {
        // Older linkers put read-only data into the executable segment, behind the headers.
        let may_hold_data = |segment: &&Segment<'_>| {
            !segment.writable && (!segment.executable || segment.has_headers)
        };
        let data = image.segments.iter().filter(may_hold_data);
        let named = data
            .map(|segment| Bitmap::new(segment.vaddr, segment.bytes.len()))
            .collect();
        Tables {
            named,
            relative: Vec::new(),
            absolute: Vec::new(),
        }
    }

    /// Code takes the address of this piece of data.
    #[inline]
    pub fn note_relative(&mut self, base: u64) {
        if let Some(map) = self.named.iter_mut().find(|map| map.covers(base))
            && !map.contains(base)
        {
            map.insert(base);
            self.relative.push(base);
        }
    }

    /// Code jumps through 8-byte entries that begin here.
    pub fn note_absolute(&mut self, base: u64) {
        self.absolute.push(base);
    }

    /// Follows all tables and adds their entries to `targets`.
    pub fn mark_entries(&self, image: &Image<'_>, targets: &mut Targets) {
        for &base in &self.relative {
            let entry = |table: &[u8], index: u64| {
                bytes::u32(table, (index * 4) as usize)
                    .map(|value| base.wrapping_add_signed(i64::from(value as i32)))
            };
            self.walk(image, targets, base, 4, entry);
        }
        for &base in &self.absolute {
            self.walk(image, targets, base, 8, |table, index| {
                bytes::u64(table, (index * 8) as usize)
            });
        }
    }

    fn walk(
        &self,
        image: &Image<'_>,
        targets: &mut Targets,
        base: u64,
        width: u64,
        entry: impl Fn(&[u8], u64) -> Option<u64>,
    ) {
        let Some(table) = image.from(base) else {
            return;
        };
        for index in 0..MAX_ENTRIES {
            if index > 0
                && self
                    .named
                    .iter()
                    .any(|map| map.contains(base + index * width))
            {
                break;
            }
            match entry(table, index) {
                Some(target) if targets.covers(target) => targets.insert(target),
                _ => break,
            }
        }
    }
}

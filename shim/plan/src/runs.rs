//! A segment of code cut into runs: each begins at an anchor, a place where decoding may start.
//!
//! Made by `sweep`, which decodes some runs and skips the others. Anchors are function symbols and unwind ranges.

use crate::bitmap::Bitmap;
use crate::image::{Image, Range};
use crate::outline::Segment;

/// `mov $15,%rax; syscall`: glibc's signal-return stub. Debuggers and unwinders know it by these bytes.
pub const SIGRETURN_STUB: [u8; 9] = [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05];

/// A place where decoding may start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anchor {
    pub at: u64,
    pub kind: AnchorKind,
}

/// Sorted by how much it is worth when two name the same address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnchorKind {
    Sigreturn,
    Symbol,
    Unwind,
}

pub struct Runs<'s, 'a> {
    pub segment: &'s Segment<'a>,
    pub anchors: Vec<Anchor>,
    /// Runs that are to be decoded, by index.
    marked: Bitmap,
}

impl<'s, 'a> Runs<'s, 'a> {
    pub fn new(image: &Image<'_>, segment: &'s Segment<'a>) -> Runs<'s, 'a> {
        let anchors = anchors(image, segment);
        let marked = Bitmap::new(0, anchors.len());
        Runs {
            segment,
            anchors,
            marked,
        }
    }

    /// The address behind run `index`.
    pub fn end(&self, index: usize) -> u64 {
        self.anchors
            .get(index + 1)
            .map_or(self.segment.end(), |next| next.at)
    }

    /// The run that holds `address`, unless it lies before the first.
    pub fn holding(&self, address: u64) -> Option<usize> {
        self.anchors
            .partition_point(|anchor| anchor.at <= address)
            .checked_sub(1)
    }

    pub fn mark(&mut self, index: usize) {
        self.marked.insert(index as u64);
    }

    /// Marks every run that has a byte in `range`.
    pub fn mark_range(&mut self, range: Range) {
        let first = self.holding(range.start).unwrap_or(0);
        (first..self.anchors.len())
            .take_while(|&index| self.anchors[index].at < range.end)
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|index| self.mark(index));
    }

    pub fn mark_all(&mut self) {
        (0..self.anchors.len()).for_each(|index| self.mark(index));
    }

    pub fn is_marked(&self, index: usize) -> bool {
        self.marked.contains(index as u64)
    }
}

fn anchors(image: &Image<'_>, segment: &Segment<'_>) -> Vec<Anchor> {
    let inside = |range: &&Range| (segment.vaddr..segment.end()).contains(&range.start);
    let mut anchors: Vec<Anchor> =
        Vec::with_capacity(image.functions.len() + image.frames.len() + 2);
    anchors.extend(image.functions.iter().filter(inside).map(|range| Anchor {
        at: range.start,
        kind: AnchorKind::Symbol,
    }));
    anchors.extend(image.frames.iter().filter(inside).map(|range| Anchor {
        at: range.start,
        kind: AnchorKind::Unwind,
    }));
    if !segment.has_headers {
        anchors.push(Anchor {
            at: segment.vaddr,
            kind: AnchorKind::Symbol,
        });
    }
    for offset in memchr::memmem::find_iter(segment.bytes, &SIGRETURN_STUB) {
        let at = segment.vaddr + offset as u64;
        // The unwind range of the stub begins one byte early, on purpose: decoding there would lose the stub.
        anchors.retain(|anchor| {
            anchor.at.wrapping_sub(at.wrapping_sub(1)) > SIGRETURN_STUB.len() as u64
        });
        anchors.push(Anchor {
            at,
            kind: AnchorKind::Sigreturn,
        });
    }
    anchors.sort_unstable();
    anchors.dedup_by_key(|anchor| anchor.at);
    anchors
}

//! One bit per byte of a segment: the cheapest set of addresses there is.
//!
//! Used by `sweep` for jump targets and by `tables` for table bases. Addresses outside the range are ignored on insertion.

pub struct Bitmap {
    base: u64,
    len: u64,
    words: Vec<u64>,
}

impl Bitmap {
    /// An empty set for the addresses `base..base + len`.
    pub fn new(base: u64, len: usize) -> Bitmap {
        Bitmap {
            base,
            len: len as u64,
            words: vec![0; len.div_ceil(64)],
        }
    }

    #[inline]
    pub fn covers(&self, address: u64) -> bool {
        address.wrapping_sub(self.base) < self.len
    }

    #[inline]
    pub fn insert(&mut self, address: u64) {
        let offset = address.wrapping_sub(self.base);
        if offset < self.len {
            self.words[(offset / 64) as usize] |= 1 << (offset % 64);
        }
    }

    /// Inserts `start..end`, as far as the set covers it.
    pub fn insert_range(&mut self, start: u64, end: u64) {
        let first = start.saturating_sub(self.base);
        let last = end.saturating_sub(self.base).min(self.len);
        for word in first / 64..last.div_ceil(64) {
            let from = first.saturating_sub(word * 64);
            let missing = (word * 64 + 64).saturating_sub(last);
            self.words[word as usize] |= (u64::MAX << from) & (u64::MAX >> missing);
        }
    }

    #[inline]
    pub fn contains(&self, address: u64) -> bool {
        let offset = address.wrapping_sub(self.base);
        offset < self.len && self.words[(offset / 64) as usize] & (1 << (offset % 64)) != 0
    }

    /// Whether some address strictly between `after` and `before` is in the set.
    pub fn any_between(&self, after: u64, before: u64) -> bool {
        (after.saturating_add(1)..before).any(|address| self.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::Bitmap;

    #[test]
    fn both_ends_of_a_range_are_excluded() {
        let mut map = Bitmap::new(100, 70);
        map.insert(100);
        map.insert(169);
        map.insert(170);
        assert!(map.contains(100) && map.contains(169) && !map.contains(170));
        assert!(!map.any_between(100, 169));
        assert!(map.any_between(99, 101));
    }

    #[test]
    fn a_range_is_inserted_bit_by_bit() {
        for (start, end) in [
            (90, 100),
            (90, 105),
            (100, 164),
            (130, 131),
            (163, 165),
            (100, 400),
            (250, 999),
            (131, 131),
            (140, 130),
        ] {
            let mut map = Bitmap::new(100, 200);
            map.insert_range(start, end);
            let found: Vec<u64> = (0..1000).filter(|&address| map.contains(address)).collect();
            assert_eq!(
                found,
                (start.max(100)..end.min(300)).collect::<Vec<_>>(),
                "{start}..{end}"
            );
        }
    }
}

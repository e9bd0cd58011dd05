//! Bounds-checked little-endian reads.
//!
//! Called by every reader of ELF and unwind tables, and by the cache format. Must never panic: the bytes are not ours.

/// The `N` bytes at `at`, if they are all there.
pub fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

pub fn u8(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

pub fn u16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub fn u32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub fn u64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// A sub-slice given as 64-bit offset and length, as ELF headers give them.
pub fn slice(bytes: &[u8], at: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(at).ok()?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    bytes.get(start..end)
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_past_the_end_give_nothing() {
        assert_eq!(super::u32(&[1, 0, 0, 0], 0), Some(1));
        assert_eq!(super::u32(&[1, 0, 0, 0], 1), None);
        assert_eq!(super::u64(&[], usize::MAX), None);
        assert_eq!(super::slice(&[1, 2], 1, u64::MAX), None);
    }
}

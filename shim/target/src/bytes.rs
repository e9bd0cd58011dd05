//! Little-endian numbers at an offset, without a panic for short input.
//!
//! Called by `elf` and `go`. Pure.

/// The array of `N` bytes at `offset`.
fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk::<N>().copied()
}

pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    array(bytes, offset).map(u16::from_le_bytes)
}

pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    array(bytes, offset).map(u32::from_le_bytes)
}

pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    array(bytes, offset).map(u64::from_le_bytes)
}

/// `bytes` up to its first NUL.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&b| b == 0).next().unwrap_or(bytes)
}

/// What follows the last slash.
pub(crate) fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').next().unwrap_or(path)
}

/// Whether `needle` occurs in `haystack`. The length is a constant, because a comparison of unknown
/// length would become a call to libc's bcmp.
pub(crate) fn contains<const N: usize>(haystack: &[u8], needle: &[u8; N]) -> bool {
    (0..haystack.len()).any(|at| array::<N>(haystack, at).as_ref() == Some(needle))
}

//! The cached form of a plan: a header and fixed-size little-endian records.
//!
//! Used by `cache` only through [`Plan::encode`] and [`Plan::decode`]. Decoding lies on the way to the program's first
//! thread, so it is one pass without allocation per record. A file may hold anything: every value is checked.
//!
//! ```text
//! header   0 magic (8) · 8 version u32 · 12 sites u32 · 16 left u32 · 20 build-id length u32 · 24 text bytes u64
//!         32 build id (64, zero-padded) · 96 checksum of all other bytes u64
//! site     0 syscall u64 · 8 operand target u64 · 16 number u32 · 20 start distance u8 · 21 kind u8 · 22 vectors u8
//!         23 flags u8 · 24 operand offset u8 · 25 zero (7) · 32 original (8) · 40 displaced (24)
//! left     0 syscall u64 · 8 number u32 · 12 flags u8 · 13 why u8 · 14 zero (2)
//! ```

use crate::bytes;
use crate::plan::{
    Displaced, Left, MAX_DISPLACED, Number, Plan, RipRelative, Site, Vectors, Why, Window,
};

/// Changes whenever the records, or the meaning of a plan, change.
pub const FORMAT_VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"LichenPl";
const HEADER: usize = 104;
const CHECKSUM_AT: usize = 96;
const SITE: usize = 64;
const LEFT: usize = 16;
const MAX_BUILD_ID: usize = 64;
const HAS_NUMBER: u8 = 1;
const HAS_OPERAND: u8 = 2;
const VECTORS: [Vectors; 3] = [Vectors::None, Vectors::Xmm, Vectors::Wide];
const WHY: [Why; 7] = [
    Why::TooShort,
    Why::TargetInside,
    Why::NotUnderstood,
    Why::Sigreturn,
    Why::MovesStackPointer,
    Why::Unreached,
    Why::OutsideFunctions,
];

impl Plan {
    /// The plan as bytes for the cache. A build id over 64 bytes is cut, and then never matches.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; HEADER];
        let build_id = &self.build_id[..self.build_id.len().min(MAX_BUILD_ID)];
        out[..8].copy_from_slice(&MAGIC);
        let counts = [
            FORMAT_VERSION,
            self.sites.len() as u32,
            self.left.len() as u32,
            build_id.len() as u32,
        ];
        for (index, count) in counts.iter().enumerate() {
            out[8 + index * 4..][..4].copy_from_slice(&count.to_le_bytes());
        }
        out[24..32].copy_from_slice(&(self.text_bytes as u64).to_le_bytes());
        out[32..32 + build_id.len()].copy_from_slice(build_id);
        out.reserve_exact(self.sites.len() * SITE + self.left.len() * LEFT);
        self.sites
            .iter()
            .for_each(|site| out.extend_from_slice(&encode_site(site)));
        self.left
            .iter()
            .for_each(|left| out.extend_from_slice(&encode_left(left)));
        let sum = checksum(&out);
        out[CHECKSUM_AT..HEADER].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// The plan that `encode` wrote, or `None` if these bytes are not exactly such a plan.
    pub fn decode(encoded: &[u8]) -> Option<Plan> {
        let header = encoded.first_chunk::<HEADER>()?;
        let count = |index: usize| {
            bytes::u32(header, 8 + index * 4).and_then(|count| usize::try_from(count).ok())
        };
        let (version, sites, left, id_len) = (count(0)?, count(1)?, count(2)?, count(3)?);
        let sites_len = sites.checked_mul(SITE)?;
        let expected = left
            .checked_mul(LEFT)?
            .checked_add(sites_len)?
            .checked_add(HEADER)?;
        let known = header.starts_with(&MAGIC)
            && version == FORMAT_VERSION as usize
            && encoded.len() == expected
            && id_len <= MAX_BUILD_ID;
        if !known || bytes::u64(header, CHECKSUM_AT)? != checksum(encoded) {
            return None;
        }
        let (site_records, left_records) = encoded[HEADER..].split_at(sites_len);
        let mut plan = Plan {
            build_id: header[32..32 + id_len].to_vec(),
            sites: Vec::with_capacity(sites),
            left: Vec::with_capacity(left),
            text_bytes: usize::try_from(bytes::u64(header, 24)?).ok()?,
        };
        let mut free_from = 0;
        for record in site_records.chunks_exact(SITE) {
            let site = decode_site(record)?;
            if site.start < free_from {
                return None;
            }
            free_from = site.resume;
            plan.sites.push(site);
        }
        for record in left_records.chunks_exact(LEFT) {
            plan.left.push(decode_left(record)?);
        }
        Some(plan)
    }
}

fn encode_site(site: &Site) -> [u8; SITE] {
    let mut record = [0; SITE];
    let (number, mut flags) = encode_number(site.number);
    record[..8].copy_from_slice(&site.syscall.to_le_bytes());
    if let Some(operand) = site.displaced.relative {
        record[8..16].copy_from_slice(&operand.target.to_le_bytes());
        record[24] = operand.offset;
        flags |= HAS_OPERAND;
    }
    record[16..20].copy_from_slice(&number.to_le_bytes());
    record[20] = (site.syscall - site.start) as u8;
    record[21] = u8::from(site.kind == Window::Post);
    record[22] = VECTORS
        .iter()
        .position(|&vectors| vectors == site.vectors)
        .unwrap_or(VECTORS.len()) as u8;
    record[23] = flags;
    record[32..40].copy_from_slice(&site.original);
    record[40..].copy_from_slice(&site.displaced.bytes);
    record
}

fn decode_site(record: &[u8]) -> Option<Site> {
    let record = record.first_chunk::<SITE>()?;
    let (syscall, distance, flags) = (bytes::u64(record, 0)?, record[20], record[23]);
    let start = syscall.checked_sub(u64::from(distance))?;
    let (kind, resume) = match (record[21], distance) {
        (0, 3..) if usize::from(distance) <= MAX_DISPLACED => {
            (Window::Pre, syscall.checked_add(2)?)
        }
        (1, 0) => (Window::Post, syscall.checked_add(8)?),
        _ => return None,
    };
    let operand = (flags & HAS_OPERAND != 0).then_some(RipRelative {
        offset: record[24],
        target: bytes::u64(record, 8)?,
    });
    Some(Site {
        syscall,
        start,
        resume,
        kind,
        number: decode_number(bytes::u32(record, 16)?, flags),
        vectors: *VECTORS.get(usize::from(record[22]))?,
        displaced: Displaced::new(record[40..].get(..usize::from(distance))?, operand)?,
        original: bytes::array(record, 32)?,
    })
}

fn encode_left(left: &Left) -> [u8; LEFT] {
    let mut record = [0; LEFT];
    let (number, flags) = encode_number(left.number);
    record[..8].copy_from_slice(&left.syscall.to_le_bytes());
    record[8..12].copy_from_slice(&number.to_le_bytes());
    record[12] = flags;
    record[13] = WHY
        .iter()
        .position(|&why| why == left.why)
        .unwrap_or(WHY.len()) as u8;
    record
}

fn decode_left(record: &[u8]) -> Option<Left> {
    let number = decode_number(bytes::u32(record, 8)?, bytes::u8(record, 12)?);
    Some(Left {
        syscall: bytes::u64(record, 0)?,
        number,
        why: *WHY.get(usize::from(bytes::u8(record, 13)?))?,
    })
}

fn encode_number(number: Number) -> (u32, u8) {
    match number {
        Number::Constant(number) => (number, HAS_NUMBER),
        Number::Variable => (0, 0),
    }
}

fn decode_number(number: u32, flags: u8) -> Number {
    if flags & HAS_NUMBER != 0 {
        Number::Constant(number)
    } else {
        Number::Variable
    }
}

/// FNV-1a over 8-byte words, the checksum field itself left out. Finds damage; it is no defence against a forger, who
/// would need to own the user's files.
fn checksum(encoded: &[u8]) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325u64;
    for (index, word) in encoded.chunks_exact(8).enumerate() {
        if index != CHECKSUM_AT / 8 {
            sum = (sum ^ bytes::u64(word, 0).unwrap_or(0)).wrapping_mul(0x0000_0100_0000_01b3);
            sum ^= sum >> 32;
        }
    }
    sum
}

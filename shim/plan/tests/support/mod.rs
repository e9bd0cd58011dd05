//! Makes a small module from hand-assembled bytes, as the loader would map it, so that each rule has a test of its own.
#![allow(dead_code)] // each test file uses its own part

use lichen_plan::{Image, Left, Plan, Site, plan};

/// Where the code of a [`Module`] begins.
pub const CODE: u64 = 0x1000;
/// Where its read-only data begins.
pub const DATA: u64 = 0x10_0000;
const UNWIND: u64 = 0x20_0000;
const DYNAMIC: u64 = 0x30_0000;

pub const SYSCALL: [u8; 2] = [0x0f, 0x05];
/// `cmp $-4096,%rax`
pub const COMPARE: [u8; 6] = [0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff];
pub const RET: [u8; 1] = [0xc3];
/// `xor %eax,%eax`
pub const ZERO_EAX: [u8; 2] = [0x31, 0xc0];

/// `mov $number,%eax`
pub fn mov_eax(number: u32) -> Vec<u8> {
    [&[0xb8][..], &number.to_le_bytes()].concat()
}

/// Any of the instructions that end in a 32-bit distance, placed at `at` and reaching `to`.
pub fn reach(opcode: &[u8], at: u64, to: u64) -> Vec<u8> {
    let end = at + opcode.len() as u64 + 4;
    [opcode, &(to.wrapping_sub(end) as u32).to_le_bytes()].concat()
}

#[derive(Default)]
pub struct Module {
    pub code: Vec<u8>,
    pub data: Vec<u8>,
    symbols: Vec<(u64, u64)>,
    frames: Vec<(u64, u64)>,
    signal_frames: Vec<(u64, u64)>,
    pointers: Vec<u64>,
    mixed: bool,
}

impl Module {
    /// Code with one function symbol at its start. Some `nop` follow, so that a window may lie at the end.
    pub fn new(parts: &[&[u8]]) -> Module {
        let mut module = Module::bare(parts);
        let size = module.code.len() as u64;
        module.symbols.push((CODE, size));
        module
    }

    /// Code that nothing names.
    pub fn bare(parts: &[&[u8]]) -> Module {
        let mut code = parts.concat();
        code.extend_from_slice(&[0x90; 16]);
        Module {
            code,
            ..Module::default()
        }
    }

    pub fn symbol(mut self, at: u64, size: u64) -> Module {
        self.symbols.push((at, size));
        self
    }

    pub fn frame(mut self, at: u64, size: u64) -> Module {
        self.frames.push((at, size));
        self
    }

    pub fn signal_frame(mut self, at: u64, size: u64) -> Module {
        self.signal_frames.push((at, size));
        self
    }

    /// A relocation writes this address into data.
    pub fn pointer(mut self, to: u64) -> Module {
        self.pointers.push(to);
        self
    }

    /// One segment holds headers, code and read-only data, as older linkers write it.
    pub fn mixed(mut self) -> Module {
        self.mixed = true;
        self
    }

    pub fn data(mut self, data: Vec<u8>) -> Module {
        self.data = data;
        self
    }

    pub fn plan(&self) -> Plan {
        let data = if self.data.is_empty() {
            vec![0; 8]
        } else {
            self.data.clone()
        };
        let (unwind, dynamic) = (self.unwind(), self.dynamic());
        let segments = [
            (CODE, 5, &self.code),
            (DATA, 4, &data),
            (UNWIND, 4, &unwind),
            (DYNAMIC, 6, &dynamic),
        ];
        let mut phdrs = Vec::new();
        for (vaddr, flags, bytes) in segments {
            phdrs.extend(phdr(1, flags, vaddr, bytes.len()));
        }
        if self.mixed {
            phdrs[8..16].fill(0); // the file offset of the code
        }
        phdrs.extend(phdr(0x6474_e550, 4, UNWIND, unwind.len()));
        phdrs.extend(phdr(2, 6, DYNAMIC, 7 * 16));
        let find = |vaddr: u64, _| {
            segments
                .iter()
                .find(|segment| segment.0 == vaddr)
                .map(|segment| segment.2.as_slice())
        };
        let image = Image::from_segments(&phdrs, find).expect("well-formed");
        plan(&image).expect("a plan")
    }

    /// The only site of the module, which must be one that can be rewritten.
    pub fn site(&self) -> Site {
        let plan = self.plan();
        assert!(plan.left.is_empty(), "{:x?}", plan.left);
        assert_eq!(plan.sites.len(), 1, "{:x?}", plan.sites);
        plan.sites[0]
    }

    /// The only site of the module, which must be one that is left alone.
    pub fn left(&self) -> Left {
        let plan = self.plan();
        assert!(plan.sites.is_empty(), "{:x?}", plan.sites);
        assert_eq!(plan.left.len(), 1, "{:x?}", plan.left);
        plan.left[0]
    }

    /// Dynamic section (7 entries), DT_HASH table, symbols, relocations.
    fn dynamic(&self) -> Vec<u8> {
        let count = self.symbols.len() as u64 + 1;
        let hash_at = DYNAMIC + 7 * 16;
        let symbols_at = hash_at + 8;
        let rela_at = symbols_at + count * 24;
        let entries = [
            (4, hash_at),
            (6, symbols_at),
            (7, rela_at),
            (8, self.pointers.len() as u64 * 24),
            (5, 0),
            (10, 0),
            (0, 0),
        ];
        let mut out: Vec<u8> = entries
            .iter()
            .flat_map(|&(tag, value): &(u64, u64)| {
                [tag.to_le_bytes(), value.to_le_bytes()].concat()
            })
            .collect();
        out.extend([[0; 4], (count as u32).to_le_bytes()].concat());
        out.extend([0; 24]);
        for &(at, size) in &self.symbols {
            out.extend([0, 0, 0, 0, 0x12, 0, 1, 0]);
            out.extend([at.to_le_bytes(), size.to_le_bytes()].concat());
        }
        for &to in &self.pointers {
            out.extend([DATA.to_le_bytes(), 8u64.to_le_bytes(), to.to_le_bytes()].concat());
        }
        out
    }

    /// `.eh_frame_hdr` with its search table, then `.eh_frame` with two common entries (ordinary, signal) and the frames.
    fn unwind(&self) -> Vec<u8> {
        let mut all: Vec<(u64, u64, bool)> = self
            .frames
            .iter()
            .map(|&(at, size)| (at, size, false))
            .collect();
        all.extend(
            self.signal_frames
                .iter()
                .map(|&(at, size)| (at, size, true)),
        );
        all.sort_unstable();
        let frames_at = 12 + all.len() * 8;
        let mut frames = Vec::new();
        for augmentation in [&b"zR\0"[..], b"zRS\0"] {
            let mut body = [&[0; 4][..], &[1], augmentation, &[1, 0x78, 16, 1, 0x1b]].concat();
            body.resize(16, 0);
            frames.extend((body.len() as u32).to_le_bytes());
            frames.extend(body);
        }
        let common_size = frames.len() / 2;
        let mut out = vec![1, 0x1b, 3, 0x3b, 0, 0, 0, 0];
        out.extend((all.len() as u32).to_le_bytes());
        for &(at, size, signal) in &all {
            let place = frames_at + frames.len();
            out.extend((at.wrapping_sub(UNWIND) as u32).to_le_bytes());
            out.extend((place as u32).to_le_bytes());
            let common = frames_at + if signal { common_size } else { 0 };
            let begin = at.wrapping_sub(UNWIND + place as u64 + 8) as u32;
            frames.extend(
                [16, (place + 4 - common) as u32, begin, size as u32, 0]
                    .iter()
                    .flat_map(|word: &u32| word.to_le_bytes()),
            );
        }
        out.extend(frames);
        out
    }
}

fn phdr(kind: u32, flags: u32, vaddr: u64, len: usize) -> Vec<u8> {
    let words = [vaddr, vaddr, vaddr, len as u64, len as u64, 4096];
    [kind.to_le_bytes(), flags.to_le_bytes()]
        .concat()
        .into_iter()
        .chain(words.iter().flat_map(|word| word.to_le_bytes()))
        .collect()
}

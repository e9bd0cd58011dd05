//! What is to be written, and where: the contents of the slots and the jumps to them.
//!
//! `init` fills a [`Job`] from the plans of all modules, `late` from that of a module that is loaded later; `text` writes
//! it. Nothing is written here,
//! and no byte of the program's is trusted that is not what its plan says.
#![allow(unsafe_code)]

use super::space::{self, AREA};
use crate::abi::user;
use crate::doors::x86_64::{self as asm, SLOT, SLOT_NATIVE, SLOT_RESTART, SLOT_RESUME};
use crate::modules::Module;
use lichen_plan::{Number, Plan, Site, Vectors, Why, Window};

const JMP: u8 = 0xe9;
/// Slots that other modules leave for calls that must be caught: those of a second libc, so that threads it makes are
/// ours wherever they are born.
const KEPT: usize = 512;

/// Bytes for one address.
#[derive(Clone, Copy)]
pub struct Piece {
    pub at: usize,
    bytes: [u8; SLOT],
    len: usize,
}

impl Piece {
    fn new(at: usize, content: &[u8]) -> Piece {
        let mut bytes = [0; SLOT];
        bytes[..content.len()].copy_from_slice(content);
        Piece {
            at,
            bytes,
            len: content.len(),
        }
    }

    /// What is to stand there.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The address behind the last byte.
    pub fn end(&self) -> usize {
        self.at + self.len
    }
}

/// What is to be written: the slots, and a jump for each site. Dropped without [`Job::done`] it leaves nothing behind.
pub struct Job {
    /// Slots, and places in near areas.
    pub slots: Vec<Piece>,
    /// The jumps, module by module in the order of their addresses.
    pub jumps: Vec<Piece>,
    /// What stood where the jumps go.
    pub originals: Vec<[u8; 5]>,
    /// The text (address, length in bytes) that the jumps go to: whole pages.
    pub texts: Vec<(usize, usize)>,
    /// Sites seen, and those that were left alone although wanted.
    pub sites: usize,
    pub left: usize,
    free: Vec<usize>,
    taken: Vec<(usize, usize)>,
    /// Near areas that something goes to, and those of them that are new.
    areas: Vec<usize>,
    fresh_areas: Vec<usize>,
}

impl Job {
    /// Nothing to write yet.
    pub fn new() -> Job {
        Job {
            slots: Vec::new(),
            jumps: Vec::new(),
            originals: Vec::new(),
            texts: Vec::new(),
            sites: 0,
            left: 0,
            free: space::free_slots(),
            taken: Vec::new(),
            areas: Vec::new(),
            fresh_areas: Vec::new(),
        }
    }

    /// Adds the sites of libc or ld.so that `wanted` asks for.
    ///
    /// # Errors
    /// A sentence when a call that must be caught has a site that cannot be rewritten.
    pub fn add(
        &mut self,
        module: &Module,
        plan: &Plan,
        wanted: impl Fn(Number) -> bool,
        force_wide: bool,
    ) -> Result<(), String> {
        self.sites += plan.sites.len() + plan.left.len();
        self.texts.extend(module.text_ranges());
        for left in plan.left.iter().filter(|l| l.why != Why::Sigreturn) {
            self.left += 1;
            let essential = match left.number {
                Number::Constant(n) => lichen_settings::essential::is_essential(n),
                Number::Variable => true,
            };
            if essential {
                return Err(format!(
                    "a needed system call of {} cannot be caught: {}",
                    module.name, left.why
                ));
            }
        }
        for site in plan.sites.iter().filter(|s| wanted(s.number)) {
            let entry = if force_wide {
                Vectors::Wide
            } else {
                site.vectors
            };
            if self.one(module.base, site, entry).is_none() {
                return Err(format!("{} in memory does not match its plan", module.name));
            }
        }
        Ok(())
    }

    /// Adds the wanted sites of any other module (the program, liburing, libgomp, ...) that lie in its text at `text`
    /// (address, length), as far as they can be rewritten; the rest is counted. Vector registers are always saved: a
    /// compiler that sees a whole module may keep them over a call into another function.
    pub fn add_other(
        &mut self,
        base: usize,
        text: (usize, usize),
        plan: &Plan,
        wanted: impl Fn(Number) -> bool,
    ) {
        let inside = |vaddr: u64| {
            let at = base.wrapping_add(vaddr as usize);
            (text.0..text.0 + text.1).contains(&at)
        };
        self.texts.push(text);
        for site in plan.sites.iter().filter(|s| inside(s.syscall)) {
            self.sites += 1;
            if !wanted(site.number) {
                continue;
            }
            let entry = match site.vectors {
                Vectors::None => Vectors::Xmm,
                more => more,
            };
            let room = must_be_caught(site) || self.free.len() > KEPT;
            if !room || self.one(base, site, entry).is_none() {
                self.left += 1;
            }
        }
        for left in plan.left.iter().filter(|l| inside(l.syscall)) {
            self.sites += 1;
            self.left += usize::from(wanted(left.number) && left.why != Why::Sigreturn);
        }
    }

    /// All is written: the slots are taken for good.
    pub fn done(mut self) {
        for &(slot, site) in &self.taken {
            space::take_slot(slot, site);
        }
        self.fresh_areas.drain(..).for_each(space::keep_area);
    }

    fn one(&mut self, base: usize, site: &Site, entry: Vectors) -> Option<()> {
        let start = base.wrapping_add(site.start as usize);
        let end = start + site.original.len();
        let mapped = |&(at, len): &(usize, usize)| at <= start && end <= at + len;
        if !self.texts.iter().any(mapped) {
            return None;
        }
        if user::read::<[u8; 8]>(start).ok()? != site.original {
            return None;
        }
        let number = *self.free.last()?;
        let slot = slots_address() + number * SLOT;
        let resume = base.wrapping_add(site.resume as usize);
        let entry = entry_address(entry);
        let at = match near_slot(site, slot, start, resume, entry) {
            Some(content) => {
                self.slots.push(Piece::new(slot, &content));
                slot
            }
            None => {
                let text = (start, site.original.len());
                let (area, is_fresh) = space::area_for(text, &self.fresh_areas)?;
                if is_fresh {
                    self.fresh_areas.push(area);
                }
                if !self.areas.contains(&area) {
                    self.areas.push(area);
                }
                let at = area + number * SLOT;
                let step = stepping_stone(site, at, start, slot)?;
                self.slots.push(Piece::new(at, &step));
                self.slots
                    .push(Piece::new(slot, &far_slot(slot, resume, entry)?));
                at
            }
        };
        let mut jump = [JMP, 0, 0, 0, 0];
        jump[1..].copy_from_slice(&distance(start + 5, at)?);
        self.jumps.push(Piece::new(start, &jump));
        self.originals.push(*site.original.first_chunk()?);
        self.free.pop();
        self.taken.push((number, start));
        Some(())
    }

    /// The near areas (address, length) that something goes to.
    pub fn areas(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.areas.iter().map(|&area| (area, AREA))
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.fresh_areas.drain(..).for_each(space::drop_area);
    }
}

impl Default for Job {
    fn default() -> Self {
        Job::new()
    }
}

fn must_be_caught(site: &Site) -> bool {
    match site.number {
        Number::Constant(number) => lichen_settings::essential::is_essential(number),
        Number::Variable => false,
    }
}

/// Where the slots are.
pub fn slots_address() -> usize {
    (&raw const asm::lichen_slots) as usize
}

/// The 32-bit distance of a relative operand; `None` beyond 2 GiB.
fn distance(from: usize, to: usize) -> Option<[u8; 4]> {
    i32::try_from(to.wrapping_sub(from) as isize)
        .ok()
        .map(i32::to_le_bytes)
}

fn entry_address(entry: Vectors) -> usize {
    match entry {
        Vectors::None => asm::lichen_entry_none as *const () as usize,
        Vectors::Xmm => asm::lichen_entry_xmm as *const () as usize,
        Vectors::Wide => asm::lichen_entry_wide as *const () as usize,
    }
}

fn put(slot: &mut [u8], offset: usize, bytes: &[u8]) -> Option<()> {
    slot.get_mut(offset..offset + bytes.len())?
        .copy_from_slice(bytes);
    Some(())
}

/// The 64 bytes of a slot for a site within reach; the picture is in `doors::x86_64`. `None` if something of it is out
/// of reach.
fn near_slot(
    site: &Site,
    at: usize,
    start: usize,
    resume: usize,
    entry: usize,
) -> Option<[u8; SLOT]> {
    let mut slot = [0xcc; SLOT];
    let moved = displace(site, at, start, &mut slot)?;
    distance(start + 5, at)?;
    put(&mut slot, SLOT_NATIVE + 8, &[JMP])?;
    let back = distance(at + SLOT_NATIVE + 13, resume)?;
    put(&mut slot, SLOT_NATIVE + 9, &back)?;
    complete(&mut slot, moved, at, resume, entry)?;
    Some(slot)
}

/// The slot for a site that is out of reach: its displaced instructions are in a near area, and the way back is the
/// address at the slot's end.
fn far_slot(at: usize, resume: usize, entry: usize) -> Option<[u8; SLOT]> {
    let mut slot = [0xcc; SLOT];
    // jmp *resume(%rip)
    let behind = SLOT_NATIVE + 14;
    put(&mut slot, SLOT_NATIVE + 8, &[0xff, 0x25])?;
    let operand = (SLOT_RESUME - behind) as u32;
    put(&mut slot, SLOT_NATIVE + 10, &operand.to_le_bytes())?;
    complete(&mut slot, 0, at, resume, entry)?;
    Some(slot)
}

/// The place of a far site in a near area: its displaced instructions, then a jump to its slot wherever that is.
fn stepping_stone(site: &Site, at: usize, start: usize, slot: usize) -> Option<[u8; SLOT]> {
    let mut stone = [0xcc; SLOT];
    let moved = displace(site, at, start, &mut stone)?;
    // jmp *0(%rip), and the address behind it
    put(&mut stone, moved, &[0xff, 0x25, 0, 0, 0, 0])?;
    put(&mut stone, moved + 6, &slot.to_le_bytes())?;
    Some(stone)
}

/// Puts the displaced instructions at the front and tells their length.
fn displace(site: &Site, at: usize, start: usize, slot: &mut [u8]) -> Option<usize> {
    match site.kind {
        Window::Pre => site.displaced.relocate(start as u64, at as u64, slot),
        Window::Post => Some(0),
    }
}

/// What all slots have in common, behind `moved` bytes of displaced instructions.
fn complete(
    slot: &mut [u8; SLOT],
    moved: usize,
    at: usize,
    resume: usize,
    entry: usize,
) -> Option<()> {
    // lea native(%rip),%r11 ; jmp entry
    put(slot, moved, &[0x4c, 0x8d, 0x1d])?;
    let native = SLOT_NATIVE.checked_sub(moved + 7)? as u32;
    put(slot, moved + 3, &native.to_le_bytes())?;
    put(slot, moved + 7, &[JMP])?;
    put(slot, moved + 8, &distance(at + moved + 12, entry)?)?;
    // syscall ; cmp $-4096,%rax
    put(
        slot,
        SLOT_NATIVE,
        &[0x0f, 0x05, 0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff],
    )?;
    put(slot, SLOT_RESTART, &[moved as u8])?;
    put(slot, SLOT_RESUME, &resume.to_le_bytes())?;
    (moved + 12 <= SLOT_NATIVE).then_some(())
}

/// The restart address of the site whose slot's native part is `native`: behind the displaced
/// instructions, with the number in rax, like the kernel's `rip -= 2`.
pub fn restart_address(native: usize) -> usize {
    // SAFETY: `native` comes out of a frame, so it points into a written slot.
    let moved = unsafe { *((native + SLOT_RESTART - SLOT_NATIVE) as *const u8) };
    native - SLOT_NATIVE + moved as usize
}

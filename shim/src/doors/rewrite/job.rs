//! What is to be written, and where: the contents of the slots and the jumps to them.
//!
//! `init` fills a [`Job`] from the plans of all modules; `text` writes it. Nothing is written here,
//! and no byte of the program's is trusted that is not what its plan says.
#![allow(unsafe_code)]

use crate::doors::x86_64::{self as asm, SLOT, SLOT_NATIVE, SLOT_RESTART, SLOT_RESUME, SLOTS};
use crate::modules::Module;
use lichen_plan::{Number, Plan, Site, Vectors, Why, Window};

const JMP: u8 = 0xe9;

/// What is to be written: the slots, and a jump for each site.
pub struct Job {
    /// The contents of the slots, from the first on.
    pub slots: Vec<u8>,
    /// (address, bytes) of the jumps.
    pub jumps: Vec<(usize, [u8; 5])>,
    /// What stood where the jumps go.
    pub originals: Vec<[u8; 5]>,
    /// Sites seen, and those that were left alone although wanted.
    pub sites: usize,
    pub left: usize,
}

impl Job {
    /// Nothing to write yet.
    pub fn new() -> Job {
        Job {
            slots: Vec::new(),
            jumps: Vec::new(),
            originals: Vec::new(),
            sites: 0,
            left: 0,
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
            if self.one(module, site, entry).is_none() {
                return Err(format!("{} in memory does not match its plan", module.name));
            }
        }
        Ok(())
    }

    /// Adds the wanted sites of any other module (liburing, libgomp, ...) as far as they can be
    /// rewritten; the rest is counted. Vector registers are always saved: a compiler that sees a
    /// whole module may keep them over a call into another function.
    pub fn add_other(&mut self, module: &Module, plan: &Plan, wanted: impl Fn(Number) -> bool) {
        self.sites += plan.sites.len() + plan.left.len();
        for site in plan.sites.iter().filter(|s| wanted(s.number)) {
            let entry = match site.vectors {
                Vectors::None => Vectors::Xmm,
                more => more,
            };
            if self.one(module, site, entry).is_none() {
                self.left += 1;
            }
        }
        self.left += plan.left.iter().filter(|l| wanted(l.number)).count();
    }

    fn one(&mut self, module: &Module, site: &Site, entry: Vectors) -> Option<()> {
        let index = self.slots.len() / SLOT;
        if index >= SLOTS {
            return None;
        }
        let slot_address = slots_address() + index * SLOT;
        let start = module.base + site.start as usize;
        if module.bytes(site.start as usize, 8)? != &site.original[..] {
            return None;
        }
        let slot = build_slot(module, site, slot_address, start, entry)?;
        self.slots.extend_from_slice(&slot);
        let mut jump = [JMP, 0, 0, 0, 0];
        jump[1..].copy_from_slice(&distance(start + 5, slot_address)?);
        self.jumps.push((start, jump));
        self.originals.push(*site.original.first_chunk()?);
        Some(())
    }
}

impl Default for Job {
    fn default() -> Self {
        Job::new()
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

/// The 64 bytes of a slot; the picture is in `doors::x86_64`.
fn build_slot(
    module: &Module,
    site: &Site,
    at: usize,
    start: usize,
    entry: Vectors,
) -> Option<[u8; SLOT]> {
    let mut slot = [0xcc; SLOT];
    let moved = match site.kind {
        Window::Pre => site
            .displaced
            .relocate(start as u64, at as u64, &mut slot)?,
        Window::Post => 0,
    };
    let resume = module.base + site.resume as usize;
    let entry = match entry {
        Vectors::None => asm::lichen_entry_none as *const () as usize,
        Vectors::Xmm => asm::lichen_entry_xmm as *const () as usize,
        Vectors::Wide => asm::lichen_entry_wide as *const () as usize,
    };
    let mut put = |offset: usize, bytes: &[u8]| -> Option<()> {
        slot.get_mut(offset..offset + bytes.len())?
            .copy_from_slice(bytes);
        Some(())
    };
    // lea native(%rip),%r11 ; jmp entry
    put(moved, &[0x4c, 0x8d, 0x1d])?;
    put(moved + 3, &((SLOT_NATIVE - moved - 7) as u32).to_le_bytes())?;
    put(moved + 7, &[JMP])?;
    put(moved + 8, &distance(at + moved + 12, entry)?)?;
    // syscall ; cmp $-4096,%rax ; jmp resume
    put(
        SLOT_NATIVE,
        &[0x0f, 0x05, 0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff, JMP],
    )?;
    put(SLOT_NATIVE + 9, &distance(at + SLOT_NATIVE + 13, resume)?)?;
    put(SLOT_RESTART, &[moved as u8])?;
    put(SLOT_RESUME, &resume.to_le_bytes())?;
    (moved + 12 <= SLOT_NATIVE).then_some(slot)
}

/// The restart address of the site whose slot's native part is `native`: behind the displaced
/// instructions, with the number in rax, like the kernel's `rip -= 2`.
pub fn restart_address(native: usize) -> usize {
    // SAFETY: `native` comes out of a frame, so it points into a written slot.
    let moved = unsafe { *((native + SLOT_RESTART - SLOT_NATIVE) as *const u8) };
    native - SLOT_NATIVE + moved as usize
}

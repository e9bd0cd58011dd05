//! Modules that are mapped when threads run already (dlopen): their sites are rewritten in the moment in which their
//! text is mapped, before the call that maps it returns. So nobody can be executing it yet, neither a thread of the
//! program nor a kernel thread that is not ours.
//!
//! Called on the scheduler side, through `park::serve`, by `handlers::memory`: it may allocate, and may call nothing of
//! libc's. The module is planned from its file, since most of it is not mapped yet. Must never fail the program's
//! call: what cannot be rewritten stays native.
#![allow(unsafe_code)]

use super::{Job, text};
use crate::{dispatch, init, plans, stats};
use lichen_plan::Outline;
use lichen_runtime::arch::syscall6;
use lichen_settings::Cap;

const PAGE: usize = 4096;
/// The smallest file that is looked at: an ELF header.
const LEAST: usize = 64;

/// Text that the program has mapped.
#[derive(Clone, Copy)]
pub struct Mapped {
    pub at: usize,
    pub len: usize,
    pub fd: i32,
    /// Of the file, in bytes.
    pub offset: usize,
}

/// Rewrites the sites in fresh text. Scheduler side.
pub fn found(mapped: Mapped) {
    let Some(loaded) = init::settled() else {
        return;
    };
    let Some(file) = View::of(mapped.fd) else {
        return;
    };
    let mut job = Job::new();
    if add_sites(&mut job, &file, mapped, loaded).is_none() {
        return;
    }
    let (sites, left, wanted) = (job.sites, job.left, job.jumps.len());
    if wanted == 0 {
        return stats::add(sites, left);
    }
    let written = text::write(job, !loaded.settings.without.has(Cap::ProcMem)).is_ok();
    stats::add(sites, if written { left } else { left + wanted });
}

/// Adds what is to be written. `None` if the mapping is no text segment of an ELF file, or one that ld.so writes to.
pub(super) fn add_sites(
    job: &mut Job,
    file: &View,
    mapped: Mapped,
    loaded: &init::Loaded,
) -> Option<()> {
    let outline = Outline::from_file(file.bytes()).ok()?;
    if outline.text_relocations() {
        return None;
    }
    let from = |code: &[u8]| code.as_ptr() as usize - file.bytes().as_ptr() as usize;
    let (vaddr, code) = outline
        .code()
        .find(|(_, code)| from(code) / PAGE * PAGE == mapped.offset)?;
    let into = from(code) - mapped.offset;
    let base = (mapped.at + into).wrapping_sub(vaddr as usize);
    let len = (into + code.len()).next_multiple_of(PAGE).min(mapped.len);
    let plan = plans::plan_of(outline, loaded);
    if plan.sites.is_empty() && plan.left.is_empty() {
        return None;
    }
    job.add_other(base, (mapped.at, len), &plan, dispatch::wants);
    Some(())
}

/// A whole file, mapped for reading as long as this lives.
pub(super) struct View {
    at: usize,
    len: usize,
}

impl View {
    /// Of a regular file that begins like ELF. Nothing is read of anything else: devices may mind.
    pub(super) fn of(fd: i32) -> Option<View> {
        let len = regular_size(fd).filter(|&len| len >= LEAST)?;
        let mut magic = [0u8; 4];
        let (fd, into) = (fd as usize, magic.as_mut_ptr() as usize);
        let (pread, mmap) = (libc::SYS_pread64 as usize, libc::SYS_mmap as usize);
        // SAFETY: four bytes into four.
        if unsafe { syscall6(pread, fd, into, magic.len(), 0, 0, 0) } != 4 || magic != *b"\x7fELF" {
            return None;
        }
        let (read, private) = (libc::PROT_READ as usize, libc::MAP_PRIVATE as usize);
        // SAFETY: a fresh mapping of the kernel's choice.
        let at = unsafe { syscall6(mmap, 0, len, read, private, fd, 0) };
        (at > 0).then_some(View {
            at: at as usize,
            len,
        })
    }

    /// The file. ld.so is about to read it the same way: who cuts it short meanwhile ends the process natively too.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for `len` bytes until the drop.
        unsafe { core::slice::from_raw_parts(self.at as *const u8, self.len) }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: ours, and no slice outlives it.
        unsafe { lichen_runtime::sys::unmap(self.at as *mut u8, self.len) };
    }
}

/// The size in bytes, if it is a regular file.
fn regular_size(fd: i32) -> Option<usize> {
    let mut stat = core::mem::MaybeUninit::<libc::stat>::zeroed();
    let (number, into) = (libc::SYS_fstat as usize, stat.as_mut_ptr() as usize);
    // SAFETY: the kernel fills the structure; zeroes are valid for it.
    let (done, stat) = unsafe {
        let done = syscall6(number, fd as usize, into, 0, 0, 0, 0);
        (done == 0, stat.assume_init())
    };
    let regular = done && stat.st_mode & libc::S_IFMT == libc::S_IFREG;
    usize::try_from(stat.st_size).ok().filter(|_| regular)
}

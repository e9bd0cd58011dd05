//! Which modules are mapped, and their text. At load and activation only: `dl_iterate_phdr` takes a
//! lock of ld.so.
#![allow(unsafe_code)]

use core::ffi::{CStr, c_int, c_void};
use lichen_plan::{Outline, PlanError};

/// One mapped ELF module.
pub struct Module {
    /// Its path as ld.so knows it; empty for the program itself.
    pub name: String,
    /// What to add to its addresses.
    pub base: usize,
    headers: &'static [libc::Elf64_Phdr],
}

/// Every mapped module, the program first.
pub fn all() -> Vec<Module> {
    unsafe extern "C" fn note(
        info: *mut libc::dl_phdr_info,
        _size: usize,
        list: *mut c_void,
    ) -> c_int {
        // SAFETY: ld.so passes a valid record, and `list` is the vector below.
        unsafe {
            let info = &*info;
            let name = if info.dlpi_name.is_null() {
                c""
            } else {
                CStr::from_ptr(info.dlpi_name)
            };
            (*list.cast::<Vec<Module>>()).push(Module {
                name: name.to_string_lossy().into_owned(),
                base: info.dlpi_addr as usize,
                headers: core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum as usize),
            });
        }
        0
    }
    let mut list: Vec<Module> = Vec::new();
    // SAFETY: the callback matches; ld.so keeps the headers as long as the module is mapped.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut list).cast()) };
    list
}

impl Module {
    /// Is this glibc? Its file name is fixed by the ABI.
    pub fn is_libc(&self) -> bool {
        self.name.ends_with("/libc.so.6")
    }

    /// Is this ld.so? The kernel tells where it mapped it.
    pub fn is_loader(&self) -> bool {
        // SAFETY: reads the auxiliary vector.
        self.base != 0 && self.base == unsafe { libc::getauxval(libc::AT_BASE) } as usize
    }

    /// Is this the kernel's own module, by which clocks are read without a system call?
    pub fn is_vdso(&self) -> bool {
        self.name.starts_with("linux-vdso")
    }

    /// Does it contain this address?
    pub fn contains(&self, address: usize) -> bool {
        self.loads().any(|p| {
            let start = self.base + p.p_vaddr as usize;
            (start..start + p.p_memsz as usize).contains(&address)
        })
    }

    fn loads(&self) -> impl Iterator<Item = &libc::Elf64_Phdr> {
        self.headers.iter().filter(|p| p.p_type == libc::PT_LOAD)
    }

    /// Its executable ranges (address, length) that are not writable too, whole pages.
    pub fn text_ranges(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.loads()
            .filter(|p| p.p_flags & (libc::PF_X | libc::PF_W) == libc::PF_X)
            .map(|p| {
                let start = (self.base + p.p_vaddr as usize) & !4095;
                let end = (self.base + (p.p_vaddr + p.p_memsz) as usize).next_multiple_of(4096);
                (start, end - start)
            })
    }

    /// The bytes of an unrelocated address, if a readable segment holds them all.
    pub fn bytes(&self, vaddr: usize, len: usize) -> Option<&'static [u8]> {
        self.loads()
            .filter(|p| p.p_flags & libc::PF_R != 0)
            .find(|p| {
                vaddr >= p.p_vaddr as usize && vaddr + len <= (p.p_vaddr + p.p_filesz) as usize
            })?;
        // SAFETY: within a readable segment of a module that stays mapped (libc and ld.so do).
        Some(unsafe { core::slice::from_raw_parts((self.base + vaddr) as *const u8, len) })
    }

    /// The planner's view of it.
    ///
    /// # Errors
    /// When the headers make no sense.
    pub fn outline(&self) -> Result<Outline<'static>, PlanError> {
        // SAFETY: program headers are plain bytes.
        let raw = unsafe {
            core::slice::from_raw_parts(
                self.headers.as_ptr().cast::<u8>(),
                size_of_val(self.headers),
            )
        };
        Outline::from_segments(raw, |vaddr, len| self.bytes(vaddr as usize, len))
    }
}

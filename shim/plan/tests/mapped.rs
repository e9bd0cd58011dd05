//! The planner on modules as they are mapped in this very process: it must find what it finds in the files.
#![allow(unsafe_code)]

use lichen_plan::{Image, Plan, plan};
use std::ffi::{CStr, c_int, c_void};

/// Name and plan of one loaded module.
type Planned = (String, Plan);

unsafe extern "C" fn visit(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    found: *mut c_void,
) -> c_int {
    // SAFETY: dl_iterate_phdr hands us a valid record, and the vector that we passed to it.
    let (info, found) = unsafe { (&*info, &mut *found.cast::<Vec<Planned>>()) };
    // SAFETY: the loader keeps a zero-terminated name and the program headers of each loaded module.
    let (name, phdrs) = unsafe {
        let table = std::slice::from_raw_parts(
            info.dlpi_phdr.cast::<u8>(),
            usize::from(info.dlpi_phnum) * 56,
        );
        (
            CStr::from_ptr(info.dlpi_name)
                .to_string_lossy()
                .into_owned(),
            table,
        )
    };
    if name.contains("/libc.so") || name.contains("/ld-linux") {
        // SAFETY: the planner asks for loadable segments only, and no test unloads libc.
        let segment = |vaddr, len| {
            // SAFETY: see above.
            Some(unsafe { std::slice::from_raw_parts((info.dlpi_addr + vaddr) as *const u8, len) })
        };
        let image = Image::from_segments(phdrs, segment).expect("a mapped module");
        found.push((name, plan(&image).expect("a plan")));
    }
    0
}

#[test]
fn the_mapping_of_libc_and_the_loader_gives_the_plan_of_their_files() {
    let mut found: Vec<Planned> = Vec::new();
    // SAFETY: `visit` matches the callback type and uses the pointer as the vector that it is.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut found).cast()) };
    assert_eq!(found.len(), 2, "this test needs a dynamically linked glibc");
    for (name, mapped) in found {
        let bytes = std::fs::read(&name).expect("readable");
        let from_file = plan(&Image::from_file(&bytes).expect("an ELF file")).expect("a plan");
        assert!(!mapped.sites.is_empty() && !mapped.build_id.is_empty());
        assert_eq!(mapped, from_file, "{name}");
    }
}

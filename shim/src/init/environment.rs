//! The environment at load, before libc has made itself at home in it: what our constructor was handed, read and changed in place.
//! Called by `init` alone.
#![allow(unsafe_code)]

use core::ffi::c_char;
use lichen_settings::Settings;

/// With `--no-follow` no child gets us: our entry leaves LD_PRELOAD, in place, for a shorter string
/// always fits. An empty variable is taken out.
///
/// # Safety
/// `environment` must be a null-terminated array of writable C strings.
pub unsafe fn leave_children(environment: *mut *const c_char) {
    const NAME: &[u8] = b"LD_PRELOAD=";
    let mut at = environment;
    // SAFETY: by the caller's contract.
    unsafe {
        while !(*at).is_null() {
            let entry = core::ffi::CStr::from_ptr(*at).to_bytes();
            if let Some(value) = entry.strip_prefix(NAME) {
                match lichen_settings::preload::without(value).filter(|v| !v.is_empty()) {
                    Some(rest) => {
                        let text = (*at).cast_mut().cast::<u8>().add(NAME.len());
                        core::ptr::copy_nonoverlapping(rest.as_ptr(), text, rest.len());
                        *text.add(rest.len()) = 0;
                    }
                    None => {
                        let mut gap = at;
                        while !(*gap).is_null() {
                            *gap = *gap.add(1);
                            gap = gap.add(1);
                        }
                        continue;
                    }
                }
            }
            at = at.add(1);
        }
    }
}

/// One warning per process tree: the first variable that was not understood makes room for
/// `LICHEN_QUIET=1`. (Our constructor runs before libc's, so there is no `setenv` yet.)
///
/// # Safety
/// `environment` must be a null-terminated array of C strings.
pub unsafe fn hush_children(environment: *mut *const c_char) {
    let mut at = environment;
    // SAFETY: by the caller's contract.
    unsafe {
        while !(*at).is_null() {
            let entry = core::ffi::CStr::from_ptr(*at).to_bytes();
            if !Settings::from_entries(core::iter::once(entry)).1.is_empty() {
                *at = c"LICHEN_QUIET=1".as_ptr();
                return;
            }
            at = at.add(1);
        }
    }
}

/// # Safety
/// `environment` must be null or a null-terminated array of C strings that lives for ever.
pub unsafe fn entries(environment: *const *const c_char) -> Vec<&'static [u8]> {
    let mut list = Vec::new();
    let mut at = environment;
    // SAFETY: by the caller's contract.
    unsafe {
        while !at.is_null() && !(*at).is_null() {
            list.push(core::ffi::CStr::from_ptr(*at).to_bytes());
            at = at.add(1);
        }
    }
    list
}

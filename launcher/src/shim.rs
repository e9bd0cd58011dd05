//! Where `liblichen.so` lies: beside this program, or in `../lib/lichen/` seen from it.
//!
//! Called by `run`, `check` and `env`. The path of this program is the kernel's, with symbolic links
//! resolved. The current directory must never play a part: whoever may write there could have any
//! code preloaded.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use lichen_settings::preload;

use crate::error::Error;

/// The absolute path of the shim.
pub fn find() -> Result<PathBuf, Error> {
    let own = std::fs::read_link("/proc/self/exe").map_err(Error::OwnPath)?;
    let places = places(&own);
    let Some(found) = places.iter().find(|place| place.is_file()) else {
        return Err(Error::NoShim(places));
    };
    if !preload::can_be_listed(found.as_os_str().as_bytes()) {
        return Err(Error::ShimPath(found.clone()));
    }
    Ok(found.clone())
}

fn places(own: &Path) -> Vec<PathBuf> {
    let folder = own.parent().unwrap_or(Path::new("/"));
    let mut places = vec![folder.join("liblichen.so")];
    if let Some(prefix) = folder.parent() {
        places.push(prefix.join("lib/lichen/liblichen.so"));
    }
    places
}

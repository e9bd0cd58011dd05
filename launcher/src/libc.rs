//! The libc and loader that a program will get, and what the planner says about them.
//!
//! Called by `run` (so that activation finds its plan in the cache) and by `check`. Files are read whole
//! only when their plan is not cached. A folder that cannot be written is no error: the shim plans
//! then by itself.

use std::io;
use std::path::{Path, PathBuf};

use lichen_plan::{Image, Left, Number, Plan, Why, cache};
use lichen_settings::essential;

use crate::module::Module;
use crate::obstacle::Obstacle;
use crate::prepare::Environment;

/// The name by which every program needs glibc.
pub const NAME: &str = "libc.so.6";

/// Folders that glibc's loader searches by itself on the systems we know.
const FOLDERS: &[&str] = &[
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];

/// The folders of the loader itself, by its name and by its real place.
pub fn own_folders(loader: &Path) -> Vec<PathBuf> {
    let real = loader.canonicalize().ok();
    [real.as_deref(), Some(loader)]
        .into_iter()
        .flatten()
        .filter_map(Path::parent)
        .map(Path::to_owned)
        .collect()
}

/// The folders that every glibc's loader searches in the end.
pub fn usual_folders() -> impl Iterator<Item = PathBuf> {
    FOLDERS.iter().map(PathBuf::from)
}

/// The libc that `loader` will most likely load: the one beside it, else one in the usual folders.
pub fn of_loader(loader: &Path) -> Option<PathBuf> {
    own_folders(loader)
        .into_iter()
        .chain(usual_folders())
        .map(|folder| folder.join(NAME))
        .find(|path| path.is_file())
}

/// The plan cache's folder under these settings.
pub fn cache_folder(environment: &Environment) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    match &environment.settings.cache_dir {
        Some(folder) => Some(std::ffi::OsString::from_vec(folder.clone()).into()),
        None => cache::default_dir(|name| environment.get(name).map(ToOwned::to_owned)),
    }
}

/// Makes sure that the plan of `module` lies in the cache. Next to free if it does.
pub fn ensure_planned(module: &Path, folder: &Path) {
    let Some(Module { build_id, .. }) = Module::read(module) else {
        return;
    };
    if !build_id.is_empty() && !cache::path(folder, &build_id).exists() {
        let _ = planned(module, Some(folder));
    }
}

/// The plan of `module`, from the cache or made now (and kept, if there is a folder).
pub fn planned(module: &Path, folder: Option<&Path>) -> io::Result<Plan> {
    let build_id = Module::read(module).unwrap_or_default().build_id;
    if let Some(plan) = folder.and_then(|folder| cache::load(folder, &build_id)) {
        return Ok(plan);
    }
    let bytes = std::fs::read(module)?;
    let plan = plan_bytes(&bytes)?;
    if let Some(folder) = folder.filter(|_| !plan.build_id.is_empty()) {
        // Only a convenience for the next start.
        let _ = cache::store(folder, &plan);
    }
    Ok(plan)
}

/// The plan of a module's bytes.
pub fn plan_bytes(bytes: &[u8]) -> io::Result<Plan> {
    Image::from_file(bytes)
        .and_then(|image| lichen_plan::plan(&image))
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))
}

/// The sites left alone that green threads cannot do without. A site whose number is not known may be
/// any call, so it counts; rt_sigreturn is never rewritten and does not.
pub fn needed_but_left(plan: &Plan) -> impl Iterator<Item = &Left> {
    plan.left
        .iter()
        .filter(|left| left.why != Why::Sigreturn)
        .filter(|left| match left.number {
            Number::Constant(number) => essential::is_essential(number),
            Number::Variable => true,
        })
}

/// What `plan` of `module` lacks, if anything that matters.
pub fn plan_obstacle(module: &Path, plan: &Plan) -> Option<Obstacle> {
    let mut calls: Vec<String> = needed_but_left(plan).map(call_name).collect();
    calls.sort();
    calls.dedup();
    (!calls.is_empty()).then(|| Obstacle::SitesLeft {
        module: module.to_owned(),
        calls: calls.join(", "),
    })
}

/// The same, making or loading the plan.
pub fn obstacle(module: &Path, folder: Option<&Path>) -> Option<Obstacle> {
    match planned(module, folder) {
        Ok(plan) => plan_obstacle(module, &plan),
        Err(e) => Some(Obstacle::LibcUnknown(format!("{}: {e}", module.display()))),
    }
}

/// The name of a left site's call.
pub fn call_name(left: &Left) -> String {
    match left.number {
        _ if left.why == Why::Sigreturn => "rt_sigreturn".to_owned(),
        Number::Variable => "unknown call".to_owned(),
        Number::Constant(number) => {
            essential::name(number).map_or_else(|| format!("call {number}"), ToOwned::to_owned)
        }
    }
}

/// The release a glibc names itself by, such as `2.36, Debian GLIBC 2.36-9`; `None` for other modules.
pub fn version(bytes: &[u8]) -> Option<String> {
    let start = find(bytes, b"GNU C Library (")?;
    let banner = bytes.get(start..bytes.len().min(start + 200))?;
    let line = banner.split(|&b| b == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let vendor = line.split_once('(')?.1.split_once(')')?.0;
    let release = line.split_once("release version ")?.1;
    Some(format!("{}, {vendor}", release.trim_end_matches('.')))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

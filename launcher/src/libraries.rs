//! Which files a program's needed libraries are, without running the loader (ld.so(8), search order).
//!
//! Called by `check`. Knows a module's own RPATH or RUNPATH with `$ORIGIN`, LD_LIBRARY_PATH, the folders of
//! /etc/ld.so.conf and the usual ones; not the binary cache, whose folders are the same. Must never execute a
//! file.

use std::collections::{HashSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::libc;
use crate::module::Module;

/// Bound on the libraries of one program.
const LIBRARIES_MAX: usize = 2000;

/// A module of the program: the name it was needed by (empty for the program itself) and its file.
pub struct Library {
    pub name: OsString,
    pub path: PathBuf,
}

/// Where libraries are looked for.
pub struct Search<'a> {
    loader: &'a Path,
    /// Folders of LD_LIBRARY_PATH.
    environment: Vec<PathBuf>,
    /// The loader's own, configured and usual folders.
    system: Vec<PathBuf>,
}

impl<'a> Search<'a> {
    /// The search order of `loader` in an environment with this LD_LIBRARY_PATH. A glibc in a folder of its
    /// own finds its libraries there first.
    pub fn new(loader: &'a Path, library_path: Option<&OsStr>) -> Self {
        let mut system = libc::own_folders(loader);
        system.extend(configured_folders());
        system.extend(libc::usual_folders());
        Self {
            loader,
            environment: split(library_path.unwrap_or_default()),
            system,
        }
    }

    /// The program and all it needs, in the loader's breadth-first order, then the loader; and the names not
    /// found.
    pub fn closure(&self, program: &Path) -> (Vec<Library>, Vec<OsString>) {
        let mut found = Vec::new();
        let mut missing = Vec::new();
        // The loader is there before anything asks for it by name.
        let own_name = self.loader.file_name().unwrap_or_default().to_owned();
        let mut seen = HashSet::from([own_name.clone()]);
        let mut queue = VecDeque::from([Library {
            name: OsString::new(),
            path: program.to_owned(),
        }]);
        while let Some(library) = queue.pop_front() {
            if found.len() >= LIBRARIES_MAX {
                break;
            }
            let module = Module::read(&library.path).unwrap_or_default();
            for name in &module.needed {
                if !seen.insert(name.clone()) {
                    continue;
                }
                match self.find(name, &library.path, &module) {
                    Some(path) => queue.push_back(Library {
                        name: name.clone(),
                        path,
                    }),
                    None => missing.push(name.clone()),
                }
            }
            found.push(library);
        }
        found.push(Library {
            name: own_name,
            path: self.loader.to_owned(),
        });
        (found, missing)
    }

    /// The file for `name` as needed by the module `by`. A file for another machine is passed over, as
    /// the loader does.
    fn find(&self, name: &OsStr, by: &Path, module: &Module) -> Option<PathBuf> {
        if name.to_string_lossy().contains('/') {
            return Some(PathBuf::from(name));
        }
        let before = origin_folders(by, module.rpath.as_deref().unwrap_or_default());
        let after = origin_folders(by, module.runpath.as_deref().unwrap_or_default());
        before
            .iter()
            .chain(&self.environment)
            .chain(&after)
            .chain(&self.system)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file() && Module::read(path).is_some())
    }
}

/// The folders of an RPATH or RUNPATH, with `$ORIGIN` being the folder of the module's real file.
fn origin_folders(by: &Path, runpath: &OsStr) -> Vec<PathBuf> {
    let real = by.canonicalize().unwrap_or_else(|_| by.to_owned());
    let origin = real.parent().unwrap_or(Path::new("/")).to_string_lossy();
    split(runpath)
        .iter()
        .map(|folder| {
            let text = folder.to_string_lossy();
            let text = text
                .replace("${ORIGIN}", &origin)
                .replace("$ORIGIN", &origin);
            PathBuf::from(text)
        })
        .collect()
}

fn split(list: &OsStr) -> Vec<PathBuf> {
    std::env::split_paths(list)
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect()
}

/// The folders named in /etc/ld.so.conf.d, which is what the distributions' /etc/ld.so.conf includes.
fn configured_folders() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir("/etc/ld.so.conf.d") else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let texts = files
        .iter()
        .filter(|file| file.extension().is_some_and(|e| e == "conf"))
        .filter_map(|file| std::fs::read_to_string(file).ok());
    let lines: Vec<String> = texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    lines
        .iter()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| line.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}

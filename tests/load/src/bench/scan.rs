//! What looking through a module for `syscall` instructions costs for each MB of its text: libc, libcrypto and the largest
//! library of this machine. Called by `bench::run`. The planner runs here, on files in memory, as it does in the shim.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use super::Bench;
use super::report::{Section, Verdict};
use crate::table;

/// Where Linux distributions keep shared libraries.
const FOLDERS: [&str; 3] = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"];
const LIBC: &str = "libc.so.6";
const LIBCRYPTO: &str = "libcrypto.so.3";

pub fn run(bench: &Bench) -> Result<Section> {
    let rounds = bench.pick(21, 7);
    let about = format!(
        "Time to look through a whole module that no plan is cached of, for each MB of its text; the file is in \
         memory; medians of {rounds}."
    );
    let head = ["module", "text", "sites", "time", "for each MB"];
    let mut section = Section::new("Scan of modules", &about, &head);
    for path in modules() {
        bench.say(&format!("scan, {}", path.display()))?;
        match one(&path, rounds) {
            Ok((row, per_mb)) => {
                let name = row[0].clone();
                section.rows.push(row);
                // libc's plan is proved in every detail, since it has hundreds of sites; the limit is for all others.
                if name != LIBC {
                    let what = format!("looking through {name}, for each MB");
                    section
                        .verdicts
                        .push(Verdict::at_most(what, Some(per_mb), 1_000.0, "us"));
                }
            }
            Err(error) => section.failures.push(format!("{error:#}")),
        }
    }
    Ok(section)
}

/// The row of one module, and its time for each MB in microseconds.
fn one(path: &Path, rounds: usize) -> Result<(Vec<String>, f64)> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut times_us = Vec::new();
    let mut text_bytes = 0;
    let mut sites = 0;
    for _ in 0..rounds {
        let begun = Instant::now();
        let outline = lichen_plan::Outline::from_file(&bytes);
        let outline = outline.with_context(|| format!("{} makes no sense", path.display()))?;
        text_bytes = outline.code().map(|(_, code)| code.len()).sum();
        if outline.has_syscall_bytes() {
            sites = lichen_plan::plan(&outline.image()).map_or(0, |plan| plan.sites.len());
        }
        times_us.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    let time_us = table::median(times_us.iter().copied());
    let megabytes = text_bytes as f64 / 1e6;
    let per_mb = time_us / megabytes.max(f64::MIN_POSITIVE);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let row = vec![
        name.into_owned(),
        format!("{megabytes:.2} MB"),
        sites.to_string(),
        table::time(time_us),
        table::time(per_mb),
    ];
    Ok((row, per_mb))
}

/// libc, libcrypto and the largest library, as far as they are there.
fn modules() -> Vec<PathBuf> {
    let folders = || FOLDERS.iter().map(Path::new);
    let named = |name: &str| folders().map(|f| f.join(name)).find(|path| path.is_file());
    let largest = folders()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|entries| entries.flatten())
        .filter(|entry| entry.file_name().to_string_lossy().contains(".so"))
        .filter_map(|entry| Some((entry.metadata().ok()?, entry.path())))
        .filter(|(metadata, _)| metadata.is_file())
        .max_by_key(|(metadata, _)| metadata.len());
    let mut list: Vec<PathBuf> = [named(LIBC), named(LIBCRYPTO)]
        .into_iter()
        .flatten()
        .collect();
    list.extend(largest.map(|(_, path)| path));
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libc_is_looked_through() {
        let libc = modules().into_iter().find(|path| path.ends_with(LIBC));
        let (row, per_mb) = one(&libc.unwrap(), 1).unwrap();
        assert_eq!(row[0], LIBC);
        assert!(per_mb > 0.0 && row[2].parse::<usize>().unwrap() > 100);
    }
}

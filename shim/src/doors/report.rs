//! The report of an audit: a line for the sums, and one for each call and place, the sleepers first.
//!
//! Called once, when the process ends, from the scheduler side or from our destructor: ordinary Rust,
//! raw calls. It must not ask ld.so, whose locks may be held.

use super::audit::{self, RECORDS, Record};
use crate::init;
use core::fmt::Write;
use lichen_runtime::sys;

/// A mapped file: where it begins, and its name.
struct Mapping {
    from: usize,
    to: usize,
    base: usize,
    file: String,
}

/// Writes the report to where `LICHEN_AUDIT` says.
pub fn write(to: &[u8]) {
    audit::at_door();
    let fd = if to.is_empty() {
        Some(2)
    } else {
        init::open_ours(to)
    };
    let Some(fd) = fd else { return };
    let mut records: Vec<Record> = (0..RECORDS)
        .map(audit::get)
        .filter(|record| record.site != 0)
        .collect();
    records.sort_by_key(|r| (r.by_door, core::cmp::Reverse((r.slept, r.count))));
    let maps = mappings();
    let process = sys::getpid();
    let mut text = String::new();
    for by_door in [false, true] {
        let sort = records.iter().filter(|record| record.by_door == by_door);
        let sum = |of: fn(&Record) -> u64| sort.clone().map(of).sum::<u64>();
        let _ = writeln!(
            text,
            "lichen audit {process}: {}: {} calls from {} places, {} slept",
            words(by_door),
            sum(|r| r.count),
            sort.clone().count(),
            sum(|r| r.slept),
        );
        for record in sort {
            let _ = write!(
                text,
                "lichen audit {process}: {}: {} {} slept {} ",
                words(by_door),
                audit::name(record),
                record.count,
                record.slept,
            );
            place(&mut text, &maps, record.site);
        }
    }
    sys::write(fd, text.as_bytes());
    if fd != 2 {
        sys::close(fd);
    }
}

fn words(by_door: bool) -> &'static str {
    if by_door { "native" } else { "past us" }
}

/// `libc.so.6+0x1234`, as in the file.
fn place(text: &mut String, maps: &[Mapping], site: usize) {
    let found = maps.iter().find(|m| (m.from..m.to).contains(&site));
    let _ = match found {
        Some(map) => writeln!(text, "{}+{:#x}", map.file, site - map.base),
        None => writeln!(text, "{site:#x}"),
    };
}

fn mappings() -> Vec<Mapping> {
    let text = sys::read_file(c"/proc/self/maps");
    let text = String::from_utf8_lossy(&text);
    let mut all: Vec<Mapping> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let range = words.next().and_then(|range| range.split_once('-'));
        let number = |word: &str| usize::from_str_radix(word, 16).ok();
        let Some((from, to)) = range.and_then(|(a, b)| Some((number(a)?, number(b)?))) else {
            continue;
        };
        let path = words.nth(4).unwrap_or("memory");
        let file = path.rsplit('/').next().unwrap_or(path).to_owned();
        let base = match all.last() {
            Some(last) if last.file == file && file != "memory" => last.base,
            _ => from,
        };
        all.push(Mapping {
            from,
            to,
            base,
            file,
        });
    }
    all
}

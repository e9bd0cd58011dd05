//! Most threads alive in one process, with 16 KiB stacks. Called by `bench::run`.
//! Natively the system says no at some point; which limit that is, is named. Meanwhile nobody else on the machine may get
//! a thread, for some tenths of a second: do not run this part beside something important.

use std::fs;

use anyhow::Result;

use super::Bench;
use super::program::{self, How, Values};
use super::report::{Section, Verdict};
use crate::table;

const GIB: f64 = 1024.0 * 1024.0;

pub fn run(bench: &Bench) -> Result<Section> {
    let head = [
        "",
        "asked for",
        "alive",
        "errno",
        "creation, each",
        "RSS + page tables",
        "kernel threads",
    ];
    let mut section = Section::new(
        "Most threads alive",
        "Threads with 16 KiB stacks that wait on a condition variable.",
        &head,
    );
    let mut lichen = None;
    for (how, name) in [(How::Natively, "native"), (How::UnderLichen, "lichen")] {
        bench.say(&format!("most threads: {name}"))?;
        let (status, values, stderr) = program::run(bench, how, "most", bench.most_threads, &[])?;
        if values.is_empty() {
            section
                .failures
                .push(format!("{name}: ended with {status}; {stderr}"));
            continue;
        }
        if get(&values, "right") < get(&values, "alive") {
            section
                .failures
                .push(format!("{name}: a thread lost its thread-local value"));
        }
        if get(&values, "errno") > 0.0 {
            section
                .notes
                .push(format!("{name} stopped: {stderr}; {}", limits()));
        }
        section.rows.push(row(name, bench.most_threads, &values));
        section.data[name] = serde_json::to_value(&values)?;
        match how {
            How::Natively => {}
            How::UnderLichen if get(&values, "in_kernel") > 0.0 => {
                section
                    .failures
                    .push("lichen did not take over the threads; its row is native".into());
            }
            How::UnderLichen => lichen = Some(values),
        }
    }
    let missing = lichen
        .as_ref()
        .map(|values| bench.most_threads as f64 - get(values, "alive"));
    let asked = table::grouped(bench.most_threads);
    section.verdicts = vec![
        Verdict::at_most(
            format!("threads missing to {asked} under lichen"),
            missing,
            0.0,
            "",
        ),
        Verdict::at_most(
            format!("memory with {asked} threads under lichen"),
            lichen.map(|values| memory_kib(&values) / GIB),
            9.0,
            "GiB",
        ),
    ];
    Ok(section)
}

fn get(values: &Values, name: &str) -> f64 {
    values.get(name).copied().unwrap_or(0.0)
}

fn memory_kib(values: &Values) -> f64 {
    get(values, "resident_kib") + get(values, "page_tables_kib")
}

fn row(name: &str, asked: u64, values: &Values) -> Vec<String> {
    vec![
        name.into(),
        table::grouped(asked),
        table::grouped(get(values, "alive") as u64),
        format!("{}", get(values, "errno")),
        table::time(get(values, "create_us")),
        table::bytes(memory_kib(values) * 1024.0),
        table::grouped(get(values, "kernel_threads") as u64),
    ]
}

/// The limits that can be the reason, with their values.
fn limits() -> String {
    let one = |path: &str, name: &str| {
        let value = fs::read_to_string(path).unwrap_or_default();
        format!("{name} = {}", value.trim())
    };
    [
        one("/proc/sys/vm/max_map_count", "vm.max_map_count"),
        one("/proc/sys/kernel/pid_max", "kernel.pid_max"),
        one("/proc/sys/kernel/threads-max", "kernel.threads-max"),
    ]
    .join(", ")
}

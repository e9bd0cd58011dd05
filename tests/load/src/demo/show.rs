//! The demo's results for people: table, bars, notes, and the one sentence from `story`. Pure: results in, text out.

use std::fmt::Write;

use super::{Results, story};
use crate::measure::Measured;
use crate::observe::KERNEL_STACK_KIB;
use crate::table::{self, Style};

const BAR_WIDTH: usize = 40;

pub fn show(results: &Results) -> String {
    let columns: Vec<&Measured> = [
        Some(&results.native),
        results.lichen.as_ref().ok(),
        Some(&results.native_unpinned),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut out = String::new();
    // Writing to a String cannot fail.
    let connections = table::grouped(results.native.connections as u64);
    let _ = writeln!(
        out,
        "\nOne unmodified thread-per-connection HTTP server, {connections} open connections"
    );
    let _ = writeln!(out, "({})\n", results.machine);
    let _ = writeln!(out, "{}\n", comparison(&columns));
    for (title, value, print) in CHARTS {
        out.push_str(&chart(title, &columns, value, print));
    }
    for note in &results.notes {
        let _ = writeln!(out, "Note: {note}.");
    }
    let _ = writeln!(
        out,
        "Note: memory per connection is what the connections added to resident memory, page tables and kernel stacks\n      \
         ({KERNEL_STACK_KIB} KiB per kernel thread). \"native, all CPUs\" is the server without pinning; the load generator keeps its CPU.\n      \
         Every response body was checked: {} requests, none wrong.",
        table::grouped(columns.iter().map(|run| run.outcome.requests).sum())
    );
    let _ = writeln!(out, "\n{}", story::sentence(results));
    out
}

fn comparison(columns: &[&Measured]) -> String {
    let mut head = vec![String::new()];
    head.extend(columns.iter().map(|run| run.name.clone()));
    let row = |title: &str, value: fn(&Measured) -> String| {
        let mut cells = vec![title.to_string()];
        cells.extend(columns.iter().map(|run| value(run)));
        cells
    };
    let rows = [
        row("requests per second", |run| {
            table::grouped(run.outcome.requests_per_second.round() as u64)
        }),
        row("server CPU time per request", |run| {
            table::time(run.cpu_us_per_request)
        }),
        row("server CPUs in use", |run| format!("{:.2}", run.cpu_share)),
        row("latency, median (p50)", |run| {
            table::time(run.outcome.p50_us)
        }),
        row("latency, 1 in 100 (p99)", |run| {
            table::time(run.outcome.p99_us)
        }),
        row("kernel threads", |run| {
            table::grouped(run.footprint.kernel_threads)
        }),
        row("memory per connection", |run| {
            table::bytes(run.bytes_per_connection)
        }),
    ];
    table::table(Style::Terminal, &head, &rows)
}

type Chart = (&'static str, fn(&Measured) -> f64, fn(f64) -> String);

const CHARTS: [Chart; 3] = [
    (
        "requests per second",
        |run| run.outcome.requests_per_second,
        |value| table::grouped(value.round() as u64),
    ),
    (
        "CPU time per request",
        |run| run.cpu_us_per_request,
        table::time,
    ),
    (
        "memory per connection",
        |run| run.bytes_per_connection,
        table::bytes,
    ),
];

fn chart(
    title: &str,
    columns: &[&Measured],
    value: fn(&Measured) -> f64,
    print: fn(f64) -> String,
) -> String {
    let most = columns.iter().map(|run| value(run)).fold(0.0, f64::max);
    let mut out = format!("{title}\n");
    for run in columns {
        let _ = writeln!(
            out,
            "  {:<17} {} {}",
            run.name,
            table::bar(value(run), most, BAR_WIDTH),
            print(value(run))
        );
    }
    out.push('\n');
    out
}

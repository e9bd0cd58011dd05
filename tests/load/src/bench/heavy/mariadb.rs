//! MariaDB with a thread per connection, under sysbench at 10, 100 and 1,000 connections. Called by `bench::run`.

use anyhow::Result;

use super::compare::{self, Load};
use super::place::Place;
use super::tools;
use crate::bench::Bench;
use crate::bench::program::How;
use crate::bench::report::{Section, Verdict};
use crate::table;

const TABLES: [&str; 2] = ["--tables=4", "--table-size=10000"];

pub fn mariadb(bench: &Bench) -> Result<Section> {
    bench.scale(1_000)?;
    let place = Place::prepare(bench, "mariadb", &[])?;
    let sysbench = |script: &str, threads: usize, more: &[&str]| {
        let fixed = [place.port.to_string(), script.into(), threads.to_string()];
        let all = TABLES.iter().chain(more).map(ToString::to_string);
        fixed.into_iter().chain(all).collect::<Vec<String>>()
    };
    fill(bench, &place, &sysbench("oltp_read_write", 1, &["prepare"]))?;
    let time = format!("--time={}", bench.pick(5, 2));
    let script = place.script("sysbench.sh");
    let mut loads = Vec::new();
    for what in ["oltp_point_select", "oltp_read_write"] {
        for connections in [10, 100, 1_000] {
            let more = [&time, "--percentile=99", "run"];
            let arguments = sysbench(what, connections, &more);
            let script = &script;
            loads.push(Load {
                name: format!("{what}, {}", table::grouped(connections as u64)),
                run: Box::new(move || tools::sysbench(bench, script, &arguments)),
            });
        }
    }
    let verdicts = |name: &str, ratios: compare::Ratios| {
        let limit = match name {
            "oltp_point_select, 10" => 1.0 / 1.4,
            "oltp_point_select, 100" => 1.0 / 1.2,
            "oltp_point_select, 1,000" => 1.0 / 1.17,
            _ => return Vec::new(),
        };
        vec![
            Verdict::at_most(
                format!("time per query, lichen / native, {name}"),
                Some(ratios.time),
                limit,
                "",
            ),
            Verdict::at_most(
                format!("p99, lichen / native, {name}"),
                Some(ratios.p99),
                1.0 / 3.0,
                "",
            ),
        ]
    };
    let about = "One server thread per connection; queries, not transactions, are counted. Server on one CPU, sysbench on another.";
    compare::servers(bench, "MariaDB", about, &place, &loads, verdicts)
}

fn fill(bench: &Bench, place: &Place, arguments: &[String]) -> Result<()> {
    let server = place.serve(bench, How::Natively)?;
    let mut command = std::process::Command::new(place.script("sysbench.sh"));
    command.args(arguments);
    tools::run(bench, command)?;
    server.stop()
}

//! What a call costs on its way through Lichen, by kind of descriptor: the program's own call, the call that Lichen makes in
//! its stead, and the way through Lichen, all three in turn in one process. Called by `bench::run`.

use anyhow::{Result, bail};

use super::Bench;
use super::program::{self, How};
use super::report::{Section, Verdict};
use crate::table;

/// The most that entry, dispatch and exit may cost over the same call, in nanoseconds.
const WAY: f64 = 60.0;

/// Name in the program's output, what it is called, and the most that the way through Lichen may cost over the program's own
/// call, in nanoseconds.
const KINDS: [(&str, &str, f64); 9] = [
    ("tcp_read", "read, TCP socket", 60.0),
    ("unix_read", "read, Unix socket", 60.0),
    ("unix_write", "write, Unix socket", 60.0),
    ("pipe_read", "read, pipe", 200.0),
    ("pipe_write", "write, pipe", 200.0),
    ("eventfd_read", "read, eventfd", 200.0),
    ("eventfd_write", "write, eventfd (polled first)", 450.0),
    ("fifo_read", "read, FIFO (polled first)", 450.0),
    ("terminal_read", "read, terminal (polled first)", 450.0),
];

/// One kind in one round: own, same, door.
type Times = [f64; 3];

pub fn run(bench: &Bench) -> Result<Section> {
    let names: Vec<String> = KINDS
        .iter()
        .flat_map(|(name, ..)| ["own", "same", "door"].map(|way| format!("{name}_{way}_ns")))
        .collect();
    let mut wanted: Vec<&str> = names.iter().map(String::as_str).collect();
    wanted.push("in_kernel");
    let mut rounds: Vec<Vec<Times>> = Vec::new();
    for round in 1..=bench.rounds {
        bench.say(&format!("calls, round {round} of {}", bench.rounds))?;
        let batches = bench.pick(1_000, 300);
        let values = program::value(bench, How::UnderLichen, "calls", batches, &wanted)?;
        if values.last() != Some(&0.0) {
            bail!("lichen did not take over the threads of calls");
        }
        rounds.push(values.chunks_exact(3).map(|c| [c[0], c[1], c[2]]).collect());
    }
    Ok(section(&rounds))
}

fn section(rounds: &[Vec<Times>]) -> Section {
    let about = "One byte, or eight, that is there or has room: the program's own call straight to the kernel, the call or calls \
                 that Lichen makes in its stead straight to the kernel, and the call through Lichen; in turn, in one process.";
    let head = [
        "",
        "own call",
        "Lichen's call",
        "through Lichen",
        "over Lichen's",
        "over own",
    ];
    let mut section = Section::new("Cost of a call", about, &head);
    for (i, (_, what, limit)) in KINDS.iter().enumerate() {
        let median =
            |of: fn(&Times) -> f64| table::median(rounds.iter().map(|kinds| of(&kinds[i])));
        let ns = |value: f64| format!("{value:.0} ns");
        let (way, whole) = (median(|t| t[2] - t[1]), median(|t| t[2] - t[0]));
        section.rows.push(vec![
            (*what).into(),
            ns(median(|t| t[0])),
            ns(median(|t| t[1])),
            ns(median(|t| t[2])),
            ns(way),
            ns(whole),
        ]);
        let over = |what: &str, over: &str| format!("{what}: over {over}");
        section.verdicts.extend([
            Verdict::at_most(over(what, "Lichen's call"), Some(way), WAY, "ns"),
            Verdict::at_most(over(what, "its own call"), Some(whole), *limit, "ns"),
        ]);
    }
    section.data = serde_json::json!(rounds);
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_taken_round_by_round() {
        let round = |base: f64| vec![[base, base + 100.0, base + 130.0]; KINDS.len()];
        let section = section(&[round(100.0), round(900.0), round(200.0)]);
        assert_eq!(section.verdicts[0].value, Some(30.0));
        assert_eq!(section.verdicts[1].value, Some(130.0));
        assert_eq!(section.rows[0][1], "200 ns");
    }
}

//! Small programs, natively and under Lichen in turn: condition variable hand-off, create + join, short sleeps, a poll over
//! thousands of descriptors.
//! Called by `bench::run`.

use anyhow::Result;

use super::Bench;
use super::program::{self, How};
use super::report::{Section, Verdict};
use crate::table;

/// For each value name, natively and under Lichen, one number per round.
struct Pairs {
    native: Vec<Vec<f64>>,
    lichen: Vec<Vec<f64>>,
    /// Why the side of Lichen is incomplete.
    failure: Option<String>,
}

fn rounds(bench: &Bench, name: &str, argument: u64, wanted: &[&str]) -> Result<Pairs> {
    let mut wanted = wanted.to_vec();
    wanted.push("in_kernel");
    let mut pairs = Pairs {
        native: Vec::new(),
        lichen: Vec::new(),
        failure: None,
    };
    for round in 1..=bench.rounds {
        bench.say(&format!("{name}, round {round} of {}", bench.rounds))?;
        pairs.native.push(program::value(
            bench,
            How::Natively,
            name,
            argument,
            &wanted,
        )?);
        if pairs.failure.is_none() {
            match program::value(bench, How::UnderLichen, name, argument, &wanted) {
                Ok(values) if values.last() != Some(&0.0) => {
                    pairs.failure = Some(format!("lichen did not take over the threads of {name}"));
                }
                Ok(values) => pairs.lichen.push(values),
                Err(error) if error.is::<crate::stop::Stopped>() => return Err(error),
                Err(error) => pairs.failure = Some(format!("{error:#}")),
            }
        }
    }
    Ok(pairs)
}

impl Pairs {
    fn native(&self, index: usize) -> f64 {
        table::median(self.native.iter().map(|values| values[index]))
    }

    fn lichen(&self, index: usize) -> Option<f64> {
        (!self.lichen.is_empty())
            .then(|| table::median(self.lichen.iter().map(|values| values[index])))
    }

    fn ratio(&self, index: usize) -> Option<f64> {
        let ratios = self
            .lichen
            .iter()
            .zip(&self.native)
            .map(|(lichen, native)| lichen[index] / native[index]);
        (!self.lichen.is_empty()).then(|| table::median(ratios))
    }

    fn row(&self, what: &str, index: usize, microseconds: f64) -> Vec<String> {
        let lichen = self
            .lichen(index)
            .map(|value| table::time(value * microseconds));
        let ratio = self.ratio(index).map(|ratio| format!("{ratio:.3}"));
        vec![
            what.into(),
            table::time(self.native(index) * microseconds),
            lichen.unwrap_or_else(|| "-".into()),
            ratio.unwrap_or_else(|| "-".into()),
        ]
    }

    fn fill(self, mut section: Section) -> Section {
        section.data = serde_json::json!({"native": self.native, "lichen": self.lichen});
        section.failures.extend(self.failure);
        section
    }
}

const HEAD: [&str; 4] = ["", "native", "lichen", "ratio"];

pub fn handoff(bench: &Bench) -> Result<Section> {
    let pairs = rounds(
        bench,
        "handoff",
        bench.pick(200_000, 50_000),
        &["handoff_ns"],
    )?;
    let mut section = Section::new(
        "Hand-off",
        "Two threads pass a turn by a mutex and condition variables, on one CPU.",
        &HEAD,
    );
    section.rows = vec![pairs.row("one hand-off", 0, 1e-3)];
    section.verdicts = vec![Verdict::at_most(
        "condvar hand-off, lichen / native",
        pairs.ratio(0),
        0.10,
        "",
    )];
    Ok(pairs.fill(section))
}

pub fn create(bench: &Bench) -> Result<Section> {
    let pairs = rounds(bench, "create", bench.pick(30_000, 10_000), &["create_ns"])?;
    let mut section = Section::new(
        "Create and join",
        "pthread_create + pthread_join of a thread that does nothing, on one CPU.",
        &HEAD,
    );
    section.rows = vec![pairs.row("one create + join", 0, 1e-3)];
    section.verdicts = vec![Verdict::at_most(
        "create + join, lichen / native",
        pairs.ratio(0),
        0.15,
        "",
    )];
    Ok(pairs.fill(section))
}

pub fn sleep(bench: &Bench) -> Result<Section> {
    let pairs = rounds(bench, "sleep", 1_000, &["sleep_total_ms", "sleep_late_us"])?;
    let mut section = Section::new("Short sleeps", "1,000 x usleep(100) in a thread.", &HEAD);
    section.rows = vec![
        pairs.row("all together", 0, 1e3),
        pairs.row("median lateness", 1, 1.0),
    ];
    let lateness = pairs.lichen(1).map(|value| value - pairs.native(1));
    section.verdicts = vec![
        Verdict::at_most(
            "1,000 x usleep(100), lichen / native",
            pairs.ratio(0),
            1.2,
            "",
        ),
        Verdict::at_most(
            "median lateness of usleep(100), lichen - native",
            lateness,
            50.0,
            "us",
        ),
    ];
    Ok(pairs.fill(section))
}

pub fn poll(bench: &Bench) -> Result<Section> {
    let wanted = ["poll_cpu_us", "poll_late_us", "descriptors"];
    let pairs = rounds(bench, "poll", bench.pick(300, 100), &wanted)?;
    let about = format!(
        "A thread polls {} sockets; another process makes one of them ready every 10 ms.",
        table::grouped(pairs.native(2) as u64)
    );
    let mut section = Section::new("Poll over thousands of descriptors", &about, &HEAD);
    section.rows = vec![
        pairs.row("CPU of one call", 0, 1.0),
        pairs.row("from ready to return, median", 1, 1.0),
    ];
    section.verdicts = vec![
        Verdict::at_most("CPU per poll, lichen / native", pairs.ratio(0), 1.2, ""),
        Verdict::at_most("ready to return, lichen / native", pairs.ratio(1), 1.2, ""),
    ];
    Ok(pairs.fill(section))
}

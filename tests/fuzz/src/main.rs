//! `scripts/fuzz-calls`: random sequences of calls, natively and under Lichen; results, errnos and data must be equal.
//!
//! [`generate`] makes sequences from a seed, [`worlds`] runs them with the agent (a C program, in `agent/`), [`judge`] repeats and
//! shrinks what differs, [`cells`] says what was covered, [`mutants`] proves that seeded defects are found.

mod cells;
mod generate;
mod judge;
mod language;
mod mutants;
mod worlds;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use cells::Cells;
use judge::{Verdict, judge, shrink, signature};
use language::Sequence;
use worlds::{Log, Worlds};

/// Sequences one process takes.
const BATCH: usize = 50;

/// Random sequences of calls, natively and under Lichen: whatever differs is shrunk and printed.
#[derive(Parser)]
#[command(name = "fuzz-calls")]
struct Options {
    /// The same seed gives the same sequences
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Stop after so many seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Stop after so many sequences
    #[arg(long)]
    sequences: Option<u64>,
    /// Go on after a difference, until so many were found
    #[arg(long, default_value_t = 1)]
    differences: usize,
    /// Run the sequences of a file, and say what each world does where they differ
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Find each seeded defect (in a library built for it) within --seconds
    #[arg(long)]
    mutants: bool,
    /// With --mutants: only this one. Without: run with this defect
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// The liblichen.so to test [default: target/release/liblichen.so]
    #[arg(long, value_name = "FILE")]
    lib: Option<PathBuf>,
    /// List the covered cells: call, kind of descriptor, outcomes
    #[arg(long)]
    cells: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fuzz-calls: {error:#}");
            ExitCode::from(125)
        }
    }
}

fn run(options: &Options) -> anyhow::Result<bool> {
    if options.mutants {
        let limit = Duration::from_secs(options.seconds);
        return mutants::find_all(
            options.lib.clone(),
            options.mutant.as_deref(),
            options.seed,
            limit,
        );
    }
    let worlds = Worlds::new(options.lib.clone(), options.mutant.clone())?;
    if let Some(file) = &options.replay {
        return replay(&worlds, &std::fs::read_to_string(file)?);
    }
    let mut hunt = Hunt::new(&worlds, options.seed);
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let mut found = 0;
    while Instant::now() < end && options.sequences.is_none_or(|most| hunt.done < most) {
        for sequence in hunt.batch()? {
            found += 1;
            explain(&worlds, &sequence, options.seed)?;
            if found >= options.differences {
                return Ok(hunt.report(found, options.cells));
            }
        }
    }
    Ok(hunt.report(found, options.cells))
}

/// A run through the sequences of a seed.
pub struct Hunt<'a> {
    worlds: &'a Worlds,
    rng: fastrand::Rng,
    done: u64,
    unstable: u64,
    not_repeated: u64,
    cells: Cells,
    /// Ways to differ that were judged before, and how often they came.
    seen: BTreeMap<String, u64>,
    begun: Instant,
}

impl<'a> Hunt<'a> {
    /// From the first sequence of `seed`.
    pub fn new(worlds: &'a Worlds, seed: u64) -> Hunt<'a> {
        Hunt {
            worlds,
            rng: fastrand::Rng::with_seed(seed),
            done: 0,
            unstable: 0,
            not_repeated: 0,
            cells: Cells::default(),
            seen: BTreeMap::new(),
            begun: Instant::now(),
        }
    }

    /// Runs the next sequences; gives those with a real difference.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn batch(&mut self) -> anyhow::Result<Vec<Sequence>> {
        let sequences: Vec<Sequence> = (0..BATCH as u64)
            .map(|i| generate::sequence(&mut self.rng, self.done + i))
            .collect();
        self.done += BATCH as u64;
        let (native, lichen) = self.worlds.both(&sequences)?;
        let mut real = Vec::new();
        for (sequence, (n, l)) in sequences.iter().zip(native.iter().zip(&lichen)) {
            self.cells.add(n);
            if n == l {
                continue;
            }
            let way = signature(n, l);
            if let Some(count) = self.seen.get_mut(&way) {
                *count += 1;
                continue;
            }
            match judge(self.worlds, sequence)? {
                Verdict::Real { .. } => {
                    self.seen.insert(way, 1);
                    real.push(sequence.clone());
                }
                Verdict::Unstable => self.unstable += 1,
                Verdict::NotRepeated => self.not_repeated += 1,
            }
        }
        Ok(real)
    }

    fn report(&self, found: usize, cells: bool) -> bool {
        if cells {
            self.cells.print();
        }
        for (way, count) in &self.seen {
            println!("{count:6} x {way}");
        }
        println!(
            "{} sequences in {:.0} s, {} cells covered, {} natively not always the same, {} differences that did not come again, {} differences",
            self.done,
            self.begun.elapsed().as_secs_f64(),
            self.cells.count(),
            self.unstable,
            self.not_repeated,
            found
        );
        found == 0
    }
}

fn explain(worlds: &Worlds, sequence: &Sequence, seed: u64) -> anyhow::Result<()> {
    println!("\ndifference in sequence {} of seed {seed}:", sequence.name);
    let short = shrink(worlds, sequence)?;
    if let Verdict::Real { native, lichen } = judge(worlds, &short)? {
        side_by_side(&short, &native, &lichen);
    }
    let file = std::env::temp_dir().join(format!("fuzz-calls.{seed}.{}", sequence.name));
    std::fs::write(&file, short.to_string())?;
    println!("again: scripts/fuzz-calls --replay {}", file.display());
    Ok(())
}

fn side_by_side(sequence: &Sequence, native: &Log, lichen: &Log) {
    for (at, step) in sequence.steps.iter().enumerate() {
        println!("  step {at}: {step}");
    }
    let both = native.iter().take_while(|line| lichen.contains(line));
    for line in both.clone() {
        println!("  both    {line}");
    }
    for line in native.iter().skip(both.count()) {
        println!("  native  {line}");
    }
    for line in lichen.iter().filter(|line| !native.contains(line)) {
        println!("  lichen  {line}");
    }
}

fn replay(worlds: &Worlds, text: &str) -> anyhow::Result<bool> {
    let sequences = language::parse(text)?;
    let mut different = 0;
    for batch in sequences.chunks(BATCH) {
        let (native, lichen) = worlds.both(batch)?;
        for (sequence, (n, l)) in batch.iter().zip(native.iter().zip(&lichen)) {
            if sequences.len() == 1 || n != l {
                side_by_side(sequence, n, l);
            }
            let verdict = match n == l {
                true => "equal",
                false => match judge(worlds, sequence)? {
                    Verdict::Real { .. } => {
                        different += 1;
                        "different"
                    }
                    Verdict::Unstable => "different now; natively not always the same",
                    Verdict::NotRepeated => "different now, not when it runs alone",
                },
            };
            println!("{}: {verdict}", sequence.name);
        }
    }
    Ok(different == 0)
}

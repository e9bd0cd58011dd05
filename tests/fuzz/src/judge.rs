//! Is a difference one? A sequence whose outcome natively is not always the same proves nothing, so it is repeated before it
//! counts; and then made as short as it can be.

use std::time::{Duration, Instant};

use crate::language::Sequence;
use crate::worlds::{Log, Worlds};

/// Native runs that must all be equal.
const NATIVE_RUNS: usize = 6;
/// Runs under Lichen that must all differ from them.
const LICHEN_RUNS: usize = 3;
/// Times that both are then repeated side by side. Who of two threads woken at once comes first is settled by what else
/// the processors do, so it is the same many times in a row while one world runs alone.
const ROUNDS_TOGETHER: usize = 8;

/// What became of a difference that was seen once.
pub enum Verdict {
    /// Always there.
    Real { native: Log, lichen: Log },
    /// Plain Linux does not always do the same.
    Unstable,
    /// Not there when the sequence runs alone.
    NotRepeated,
}

/// What differs first, in words that are the same for all sequences that differ in the same way: call, kind of
/// descriptor and outcome, natively and under Lichen.
pub fn signature(native: &Log, lichen: &Log) -> String {
    let mut pairs = native.iter().zip(lichen).skip_while(|(n, l)| n == l);
    match pairs.next() {
        Some((n, l)) => format!("{} | {}", core(n), core(l)),
        None => "one says more than the other".to_owned(),
    }
}

/// A line of the agent's without its numbers.
fn core(line: &str) -> String {
    let Some((_, rest)) = line.split_once(": step ") else {
        return line
            .split_whitespace()
            .take(4)
            .collect::<Vec<_>>()
            .join(" ");
    };
    let mut words = rest.split(' ').skip(1);
    let call = words.next().unwrap_or("");
    let rest: Vec<&str> = words.collect();
    let outcome = match rest.as_slice() {
        ["waits"] => "waits",
        ["=", "-1", error, ..] => error,
        ["=", "0", ..] => "0",
        _ => "ok",
    };
    let marks: Vec<&str> = rest
        .iter()
        .copied()
        .filter(|w| w.starts_with("SIG") || *w == "EARLY" || *w == "SPILLED")
        .collect();
    format!("{call} {outcome} {}", marks.join(" "))
        .trim()
        .to_owned()
}

/// A log in which it does not count who of several that waited for one descriptor got which error or end: Linux wakes them all
/// at once, and who comes first depends on the processors.
fn whoever_came_first(log: &Log) -> Log {
    let mut lines: Log = log.iter().map(|line| anonymous(line)).collect();
    lines.sort();
    lines
}

/// "17: step 4 recv(unix-packet) = -1 ECONNRESET" without the step, if that one waited, and moved no data.
fn anonymous(line: &str) -> String {
    let waited = line.split_once(": step ").and_then(|(at, rest)| {
        let (step, rest) = rest.split_once(' ')?;
        let (call, outcome) = rest.split_once(" = ")?;
        let (_, kind) = call.split_once('(')?;
        let ended = outcome == "0" || outcome.starts_with("-1 ");
        (at != step && ended).then(|| format!("{at}: ({kind} = {outcome}"))
    });
    waited.unwrap_or_else(|| line.to_owned())
}

/// Repeats a sequence, alone, in processes of its own.
///
/// # Errors
/// When no process can be started.
pub fn judge(worlds: &Worlds, sequence: &Sequence) -> anyhow::Result<Verdict> {
    let lichen = worlds.run(&vec![sequence.clone(); LICHEN_RUNS], true)?;
    let native = worlds.run(&vec![sequence.clone(); NATIVE_RUNS], false)?;
    let Some(first) = native.first() else {
        return Ok(Verdict::Unstable);
    };
    // Error numbers that no program should see: a defect of Linux itself (recvmmsg keeps ERESTARTSYS as the socket's
    // error).
    let leaked = first.iter().any(|line| line.contains(" E51"));
    if leaked || native.iter().any(|log| log != first) {
        return Ok(Verdict::Unstable);
    }
    let Some(other) = lichen.first() else {
        return Ok(Verdict::NotRepeated);
    };
    if lichen.contains(first) {
        return Ok(Verdict::NotRepeated);
    }
    if whoever_came_first(first) == whoever_came_first(other) {
        return Ok(Verdict::Unstable);
    }
    for _ in 0..ROUNDS_TOGETHER {
        let (native, lichen) = worlds.both(&vec![sequence.clone(); LICHEN_RUNS])?;
        if native.iter().any(|log| log != first) {
            return Ok(Verdict::Unstable);
        }
        if lichen.contains(first) {
            return Ok(Verdict::NotRepeated);
        }
    }
    Ok(Verdict::Real {
        native: first.clone(),
        lichen: other.clone(),
    })
}

/// Longest that a sequence is shrunk. Those that hang cost their time limit in every try.
const SHRINKING: Duration = Duration::from_secs(90);

/// Takes away steps as long as the difference stays. All candidates of a size run in one process of each world; the first
/// that still differs is judged.
///
/// # Errors
/// When no process can be started.
pub fn shrink(worlds: &Worlds, sequence: &Sequence) -> anyhow::Result<Sequence> {
    let end = Instant::now() + SHRINKING;
    let mut best = sequence.clone();
    let mut size = (best.steps.len() / 2).max(1);
    loop {
        if Instant::now() > end {
            return Ok(best);
        }
        match smaller(worlds, &best, size)? {
            Some(found) => best = found,
            None if size == 1 => return Ok(best),
            None => size = (size / 2).max(1),
        }
        size = size.min(best.steps.len().max(1));
    }
}

fn without(sequence: &Sequence, from: usize, count: usize) -> Sequence {
    let mut shorter = sequence.clone();
    let to = (from + count).min(shorter.steps.len());
    shorter.steps.drain(from..to);
    shorter
}

fn smaller(worlds: &Worlds, best: &Sequence, size: usize) -> anyhow::Result<Option<Sequence>> {
    let starts = (0..best.steps.len()).step_by(size);
    // The last steps go first: they usually came after the difference.
    let candidates: Vec<Sequence> = starts.rev().map(|at| without(best, at, size)).collect();
    let (native, lichen) = worlds.both(&candidates)?;
    for (candidate, (n, l)) in candidates.iter().zip(native.iter().zip(&lichen)) {
        if n != l
            && !candidate.steps.is_empty()
            && matches!(judge(worlds, candidate)?, Verdict::Real { .. })
        {
            return Ok(Some(candidate.clone()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[&str]) -> Log {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn who_of_several_gets_the_error_does_not_count_but_who_gets_the_data_does() {
        let reset = |first: &str, second: &str| {
            log(&[
                &format!("17: step 4 recv(unix-packet) = {first}"),
                &format!("17: step 16 read(unix-packet) = {second}"),
                "17: step 17 close(unix-packet) = 0",
            ])
        };
        let same = |a, b| whoever_came_first(&a) == whoever_came_first(&b);
        let error = "-1 ECONNRESET";
        assert!(same(reset(error, "0"), reset("0", error)));
        assert!(!same(reset(error, "0"), reset("0", "0")));
        let data = "5 data 6aa007af";
        assert!(!same(reset(data, error), reset(error, data)));
    }

    #[test]
    fn what_a_step_itself_said_counts() {
        let said = |outcome| log(&[&format!("3: step 3 read(pipe-r) = {outcome}")]);
        assert_ne!(
            whoever_came_first(&said("0")),
            whoever_came_first(&said("-1 EAGAIN"))
        );
    }
}

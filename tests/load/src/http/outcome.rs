//! What the client saw: counts, latencies, faults. Filled by the engine, read by everybody who prints. Pure.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The result of one measured stretch. Times are microseconds unless the name says otherwise.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    pub requests: u64,
    pub seconds: f64,
    pub requests_per_second: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub max_us: f64,
    /// Responses that were not, to the byte, what was asked for.
    pub wrong: u64,
    /// Connections that ended before their last response.
    pub lost: u64,
    /// The first fault in words.
    pub first_fault: Option<String>,
}

impl Outcome {
    /// Whether every response was right and every connection lived to the end.
    pub fn is_clean(&self) -> bool {
        self.wrong == 0 && self.lost == 0
    }

    /// One line on the faults, for errors.
    pub fn fault(&self) -> String {
        let first = self.first_fault.as_deref().unwrap_or("none");
        format!(
            "{} wrong responses, {} lost connections; first: {first}",
            self.wrong, self.lost
        )
    }
}

/// Counts while a stretch runs.
pub struct Tally {
    latencies: Histogram<u64>,
    wrong: u64,
    lost: u64,
    first_fault: Option<String>,
}

/// Longest latency that is told apart from longer ones: ten minutes.
const LONGEST_NS: u64 = 600_000_000_000;

impl Tally {
    pub fn new() -> Tally {
        Tally {
            // Three significant digits; the bounds are valid by construction.
            latencies: Histogram::new_with_bounds(1_000, LONGEST_NS, 3).expect("valid bounds"),
            wrong: 0,
            lost: 0,
            first_fault: None,
        }
    }

    pub fn right(&mut self, latency: Duration) {
        let ns = u64::try_from(latency.as_nanos()).unwrap_or(LONGEST_NS);
        self.latencies.saturating_record(ns);
    }

    pub fn wrong(&mut self, why: String) {
        self.wrong += 1;
        self.first_fault.get_or_insert(why);
    }

    pub fn lost(&mut self, why: String) {
        self.lost += 1;
        self.first_fault.get_or_insert(why);
    }

    pub fn finish(self, elapsed: Duration) -> Outcome {
        let us = |ns: u64| ns as f64 / 1_000.0;
        let requests = self.latencies.len();
        Outcome {
            requests,
            seconds: elapsed.as_secs_f64(),
            requests_per_second: requests as f64 / elapsed.as_secs_f64().max(1e-9),
            p50_us: us(self.latencies.value_at_quantile(0.50)),
            p99_us: us(self.latencies.value_at_quantile(0.99)),
            max_us: us(self.latencies.max()),
            wrong: self.wrong,
            lost: self.lost,
            first_fault: self.first_fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_recorded_values() {
        let mut tally = Tally::new();
        for ms in 1..=100 {
            tally.right(Duration::from_millis(ms));
        }
        let outcome = tally.finish(Duration::from_secs(2));
        assert_eq!(outcome.requests, 100);
        assert!((outcome.requests_per_second - 50.0).abs() < 1e-9);
        assert!(
            (outcome.p50_us / 50_000.0 - 1.0).abs() < 0.002,
            "{}",
            outcome.p50_us
        );
        assert!(
            (outcome.p99_us / 99_000.0 - 1.0).abs() < 0.002,
            "{}",
            outcome.p99_us
        );
        assert!(
            (outcome.max_us / 100_000.0 - 1.0).abs() < 0.002,
            "{}",
            outcome.max_us
        );
        assert!(outcome.is_clean());
    }

    #[test]
    fn values_out_of_range_are_kept_at_the_edge() {
        let mut tally = Tally::new();
        tally.right(Duration::from_secs(100_000));
        tally.right(Duration::ZERO);
        assert_eq!(tally.finish(Duration::from_secs(1)).requests, 2);
    }

    #[test]
    fn the_first_fault_is_the_one_reported() {
        let mut tally = Tally::new();
        tally.wrong("first".into());
        tally.lost("second".into());
        let outcome = tally.finish(Duration::from_secs(1));
        assert!(!outcome.is_clean());
        assert_eq!(
            outcome.fault(),
            "1 wrong responses, 1 lost connections; first: first"
        );
    }
}

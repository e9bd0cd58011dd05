//! The one sentence that says what the reader just saw, worded by the numbers: what got worse is called worse. Pure.

use super::Results;
use crate::measure::Measured;
use crate::table::grouped;

pub fn sentence(results: &Results) -> String {
    match &results.lichen {
        Err(_) => {
            "What you just saw: only the native side; the run under lichen failed, see below."
                .into()
        }
        Ok(lichen) if !lichen.took_over(&results.native) => format!(
            "What you just saw: lichen did NOT take over the server's threads (it has {} kernel threads, natively {}), so \
             these are two native runs; `lichen check` says why.",
            grouped(lichen.footprint.kernel_threads),
            grouped(results.native.footprint.kernel_threads)
        ),
        Ok(lichen) => compare(&results.native, lichen),
    }
}

fn compare(native: &Measured, lichen: &Measured) -> String {
    let threads = lichen.footprint.kernel_threads;
    format!(
        "What you just saw: the same program file held {} connections on {} kernel thread{} instead of {}, with {} CPU time \
         per request, {} requests per second and {} memory per connection.",
        grouped(lichen.connections as u64),
        grouped(threads),
        if threads == 1 { "" } else { "s" },
        grouped(native.footprint.kernel_threads),
        change(native.cpu_us_per_request, lichen.cpu_us_per_request),
        change(
            native.outcome.requests_per_second,
            lichen.outcome.requests_per_second
        )
        .replace("less", "fewer"),
        change(native.bytes_per_connection, lichen.bytes_per_connection),
    )
}

/// "23 % less", "23 % more", "equal".
fn change(from: f64, to: f64) -> String {
    let percent = (to / from.max(f64::MIN_POSITIVE) - 1.0) * 100.0;
    match percent.round() {
        0.0 => "equal".into(),
        p if p < 0.0 => format!("{:.0} % less", -p),
        p => format!("{p:.0} % more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Outcome;
    use crate::observe::Footprint;

    fn run(threads: u64, cpu: f64) -> Measured {
        Measured {
            name: String::new(),
            connections: 100,
            outcome: Outcome {
                requests_per_second: 1.0,
                ..Outcome::default()
            },
            cpu_us_per_request: cpu,
            cpu_share: 1.0,
            switches_per_request: 0.0,
            footprint: Footprint {
                kernel_threads: threads,
                ..Footprint::default()
            },
            bytes_per_connection: 1.0,
        }
    }

    fn story(lichen: Result<Measured, String>) -> String {
        let results = Results {
            machine: String::new(),
            notes: vec![],
            native: run(101, 10.0),
            lichen,
            native_unpinned: run(101, 10.0),
        };
        sentence(&results)
    }

    #[test]
    fn better_and_worse_are_told_apart() {
        assert!(story(Ok(run(1, 6.0))).contains("with 40 % less CPU time"));
        assert!(story(Ok(run(1, 12.0))).contains("with 20 % more CPU time"));
        assert!(story(Ok(run(1, 10.0))).contains("with equal CPU time"));
    }

    #[test]
    fn a_run_that_stayed_native_is_not_sold_as_lichen() {
        assert!(story(Ok(run(101, 6.0))).contains("did NOT take over"));
    }

    #[test]
    fn a_failed_run_is_named() {
        assert!(story(Err("no".into())).contains("failed"));
    }
}

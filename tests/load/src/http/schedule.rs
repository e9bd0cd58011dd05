//! When paced requests are due, and on which connection. Pure: the engine asks it, and does the waiting.

use std::time::{Duration, Instant};

/// Evenly spaced requests, dealt out to the connections in turn.
pub struct Schedule {
    start: Instant,
    interval: Duration,
    length: Duration,
    next: u32,
}

impl Schedule {
    /// `per_second` requests a second from `start` on, for `length`.
    pub fn new(start: Instant, per_second: f64, length: Duration) -> Schedule {
        Schedule {
            start,
            interval: Duration::from_secs_f64(1.0 / per_second),
            length,
            next: 0,
        }
    }

    /// When the next request is due; `None` when all have been dealt.
    pub fn due(&self) -> Option<Instant> {
        // From the start each time, so that rounding does not add up.
        let offset = Duration::from_nanos(
            u64::try_from(self.interval.as_nanos() * u128::from(self.next)).unwrap_or(u64::MAX),
        );
        (offset < self.length).then(|| self.start + offset)
    }

    /// Takes a request that is due at `now`: its number and its intended moment.
    pub fn take(&mut self, now: Instant) -> Option<(u32, Instant)> {
        let due = self.due().filter(|&due| due <= now)?;
        self.next += 1;
        Some((self.next - 1, due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deals_the_rate_and_then_ends() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 1_000.0, Duration::from_secs(1));
        let late = start + Duration::from_secs(5);
        let mut dealt = Vec::new();
        while let Some(request) = schedule.take(late) {
            dealt.push(request);
        }
        assert_eq!(dealt.len(), 1_000);
        assert_eq!(dealt[999], (999, start + Duration::from_millis(999)));
        assert_eq!(schedule.due(), None);
    }

    #[test]
    fn nothing_is_taken_early() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 10.0, Duration::from_secs(1));
        assert_eq!(schedule.take(start), Some((0, start)));
        assert_eq!(schedule.take(start + Duration::from_millis(99)), None);
        assert!(schedule.take(start + Duration::from_millis(100)).is_some());
    }
}

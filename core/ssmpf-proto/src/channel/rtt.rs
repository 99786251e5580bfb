//! How long an acknowledgement takes, and how long to wait for one.

use std::time::{Duration, Instant};

use crate::config;

/// Smoothed round trip, its variation, and the smallest one seen lately.
#[derive(Debug)]
pub struct Rtt {
    smoothed: Option<Duration>,
    variation: Duration,
    /// Smallest of the current and of the previous period.
    base: [Option<Duration>; 2],
    base_since: Option<Instant>,
}

impl Rtt {
    /// Nothing measured yet.
    pub fn new() -> Self {
        Self { smoothed: None, variation: Duration::ZERO, base: [None; 2], base_since: None }
    }

    /// Takes one measurement, of a message that was sent once only.
    pub fn sample(&mut self, rtt: Duration, now: Instant) {
        // RFC 6298 §2, which the official peers follow too.
        match self.smoothed {
            None => {
                self.smoothed = Some(rtt);
                self.variation = rtt / 2;
            }
            Some(smoothed) => {
                self.variation = (self.variation * 3 + smoothed.abs_diff(rtt)) / 4;
                self.smoothed = Some((smoothed * 7 + rtt) / 8);
            }
        }
        let since = *self.base_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= config::BASE_RTT_LIFE {
            self.base = [None, self.base[0]];
            self.base_since = Some(now);
        }
        self.base[0] = Some(self.base[0].map_or(rtt, |base| base.min(rtt)));
    }

    /// Smallest round trip seen in the last minute: the path without queues.
    pub fn base(&self) -> Option<Duration> {
        self.base.iter().flatten().min().copied()
    }

    /// Smoothed round trip; `None` before the first measurement.
    pub fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// How long to wait for an acknowledgement before sending again for the `attempt`th time.
    pub fn timeout(&self, attempt: u32) -> Duration {
        let first = self.smoothed.map_or(config::INITIAL_RTO, |smoothed| {
            smoothed + (self.variation * 4).max(config::CLOCK_GRANULARITY)
        });
        let doubled = first.max(config::MIN_RTO) * 2_u32.saturating_pow(attempt.min(16));
        doubled.min(config::MAX_RTO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_timeout_follows_the_path_and_doubles() {
        let now = Instant::now();
        let mut rtt = Rtt::new();
        assert_eq!(rtt.timeout(0), config::INITIAL_RTO);
        for _ in 0..100 {
            rtt.sample(100 * MS, now);
        }
        assert_eq!(rtt.timeout(0), 110 * MS);
        assert_eq!(rtt.timeout(2), 440 * MS);
        assert_eq!(rtt.timeout(u32::MAX), config::MAX_RTO);
    }

    #[test]
    fn a_fast_path_is_not_repeated_over_in_haste() {
        let mut rtt = Rtt::new();
        rtt.sample(MS / 10, Instant::now());
        assert_eq!(rtt.timeout(0), config::MIN_RTO);
    }

    #[test]
    fn the_smallest_round_trip_is_forgotten_when_the_route_gets_longer() {
        let now = Instant::now();
        let mut rtt = Rtt::new();
        rtt.sample(MS, now);
        rtt.sample(50 * MS, now + config::BASE_RTT_LIFE);
        assert_eq!(rtt.base(), Some(MS));
        rtt.sample(50 * MS, now + config::BASE_RTT_LIFE * 2);
        assert_eq!(rtt.base(), Some(50 * MS));
    }
}

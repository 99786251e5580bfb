//! Delays between attempts.
//!
//! Exponential with full jitter: the n-th delay is drawn evenly from 0 to `min(cap, base · 2ⁿ)`, so
//! many tunnels that lost the same network do not come back in step. StartSession is limited to three
//! calls a second for a whole account, which makes that more than a nicety.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Upper end of the first delay. A resume after a short cut should be hard to notice.
pub const BASE: Duration = Duration::from_millis(200);

/// Upper end of every later delay: long enough to be polite, short enough that a tunnel is back soon
/// after the network is.
pub const CAP: Duration = Duration::from_secs(20);

/// Upper end of the first delay after the service asked for fewer calls.
pub const SLOW_BASE: Duration = Duration::from_secs(2);

/// The delays of one thing that is tried again and again.
#[derive(Clone, Debug)]
pub struct Backoff {
    attempt: u32,
    rng: SmallRng,
}

impl Backoff {
    /// Starts with the first delay, seeded by the operating system.
    pub fn new() -> Self {
        Self::seeded(rand::random())
    }

    /// Starts with the first delay; equal seeds give equal delays.
    pub fn seeded(seed: u64) -> Self {
        Self { attempt: 0, rng: SmallRng::seed_from_u64(seed) }
    }

    /// Returns how long to wait before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        self.draw(BASE)
    }

    /// Returns how long to wait before the next attempt when the service asked for fewer calls.
    pub fn next_slow_delay(&mut self) -> Duration {
        self.draw(SLOW_BASE)
    }

    /// Returns how many delays were handed out since the start or the last reset.
    pub fn attempts(&self) -> u32 {
        self.attempt
    }

    /// Begins anew, after a success.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    fn draw(&mut self, base: Duration) -> Duration {
        // 2^16 times the base is far beyond the cap; more would only overflow.
        let ceiling = base.saturating_mul(1 << self.attempt.min(16)).min(CAP);
        self.attempt = self.attempt.saturating_add(1);
        ceiling.mul_f64(self.rng.random_range(0.0..=1.0))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_stay_below_a_ceiling_that_doubles_up_to_the_cap() {
        for seed in 0..200 {
            let mut backoff = Backoff::seeded(seed);
            for attempt in 0..100_u32 {
                let ceiling = (BASE * 2_u32.pow(attempt.min(10))).min(CAP);
                let delay = backoff.next_delay();
                assert!(delay <= ceiling, "seed {seed}, attempt {attempt}: {delay:?}");
            }
        }
    }

    #[test]
    fn delays_differ_between_seeds_and_repeat_for_one() {
        let delays = |seed| {
            let mut backoff = Backoff::seeded(seed);
            (0..8).map(|_| backoff.next_delay()).collect::<Vec<_>>()
        };
        assert_eq!(delays(1), delays(1));
        assert_ne!(delays(1), delays(2));
    }

    #[test]
    fn a_reset_begins_with_the_first_delay() {
        let mut backoff = Backoff::seeded(7);
        for _ in 0..20 {
            backoff.next_delay();
        }
        backoff.reset();
        assert_eq!(backoff.attempts(), 0);
        assert!(backoff.next_delay() <= BASE);
    }

    #[test]
    fn throttling_starts_slower() {
        let mean = |delay: fn(&mut Backoff) -> Duration| {
            (0..500).map(|seed| delay(&mut Backoff::seeded(seed))).sum::<Duration>() / 500
        };
        assert!(mean(Backoff::next_slow_delay) > 5 * mean(Backoff::next_delay));
    }
}

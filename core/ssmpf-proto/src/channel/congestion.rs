//! How many unacknowledged bytes the path is given.
//!
//! The agent acknowledges after it has handed the bytes on, so a late acknowledgement is real
//! back-pressure: from the network, or from a destination that reads slowly. The window grows
//! while the round trip stays near its smallest and shrinks when a queue builds up, because
//! interactive streams of the same session wait in that queue.

use std::time::Duration;

use crate::config;

/// The window and what it has learned.
#[derive(Debug)]
pub struct Congestion {
    window: usize,
    slow_start: bool,
    /// The round ends when a transmission from this one on is acknowledged.
    round_end: u64,
    /// Smallest round trip of this round: one late answer is noise, all late is a queue.
    round_rtt: Option<Duration>,
    /// Whether the window, and not the application, was the limit in this round.
    limited: bool,
    /// The same for the round before, whose messages are acknowledged in this one.
    was_limited: bool,
    /// Losses of transmissions before this one have been answered.
    reduced_until: u64,
}

impl Congestion {
    /// Starts with [`config::INITIAL_WINDOW`].
    pub fn new() -> Self {
        Self {
            window: config::INITIAL_WINDOW,
            slow_start: true,
            round_end: 0,
            round_rtt: None,
            limited: false,
            was_limited: false,
            reduced_until: 0,
        }
    }

    /// Bytes that may be unacknowledged.
    pub fn window(&self) -> usize {
        self.window
    }

    /// There was more to send than the window allowed.
    pub fn note_limited(&mut self) {
        self.limited = true;
    }

    /// An acknowledgement for `bytes` came; `base` is the path's round trip without queues.
    pub fn on_ack(
        &mut self,
        bytes: usize,
        transmission: u64,
        next_transmission: u64,
        sample: Option<Duration>,
        base: Option<Duration>,
    ) {
        if let Some(rtt) = sample {
            self.round_rtt = Some(self.round_rtt.map_or(rtt, |least| least.min(rtt)));
        }
        if self.slow_start && (self.limited || self.was_limited) {
            self.grow(bytes);
        }
        if transmission < self.round_end {
            return;
        }
        if let (Some(rtt), Some(base)) = (self.round_rtt, base) {
            self.end_round(rtt.saturating_sub(base), base);
        }
        self.round_end = next_transmission;
        self.round_rtt = None;
        self.was_limited = std::mem::take(&mut self.limited);
    }

    fn end_round(&mut self, queueing: Duration, base: Duration) {
        if self.slow_start {
            let noise = (base / 4).clamp(config::SLOW_START_NOISE, config::QUEUE_TARGET);
            self.slow_start = queueing <= noise;
        } else if queueing > 2 * config::QUEUE_TARGET {
            self.shrink(7, 8);
        } else if queueing < config::QUEUE_TARGET && self.limited {
            self.grow(config::WINDOW_STEP);
        }
    }

    /// A transmission was lost. Losses of one round trip count once.
    pub fn on_loss(&mut self, transmission: u64, next_transmission: u64) {
        if transmission >= self.reduced_until {
            self.reduced_until = next_transmission;
            self.slow_start = false;
            self.shrink(7, 10);
        }
    }

    /// The connection was replaced: its path is a new one.
    pub fn on_reconnect(&mut self, next_transmission: u64) {
        let window = self.window.min(config::INITIAL_WINDOW);
        *self = Self { window, round_end: next_transmission, ..Self::new() };
        self.reduced_until = next_transmission;
    }

    fn grow(&mut self, bytes: usize) {
        self.window = (self.window + bytes).min(config::MAX_WINDOW);
    }

    fn shrink(&mut self, numerator: usize, denominator: usize) {
        self.window = (self.window / denominator * numerator).max(config::MIN_WINDOW);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// One round trip in which a full window was acknowledged, each answer after `rtt`.
    fn round(congestion: &mut Congestion, tx: &mut u64, rtt: Duration) {
        let message = 8 * 1024;
        let count = (congestion.window() / message).max(1) as u64;
        let next = *tx + count;
        for transmission in *tx..next {
            congestion.note_limited();
            congestion.on_ack(message, transmission, next, Some(rtt), Some(40 * MS));
        }
        *tx = next;
    }

    #[test]
    fn a_long_path_gets_a_megabyte_within_three_round_trips() {
        let (mut congestion, mut tx) = (Congestion::new(), 0);
        for _ in 0..3 {
            round(&mut congestion, &mut tx, 41 * MS);
        }
        assert!(congestion.window() >= 1024 * 1024, "{}", congestion.window());
    }

    #[test]
    fn acknowledgements_that_come_all_at_once_open_the_window_as_well() {
        let (mut congestion, mut tx) = (Congestion::new(), 0);
        for _ in 0..4 {
            congestion.note_limited();
            let next = tx + congestion.window() as u64 / 1024;
            for transmission in tx..next {
                congestion.on_ack(1024, transmission, next, Some(40 * MS), Some(40 * MS));
            }
            tx = next;
        }
        assert!(congestion.window() >= 3 * 1024 * 1024, "{}", congestion.window());
    }

    #[test]
    fn a_queue_ends_the_growth_and_then_shrinks_the_window() {
        let (mut congestion, mut tx) = (Congestion::new(), 0);
        round(&mut congestion, &mut tx, 41 * MS);
        round(&mut congestion, &mut tx, 70 * MS);
        let full = congestion.window();
        for _ in 0..100 {
            round(&mut congestion, &mut tx, 500 * MS);
        }
        assert!(congestion.window() < full / 4);
        assert!(congestion.window() >= config::MIN_WINDOW);
    }

    #[test]
    fn losses_of_one_round_trip_count_once() {
        let mut congestion = Congestion::new();
        for lost in 0..10 {
            congestion.on_loss(lost, 20);
        }
        assert_eq!(congestion.window(), config::INITIAL_WINDOW / 10 * 7);
    }

    #[test]
    fn an_idle_session_does_not_grow_its_window() {
        let mut congestion = Congestion::new();
        for tx in 0..1000 {
            congestion.on_ack(1024, tx, tx + 1, Some(41 * MS), Some(40 * MS));
        }
        assert_eq!(congestion.window(), config::INITIAL_WINDOW);
    }
}

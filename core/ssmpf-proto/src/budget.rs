//! Received bytes that clients have not taken yet.
//!
//! The mux has no windows, so a client that does not read must cost either memory or its stream.
//! It gets memory up to a bound; beyond it, the stream that holds the most is given up, and no
//! other notices. Before that, reading the network is slowed down: that is what makes the agent
//! read its server more slowly. It is not done for the sake of a client that has stopped reading
//! while others share the session: they would wait in the row behind its bytes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::config;
use crate::event::StreamId;

/// Longest pause between two reads while a stream is alone: then holding back hurts nobody, and
/// an occasional read keeps the websocket's own pings answered.
const ALONE: Duration = Duration::from_secs(5);
/// Pause between two reads while other streams share the session, at the comfortable limit and
/// at the bound: noticeable to bulk, not to people.
const SHARED: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(40));

/// A client that has taken nothing for this long has stopped reading.
const STALL: Duration = Duration::from_secs(1);

/// What one client has not taken.
#[derive(Debug)]
struct Held {
    bytes: usize,
    /// When the client last took something, or the first of these bytes came.
    moved_at: Instant,
}

/// Counts received bytes per stream until their client has taken them.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    comfort: usize,
    total: usize,
    held: HashMap<StreamId, Held>,
    now: Instant,
}

impl Budget {
    /// Starts empty, with a bound in bytes.
    pub fn new(limit: usize, now: Instant) -> Self {
        let comfort = config::RECEIVE_COMFORT.min(limit / 2);
        Self { limit, comfort, total: 0, held: HashMap::new(), now }
    }

    /// Says what time it is, for what follows.
    pub fn tick(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Counts bytes handed to a stream's client. Returns the stream to give up, if the bound is
    /// now exceeded: the one that holds the most.
    pub fn hold(&mut self, stream: StreamId, bytes: usize) -> Option<StreamId> {
        self.total += bytes;
        let held = self.held.entry(stream).or_insert(Held { bytes: 0, moved_at: self.now });
        held.bytes += bytes;
        if self.total <= self.limit {
            return None;
        }
        self.largest().map(|(stream, _)| stream)
    }

    fn largest(&self) -> Option<(StreamId, &Held)> {
        let by_size = |(stream, held): &(StreamId, &Held)| (held.bytes, *stream);
        self.held.iter().map(|(stream, held)| (*stream, held)).max_by_key(by_size)
    }

    /// A client took bytes.
    pub fn release(&mut self, stream: StreamId, bytes: usize) {
        if let Some(held) = self.held.get_mut(&stream) {
            let bytes = bytes.min(held.bytes);
            held.bytes -= bytes;
            held.moved_at = self.now;
            self.total -= bytes;
            if held.bytes == 0 {
                self.held.remove(&stream);
            }
        }
    }

    /// A client is gone, and with it what it had not taken.
    pub fn forget(&mut self, stream: StreamId) {
        if let Some(held) = self.held.remove(&stream) {
            self.total -= held.bytes;
        }
    }

    /// How long to wait before reading more from the network, unless a client takes bytes first.
    pub fn brake(&self, open_streams: usize) -> Option<Duration> {
        if self.total <= self.comfort {
            return None;
        }
        if open_streams <= 1 {
            return Some(ALONE);
        }
        let stopped = |held: &Held| self.now.saturating_duration_since(held.moved_at) >= STALL;
        if self.largest().is_some_and(|(_, held)| stopped(held)) {
            return None;
        }
        let over = self.total - self.comfort;
        let span = (self.limit - self.comfort).max(1);
        let fill = (over as f64 / span as f64).min(1.0);
        Some(SHARED.0 + (SHARED.1 - SHARED.0).mul_f64(fill))
    }

    /// Bytes held now, over all streams.
    pub fn total(&self) -> usize {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: StreamId = StreamId(3);
    const OTHER: StreamId = StreamId(5);

    #[test]
    fn the_stream_that_holds_the_most_is_given_up() {
        let mut budget = Budget::new(1000, Instant::now());
        assert_eq!(budget.hold(OTHER, 100), None);
        assert_eq!(budget.hold(SLOW, 900), None);
        assert_eq!(budget.hold(OTHER, 1), Some(SLOW));
        budget.forget(SLOW);
        assert_eq!(budget.total(), 101);
    }

    #[test]
    fn a_lone_slow_stream_stops_the_reading_and_a_shared_one_slows_it() {
        let mut budget = Budget::new(1000, Instant::now());
        budget.hold(SLOW, 501);
        assert_eq!(budget.brake(1), Some(ALONE));
        assert!(budget.brake(2).unwrap() < Duration::from_millis(10));
        budget.hold(SLOW, 499);
        assert!(budget.brake(2).unwrap() > Duration::from_millis(30));
        budget.release(SLOW, 500);
        assert_eq!(budget.brake(1), None);
    }

    #[test]
    fn nobody_waits_behind_a_client_that_has_stopped_reading() {
        let start = Instant::now();
        let mut budget = Budget::new(1000, start);
        budget.hold(SLOW, 600);
        budget.tick(start + STALL / 2);
        budget.release(SLOW, 10);
        budget.tick(start + STALL);
        assert!(budget.brake(2).is_some(), "it is slow, but it reads");
        budget.tick(start + STALL * 2);
        assert_eq!(budget.brake(2), None);
        assert_eq!(budget.brake(1), Some(ALONE), "alone, it may take its time");
    }

    #[test]
    fn more_released_than_held_is_not_counted_twice() {
        let mut budget = Budget::new(1000, Instant::now());
        budget.hold(SLOW, 10);
        budget.release(SLOW, 20);
        budget.release(OTHER, 20);
        assert_eq!(budget.total(), 0);
    }
}

//! One direction between client and agent: how long a message takes and whether it arrives.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, RngExt};

use super::{MS, Time};

/// What a path does to messages.
#[derive(Debug, Clone)]
pub struct Path {
    /// One way, without queues.
    pub latency: Duration,
    /// Added at random, up to this.
    pub jitter: Duration,
    /// Whether messages stay in order in spite of jitter, as on a websocket.
    pub keeps_order: bool,
    /// Lost messages in ten thousand.
    pub drops: u32,
    /// Messages delivered twice in ten thousand.
    pub duplicates: u32,
    /// Bytes per second; `None` is without bound.
    pub bandwidth: Option<u64>,
}

impl Path {
    /// Loses nothing, keeps the order.
    pub fn clean(latency: Duration) -> Self {
        Self {
            latency,
            jitter: Duration::ZERO,
            keeps_order: true,
            drops: 0,
            duplicates: 0,
            bandwidth: None,
        }
    }
}

/// A path and what is under way on it.
#[derive(Debug)]
pub struct Direction {
    path: Path,
    busy_until: Time,
    last_arrival: Time,
}

impl Direction {
    /// Starts with nothing under way.
    pub fn new(path: Path) -> Self {
        Self { path, busy_until: Time::ZERO, last_arrival: Time::ZERO }
    }

    /// Whether the sender's socket takes another message now.
    pub fn has_room(&self, now: Time) -> bool {
        self.room_at() <= now
    }

    /// When the sender's socket takes another message.
    pub fn room_at(&self) -> Time {
        self.busy_until.saturating_sub(5 * MS)
    }

    /// Sends a message of `length` bytes; returns when it arrives, once for each copy.
    pub fn send(&mut self, length: usize, now: Time, rng: &mut SmallRng) -> Vec<Time> {
        let start = now.max(self.busy_until);
        let taken = self.path.bandwidth.map_or(Duration::ZERO, |rate| {
            Duration::from_nanos(length as u64 * 1_000_000_000 / rate.max(1))
        });
        self.busy_until = start + taken;
        if chance(self.path.drops, rng) {
            return Vec::new();
        }
        let copies = 1 + usize::from(chance(self.path.duplicates, rng));
        (0..copies).map(|_| self.arrival(rng)).collect()
    }

    fn arrival(&mut self, rng: &mut SmallRng) -> Time {
        let jitter = up_to(self.path.jitter, rng);
        let mut arrival = self.busy_until + self.path.latency + jitter;
        if self.path.keeps_order {
            arrival = arrival.max(self.last_arrival);
            self.last_arrival = arrival;
        }
        arrival
    }
}

/// True in `per_ten_thousand` of ten thousand cases.
pub fn chance(per_ten_thousand: u32, rng: &mut impl Rng) -> bool {
    per_ten_thousand > 0 && rng.random_range(0..10_000) < per_ten_thousand
}

/// A random time up to `most`.
pub fn up_to(most: Duration, rng: &mut impl Rng) -> Duration {
    let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(if micros == 0 { 0 } else { rng.random_range(0..=micros) })
}

//! One direction of a faulty line: delay, bandwidth, loss, duplicates and disorder.
//!
//! Messages wait in a queue with the moment at which they come out, so delay costs no throughput.

use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

use crate::faults::{Direction, Line};
use crate::message::Kind;
use crate::rng::Rng;

/// Most messages under way at once; beyond it the sender has to wait.
pub(crate) const CAPACITY: usize = 65_536;

/// Messages under way in one direction.
#[derive(Debug)]
pub(crate) struct Wire {
    direction: Direction,
    queue: VecDeque<(Instant, Bytes)>,
    /// When the last byte so far has passed the narrow part.
    free_at: Option<Instant>,
    /// A message that lets the next one overtake it.
    overtaken: Option<Bytes>,
    rng: Rng,
}

impl Wire {
    /// Returns an empty wire whose chances follow from `seed`.
    pub(crate) fn new(direction: Direction, seed: u64) -> Self {
        Self {
            direction,
            queue: VecDeque::new(),
            free_at: None,
            overtaken: None,
            rng: Rng::seeded(seed ^ direction as u64),
        }
    }

    /// Returns whether nothing is under way.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Returns whether more may be sent.
    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() < CAPACITY
    }

    /// Sends a message on its way.
    pub(crate) fn push(&mut self, message: Bytes, line: &Line, now: Instant) {
        let direction = self.direction;
        let kind = Kind::of(&message);
        let rng = &mut self.rng;
        let (copies, reorder, latency, jitter, bandwidth) = line.with(|line| {
            let (latency, jitter, bandwidth) = (line.latency, line.jitter, line.bandwidth);
            let disorder = line.disorder(direction);
            let mut copies = 1;
            if disorder.lose_acks > 0 && kind == Some(Kind::Acknowledge) {
                disorder.lose_acks -= 1;
                copies = 0;
            } else if disorder.drop_next > 0 {
                disorder.drop_next -= 1;
                copies = 0;
            } else if rng.chance(disorder.drop_rate) {
                copies = 0;
            } else if rng.chance(disorder.duplicate_rate) {
                copies = 2;
            }
            let reorder = rng.chance(disorder.reorder_rate);
            (copies, reorder, latency, jitter, bandwidth)
        });
        if copies == 0 {
            return;
        }
        let extra = jitter.mul_f64((self.rng.next() >> 11) as f64 / (1u64 << 53) as f64);
        let delay = latency + extra;
        for _ in 0..copies {
            self.enqueue(message.clone(), delay, bandwidth, now);
        }
        if let Some(late) = self.overtaken.take() {
            self.enqueue(late, delay, bandwidth, now);
        } else if reorder && let Some((_, late)) = self.queue.pop_back() {
            self.overtaken = Some(late);
        }
    }

    fn enqueue(&mut self, message: Bytes, delay: Duration, bandwidth: Option<u64>, now: Instant) {
        let start = self.free_at.map_or(now, |free| free.max(now));
        let passed = match bandwidth {
            Some(rate) => start + Duration::from_secs_f64(message.len() as f64 / rate as f64),
            None => now,
        };
        self.free_at = bandwidth.map(|_| passed);
        let due = passed + delay;
        let due = self.queue.back().map_or(due, |(last, _)| due.max(*last));
        self.queue.push_back((due, message));
    }

    /// Returns when the next message comes out.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.queue.front().map(|(due, _)| *due)
    }

    /// Takes a message that has come out.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Bytes> {
        if self.due()? > now {
            return None;
        }
        self.queue.pop_front().map(|(_, message)| message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::LineFaults;

    fn pass(faults: LineFaults, count: u32) -> Vec<u32> {
        let line = Line::new(faults);
        let mut wire = Wire::new(Direction::ToClient, 1);
        let now = Instant::now();
        for number in 0..count {
            wire.push(Bytes::copy_from_slice(&number.to_be_bytes()), &line, now);
        }
        let far = now + Duration::from_secs(3600);
        std::iter::from_fn(|| wire.pop(far))
            .map(|bytes| u32::from_be_bytes(bytes[..].try_into().unwrap()))
            .collect()
    }

    fn faults(change: impl FnOnce(&mut LineFaults)) -> LineFaults {
        let mut faults = LineFaults::default();
        change(&mut faults);
        faults
    }

    #[test]
    fn the_next_messages_are_lost_as_often_as_asked() {
        assert_eq!(pass(faults(|f| f.to_client.drop_next = 2), 5), [2, 3, 4]);
    }

    #[test]
    fn disorder_swaps_neighbours_and_loses_nothing() {
        let mut got = pass(faults(|f| f.to_client.reorder_rate = 0.5), 101);
        assert_ne!(got, (0..101).collect::<Vec<_>>());
        got.sort_unstable();
        assert!(got.len() >= 100);
        got.dedup();
        assert!(got.len() >= 100);
    }

    #[test]
    fn duplicates_follow_their_message() {
        assert_eq!(pass(faults(|f| f.to_client.duplicate_rate = 1.0), 2), [0, 0, 1, 1]);
    }

    #[test]
    fn jitter_keeps_the_order() {
        let got = pass(faults(|f| f.jitter = Duration::from_millis(50)), 200);
        assert_eq!(got, (0..200).collect::<Vec<_>>());
    }

    #[test]
    fn bandwidth_spreads_messages_over_time() {
        let line = Line::new(faults(|f| f.bandwidth = Some(1000)));
        let mut wire = Wire::new(Direction::ToAgent, 1);
        let now = Instant::now();
        for _ in 0..3 {
            wire.push(Bytes::from_static(&[0; 500]), &line, now);
        }
        assert!(wire.pop(now + Duration::from_millis(499)).is_none());
        assert!(wire.pop(now + Duration::from_millis(501)).is_some());
        assert!(wire.pop(now + Duration::from_millis(999)).is_none());
        assert!(wire.pop(now + Duration::from_millis(1501)).is_some());
    }
}

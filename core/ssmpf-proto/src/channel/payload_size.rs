//! How large a message may be.
//!
//! Nobody documents what the gateway carries, so the size starts at what every peer has met and
//! is raised only after a probe of the next size was acknowledged. A probe must be safe to lose
//! and safe to repeat smaller under the same number, since nobody knows whether the large one
//! arrived. Session bytes are neither; a terminal size padded with blanks is both, because port
//! sessions acknowledge it and ignore it.

use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};

use crate::config;

/// The terminal size a probe states; agents of port sessions do not look at it.
const PROBE: &[u8] = br#"{"cols":80,"rows":24}"#;

/// The payload size in use and the probe for the next one.
#[derive(Debug)]
pub struct PayloadSize {
    current: usize,
    limit: usize,
    probe: Option<Probe>,
    failures: u32,
    not_before: Option<Instant>,
}

#[derive(Debug)]
struct Probe {
    sequence: i64,
    size: usize,
}

impl PayloadSize {
    /// Starts small; `limit` bounds what is tried, in bytes.
    pub fn new(limit: usize) -> Self {
        let limit = limit.max(config::MIN_PAYLOAD);
        Self { current: config::MIN_PAYLOAD, limit, probe: None, failures: 0, not_before: None }
    }

    /// Largest payload for session bytes, in bytes.
    pub fn current(&self) -> usize {
        self.current
    }

    /// The size to probe now, if `backlog` bytes waiting make it worth while.
    pub fn next_probe(&self, backlog: usize, now: Instant) -> Option<usize> {
        if self.probe.is_some() || self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        let next = config::PAYLOAD_STEPS.into_iter().find(|size| *size > self.current)?;
        let next = next.min(self.limit);
        (next > self.current && backlog >= 2 * next).then_some(next)
    }

    /// A probe of this size was sent under this number.
    pub fn probe_sent(&mut self, sequence: i64, size: usize) {
        self.probe = Some(Probe { sequence, size });
    }

    /// A number was acknowledged; raises the size if it was the probe's.
    pub fn on_ack(&mut self, sequence: i64) {
        if let Some(probe) = self.probe.take_if(|probe| probe.sequence == sequence) {
            self.current = probe.size;
        }
    }

    /// A number was lost. True if it was the probe: it has to be repeated as [`small_probe`].
    pub fn on_loss(&mut self, sequence: i64, now: Instant) -> bool {
        let is_probe = self.probe.as_ref().is_some_and(|probe| probe.sequence == sequence);
        is_probe && self.lose_probe(now).is_some()
    }

    /// Whatever was under way is lost. Returns the probe's number if there was one.
    pub fn lose_probe(&mut self, now: Instant) -> Option<i64> {
        let probe = self.probe.take()?;
        self.not_before = Some(now + config::PAYLOAD_RETRY * 2_u32.pow(self.failures.min(8)));
        self.failures += 1;
        Some(probe.sequence)
    }

    /// The connection was replaced; what the new one carries has to be found out again.
    pub fn on_reconnect(&mut self) {
        self.current = config::MIN_PAYLOAD;
    }
}

/// Payload of a probe of `size` bytes: blanks after the JSON are still JSON.
pub fn probe(size: usize) -> Bytes {
    let mut payload = BytesMut::with_capacity(size);
    payload.put_slice(PROBE);
    payload.put_bytes(b' ', size.saturating_sub(PROBE.len()));
    payload.freeze()
}

/// The same statement without the padding.
pub fn small_probe() -> Bytes {
    Bytes::from_static(PROBE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_climbs_by_acknowledged_probes() {
        let now = Instant::now();
        let mut size = PayloadSize::new(config::MAX_PAYLOAD);
        for (sequence, step) in (0..).zip(&config::PAYLOAD_STEPS[1..]) {
            assert_eq!(size.next_probe(usize::MAX, now), Some(*step));
            size.probe_sent(sequence, *step);
            assert_eq!(size.next_probe(usize::MAX, now), None, "one at a time");
            size.on_ack(sequence);
            assert_eq!(size.current(), *step);
        }
        assert_eq!(size.next_probe(usize::MAX, now), None);
    }

    #[test]
    fn a_lost_probe_leaves_the_size_and_waits() {
        let now = Instant::now();
        let mut size = PayloadSize::new(config::MAX_PAYLOAD);
        size.probe_sent(5, 4096);
        assert!(!size.on_loss(4, now));
        assert!(size.on_loss(5, now));
        assert_eq!(size.current(), config::MIN_PAYLOAD);
        assert_eq!(size.next_probe(usize::MAX, now), None);
        assert_eq!(size.next_probe(usize::MAX, now + config::PAYLOAD_RETRY), Some(4096));
    }

    #[test]
    fn little_to_send_is_no_reason_to_probe() {
        assert_eq!(PayloadSize::new(config::MAX_PAYLOAD).next_probe(5000, Instant::now()), None);
    }

    #[test]
    fn a_probe_is_padded_json() {
        assert_eq!(probe(4096).len(), 4096);
        let value: serde_json::Value = serde_json::from_slice(&probe(4096)).unwrap();
        assert_eq!(value, serde_json::from_slice::<serde_json::Value>(&small_probe()).unwrap());
    }
}

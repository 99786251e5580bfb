//! Messages received out of order, held until the gap before them closes and clients have room.
//!
//! The agent numbers its messages from 0 and repeats each one until it is acknowledged, so
//! duplicates are normal: they deliver nothing and are acknowledged again. A message in this
//! buffer has been acknowledged and will not come a second time.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::config::{self, Config};
use crate::message::PayloadType;

/// What became of a received message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is held or ready to be taken: acknowledge it.
    New,
    /// It was known already: acknowledge it again.
    Duplicate,
    /// There is no room for it: it will come again.
    TooFarAhead,
}

/// Messages missing before the ones already received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// How many are missing.
    pub missing: usize,
    /// How long the agent needs to repeat them, one every tenth of a second.
    pub heals_in: Duration,
}

/// The reorder buffer.
#[derive(Debug)]
pub struct Incoming {
    expected: i64,
    held: BTreeMap<i64, (PayloadType, Bytes)>,
    held_bytes: usize,
    max_messages: usize,
    max_bytes: usize,
}

impl Incoming {
    /// Starts with number 0 expected.
    pub fn new(config: &Config) -> Self {
        Self {
            expected: 0,
            held: BTreeMap::new(),
            held_bytes: 0,
            max_messages: config.reorder_messages,
            max_bytes: config.reorder_bytes,
        }
    }

    /// Takes a message with a number of 0 or more.
    pub fn accept(&mut self, sequence: i64, payload_type: PayloadType, payload: Bytes) -> Accepted {
        if sequence < self.expected || self.held.contains_key(&sequence) {
            return Accepted::Duplicate;
        }
        // The expected one always fits: refusing it would keep the buffer full for ever.
        let ahead = usize::try_from(sequence - self.expected).unwrap_or(usize::MAX);
        let full = self.held_bytes + payload.len() > self.max_bytes;
        if ahead > self.max_messages || (ahead > 0 && full) {
            return Accepted::TooFarAhead;
        }
        self.held_bytes += payload.len();
        // What has to wait must not keep the whole read of the network alive.
        let payload = if ahead > 0 { Bytes::copy_from_slice(&payload) } else { payload };
        self.held.insert(sequence, (payload_type, payload));
        Accepted::New
    }

    /// Whether the next message in order is there.
    pub fn has_next(&self) -> bool {
        self.held.contains_key(&self.expected)
    }

    /// Takes the next message in order, if it is there.
    pub fn next(&mut self) -> Option<(PayloadType, Bytes)> {
        let (payload_type, payload) = self.held.remove(&self.expected)?;
        self.held_bytes -= payload.len();
        self.expected += 1;
        Some((payload_type, payload))
    }

    /// What is missing before the highest number received; `None` when nothing is.
    pub fn gap(&self) -> Option<Gap> {
        let (highest, _) = self.held.last_key_value()?;
        let span = usize::try_from(highest - self.expected).unwrap_or(usize::MAX);
        let missing = span.saturating_add(1).saturating_sub(self.held.len());
        if missing == 0 {
            return None;
        }
        let count = u32::try_from(missing).unwrap_or(u32::MAX);
        let heals_in = config::AGENT_REPAIR_INTERVAL.saturating_mul(count);
        Some(Gap { missing, heals_in })
    }

    /// Bytes held, out of order or not taken yet.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accept(incoming: &mut Incoming, sequence: i64) -> Accepted {
        incoming.accept(sequence, PayloadType::OUTPUT, Bytes::from(sequence.to_string()))
    }

    #[test]
    fn a_gap_holds_back_what_follows_and_says_how_long_it_takes() {
        let mut incoming = Incoming::new(&Config::default());
        assert_eq!(accept(&mut incoming, 3), Accepted::New);
        assert_eq!(accept(&mut incoming, 3), Accepted::Duplicate);
        assert_eq!(incoming.next(), None);
        let gap = incoming.gap().unwrap();
        assert_eq!((gap.missing, gap.heals_in), (3, Duration::from_millis(300)));
        for sequence in [1, 0, 2] {
            assert_eq!(accept(&mut incoming, sequence), Accepted::New);
        }
        for sequence in 0..4 {
            assert_eq!(incoming.next().unwrap().1, sequence.to_string());
        }
        assert_eq!(incoming.gap(), None);
        assert_eq!(accept(&mut incoming, 2), Accepted::Duplicate);
    }

    #[test]
    fn a_full_buffer_refuses_all_but_the_expected_message() {
        let config = Config { reorder_bytes: 10, reorder_messages: 5, ..Config::default() };
        let mut incoming = Incoming::new(&config);
        let big = || Bytes::from_static(&[0; 8]);
        assert_eq!(incoming.accept(2, PayloadType::OUTPUT, big()), Accepted::New);
        assert_eq!(incoming.accept(3, PayloadType::OUTPUT, big()), Accepted::TooFarAhead);
        assert_eq!(incoming.accept(6, PayloadType::OUTPUT, Bytes::new()), Accepted::TooFarAhead);
        assert_eq!(incoming.accept(i64::MAX, PayloadType::OUTPUT, big()), Accepted::TooFarAhead);
        assert_eq!(incoming.accept(0, PayloadType::OUTPUT, big()), Accepted::New);
    }

    proptest! {
        #[test]
        fn any_order_with_repeats_is_delivered_once_and_in_order(
            order in prop::collection::vec(0_i64..60, 0..300),
        ) {
            let mut incoming = Incoming::new(&Config::default());
            let mut delivered = Vec::new();
            for sequence in order.into_iter().chain(0..60) {
                accept(&mut incoming, sequence);
                while let Some((_, payload)) = incoming.next() {
                    delivered.push(String::from_utf8(payload.to_vec()).unwrap());
                }
            }
            let expected: Vec<_> = (0..60).map(|n| n.to_string()).collect();
            prop_assert_eq!(delivered, expected);
            prop_assert_eq!(incoming.held_bytes(), 0);
        }
    }
}

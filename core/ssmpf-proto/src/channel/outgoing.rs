//! Numbered messages that the agent has not acknowledged.
//!
//! A message is stored before it leaves, so no acknowledgement can come too early. Each sending
//! of a message gets a transmission number; since the path keeps order, an acknowledgement of a
//! later transmission shows that an earlier one was lost. What no later traffic reveals, the
//! timeout does.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::config;

/// What an acknowledgement settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Bytes of the message.
    pub bytes: usize,
    /// Its last transmission.
    pub transmission: u64,
    /// How long the answer took; `None` if the message was sent more than once, since nobody
    /// knows which sending was answered.
    pub rtt: Option<Duration>,
}

/// A message found lost; it has been put in the row of those to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Its number.
    pub sequence: i64,
    /// The transmission that was lost.
    pub transmission: u64,
}

#[derive(Debug)]
struct Pending {
    message: Bytes,
    transmission: u64,
    sent_at: Instant,
    times_sent: u32,
}

/// The unacknowledged messages, in order of their numbers.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// Number of the first entry of `window`.
    first: i64,
    /// `None` where an acknowledgement has come.
    window: VecDeque<Option<Pending>>,
    window_bytes: usize,
    /// Transmissions not known lost, oldest first; entries may be outdated.
    flying: VecDeque<(u64, i64)>,
    flying_bytes: usize,
    lost: BTreeSet<i64>,
    next_transmission: u64,
    latest_acked: Option<u64>,
}

impl Outgoing {
    /// Number of the next new message.
    pub fn next_sequence(&self) -> i64 {
        self.first + self.window.len() as i64
    }

    /// Number of the next transmission.
    pub fn next_transmission(&self) -> u64 {
        self.next_transmission
    }

    /// Number of the oldest message not acknowledged, or of the next new one.
    pub fn first_unacknowledged(&self) -> i64 {
        self.first
    }

    /// Messages sent from the oldest unacknowledged one on.
    pub fn span(&self) -> usize {
        self.window.len()
    }

    /// Bytes stored for resending.
    pub fn window_bytes(&self) -> usize {
        self.window_bytes
    }

    /// Bytes sent and neither acknowledged nor known lost.
    pub fn flying_bytes(&self) -> usize {
        self.flying_bytes
    }

    /// Whether everything sent has been acknowledged.
    pub fn is_settled(&self) -> bool {
        self.window.is_empty()
    }

    /// Stores the message with number [`Outgoing::next_sequence`], which is sent now.
    pub fn push(&mut self, message: Bytes, now: Instant) {
        let sequence = self.next_sequence();
        self.window_bytes += message.len();
        self.flying_bytes += message.len();
        let transmission = self.fly(sequence);
        self.window.push_back(Some(Pending { message, transmission, sent_at: now, times_sent: 1 }));
    }

    /// Takes the lowest-numbered lost message, which is sent again now.
    pub fn resend(&mut self, now: Instant) -> Option<Bytes> {
        let sequence = self.lost.pop_first()?;
        let transmission = self.fly(sequence);
        let pending = self.entry_mut(sequence).expect("lost messages are pending");
        pending.transmission = transmission;
        pending.sent_at = now;
        pending.times_sent += 1;
        let message = pending.message.clone();
        self.flying_bytes += message.len();
        Some(message)
    }

    /// Puts another message in the place of a lost one, under the same number.
    pub fn replace(&mut self, sequence: i64, message: Bytes) {
        if let Some(pending) = self.entry_mut(sequence) {
            let old = std::mem::replace(&mut pending.message, message);
            let new_length = self.entry(sequence).map_or(0, |pending| pending.message.len());
            self.window_bytes = self.window_bytes - old.len() + new_length;
        }
    }

    /// An acknowledgement came. `None` if the number is unknown or settled already.
    pub fn acknowledge(&mut self, sequence: i64, now: Instant) -> Option<Settled> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        let pending = self.window.get_mut(index)?.take()?;
        let bytes = pending.message.len();
        self.window_bytes -= bytes;
        if !self.lost.remove(&sequence) {
            self.flying_bytes -= bytes;
        }
        while let Some(None) = self.window.front() {
            self.window.pop_front();
            self.first += 1;
        }
        self.latest_acked = self.latest_acked.max(Some(pending.transmission));
        let elapsed = now.saturating_duration_since(pending.sent_at);
        Some(Settled {
            bytes,
            transmission: pending.transmission,
            rtt: (pending.times_sent == 1).then_some(elapsed),
        })
    }

    /// Finds a message that later acknowledgements show to be lost.
    pub fn detect_loss(&mut self) -> Option<Lost> {
        let latest = self.latest_acked?;
        let (transmission, _) = self.oldest_flying()?;
        (transmission + config::LOSS_THRESHOLD <= latest).then(|| self.lose_oldest()).flatten()
    }

    /// Gives up on the oldest transmission, because its timeout has passed.
    pub fn lose_oldest(&mut self) -> Option<Lost> {
        let (transmission, sequence) = self.oldest_flying()?;
        self.flying.pop_front();
        let length = self.entry(sequence).map_or(0, |pending| pending.message.len());
        self.flying_bytes -= length;
        self.lost.insert(sequence);
        Some(Lost { sequence, transmission })
    }

    /// Gives up on every transmission: the connection they were on is gone.
    pub fn lose_all(&mut self) {
        while self.lose_oldest().is_some() {}
        self.latest_acked = None;
    }

    /// When the oldest transmission left.
    pub fn oldest_sent_at(&mut self) -> Option<Instant> {
        let (_, sequence) = self.oldest_flying()?;
        self.entry(sequence).map(|pending| pending.sent_at)
    }

    /// The oldest transmission still in question; drops entries that are settled or outdated.
    fn oldest_flying(&mut self) -> Option<(u64, i64)> {
        while let Some((transmission, sequence)) = self.flying.front().copied() {
            if self.entry(sequence).is_some_and(|p| p.transmission == transmission) {
                return Some((transmission, sequence));
            }
            self.flying.pop_front();
        }
        None
    }

    fn fly(&mut self, sequence: i64) -> u64 {
        let transmission = self.next_transmission;
        self.next_transmission += 1;
        self.flying.push_back((transmission, sequence));
        transmission
    }

    fn entry(&self, sequence: i64) -> Option<&Pending> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.window.get(index)?.as_ref()
    }

    fn entry_mut(&mut self, sequence: i64) -> Option<&mut Pending> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.window.get_mut(index)?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sent(count: i64) -> (Outgoing, Instant) {
        let now = Instant::now();
        let mut outgoing = Outgoing::default();
        for sequence in 0..count {
            outgoing.push(Bytes::from(sequence.to_string()), now);
        }
        (outgoing, now)
    }

    #[test]
    fn acknowledgements_are_selective() {
        let (mut outgoing, now) = sent(3);
        assert!(outgoing.acknowledge(1, now).is_some());
        assert!(outgoing.acknowledge(1, now).is_none(), "settled already");
        assert!(outgoing.acknowledge(7, now).is_none(), "never sent");
        assert!(outgoing.acknowledge(-1, now).is_none());
        let pending: Vec<_> = (0..3).map(|number| outgoing.entry(number).is_some()).collect();
        assert_eq!(pending, [true, false, true]);
        assert_eq!(outgoing.first_unacknowledged(), 0);
    }

    #[test]
    fn three_later_acknowledgements_reveal_a_loss() {
        let (mut outgoing, now) = sent(4);
        for sequence in 1..4 {
            assert_eq!(outgoing.detect_loss(), None);
            outgoing.acknowledge(sequence, now);
        }
        assert_eq!(outgoing.detect_loss(), Some(Lost { sequence: 0, transmission: 0 }));
        assert_eq!(outgoing.resend(now).unwrap(), "0");
        assert_eq!(outgoing.detect_loss(), None, "the new transmission is not in question yet");
        let settled = outgoing.acknowledge(0, now).unwrap();
        assert_eq!(settled.rtt, None, "which of the two was answered is unknown");
        assert!(outgoing.is_settled());
    }

    #[test]
    fn after_a_lost_connection_everything_leaves_again_in_order() {
        let (mut outgoing, now) = sent(5);
        outgoing.acknowledge(2, now);
        outgoing.lose_all();
        assert_eq!(outgoing.flying_bytes(), 0);
        let again: Vec<_> = std::iter::from_fn(|| outgoing.resend(now)).collect();
        assert_eq!(again, ["0", "1", "3", "4"]);
    }

    #[test]
    fn a_late_acknowledgement_of_a_lost_message_settles_it() {
        let (mut outgoing, now) = sent(1);
        outgoing.lose_oldest();
        outgoing.acknowledge(0, now);
        assert_eq!(outgoing.resend(now), None);
        assert_eq!((outgoing.window_bytes(), outgoing.flying_bytes()), (0, 0));
    }

    proptest! {
        #[test]
        fn the_counts_of_bytes_hold_under_any_course(
            steps in prop::collection::vec((0_u8..6, 0_i64..50), 0..400),
        ) {
            let (mut outgoing, now) = sent(0);
            for (step, number) in steps {
                match step {
                    0 | 1 => outgoing.push(Bytes::from(vec![0; number as usize + 1]), now),
                    2 => { outgoing.acknowledge(number, now); }
                    3 => { outgoing.lose_oldest(); }
                    4 => { outgoing.resend(now); }
                    _ => while outgoing.detect_loss().is_some() {},
                }
                let pending = outgoing.window.iter().flatten();
                prop_assert_eq!(pending.map(|p| p.message.len()).sum::<usize>(), outgoing.window_bytes);
                let lost: usize = outgoing.lost.iter()
                    .map(|sequence| outgoing.entry(*sequence).unwrap().message.len()).sum();
                prop_assert_eq!(outgoing.window_bytes - lost, outgoing.flying_bytes);
            }
        }
    }
}

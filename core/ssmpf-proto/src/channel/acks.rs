//! Acknowledgements on their way to the agent.
//!
//! The agent repeats only its oldest unacknowledged message, ten times a second, so each
//! acknowledgement that gets lost with a connection costs a tenth of a second before it repairs what
//! is really missing. Those sent last are therefore sent again on the next connection; surplus ones
//! do no harm.

use std::collections::VecDeque;
use std::time::Instant;

use uuid::Uuid;

use crate::config;
use crate::message::MessageType;

/// What an acknowledgement has to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Type of the message.
    pub message_type: MessageType,
    /// Its id.
    pub id: Uuid,
    /// Its number.
    pub sequence: i64,
}

/// Acknowledgements that wait, and those that left lately.
#[derive(Debug, Default)]
pub struct Acks {
    waiting: VecDeque<Ack>,
    recent: VecDeque<(Instant, Ack)>,
    dropped: u64,
}

impl Acks {
    /// Queues one. If too many wait the oldest is dropped: the agent will repeat its message.
    pub fn push(&mut self, ack: Ack) {
        if self.waiting.len() >= config::ACK_QUEUE {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back(ack);
    }

    /// Takes the next one, which leaves now.
    pub fn pop(&mut self, now: Instant) -> Option<Ack> {
        let ack = self.waiting.pop_front()?;
        let old = |at: Instant| now.saturating_duration_since(at) > config::RECENT_ACKS_AGE;
        while self.recent.len() >= config::RECENT_ACKS
            || self.recent.front().is_some_and(|(at, _)| old(*at))
        {
            self.recent.pop_front();
        }
        self.recent.push_back((now, ack));
        Some(ack)
    }

    /// The connection was replaced: those that may have been lost with it wait again.
    pub fn repeat_recent(&mut self) {
        for (_, ack) in self.recent.drain(..).rev() {
            self.waiting.push_front(ack);
        }
        self.waiting.truncate(config::ACK_QUEUE);
    }

    /// How many were dropped because too many waited.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(sequence: i64) -> Ack {
        Ack { message_type: MessageType::OutputStreamData, id: Uuid::nil(), sequence }
    }

    fn all(acks: &mut Acks, now: Instant) -> Vec<i64> {
        std::iter::from_fn(|| acks.pop(now)).map(|ack| ack.sequence).collect()
    }

    #[test]
    fn what_left_last_is_repeated_on_the_next_connection() {
        let start = Instant::now();
        let mut acks = Acks::default();
        acks.push(ack(0));
        assert_eq!(all(&mut acks, start), [0]);
        let later = start + config::RECENT_ACKS_AGE * 2;
        acks.push(ack(1));
        acks.push(ack(2));
        assert_eq!(all(&mut acks, later), [1, 2]);
        acks.push(ack(3));
        acks.repeat_recent();
        assert_eq!(all(&mut acks, later), [1, 2, 3], "number 0 arrived long ago");
    }

    #[test]
    fn both_rows_are_bounded() {
        let now = Instant::now();
        let mut acks = Acks::default();
        for sequence in 0..2 * config::ACK_QUEUE as i64 {
            acks.push(ack(sequence));
        }
        assert_eq!(acks.dropped(), config::ACK_QUEUE as u64);
        assert_eq!(all(&mut acks, now).len(), config::ACK_QUEUE);
        acks.repeat_recent();
        assert_eq!(all(&mut acks, now).len(), config::RECENT_ACKS);
    }
}

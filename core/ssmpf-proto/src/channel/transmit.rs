//! The sending half: what leaves next, and what leaves again.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::acks::Ack;
use super::{Arrival, Channel, Source, State, payload_size, random_uuid};
use crate::config;
use crate::error::CloseReason;
use crate::message::{Acknowledge, Flag, Header, MessageType, PayloadType, encode};

/// Header flags of an acknowledgement: first and last, as the official peers write it.
const ACKNOWLEDGE_FLAGS: u64 = 3;
/// Size of the buffer that small messages are cut from, in bytes: about 200 acknowledgements.
const SCRATCH: usize = 64 * 1024;

impl Channel {
    /// Queues a control flag. Returns its number, for [`Channel::is_acknowledged`].
    pub fn send_flag(&mut self, flag: Flag) -> i64 {
        let sequence = self.outgoing.next_sequence() + self.control.len() as i64;
        self.control.push_back((PayloadType::FLAG, Bytes::copy_from_slice(&flag.to_bytes())));
        sequence
    }

    /// Queues a message that the agent acknowledges and does nothing else with.
    pub fn send_probe(&mut self) {
        self.control.push_back((PayloadType::SIZE, payload_size::small_probe()));
    }

    /// Whether the message with this number was sent and has been acted upon.
    ///
    /// The agent acknowledges what comes early when it stores it, so its acknowledgement says
    /// nothing while an earlier message is missing.
    pub fn is_acknowledged(&self, sequence: i64) -> bool {
        sequence < self.outgoing.first_unacknowledged()
    }

    /// Returns the next websocket message to send, if there is one.
    ///
    /// Acknowledgements come first: the agent's own repair waits for them.
    pub fn poll_transmit(&mut self, now: Instant, source: &mut dyn Source) -> Option<Bytes> {
        if !self.connected {
            return None;
        }
        if let Some(ack) = self.acks.pop(now) {
            return Some(self.acknowledgement(&ack, now));
        }
        // Before the handshake answer nothing else may leave, and it leaves even when the state
        // is Closed: it carries the refusal to the agent.
        if let Some((payload_type, payload)) = self.control.pop_front() {
            return Some(self.send(payload_type, &payload, now));
        }
        if self.state == State::Closed || self.paused_until.is_some_and(|until| now < until) {
            return None;
        }
        if let Some(message) = self.outgoing.resend(now) {
            self.stats.messages_sent += 1;
            self.stats.resent += 1;
            return Some(message);
        }
        if self.state != State::Open || !source.has_any() {
            return None;
        }
        let flying = self.outgoing.flying_bytes();
        if flying >= self.congestion.window()
            || self.outgoing.window_bytes() >= config::MAX_WINDOW
            || self.outgoing.span() >= config::MAX_SPAN
        {
            self.congestion.note_limited();
            return None;
        }
        if let Some(size) = self.payload_size.next_probe(source.backlog(), now) {
            self.payload_size.probe_sent(self.outgoing.next_sequence(), size);
            return Some(self.send(PayloadType::SIZE, &payload_size::probe(size), now));
        }
        let mut payload =
            BytesMut::with_capacity(self.payload_size.current().min(source.backlog() + 64));
        source.fill(self.payload_size.current(), &mut payload);
        // A message without payload cannot be sent.
        (!payload.is_empty()).then(|| self.send(PayloadType::OUTPUT, &payload, now))
    }

    fn send(&mut self, payload_type: PayloadType, payload: &[u8], now: Instant) -> Bytes {
        let sequence = self.outgoing.next_sequence();
        let message = self.stream_data(sequence, payload_type, payload, now);
        self.outgoing.push(message.clone(), now);
        self.stats.messages_sent += 1;
        message
    }

    pub(super) fn stream_data(
        &mut self,
        sequence: i64,
        payload_type: PayloadType,
        payload: &[u8],
        now: Instant,
    ) -> Bytes {
        let header = Header {
            message_type: MessageType::InputStreamData,
            created_ms: self.created_ms(now),
            sequence,
            flags: 0,
            id: random_uuid(&mut self.rng),
            payload_type,
        };
        let mut out = BytesMut::new();
        encode(&header, payload, &mut out);
        out.freeze()
    }

    fn acknowledgement(&mut self, ack: &Ack, now: Instant) -> Bytes {
        let header = Header {
            message_type: MessageType::Acknowledge,
            created_ms: self.created_ms(now),
            sequence: 0,
            flags: ACKNOWLEDGE_FLAGS,
            id: random_uuid(&mut self.rng),
            payload_type: PayloadType::NONE,
        };
        if self.scratch.capacity() < 1024 {
            self.scratch.reserve(SCRATCH);
        }
        Acknowledge::write(ack.message_type.as_str(), ack.id, ack.sequence, &mut self.scratch);
        let payload = self.scratch.split();
        encode(&header, &payload, &mut self.scratch);
        self.scratch.split().freeze()
    }

    fn created_ms(&self, now: Instant) -> u64 {
        let (start, unix_ms) = self.epoch;
        let elapsed = now.saturating_duration_since(start).as_millis();
        unix_ms.saturating_add(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }

    /// When [`Channel::handle_timeout`] wants to be called.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let resend = if self.connected && self.state != State::Closed {
            self.resend_at().max(self.paused_until)
        } else {
            None
        };
        resend.into_iter().chain(self.handshake_deadline).min()
    }

    /// When to send the oldest unacknowledged message again, if no later one is acknowledged.
    ///
    /// One at a time: a destination that does not read holds up all acknowledgements, and sending
    /// the whole window again would only make the wait longer.
    fn resend_at(&mut self) -> Option<Instant> {
        let since = self.outgoing.oldest_sent_at()?.max(self.last_timeout.unwrap_or(self.epoch.0));
        let timeout = self.rtt.timeout(self.timeouts);
        // An agent that is not ready refuses the first data without a word; it should not wait
        // long once it is.
        let most = if self.accepted { config::MAX_RTO } else { config::FIRST_DATA_RTO };
        Some(since + timeout.min(most))
    }

    /// Gives up on the oldest transmission if its time has come, or on the handshake.
    pub fn handle_timeout(&mut self, now: Instant, arrivals: &mut VecDeque<Arrival>) {
        if self.handshake_deadline.is_some_and(|at| at <= now) {
            self.close(CloseReason::HandshakeTimeout, arrivals);
            return;
        }
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        if !self.connected || self.state == State::Closed || self.paused_until.is_some() {
            return;
        }
        if self.resend_at().is_some_and(|at| at <= now)
            && let Some(lost) = self.outgoing.lose_oldest()
        {
            let was_probe = self.shrink_lost_probe(Some(lost.sequence), now);
            // One late answer says little; a second in a row is congestion.
            if self.timeouts > 0 && !was_probe {
                self.congestion.on_loss(lost.transmission, self.outgoing.next_transmission());
            }
            self.timeouts += 1;
            self.last_timeout = Some(now);
        }
    }
}

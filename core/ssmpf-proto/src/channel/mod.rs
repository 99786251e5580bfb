//! The reliable, ordered channel inside one session.
//!
//! The agent's acknowledgements are selective and its own resends slow (one message every tenth
//! of a second), so this side acknowledges everything at once, duplicates too, and repairs its own
//! losses itself.
//!
//! ```text
//! Opening ──request──► Answered ──complete──► Open        any ──► Closed
//! ```
//! Whether a websocket carries the channel at the moment is a separate matter: numbers, buffers
//! and the state survive a lost connection.

mod acks;
mod congestion;
pub mod handshake;
mod incoming;
mod outgoing;
pub mod payload_size;
mod rtt;
mod transmit;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::config::{self, Config};
use crate::error::{CloseReason, MessageError};
use crate::message::payload::to_json;
use crate::message::{
    Acknowledge, ChannelClosed, Flag, Header, Message, MessageType, OpenDataChannel, Payload,
    PayloadType,
};
use acks::{Ack, Acks};
use congestion::Congestion;
use handshake::{PORT_SESSION, Terms};
pub use incoming::Gap;
use incoming::{Accepted, Incoming};
use outgoing::{Lost, Outgoing};
use payload_size::PayloadSize;
use rtt::Rtt;

/// Where new session bytes come from.
pub trait Source {
    /// Bytes waiting to be sent.
    fn backlog(&self) -> usize;
    /// Whether there is anything to send, bytes or control frames.
    fn has_any(&self) -> bool;
    /// Appends at most `room` bytes.
    fn fill(&mut self, room: usize, out: &mut BytesMut);
}

/// What the channel has to say to the session above it.
#[derive(Debug)]
pub enum Arrival {
    /// The handshake is complete; session bytes may flow.
    Open {
        /// What the agent said of the session.
        terms: Terms,
        /// Text for the user; usually empty.
        message: String,
    },
    /// Session bytes, in order, each exactly once.
    Bytes(Bytes),
    /// A control flag from the agent.
    Flag(Flag),
    /// The session is over.
    Closed(CloseReason),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Answered,
    Open,
    Closed,
}

/// Counters of a channel since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChannelStats {
    /// Messages received, duplicates included.
    pub messages_received: u64,
    /// Payload bytes of new messages received.
    pub bytes_received: u64,
    /// Messages that had been received before.
    pub duplicates: u64,
    /// Messages sent, repeats included.
    pub messages_sent: u64,
    /// Messages sent again.
    pub resent: u64,
    /// Acknowledgements received, of anything.
    pub acknowledgements: u64,
    /// Acknowledgements dropped because too many waited.
    pub acks_dropped: u64,
}

/// One data channel.
#[derive(Debug)]
pub struct Channel {
    config: Config,
    state: State,
    terms: Terms,
    connected: bool,
    paused_until: Option<Instant>,
    handshake_deadline: Option<Instant>,

    incoming: Incoming,
    outgoing: Outgoing,
    rtt: Rtt,
    congestion: Congestion,
    payload_size: PayloadSize,
    /// Timeouts since the last measured acknowledgement, and when the last one was.
    timeouts: u32,
    last_timeout: Option<Instant>,
    /// Whether the agent has acknowledged anything since the handshake.
    accepted: bool,

    acks: Acks,
    /// Handshake answer and flags: sent before session bytes, whatever the window says.
    control: VecDeque<(PayloadType, Bytes)>,

    client_id: Uuid,
    rng: SmallRng,
    epoch: (Instant, u64),
    scratch: BytesMut,
    stats: ChannelStats,
}

impl Channel {
    /// Starts a channel that is not connected yet.
    ///
    /// `unix_ms` is the wall clock at `now`, in milliseconds since 1970; messages are dated with
    /// it. `seed` makes all ids repeatable.
    pub fn new(config: Config, now: Instant, unix_ms: u64, seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let client_id = random_uuid(&mut rng);
        Self {
            state: State::Opening,
            terms: Terms::default(),
            connected: false,
            paused_until: None,
            handshake_deadline: None,
            incoming: Incoming::new(&config),
            outgoing: Outgoing::default(),
            rtt: Rtt::new(),
            congestion: Congestion::new(),
            payload_size: PayloadSize::new(config.max_payload),
            timeouts: 0,
            last_timeout: None,
            accepted: false,
            acks: Acks::default(),
            control: VecDeque::new(),
            client_id,
            rng,
            // A date of zero is invalid on the wire.
            epoch: (now, unix_ms.max(1)),
            scratch: BytesMut::new(),
            stats: ChannelStats::default(),
            config,
        }
    }

    /// Returns the JSON text that must be the first message on every new websocket.
    pub fn open_data_channel(&mut self, token: &str) -> String {
        let open = OpenDataChannel {
            message_schema_version: "1.0".to_owned(),
            request_id: random_uuid(&mut self.rng),
            token_value: token.to_owned(),
            client_id: self.client_id,
            client_version: self.config.client_version.clone(),
        };
        serde_json::to_string(&open).expect("plain structs serialise into memory")
    }

    /// A websocket carries the channel now, and the first text has been sent on it.
    ///
    /// Everything unacknowledged leaves again at once: the agent drops what it has already.
    pub fn handle_connected(&mut self, now: Instant) {
        self.connected = true;
        self.paused_until = None;
        self.timeouts = 0;
        if self.state != State::Open && self.handshake_deadline.is_none() {
            self.handshake_deadline = Some(now + config::HANDSHAKE_TIMEOUT);
        }
    }

    /// The websocket is gone. Acknowledgements that wait leave on the next one: the agent repeats
    /// one message at a time, so each that it need not repeat brings the others forward.
    pub fn handle_disconnected(&mut self, now: Instant) {
        self.connected = false;
        self.acks.repeat_recent();
        self.outgoing.lose_all();
        self.shrink_lost_probe(None, now);
        self.payload_size.on_reconnect();
        self.congestion.on_reconnect(self.outgoing.next_transmission());
    }

    /// Takes one websocket message. Stream data waits for [`Channel::deliver_next`]; what ends the
    /// channel goes to `arrivals` at once, behind all that waits.
    ///
    /// # Errors
    ///
    /// A [`MessageError`] when the message was dropped; the channel goes on.
    pub fn handle_message(
        &mut self,
        bytes: Bytes,
        now: Instant,
        arrivals: &mut VecDeque<Arrival>,
    ) -> Result<(), MessageError> {
        if self.state == State::Closed {
            return Ok(());
        }
        let message = Message::decode(bytes)?;
        match message.header.message_type {
            MessageType::OutputStreamData => self.handle_stream_data(message),
            MessageType::Acknowledge => self.handle_acknowledge(&message.payload, now),
            MessageType::ChannelClosed => {
                let closed: ChannelClosed =
                    serde_json::from_slice(&message.payload).unwrap_or_default();
                while self.deliver_next(arrivals).is_some() {}
                self.close(CloseReason::ByService { output: closed.output }, arrivals);
                Ok(())
            }
            MessageType::PausePublication => {
                self.paused_until = Some(now + config::MAX_PAUSE);
                Ok(())
            }
            MessageType::StartPublication => {
                self.paused_until = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn handle_stream_data(&mut self, message: Message) -> Result<(), MessageError> {
        let Header { sequence, id, payload_type, message_type, .. } = message.header;
        if sequence < 0 {
            return Err(MessageError::NegativeSequence(sequence));
        }
        self.paused_until = None;
        self.stats.messages_received += 1;
        let length = message.payload.len() as u64;
        match self.incoming.accept(sequence, payload_type, message.payload) {
            Accepted::TooFarAhead => return Err(MessageError::TooFarAhead(sequence)),
            Accepted::Duplicate => self.stats.duplicates += 1,
            Accepted::New => self.stats.bytes_received += length,
        }
        self.acks.push(Ack { message_type, id, sequence });
        Ok(())
    }

    /// Whether [`Channel::deliver_next`] has something to act on.
    pub fn has_deliverable(&self) -> bool {
        self.state != State::Closed && self.incoming.has_next()
    }

    /// Acts on the next message in order; what it brings goes to `arrivals`. `None`: it is not
    /// there yet.
    pub fn deliver_next(
        &mut self,
        arrivals: &mut VecDeque<Arrival>,
    ) -> Option<Result<(), MessageError>> {
        if self.state == State::Closed {
            return None;
        }
        let (payload_type, payload) = self.incoming.next()?;
        Some(self.deliver(payload_type, payload, arrivals))
    }

    fn deliver(
        &mut self,
        payload_type: PayloadType,
        payload: Bytes,
        arrivals: &mut VecDeque<Arrival>,
    ) -> Result<(), MessageError> {
        let payload = match Payload::decode(payload_type, payload) {
            Ok(payload) => payload,
            Err(error) => {
                // It has been acknowledged and will not come again; without the handshake there
                // is no session.
                if self.state != State::Open {
                    self.close(CloseReason::Protocol(error.to_string()), arrivals);
                }
                return Err(error.into());
            }
        };
        match (self.state, payload) {
            (State::Opening, Payload::HandshakeRequest(request)) => {
                let (terms, response) = handshake::answer(&request, &self.config.client_version);
                self.terms = terms;
                self.control.push_back((PayloadType::HANDSHAKE_RESPONSE, to_json(&response)));
                self.state = State::Answered;
                if let Some(action) = self.terms.unsupported.clone() {
                    self.close(CloseReason::Unsupported { action }, arrivals);
                } else if self.terms.session_type != PORT_SESSION {
                    let session_type = self.terms.session_type.clone();
                    self.close(CloseReason::NotAPortSession { session_type }, arrivals);
                }
            }
            // An agent that starts without a handshake runs a shell.
            (State::Opening, Payload::Output(_)) => {
                let session_type = String::new();
                self.close(CloseReason::NotAPortSession { session_type }, arrivals);
            }
            (State::Answered, Payload::HandshakeComplete(complete)) => {
                self.state = State::Open;
                self.handshake_deadline = None;
                let terms = self.terms.clone();
                arrivals.push_back(Arrival::Open { terms, message: complete.customer_message });
            }
            // To a client, no bytes would look like the end.
            (State::Open, Payload::Output(bytes)) if bytes.is_empty() => {}
            (State::Open, Payload::Output(bytes)) => arrivals.push_back(Arrival::Bytes(bytes)),
            (State::Open, Payload::Flag(flag)) => arrivals.push_back(Arrival::Flag(flag)),
            // Anything else has no meaning at this point; the official client ignores it too.
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, reason: CloseReason, arrivals: &mut VecDeque<Arrival>) {
        if self.state != State::Closed {
            self.state = State::Closed;
            self.handshake_deadline = None;
            arrivals.push_back(Arrival::Closed(reason));
        }
    }

    fn handle_acknowledge(&mut self, payload: &[u8], now: Instant) -> Result<(), MessageError> {
        let ack: Acknowledge = serde_json::from_slice(payload).map_err(|source| {
            crate::message::PayloadError::Json { what: "acknowledgement", source }
        })?;
        self.paused_until = None;
        self.stats.acknowledgements += 1;
        let Some(settled) = self.outgoing.acknowledge(ack.sequence, now) else { return Ok(()) };
        // Number 0 is the handshake.
        self.accepted |= ack.sequence > 0;
        self.payload_size.on_ack(ack.sequence);
        if let Some(rtt) = settled.rtt {
            self.rtt.sample(rtt, now);
            // Only an answer that was measured shows that the timeout has become right: one to a
            // repeated message may have been under way all the time (Karn's rule).
            self.timeouts = 0;
        }
        self.congestion.on_ack(
            settled.bytes,
            settled.transmission,
            self.outgoing.next_transmission(),
            settled.rtt,
            self.rtt.base(),
        );
        while let Some(lost) = self.outgoing.detect_loss() {
            self.handle_loss(lost, now);
        }
        Ok(())
    }

    fn handle_loss(&mut self, lost: Lost, now: Instant) {
        // A probe that got lost says something about its size, not about the window.
        if !self.shrink_lost_probe(Some(lost.sequence), now) {
            self.congestion.on_loss(lost.transmission, self.outgoing.next_transmission());
        }
    }

    /// Repeats a lost probe of the payload size without its padding. `None`: all was lost. Returns
    /// whether there was one.
    fn shrink_lost_probe(&mut self, sequence: Option<i64>, now: Instant) -> bool {
        let lost = match sequence {
            Some(sequence) => self.payload_size.on_loss(sequence, now).then_some(sequence),
            None => self.payload_size.lose_probe(now),
        };
        if let Some(sequence) = lost {
            let message =
                self.stream_data(sequence, PayloadType::SIZE, &payload_size::small_probe(), now);
            self.outgoing.replace(sequence, message);
        }
        lost.is_some()
    }

    /// Whether session bytes may flow.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether a websocket carries the channel.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// What the agent said of the session; empty before its first message.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What is missing before the messages already received.
    pub fn gap(&self) -> Option<Gap> {
        self.incoming.gap()
    }

    /// Smoothed round trip to the agent and back.
    pub fn round_trip(&self) -> Option<Duration> {
        self.rtt.smoothed()
    }

    /// Largest payload in use for session bytes.
    pub fn payload_size(&self) -> usize {
        self.payload_size.current()
    }

    /// Bytes the path is given without an acknowledgement.
    pub fn window(&self) -> usize {
        self.congestion.window()
    }

    /// Bytes stored for resending and held out of order.
    pub fn buffered(&self) -> (usize, usize) {
        (self.outgoing.window_bytes(), self.incoming.held_bytes())
    }

    /// Whether the agent has acknowledged everything sent.
    pub fn is_settled(&self) -> bool {
        self.outgoing.is_settled() && self.control.is_empty()
    }

    /// Answers of the agent so far, of any kind: grows with each.
    pub fn answers(&self) -> u64 {
        self.stats.messages_received + self.stats.acknowledgements
    }

    /// Counters since the channel began.
    pub fn stats(&self) -> ChannelStats {
        ChannelStats { acks_dropped: self.acks.dropped(), ..self.stats }
    }
}

fn random_uuid(rng: &mut SmallRng) -> Uuid {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests;

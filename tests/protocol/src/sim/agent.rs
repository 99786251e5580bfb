//! The agent's side of the data channel, as slow and as strict as the real one.
//!
//! Serial: a message is handed over before it is acknowledged. Only the oldest unacknowledged
//! message is ever repeated, at most once every tenth of a second. While its socket is away the
//! agent goes on reading its servers and numbering messages that nobody gets.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ssmpf_proto::message::{Header, Message, MessageType, Payload, PayloadType, encode};
use uuid::Uuid;

use super::basic_server::BasicServer;
use super::mux_server::MuxServer;
use super::plan::Plan;
use super::{MS, Time};

/// Messages held out of order.
const REORDER_MESSAGES: usize = 100_000;
const RESEND_TICK: Duration = Duration::from_millis(100);
const MAX_RTO: Duration = Duration::from_secs(1);
/// Largest payload of a message to the client.
const PAYLOAD: usize = 1024;

/// What kind of agent it is and how it behaves.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Version it states.
    pub version: String,
    /// Property `type` of its session document.
    pub property_type: String,
    /// Whether it serves the mux.
    pub mux: bool,
    /// Whether it expects mux keepalives.
    pub keepalive: bool,
    /// Pause after each message to the client.
    pub pace: Duration,
    /// From the end of the handshake to the first accepted message.
    pub ready_after: Duration,
    /// Whether the handshake answer is acknowledged before the handshake is completed.
    pub acks_first: bool,
    /// How long each dial takes.
    pub dial_time: Duration,
}

#[derive(Debug)]
enum Server {
    Mux(MuxServer),
    Basic(BasicServer),
}

#[derive(Debug)]
struct Stored {
    message: Bytes,
    sent_at: Time,
}

/// An agent with one session.
#[derive(Debug)]
pub struct Agent {
    config: AgentConfig,
    server: Server,
    /// Whether its websocket is there.
    pub connected: bool,
    /// Whether the session is over, by the client's flag or the server's end.
    pub ended: bool,
    paused: bool,
    inbox: VecDeque<Bytes>,
    expected: i64,
    held: BTreeMap<i64, (PayloadType, Bytes, Uuid)>,
    ready_at: Option<Time>,
    next_sequence: i64,
    stored: BTreeMap<i64, Stored>,
    out: VecDeque<Bytes>,
    rtt: Duration,
    variation: Duration,
    rto: Duration,
    tick_at: Time,
    pump_at: Time,
    ids: u128,
    /// Largest number of messages held out of order so far.
    pub most_held: usize,
}

impl Agent {
    /// Starts the session with its handshake request.
    pub fn new(config: AgentConfig, plans: Vec<Plan>, now: Time) -> Self {
        let server = if config.mux {
            Server::Mux(MuxServer::new(plans, config.dial_time, config.keepalive, now))
        } else {
            let single = config.property_type != "LocalPortForwarding";
            Server::Basic(BasicServer::new(plans, single))
        };
        let request = format!(
            r#"{{"AgentVersion":"{}","RequestedClientActions":[{{"ActionType":"SessionType","ActionParameters":{{"SessionType":"Port","Properties":{{"portNumber":"1","type":"{}"}}}}}}]}}"#,
            config.version, config.property_type
        );
        let mut agent = Self {
            config,
            server,
            connected: true,
            ended: false,
            paused: false,
            inbox: VecDeque::new(),
            expected: 0,
            held: BTreeMap::new(),
            ready_at: None,
            next_sequence: 0,
            stored: BTreeMap::new(),
            out: VecDeque::new(),
            rtt: 100 * MS,
            variation: Duration::ZERO,
            rto: 200 * MS,
            tick_at: now + RESEND_TICK,
            pump_at: now,
            ids: 0,
            most_held: 0,
        };
        agent.send(PayloadType::HANDSHAKE_REQUEST, request.as_bytes(), now);
        agent
    }

    /// Takes a message from the gateway.
    ///
    /// # Errors
    ///
    /// A sentence about what the client did wrong.
    pub fn handle_message(&mut self, message: Bytes, now: Time) -> Result<(), String> {
        self.inbox.push_back(message);
        self.read_inbox(now)
    }

    fn is_blocked(&self) -> bool {
        match &self.server {
            Server::Mux(mux) => mux.is_blocked(),
            Server::Basic(basic) => basic.is_blocked(),
        }
    }

    fn read_inbox(&mut self, now: Time) -> Result<(), String> {
        while !self.is_blocked()
            && let Some(message) = self.inbox.pop_front()
        {
            let message = Message::decode(message).map_err(|error| error.to_string())?;
            match message.header.message_type {
                MessageType::InputStreamData => self.handle_stream_data(message, now)?,
                MessageType::Acknowledge => self.handle_acknowledge(&message.payload, now)?,
                MessageType::PausePublication => self.paused = true,
                MessageType::StartPublication => self.paused = false,
                other => return Err(format!("client sent {other:?}")),
            }
        }
        Ok(())
    }

    fn handle_stream_data(&mut self, message: Message, now: Time) -> Result<(), String> {
        self.paused = false;
        let Header { sequence, id, payload_type, .. } = message.header;
        if message.payload.is_empty() {
            return Err(format!("message {sequence} is empty"));
        }
        if sequence < self.expected {
            self.acknowledge(sequence, id, now);
        } else if sequence > self.expected {
            if self.held.len() < REORDER_MESSAGES {
                self.held.insert(sequence, (payload_type, message.payload, id));
                self.most_held = self.most_held.max(self.held.len());
                self.acknowledge(sequence, id, now);
            }
        } else if self.process(payload_type, message.payload, id, sequence, now)? {
            self.expected += 1;
            while let Some((payload_type, payload, id)) = self.held.remove(&self.expected) {
                if !self.process(payload_type, payload.clone(), id, self.expected, now)? {
                    self.held.insert(self.expected, (payload_type, payload, id));
                    break;
                }
                self.expected += 1;
            }
        }
        Ok(())
    }

    /// Hands a message over and acknowledges it; false if it is not wanted yet.
    fn process(
        &mut self,
        payload_type: PayloadType,
        payload: Bytes,
        id: Uuid,
        sequence: i64,
        now: Time,
    ) -> Result<bool, String> {
        if payload_type == PayloadType::HANDSHAKE_RESPONSE {
            self.handle_response(payload, id, sequence, now)?;
            return Ok(true);
        }
        let Some(ready_at) = self.ready_at else {
            return Err(format!("{payload_type:?} came before the handshake was complete"));
        };
        if now < ready_at {
            return Ok(false);
        }
        match Payload::decode(payload_type, payload).map_err(|error| error.to_string())? {
            Payload::Output(bytes) => match &mut self.server {
                Server::Mux(mux) => mux.receive(&bytes, now)?,
                Server::Basic(basic) => basic.receive(&bytes, now)?,
            },
            Payload::Flag(flag) => match flag.to_bytes() {
                [0, 0, 0, 1] => {
                    if let Server::Basic(basic) = &mut self.server {
                        basic.disconnect();
                    }
                }
                [0, 0, 0, 2] => self.ended = true,
                other => return Err(format!("client sent flag {other:?}")),
            },
            Payload::Size(_) => {}
            other => return Err(format!("client sent {other:?}")),
        }
        self.acknowledge(sequence, id, now);
        self.after_server(now);
        Ok(true)
    }

    fn handle_response(
        &mut self,
        payload: Bytes,
        id: Uuid,
        sequence: i64,
        now: Time,
    ) -> Result<(), String> {
        if self.ready_at.is_some() || sequence != 0 {
            return Err("a second handshake response would block the agent".to_owned());
        }
        let text = String::from_utf8_lossy(&payload);
        if !text.contains(r#""ActionType":"SessionType","ActionStatus":1"#) {
            return Err(format!("handshake refused: {text}"));
        }
        self.ready_at = Some(now + self.config.ready_after);
        if self.config.acks_first {
            self.acknowledge(sequence, id, now);
        }
        let complete = br#"{"HandshakeTimeToComplete":1,"CustomerMessage":""}"#;
        self.send(PayloadType::HANDSHAKE_COMPLETE, complete, now);
        if !self.config.acks_first {
            self.acknowledge(sequence, id, now);
        }
        Ok(())
    }

    fn handle_acknowledge(&mut self, payload: &[u8], now: Time) -> Result<(), String> {
        self.paused = false;
        let key = "\"AcknowledgedMessageSequenceNumber\":";
        let text = std::str::from_utf8(payload).map_err(|error| error.to_string())?;
        let number = text.split_once(key).and_then(|(_, rest)| rest.split(',').next());
        let sequence: i64 =
            number.and_then(|n| n.parse().ok()).ok_or("acknowledgement without a number")?;
        if sequence >= self.next_sequence {
            return Err(format!("message {sequence} acknowledged, but never sent"));
        }
        if let Some(stored) = self.stored.remove(&sequence) {
            let sample = now.saturating_sub(stored.sent_at);
            self.variation = (self.variation * 3 + self.rtt.abs_diff(sample)) / 4;
            self.rtt = (self.rtt * 7 + sample) / 8;
            self.rto = MAX_RTO.min(self.rtt + (self.variation * 4).max(10 * MS));
        }
        Ok(())
    }

    /// Announces dial failures and the end of the session.
    fn after_server(&mut self, now: Time) {
        match &mut self.server {
            Server::Mux(mux) => {
                for _ in 0..std::mem::take(&mut mux.failures) {
                    self.send(PayloadType::FLAG, &[0, 0, 0, 3], now);
                }
            }
            Server::Basic(basic) => self.ended |= basic.ended,
        }
    }

    fn acknowledge(&mut self, sequence: i64, id: Uuid, now: Time) {
        if !self.connected {
            return;
        }
        let json = format!(
            r#"{{"AcknowledgedMessageType":"input_stream_data","AcknowledgedMessageId":"{id}","AcknowledgedMessageSequenceNumber":{sequence},"IsSequentialMessage":true}}"#
        );
        let message =
            self.message(MessageType::Acknowledge, PayloadType::NONE, 0, json.as_bytes(), now);
        self.out.push_back(message);
    }

    fn send(&mut self, payload_type: PayloadType, payload: &[u8], now: Time) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let message =
            self.message(MessageType::OutputStreamData, payload_type, sequence, payload, now);
        self.stored.insert(sequence, Stored { message: message.clone(), sent_at: now });
        if self.connected && !self.paused {
            self.out.push_back(message);
        }
    }

    fn message(
        &mut self,
        message_type: MessageType,
        payload_type: PayloadType,
        sequence: i64,
        payload: &[u8],
        now: Time,
    ) -> Bytes {
        self.ids += 1;
        let header = Header {
            message_type,
            created_ms: 1 + now.as_millis() as u64,
            sequence,
            flags: 0,
            id: Uuid::from_u128(self.ids),
            payload_type,
        };
        let mut out = BytesMut::new();
        encode(&header, payload, &mut out);
        out.freeze()
    }

    /// Does what is due: reads on, lets servers work, sends one message, repeats the oldest.
    ///
    /// # Errors
    ///
    /// A sentence about what the client did wrong.
    pub fn handle_timeout(&mut self, now: Time) -> Result<(), String> {
        match &mut self.server {
            Server::Mux(mux) => mux.advance(now)?,
            Server::Basic(basic) => basic.advance(now)?,
        }
        self.after_server(now);
        self.read_inbox(now)?;
        if self.tick_at <= now {
            self.tick_at = now + RESEND_TICK;
            self.repeat_oldest(now);
        }
        while self.pump_at <= now && !self.paused && self.out.len() < 64 && self.pump(now) {
            self.pump_at = now + self.config.pace;
        }
        Ok(())
    }

    fn repeat_oldest(&mut self, now: Time) {
        if self.paused || !self.connected {
            return;
        }
        if let Some(mut entry) = self.stored.first_entry()
            && now.saturating_sub(entry.get().sent_at) > self.rto
        {
            entry.get_mut().sent_at = now;
            self.out.push_back(entry.get().message.clone());
        }
    }

    fn pump(&mut self, now: Time) -> bool {
        let bytes = match &mut self.server {
            Server::Mux(mux) => mux.take(PAYLOAD),
            Server::Basic(basic) => basic.take(PAYLOAD),
        };
        let Some(bytes) = bytes else { return false };
        self.send(PayloadType::OUTPUT, &bytes, now);
        self.after_server(now);
        true
    }

    /// Takes the next message for the gateway.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.out.pop_front()
    }

    /// Its websocket is gone, with what was being written to it.
    pub fn handle_disconnected(&mut self) {
        self.connected = false;
        self.out.clear();
    }

    /// Its websocket is back.
    pub fn handle_connected(&mut self) {
        self.connected = true;
        self.paused = false;
    }

    /// When [`Agent::handle_timeout`] has something to do.
    pub fn wakes_at(&self) -> Time {
        let (server, output) = match &self.server {
            Server::Mux(mux) => (mux.wakes_at(), mux.has_output()),
            Server::Basic(basic) => (basic.wakes_at(), basic.has_output()),
        };
        let pump = (output && !self.paused && self.out.len() < 64).then_some(self.pump_at);
        let tick = (!self.stored.is_empty()).then_some(self.tick_at);
        [server, pump, tick].into_iter().flatten().min().unwrap_or(Time::MAX)
    }

    /// Bytes that the destination of each connection has read.
    pub fn bytes_read(&self) -> &[u64] {
        match &self.server {
            Server::Mux(mux) => &mux.read,
            Server::Basic(basic) => &basic.read,
        }
    }

    /// Messages stored for repeating.
    pub fn unacknowledged(&self) -> usize {
        self.stored.len()
    }
}

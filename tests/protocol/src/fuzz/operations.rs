//! A whole session, driven by bytes that stand for what network, clock and clients do.

use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use ssmpf_proto::message::{
    Acknowledge, Header, Message, MessageType, PAYLOAD_OFFSET, PayloadType, encode,
};
use ssmpf_proto::{Config, Event, PortSession, StreamId, config};
use uuid::Uuid;

use super::Input;

/// What a byte stands for. The corpus depends on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Op {
    /// The agent's request, of a version and a property type that follow.
    Request,
    /// The end of the handshake.
    Complete,
    /// The agent sends a mux frame: command, stream, length of data.
    Frame,
    /// The agent sends bytes: payload type, length, bytes.
    Payload,
    /// A message as it is: two bytes of length, the bytes.
    Raw,
    /// A good message with a byte changed in its header: where, what.
    Damaged,
    /// The agent acknowledges a number near the last one sent.
    Acknowledge,
    /// An acknowledgement with any text for a number.
    WildAcknowledge,
    /// Time passes: two bytes of milliseconds.
    Wait,
    /// The connection is lost.
    Disconnect,
    /// The connection is there.
    Connect,
    /// A client connects.
    Open,
    /// A client sends: stream, two bytes of length.
    Write,
    /// A client half-closes.
    Finish,
    /// A client is gone.
    Close,
    /// A client takes bytes: stream, two bytes of count.
    Consume,
    /// The session is to end.
    Terminate,
    /// Publication pauses or starts.
    Publication,
    /// The service closes the session.
    ChannelClosed,
    /// The agent sends a flag.
    Flag,
}

const OPS: [Op; 20] = [
    Op::Request,
    Op::Complete,
    Op::Frame,
    Op::Payload,
    Op::Raw,
    Op::Damaged,
    Op::Acknowledge,
    Op::WildAcknowledge,
    Op::Wait,
    Op::Disconnect,
    Op::Connect,
    Op::Open,
    Op::Write,
    Op::Finish,
    Op::Close,
    Op::Consume,
    Op::Terminate,
    Op::Publication,
    Op::ChannelClosed,
    Op::Flag,
];

const VERSIONS: [&str; 6] =
    ["3.3.1142.0", "3.1.1511.0", "3.0.196.0", "2.3.722.0", "", "99999999999999999999.0.0.0"];
const TYPES: [&str; 3] = ["LocalPortForwarding", "", "other"];

struct Fuzz {
    session: PortSession,
    now: Instant,
    connected: bool,
    /// Next number of the agent.
    sequence: i64,
    /// Next number of the client.
    sent: i64,
    complete: bool,
    closed: bool,
}

/// Does what the bytes say and checks what must hold whatever happens.
pub fn port_session(data: &[u8]) {
    let config = Config {
        receive_budget: 16 * 1024,
        reorder_messages: 50,
        reorder_bytes: 64 * 1024,
        ..Config::default()
    };
    let now = Instant::now();
    let mut fuzz = Fuzz {
        session: PortSession::new(config, now, 1, 1),
        now,
        connected: false,
        sequence: 0,
        sent: 0,
        complete: false,
        closed: false,
    };
    let mut input = Input(data);
    while !input.is_empty() {
        fuzz.step(&mut input);
        fuzz.drain();
        fuzz.check();
    }
}

impl Fuzz {
    fn step(&mut self, input: &mut Input<'_>) {
        let now = self.now;
        let stream = |input: &mut Input<'_>| {
            let byte = u32::from(input.byte());
            StreamId(if byte < 128 { 3 + 2 * (byte % 8) } else { byte % 8 })
        };
        match OPS[usize::from(input.byte()) % OPS.len()] {
            Op::Request => {
                let version = VERSIONS[usize::from(input.byte()) % VERSIONS.len()];
                let property = TYPES[usize::from(input.byte()) % TYPES.len()];
                let json = format!(
                    r#"{{"AgentVersion":"{version}","RequestedClientActions":[{{"ActionType":"SessionType","ActionParameters":{{"SessionType":"Port","Properties":{{"type":"{property}"}}}}}}]}}"#
                );
                self.agent_says(PayloadType::HANDSHAKE_REQUEST, json.as_bytes(), 0);
            }
            Op::Complete => self.agent_says(PayloadType::HANDSHAKE_COMPLETE, b"{}", 0),
            Op::Frame => {
                let (command, id) = (input.byte() % 6, stream(input).0);
                let length = if command == 2 { usize::from(input.byte()) * 8 } else { 0 };
                let mut frame = BytesMut::new();
                frame.put_slice(&[1, command]);
                frame.put_u16_le(u16::try_from(length).expect("at most 2040"));
                frame.put_u32_le(id);
                frame.put_bytes(7, length);
                self.agent_says(PayloadType::OUTPUT, &frame, 0);
            }
            Op::Payload => {
                let payload_type = PayloadType(u32::from(input.byte() % 14));
                let ahead = i64::from(input.byte() as i8);
                let length = usize::from(input.byte());
                self.agent_says(payload_type, input.slice(length), ahead);
            }
            Op::Raw => {
                let length = usize::from(input.u16());
                let bytes = Bytes::copy_from_slice(input.slice(length));
                if let Ok(message) = Message::decode(bytes.clone()) {
                    self.sequence = message.header.sequence.saturating_add(1);
                    self.complete |= message.header.payload_type == PayloadType::HANDSHAKE_COMPLETE;
                }
                let _ = self.session.handle_message(bytes, now);
            }
            Op::Damaged => {
                let (at, value) = (usize::from(input.byte()) % PAYLOAD_OFFSET, input.byte());
                let mut bytes = message(
                    MessageType::OutputStreamData,
                    PayloadType::OUTPUT,
                    self.sequence,
                    b"x",
                );
                bytes[at] = value;
                let _ = self.session.handle_message(bytes.freeze(), now);
            }
            Op::Acknowledge => {
                let sequence = self.sent - i64::from(input.byte());
                let mut json = BytesMut::new();
                Acknowledge::write("input_stream_data", Uuid::nil(), sequence, &mut json);
                self.service_says(MessageType::Acknowledge, &json);
            }
            Op::WildAcknowledge => {
                let text = String::from_utf8_lossy(input.slice(20)).into_owned();
                let json = format!(r#"{{"AcknowledgedMessageSequenceNumber":{text}}}"#);
                self.service_says(MessageType::Acknowledge, json.as_bytes());
            }
            Op::Wait => {
                self.now += Duration::from_millis(u64::from(input.u16()));
                self.pass_time();
            }
            Op::Disconnect => {
                self.connected = false;
                self.session.handle_disconnected(now);
            }
            Op::Connect => {
                self.connected = true;
                self.session.open_data_channel("token");
                self.session.handle_connected(now);
            }
            Op::Open => {
                let _ = self.session.open_stream(now);
            }
            Op::Write => {
                let stream = stream(input);
                let bytes = Bytes::from(vec![b'\n'; usize::from(input.u16())]);
                self.session.write(stream, bytes);
            }
            Op::Finish => self.session.finish(stream(input), now),
            Op::Close => self.session.close_stream(stream(input), now),
            Op::Consume => {
                let stream = stream(input);
                self.session.consumed(stream, usize::from(input.u16()));
            }
            Op::Terminate => self.session.terminate(now),
            Op::Publication => {
                let pause = input.byte() & 1 == 0;
                let kind = if pause {
                    MessageType::PausePublication
                } else {
                    MessageType::StartPublication
                };
                self.service_says(kind, b"{}");
            }
            Op::ChannelClosed => {
                let length = usize::from(input.byte());
                self.service_says(MessageType::ChannelClosed, input.slice(length));
            }
            Op::Flag => {
                let flag = u32::from(input.byte() % 5);
                self.agent_says(PayloadType::FLAG, &flag.to_be_bytes(), 0);
            }
        }
    }

    /// The agent's next message, or one that many numbers from it.
    fn agent_says(&mut self, payload_type: PayloadType, payload: &[u8], ahead: i64) {
        let sequence = self.sequence.saturating_add(ahead);
        if ahead == 0 {
            self.sequence = self.sequence.saturating_add(1);
        }
        self.complete |= payload_type == PayloadType::HANDSHAKE_COMPLETE;
        let bytes = message(MessageType::OutputStreamData, payload_type, sequence, payload);
        let _ = self.session.handle_message(bytes.freeze(), self.now);
    }

    fn service_says(&mut self, message_type: MessageType, payload: &[u8]) {
        let bytes = message(message_type, PayloadType::NONE, 0, payload);
        let _ = self.session.handle_message(bytes.freeze(), self.now);
    }

    fn pass_time(&mut self) {
        for _ in 0..10_000 {
            if self.session.poll_timeout(self.now).is_none_or(|at| at > self.now) {
                return;
            }
            self.session.handle_timeout(self.now);
            self.drain();
        }
        panic!("the session wants to be woken for ever");
    }

    fn drain(&mut self) {
        for _ in 0..100_000 {
            let bytes = self.session.poll_transmit(self.now);
            let event = self.session.poll_event();
            if bytes.is_none() && event.is_none() {
                return;
            }
            if let Some(bytes) = bytes {
                self.take_message(bytes);
            }
            if let Some(event) = event {
                assert!(!self.closed, "{event:?} after the end");
                self.closed = matches!(event, Event::Closed(_));
                if let Event::Data { bytes, .. } = event {
                    assert!(!bytes.is_empty(), "no bytes would look like the end");
                }
            }
        }
        panic!("the session never stops talking");
    }

    fn take_message(&mut self, bytes: Bytes) {
        assert!(self.connected, "something is sent without a connection");
        let message = Message::decode(bytes).expect("we write messages");
        assert!(!message.payload.is_empty(), "agents refuse empty messages");
        if message.header.message_type == MessageType::Acknowledge {
            return;
        }
        assert_eq!(message.header.message_type, MessageType::InputStreamData);
        let is_response = message.header.payload_type == PayloadType::HANDSHAKE_RESPONSE;
        assert_eq!(is_response, message.header.sequence == 0);
        assert!(is_response || self.complete, "nothing else leaves before the handshake is done");
        assert!(message.header.sequence <= self.sent, "a number is left out");
        self.sent = self.sent.max(message.header.sequence + 1);
    }

    fn check(&self) {
        let stats = self.session.stats();
        let largest = config::MAX_PAYLOAD + PAYLOAD_OFFSET;
        assert!(stats.unacknowledged <= config::MAX_WINDOW + 2 * largest, "{stats:?}");
        assert!((config::MIN_WINDOW..=config::MAX_WINDOW).contains(&stats.window), "{stats:?}");
        assert!(stats.out_of_order <= 64 * 1024 + usize::from(u16::MAX), "{stats:?}");
        let untaken = if self.closed { usize::MAX } else { 16 * 1024 };
        assert!(stats.untaken <= untaken, "{stats:?}");
        assert!(stats.streams <= config::MAX_STREAMS, "{stats:?}");
    }
}

fn message(
    message_type: MessageType,
    payload_type: PayloadType,
    sequence: i64,
    payload: &[u8],
) -> BytesMut {
    let header =
        Header { message_type, created_ms: 1, sequence, flags: 0, id: Uuid::nil(), payload_type };
    let mut out = BytesMut::new();
    encode(&header, payload, &mut out);
    out
}

mod endings;
mod silence;

use super::*;
use bytes::BytesMut;

use crate::event::Mode;
use crate::link::LOCAL_PORT_FORWARDING;
use crate::message::{Acknowledge, Header, Message, MessageType, PayloadType, encode};
use crate::mux::{Command, Decoder, FrameHeader, Piece};
use serde_json::json;
use uuid::Uuid;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const NEW_AGENT: &str = "3.3.1142.0";

/// A session and an agent that says what the test tells it to.
struct Pair {
    session: PortSession,
    now: Instant,
    sequence: i64,
    decoder: Decoder,
}

impl Pair {
    fn new(config: Config) -> Self {
        let now = Instant::now();
        let mut session = PortSession::new(config, now, 1, 1);
        session.open_data_channel("token");
        session.handle_connected(now);
        Self { session, now, sequence: 0, decoder: Decoder::default() }
    }

    /// With the handshake behind it.
    fn ready(version: &str, property_type: &str, config: Config) -> (Self, Mode) {
        let mut pair = Self::new(config);
        pair.request("Port", version, property_type);
        pair.say(PayloadType::HANDSHAKE_COMPLETE, b"{}");
        let events = pair.events();
        let [Event::Ready(ready)] = &events[..] else { panic!("{events:?}") };
        assert_eq!(ready.agent_version, version.parse().ok());
        let mode = ready.mode;
        pair.exchange();
        (pair, mode)
    }

    fn mux() -> Self {
        Self::ready(NEW_AGENT, LOCAL_PORT_FORWARDING, Config::default()).0
    }

    fn request(&mut self, session_type: &str, version: &str, property_type: &str) {
        let request = json!({"AgentVersion": version, "RequestedClientActions": [
            {"ActionType": "SessionType", "ActionParameters": {
                "SessionType": session_type, "Properties": {"type": property_type}}}]});
        self.say(PayloadType::HANDSHAKE_REQUEST, request.to_string().as_bytes());
    }

    fn say(&mut self, payload_type: PayloadType, payload: &[u8]) {
        let bytes = message(MessageType::OutputStreamData, self.sequence, payload_type, payload);
        self.sequence += 1;
        self.session.handle_message(bytes, self.now).unwrap();
    }

    fn say_frame(&mut self, header: FrameHeader, data: &[u8]) {
        let mut bytes = BytesMut::new();
        header.write(&mut bytes);
        bytes.extend_from_slice(data);
        self.say(PayloadType::OUTPUT, &bytes);
    }

    fn say_data(&mut self, stream: StreamId, data: &[u8]) {
        self.say_frame(FrameHeader::data(data.len(), stream.0), data);
    }

    fn say_fin(&mut self, stream: StreamId) {
        self.say_frame(FrameHeader::control(Command::Fin, stream.0), b"");
    }

    fn acknowledge(&mut self, sequence: i64) {
        let mut json = BytesMut::new();
        Acknowledge::write("input_stream_data", Uuid::nil(), sequence, &mut json);
        let bytes = message(MessageType::Acknowledge, 0, PayloadType::NONE, &json);
        self.session.handle_message(bytes, self.now).unwrap();
    }

    fn close_by_service(&mut self, output: &str) {
        let json = json!({"Output": output, "MessageType": "channel_closed"}).to_string();
        let bytes = message(MessageType::ChannelClosed, 0, PayloadType::NONE, json.as_bytes());
        self.session.handle_message(bytes, self.now).unwrap();
    }

    fn open(&mut self) -> StreamId {
        self.session.open_stream(self.now).unwrap()
    }

    /// The stream data that is sent now, without acknowledging it.
    fn transmit(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.session.poll_transmit(self.now))
            .map(|bytes| Message::decode(bytes).unwrap())
            .filter(|message| message.header.message_type == MessageType::InputStreamData)
            .collect()
    }

    /// Acknowledges all that is sent until there is no more.
    fn exchange(&mut self) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            let sent = self.transmit();
            if sent.is_empty() {
                return all;
            }
            sent.iter().for_each(|message| self.acknowledge(message.header.sequence));
            all.extend(sent);
        }
    }

    /// The mux frames that are sent now.
    fn frames(&mut self) -> Vec<Piece> {
        let sent = self.exchange();
        let mut pieces = Vec::new();
        for message in sent.into_iter().filter(|m| m.header.payload_type == PayloadType::OUTPUT) {
            let mut payload = message.payload;
            while let Some(piece) = self.decoder.next(&mut payload).unwrap() {
                pieces.push(piece);
            }
        }
        pieces
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event())
            .filter(|event| !matches!(event, Event::Sent { .. }))
            .collect()
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.session.poll_timeout(self.now).filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.session.handle_timeout(self.now);
        }
        self.now = until;
    }
}

fn message(
    message_type: MessageType,
    sequence: i64,
    payload_type: PayloadType,
    payload: &[u8],
) -> Bytes {
    let header = Header {
        message_type,
        created_ms: 1,
        sequence,
        flags: 0,
        id: Uuid::from_u128(sequence as u128),
        payload_type,
    };
    let mut out = BytesMut::new();
    encode(&header, payload, &mut out);
    out.freeze()
}

fn payloads(messages: &[Message]) -> Vec<&[u8]> {
    messages.iter().map(|message| &message.payload[..]).collect()
}

#[test]
fn the_mode_follows_from_the_agents_version_and_the_document() {
    let mode = |version, property_type| Pair::ready(version, property_type, Config::default()).1;
    assert_eq!(mode("3.1.1575.0", LOCAL_PORT_FORWARDING), Mode::Mux { keepalive: false });
    assert_eq!(mode("3.1.1511.0", LOCAL_PORT_FORWARDING), Mode::Mux { keepalive: true });
    for version in ["3.0.196.0", "2.3.722.0", "", "3.3.1142", "newest"] {
        assert_eq!(mode(version, LOCAL_PORT_FORWARDING), Mode::Basic, "{version}");
    }
    assert_eq!(mode(NEW_AGENT, ""), Mode::SingleStream);
}

#[test]
fn nothing_can_be_opened_before_the_session_is_ready() {
    let mut pair = Pair::new(Config::default());
    assert_eq!(pair.session.open_stream(pair.now), Err(OpenError::NotReady));
    assert_eq!(pair.session.room(StreamId(3)), 0);
}

#[test]
fn the_first_bytes_travel_with_the_opening() {
    let mut pair = Pair::mux();
    let stream = pair.open();
    pair.session.write(stream, "GET /".into());
    assert_eq!(pair.transmit().len(), 1);
}

#[test]
fn a_lone_newline_stays_a_newline() {
    let (mut pair, _) = Pair::ready(NEW_AGENT, "", Config::default());
    let stream = pair.open();
    pair.session.write(stream, "\n".into());
    assert_eq!(payloads(&pair.exchange()), [b"\n"]);

    // A frame of 1017 bytes has its last byte, a newline, in a message of its own.
    let mut pair = Pair::mux();
    let stream = pair.open();
    pair.frames();
    let line = Bytes::from([vec![b'x'; 1016], vec![b'\n']].concat());
    pair.session.write(stream, line.clone());
    let received: Vec<u8> = pair
        .frames()
        .into_iter()
        .flat_map(|piece| match piece {
            Piece::Data(_, bytes) => bytes.to_vec(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(received, line);
}

#[test]
fn a_refused_dial_is_told_to_its_stream() {
    let mut pair = Pair::mux();
    let (served, refused) = (pair.open(), pair.open());
    pair.frames();
    pair.say_data(served, b"hello");
    pair.say(PayloadType::FLAG, &[0, 0, 0, 3]);
    pair.say_fin(refused);
    let bytes = "hello".into();
    assert_eq!(
        pair.events(),
        [Event::Data { stream: served, bytes }, Event::Refused { stream: refused }]
    );
    assert_eq!(pair.frames(), [Piece::Fin(refused.0)]);
}

#[test]
fn a_half_close_does_not_cut_the_answer_off() {
    let mut pair = Pair::mux();
    let stream = pair.open();
    pair.session.write(stream, "request".into());
    pair.session.finish(stream, pair.now);
    assert!(!pair.frames().contains(&Piece::Fin(stream.0)));
    pair.wait(config::HALF_CLOSE_IDLE - SECOND);
    pair.say_data(stream, b"answer");
    pair.say_fin(stream);
    let bytes = "answer".into();
    assert_eq!(pair.events(), [Event::Data { stream, bytes }, Event::Finished { stream }]);
    assert_eq!(pair.frames(), [Piece::Fin(stream.0)]);
}

#[test]
fn an_agent_of_the_time_gets_keepalives_and_a_newer_one_none() {
    for (version, expected) in [("3.1.1511.0", 6), ("3.1.1575.0", 0)] {
        let (mut pair, _) = Pair::ready(version, LOCAL_PORT_FORWARDING, Config::default());
        let mut keepalives = 0;
        for _ in 0..60 {
            pair.wait(SECOND);
            keepalives += pair.frames().len();
        }
        assert_eq!(keepalives, expected, "{version}");
    }
}

#[test]
fn only_the_client_that_does_not_read_is_given_up() {
    let config = Config { receive_budget: 100_000, ..Config::default() };
    let (mut pair, _) = Pair::ready(NEW_AGENT, LOCAL_PORT_FORWARDING, config);
    let (slow, other) = (pair.open(), pair.open());
    pair.frames();
    let mut overflowed = Vec::new();
    for _ in 0..150 {
        pair.say_data(slow, &[7; 1000]);
        pair.say_data(other, b"quick");
        pair.wait(100 * MS);
        for event in pair.events() {
            match event {
                Event::Data { stream, bytes } if stream == other => {
                    pair.session.consumed(other, bytes.len());
                }
                Event::Data { .. } => {}
                Event::Overflowed { stream } => overflowed.push(stream),
                other => panic!("{other:?}"),
            }
        }
        assert!(pair.session.stats().untaken <= 100_000);
    }
    assert_eq!(overflowed, [slow]);
    assert_eq!(pair.frames(), [Piece::Fin(slow.0)]);
    assert_eq!(pair.session.stats().streams, 1);
    assert_eq!(pair.session.brake(), None);
}

#[test]
fn reading_slows_down_for_bytes_and_not_for_acknowledgements() {
    let mut pair = Pair::mux();
    let stream = pair.open();
    pair.frames();
    while pair.session.brake().is_none() {
        pair.say_data(stream, &[0; 60_000]);
    }
    assert!(pair.session.stats().untaken >= config::RECEIVE_COMFORT);
    pair.acknowledge(1);
    assert_eq!(pair.session.brake(), None);
    pair.say_data(stream, b"x");
    assert!(pair.session.brake().is_some());
    pair.session.consumed(stream, config::RECEIVE_COMFORT);
    assert_eq!(pair.session.brake(), None);
}

#[test]
fn what_follows_a_gap_reaches_a_prompt_client_in_portions() {
    let config = Config { receive_budget: 400_000, ..Config::default() };
    let (mut pair, _) = Pair::ready(NEW_AGENT, LOCAL_PORT_FORWARDING, config);
    let stream = pair.open();
    pair.frames();
    let missing = pair.sequence;
    pair.sequence += 1;
    for _ in 0..1000 {
        pair.say_data(stream, &[1; 1000]);
    }
    assert_eq!(pair.events(), []);

    let mut frame = BytesMut::new();
    FrameHeader::data(1, stream.0).write(&mut frame);
    frame.extend_from_slice(&[1]);
    let bytes = message(MessageType::OutputStreamData, missing, PayloadType::OUTPUT, &frame);
    pair.session.handle_message(bytes, pair.now).unwrap();
    let mut received = 0;
    loop {
        let events = pair.events();
        if events.is_empty() {
            break;
        }
        for event in events {
            let Event::Data { bytes, .. } = event else { panic!("{event:?}") };
            received += bytes.len();
            pair.session.consumed(stream, bytes.len());
        }
        pair.wait(Duration::ZERO);
    }
    assert_eq!(received, 1_000_001);
}

#[test]
fn an_old_agent_is_told_between_connections() {
    let (mut pair, _) = Pair::ready("3.0.196.0", LOCAL_PORT_FORWARDING, Config::default());
    let (first, second) = (pair.open(), pair.open());
    pair.session.write(first, "one".into());
    pair.session.write(second, "two".into());
    assert_eq!(payloads(&pair.exchange()), [b"one"]);
    pair.say(PayloadType::OUTPUT, b"answer to one");
    pair.session.close_stream(first, pair.now);

    let sent = pair.transmit();
    assert_eq!(payloads(&sent), [[0, 0, 0, 1]], "the second waits");
    pair.say(PayloadType::OUTPUT, b"stale");
    pair.acknowledge(sent[0].header.sequence);
    assert_eq!(payloads(&pair.exchange()), [b"two"]);
    pair.say(PayloadType::OUTPUT, b"answer to two");
    assert_eq!(
        pair.events(),
        [
            Event::Data { stream: first, bytes: "answer to one".into() },
            Event::Data { stream: second, bytes: "answer to two".into() },
        ]
    );
}

#[test]
fn an_ssh_session_ends_with_its_connection() {
    let (mut pair, _) = Pair::ready(NEW_AGENT, "", Config::default());
    let stream = pair.open();
    assert_eq!(pair.session.open_stream(pair.now), Err(OpenError::SingleStream));
    pair.session.write(stream, "bye".into());
    pair.session.close_stream(stream, pair.now);
    assert_eq!(payloads(&pair.exchange()), [&b"bye"[..], &[0, 0, 0, 2]]);
    let reason = CloseReason::Terminated { acknowledged: true };
    assert_eq!(pair.events(), [Event::Closed(reason)]);
}

#[test]
fn the_end_of_an_ssh_server_is_the_end_of_its_stream() {
    let (mut pair, _) = Pair::ready(NEW_AGENT, "", Config::default());
    let stream = pair.open();
    pair.say(PayloadType::OUTPUT, b"last words");
    pair.close_by_service("");
    let bytes = "last words".into();
    let reason = CloseReason::ByService { output: String::new() };
    assert_eq!(
        pair.events(),
        [Event::Data { stream, bytes }, Event::Finished { stream }, Event::Closed(reason)]
    );
}

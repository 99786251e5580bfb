//! A client of ours in the place of the official one, against the recorded agent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use ssmpf_proto::message::{Acknowledge, Header, Message, MessageType, PayloadType, encode};
use ssmpf_proto::mux::{Decoder, Piece};
use ssmpf_proto::{CloseReason, Config, Event, Mode, PortSession, StreamId};
use ssmpf_protocol_tests::vectors::{Recorded, Session, load};
use uuid::Uuid;

/// What one side said on the streams of a session; without the mux all is stream 0.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    opened: Vec<u32>,
    closed: Vec<u32>,
    bytes: BTreeMap<u32, Vec<u8>>,
    keepalives: usize,
}

impl Said {
    fn add(&mut self, piece: Piece) {
        match piece {
            Piece::Syn(id) => self.opened.push(id),
            Piece::Fin(id) => self.closed.push(id),
            Piece::Data(id, bytes) => self.bytes.entry(id).or_default().extend_from_slice(&bytes),
            Piece::Nop => self.keepalives += 1,
        }
    }
}

struct Replay {
    session: PortSession,
    base: Instant,
    now: Instant,
    connected: bool,
    /// Messages that came before the client had connected.
    early: Vec<Bytes>,
    mode: Option<Mode>,
    /// The connection without the mux.
    current: Option<StreamId>,
    refused: Vec<u32>,
    finished: Vec<u32>,
    reason: Option<CloseReason>,
    official: (Decoder, Said),
    agent: (Decoder, Said),
    ours: (Decoder, Said),
    received: BTreeMap<u32, Vec<u8>>,
    /// How often each agent message came and was acknowledged.
    came: BTreeMap<i64, usize>,
    acknowledged: BTreeMap<i64, usize>,
    responses: Vec<Bytes>,
    sent: i64,
}

impl Replay {
    fn run(name: &str) -> Self {
        let recorded: Session = load(name);
        let config =
            Config { client_version: recorded.client_version.clone(), ..Config::default() };
        let now = Instant::now();
        let mut replay = Self {
            session: PortSession::new(config, now, 1_700_000_000_000, 7),
            base: now,
            now,
            connected: false,
            early: Vec::new(),
            mode: None,
            current: None,
            refused: Vec::new(),
            finished: Vec::new(),
            reason: None,
            official: Default::default(),
            agent: Default::default(),
            ours: Default::default(),
            received: BTreeMap::new(),
            came: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            responses: Vec::new(),
            sent: 0,
        };
        for message in &recorded.messages {
            replay.advance(replay.base + Duration::from_micros(message.t_us));
            replay.step(message, &recorded.agent_version);
            replay.drain();
        }
        replay
    }

    /// Lets time pass with all timeouts on the way.
    fn advance(&mut self, until: Instant) {
        while let Some(at) = self.session.poll_timeout(self.now).filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.session.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn step(&mut self, message: &Recorded, agent_version: &str) {
        if message.op == "text" && message.from == "client" {
            if self.connected {
                self.session.handle_disconnected(self.now);
            }
            self.connected = true;
            self.session.open_data_channel("token");
            self.session.handle_connected(self.now);
            for early in std::mem::take(&mut self.early) {
                self.session.handle_message(early, self.now).unwrap();
            }
        } else if message.is("input_stream_data") {
            self.act_as_the_official_client(message);
        } else if message.is_for_client() {
            if message.is("output_stream_data") {
                self.note_agent(message);
            }
            let bytes = with_version(message.bytes(), agent_version);
            if self.connected {
                self.session.handle_message(bytes, self.now).unwrap();
            } else {
                self.early.push(bytes);
            }
        }
    }

    fn note_agent(&mut self, recorded: &Recorded) {
        let message = Message::decode(recorded.bytes()).unwrap();
        let before = self.came.entry(message.header.sequence).or_default();
        *before += 1;
        if *before > 1 || message.header.payload_type != PayloadType::OUTPUT {
            return;
        }
        let (decoder, said) = &mut self.agent;
        read(decoder, said, message.payload, is_mux(self.mode));
    }

    fn act_as_the_official_client(&mut self, recorded: &Recorded) {
        if recorded.decoded.as_ref().unwrap().retransmission {
            return;
        }
        let message = Message::decode(recorded.bytes()).unwrap();
        match (message.header.payload_type, &message.payload[..]) {
            (PayloadType::HANDSHAKE_RESPONSE, _) => self.responses.push(message.payload),
            (PayloadType::FLAG, [0, 0, 0, 1]) => {
                let stream = self.current.take().unwrap();
                self.session.close_stream(stream, self.now);
            }
            (PayloadType::FLAG, [0, 0, 0, 2]) => self.session.terminate(self.now),
            (PayloadType::OUTPUT, _) if is_mux(self.mode) => {
                let mut payload = message.payload.clone();
                let (decoder, said) = &mut self.official;
                while let Some(piece) = decoder.next(&mut payload).unwrap() {
                    match &piece {
                        Piece::Syn(id) => {
                            let stream = self.session.open_stream(self.now).unwrap();
                            assert_eq!(stream, StreamId(*id));
                        }
                        Piece::Data(id, bytes) => {
                            let taken = self.session.write(StreamId(*id), bytes.clone());
                            assert_eq!(taken, bytes.len());
                        }
                        Piece::Fin(id) => self.session.close_stream(StreamId(*id), self.now),
                        Piece::Nop => {}
                    }
                    said.add(piece);
                }
            }
            (PayloadType::OUTPUT, payload) => {
                // The official client makes a carriage return of a lone newline; ours does not.
                let bytes =
                    if payload == b"\r" { Bytes::from_static(b"\n") } else { message.payload };
                let session = &mut self.session;
                let now = self.now;
                let stream = *self.current.get_or_insert_with(|| session.open_stream(now).unwrap());
                assert_eq!(self.session.write(stream, bytes.clone()), bytes.len());
                self.official.1.add(Piece::Data(0, bytes));
            }
            other => panic!("{other:?}"),
        }
    }

    /// Takes what our session says and does; acknowledges its messages as the agent would.
    fn drain(&mut self) {
        loop {
            let message = self.session.poll_transmit(self.now);
            let event = self.session.poll_event();
            if message.is_none() && event.is_none() {
                return;
            }
            message.into_iter().for_each(|message| self.take_message(message));
            event.into_iter().for_each(|event| self.take_event(event));
        }
    }

    fn take_message(&mut self, bytes: Bytes) {
        let message = Message::decode(bytes).unwrap();
        if message.header.message_type == MessageType::Acknowledge {
            let ack: Acknowledge = serde_json::from_slice(&message.payload).unwrap();
            *self.acknowledged.entry(ack.sequence).or_default() += 1;
            return;
        }
        let Header { sequence, payload_type, id, .. } = message.header;
        if sequence == self.sent {
            self.sent += 1;
            match payload_type {
                PayloadType::HANDSHAKE_RESPONSE => self.responses.push(message.payload),
                PayloadType::OUTPUT => {
                    let (decoder, said) = &mut self.ours;
                    read(decoder, said, message.payload, is_mux(self.mode));
                }
                _ => {}
            }
        }
        let answer = acknowledgement(sequence, id);
        self.session.handle_message(answer, self.now).unwrap();
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Ready(ready) => self.mode = Some(ready.mode),
            Event::Data { stream, bytes } => {
                let id = if is_mux(self.mode) { stream.0 } else { 0 };
                self.received.entry(id).or_default().extend_from_slice(&bytes);
                self.session.consumed(stream, bytes.len());
            }
            Event::Finished { stream } => self.finished.push(stream.0),
            Event::Refused { stream } => self.refused.push(stream.0),
            Event::Closed(reason) => self.reason = Some(reason),
            Event::Sent { .. } => {}
            Event::Overflowed { .. }
            | Event::Abandoned { .. }
            | Event::Silent(_)
            | Event::Heard => panic!("{event:?}"),
        }
    }

    /// What holds in every session.
    fn check(&self) {
        assert_eq!(self.received, self.agent.1.bytes, "what the application received");
        // More often where a connection was lost, and perhaps an acknowledgement with it.
        for (number, times) in &self.came {
            let acknowledged = self.acknowledged.get(number).copied().unwrap_or_default();
            assert!(acknowledged >= *times, "number {number} is not acknowledged each time");
        }
        assert_eq!(self.responses.len(), 2);
        assert_eq!(self.responses[0], self.responses[1], "the handshake answer");
        assert_eq!(self.ours.1.opened, self.official.1.opened);
    }

    fn check_said(&self) {
        let sorted = |said: &Said| {
            let mut closed = said.closed.clone();
            closed.sort_unstable();
            closed
        };
        assert_eq!(self.ours.1.bytes, self.official.1.bytes, "what we sent");
        assert_eq!(sorted(&self.ours.1), sorted(&self.official.1), "streams we closed");
    }
}

fn is_mux(mode: Option<Mode>) -> bool {
    matches!(mode, Some(Mode::Mux { .. }))
}

fn read(decoder: &mut Decoder, said: &mut Said, mut payload: Bytes, mux: bool) {
    if !mux {
        return said.add(Piece::Data(0, payload));
    }
    while let Some(piece) = decoder.next(&mut payload).unwrap() {
        said.add(piece);
    }
}

/// The agent's version as the client got it: the recording gateway changed some on the way.
fn with_version(bytes: Bytes, version: &str) -> Bytes {
    let message = Message::decode(bytes.clone()).unwrap();
    if message.header.payload_type != PayloadType::HANDSHAKE_REQUEST {
        return bytes;
    }
    let mut request: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
    request["AgentVersion"] = version.into();
    let mut out = BytesMut::new();
    encode(&message.header, request.to_string().as_bytes(), &mut out);
    out.freeze()
}

fn acknowledgement(sequence: i64, id: Uuid) -> Bytes {
    let (mut payload, mut out) = (BytesMut::new(), BytesMut::new());
    Acknowledge::write("input_stream_data", id, sequence, &mut payload);
    let header = Header {
        message_type: MessageType::Acknowledge,
        created_ms: 1,
        sequence: 0,
        flags: 3,
        id: Uuid::nil(),
        payload_type: PayloadType::NONE,
    };
    encode(&header, &payload, &mut out);
    out.freeze()
}

const TERMINATED: Option<CloseReason> = Some(CloseReason::Terminated { acknowledged: true });

#[test]
fn port_forwarding_with_the_mux() {
    for name in ["port_mux", "port_remote_host", "port_resume"] {
        let replay = Replay::run(name);
        assert_eq!(replay.mode, Some(Mode::Mux { keepalive: false }), "{name}");
        assert!(!replay.received.is_empty(), "{name}");
        assert_eq!(replay.reason, TERMINATED, "{name}");
        replay.check();
        replay.check_said();
    }
}

#[test]
fn a_refused_port_is_told_to_its_stream() {
    let replay = Replay::run("port_refused");
    assert_eq!(replay.refused, [3]);
    assert_eq!(replay.finished, [0_u32; 0]);
    assert_eq!(replay.reason, TERMINATED);
    replay.check();
    // What the official client sent after the refusal has no one to read it.
    assert_eq!(replay.ours.1.bytes, BTreeMap::new());
    assert_eq!(replay.ours.1.closed, [3]);
}

#[test]
fn an_agent_that_repeats_itself_is_acknowledged_each_time() {
    let replay = Replay::run("port_mux_keepalive");
    assert_eq!(replay.mode, Some(Mode::Mux { keepalive: true }));
    assert!(replay.came.values().any(|times| *times > 5), "the recording holds the repetition");
    assert!(replay.ours.1.keepalives >= 1);
    assert_eq!(replay.ours.1.keepalives, replay.official.1.keepalives);
    replay.check();
    replay.check_said();
}

#[test]
fn an_old_agent_is_served_one_connection_after_another() {
    let replay = Replay::run("port_basic_old_agent");
    assert_eq!(replay.mode, Some(Mode::Basic));
    assert_eq!(replay.reason, TERMINATED);
    replay.check();
    replay.check_said();
}

#[test]
fn an_ssh_session_keeps_its_newline() {
    let replay = Replay::run("ssh");
    assert_eq!(replay.mode, Some(Mode::SingleStream));
    assert!(replay.ours.1.bytes[&0].contains(&b'\n'));
    replay.check();
    replay.check_said();
}

#[test]
fn a_session_ended_by_the_service_says_why() {
    for name in ["service_closes", "api_terminate"] {
        let replay = Replay::run(name);
        let notice = load::<Session>(name).messages.into_iter().find(|m| m.is("channel_closed"));
        let payload = notice.unwrap().decoded.unwrap().payload_text.unwrap();
        let notice: serde_json::Value = serde_json::from_str(&payload).unwrap();
        let output = notice["Output"].as_str().unwrap_or_default().to_owned();
        assert_eq!(replay.reason, Some(CloseReason::ByService { output }), "{name}");
        replay.check();
    }
}

#[test]
fn sessions_of_another_kind_are_left_at_once() {
    for name in ["shell", "shell_kms", "interactive_command", "noninteractive_command"] {
        let now = Instant::now();
        let mut session = PortSession::new(Config::default(), now, 1, 7);
        session.handle_connected(now);
        for message in load::<Session>(name).messages.iter().filter(|m| m.is_for_client()) {
            session.handle_message(message.bytes(), now).unwrap();
        }
        let reason = std::iter::from_fn(|| session.poll_event()).last();
        assert!(
            matches!(
                reason,
                Some(Event::Closed(
                    CloseReason::NotAPortSession { .. } | CloseReason::Unsupported { .. }
                ))
            ),
            "{name}: {reason:?}"
        );
    }
}

//! Every recorded message, decoded and encoded.

use bytes::{Bytes, BytesMut};
use ssmpf_proto::message::{
    Acknowledge, ChannelClosed, Header, Message, MessageType, OpenDataChannel, Payload,
    PayloadType, encode,
};
use ssmpf_proto::mux::{Command, Decoder, FrameHeader, Piece};
use ssmpf_protocol_tests::vectors::{
    Envelope, Frame, Frames, Recorded, SESSIONS, Session, from_base64, load,
};

/// Calls `check` with every recorded binary message.
fn each_message(mut check: impl FnMut(&str, &Recorded, Message)) {
    for name in SESSIONS {
        for recorded in load::<Session>(name).messages.iter().filter(|m| m.op == "binary") {
            let at = format!("{name} {}", recorded.n);
            let message = Message::decode(recorded.bytes()).unwrap_or_else(|e| panic!("{at}: {e}"));
            check(&at, recorded, message);
        }
    }
}

fn encoded(header: &Header, payload: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    encode(header, payload, &mut out);
    out
}

fn is_publication(message_type: MessageType) -> bool {
    matches!(message_type, MessageType::PausePublication | MessageType::StartPublication)
}

#[test]
fn every_message_means_what_the_recorder_says() {
    each_message(|at, recorded, message| {
        let decoded = recorded.decoded.as_ref().unwrap();
        let Header { message_type, created_ms, sequence, flags, id, payload_type } = message.header;
        assert_eq!(message_type.as_str(), decoded.message_type, "{at}");
        assert_eq!(created_ms, decoded.created_date_ms, "{at}");
        assert_eq!(sequence, decoded.sequence_number, "{at}");
        assert_eq!(flags, decoded.flags, "{at}");
        assert_eq!(id.to_string(), decoded.message_id, "{at}");
        assert_eq!(payload_type.0, decoded.payload_type, "{at}");
        if is_publication(message_type) {
            // Of these nothing but the type is read.
            return;
        }
        assert_eq!(message.payload.len(), decoded.payload_length, "{at}");
        if let Some(text) = &decoded.payload_text {
            assert_eq!(message.payload, text.as_bytes(), "{at}");
        }
        if let Some(base64) = &decoded.payload_base64 {
            assert_eq!(message.payload, from_base64(base64), "{at}");
        }
    });
}

#[test]
fn every_message_is_written_again_byte_for_byte() {
    each_message(|at, recorded, message| {
        assert_eq!(recorded.decoded.as_ref().unwrap().message_type_pad, "space", "{at}");
        if !is_publication(message.header.message_type) {
            assert_eq!(encoded(&message.header, &message.payload), recorded.bytes(), "{at}");
        }
    });
}

#[test]
fn every_payload_is_understood() {
    each_message(|at, recorded, message| match message.header.message_type {
        MessageType::InputStreamData | MessageType::OutputStreamData => {
            let payload_type = message.header.payload_type;
            let payload = Payload::decode(payload_type, message.payload.clone())
                .unwrap_or_else(|error| panic!("{at}: {error}"));
            assert!(!matches!(payload, Payload::Other(..)), "{at}: {payload:?}");
            if let Some(flag) = &recorded.decoded.as_ref().unwrap().flag {
                assert_eq!(format!("{payload:?}"), format!("Flag({flag})"), "{at}");
            }
            // Whatever a client writes has one layout; the agent's JSON is only read.
            // An answer about encryption is not ours to write yet.
            let text = String::from_utf8_lossy(&message.payload);
            let is_ours = message.header.message_type == MessageType::InputStreamData
                && !text.contains("KMSEncryption");
            if is_ours {
                assert_eq!(payload.encode(), (payload_type, message.payload), "{at}");
            }
        }
        MessageType::Acknowledge => {
            let ack: Acknowledge = serde_json::from_slice(&message.payload).unwrap();
            assert!(ack.sequential, "{at}");
            let mut out = BytesMut::new();
            let id = ack.message_id.parse().unwrap();
            Acknowledge::write(&ack.message_type, id, ack.sequence, &mut out);
            assert_eq!(out, message.payload, "{at}");
        }
        MessageType::ChannelClosed => {
            let closed: ChannelClosed = serde_json::from_slice(&message.payload).unwrap();
            assert_eq!(closed.message_type, "channel_closed", "{at}");
        }
        _ => {}
    });
}

#[test]
fn the_first_text_is_the_official_clients() {
    for name in SESSIONS {
        let session: Session = load(name);
        let texts = session.messages.iter().filter(|m| m.op == "text" && m.from == "client");
        for recorded in texts {
            let open: OpenDataChannel = serde_json::from_str(&recorded.text).unwrap();
            assert_eq!(open.client_version, session.client_version, "{name}");
            assert_eq!(serde_json::to_string(&open).unwrap(), recorded.text, "{name}");
        }
    }
}

#[test]
fn the_envelope_is_the_agents() {
    for case in load::<Envelope>("envelope").cases {
        let bytes = from_base64(&case.serialized_base64);
        let message = Message::decode(bytes.clone()).unwrap();
        let header = Header {
            message_type: message.header.message_type,
            created_ms: case.created_date_ms,
            sequence: case.sequence_number,
            flags: case.flags,
            id: case.message_id.parse().unwrap(),
            payload_type: PayloadType(case.payload_type),
        };
        assert_eq!(header.message_type.as_str(), case.message_type, "{}", case.name);
        assert_eq!(message.header, header, "{}", case.name);
        assert_eq!(encoded(&header, &from_base64(&case.payload_base64)), bytes, "{}", case.name);
    }
}

fn command(frame: &Frame) -> Command {
    match frame.cmd.as_str() {
        "SYN" => Command::Syn,
        "FIN" => Command::Fin,
        "PSH" => Command::Psh,
        "NOP" => Command::Nop,
        "UPD" => Command::Upd,
        other => panic!("{other}"),
    }
}

fn header_of(frame: &Frame) -> FrameHeader {
    let length = u16::try_from(frame.length).unwrap();
    FrameHeader { command: command(frame), length, stream: frame.stream_id }
}

#[test]
fn the_mux_librarys_frames_are_read_and_written() {
    for frame in load::<Frames>("smux_v1").frames {
        let text = frame.frame_base64.as_ref().or(frame.header_base64.as_ref()).unwrap();
        let bytes = from_base64(text);
        let header: &[u8; 8] = bytes[..8].try_into().unwrap();
        assert_eq!(FrameHeader::read(header), Ok(header_of(&frame)));
        let mut out = BytesMut::new();
        header_of(&frame).write(&mut out);
        assert_eq!(out, bytes[..8]);
    }
}

#[test]
fn frames_of_the_other_mux_version_are_refused() {
    for frame in load::<Frames>("smux_v2").frames {
        let text = frame.frame_base64.as_ref().or(frame.header_base64.as_ref()).unwrap();
        let bytes = from_base64(text);
        assert!(FrameHeader::read(bytes[..8].try_into().unwrap()).is_err(), "{}", frame.from);
    }
}

#[test]
fn mux_frames_inside_messages_are_those_the_recorder_saw() {
    for name in SESSIONS {
        let session: Session = load(name);
        for sender in ["client", "agent"] {
            let (mut decoder, mut bytes) = (Decoder::default(), BytesMut::new());
            let mut expected = Vec::new();
            for recorded in session.messages.iter().filter(|m| m.from == sender) {
                let Some(decoded) = recorded.decoded.as_ref().filter(|d| !d.retransmission) else {
                    continue;
                };
                let Some(smux) = &decoded.smux else { continue };
                bytes.extend_from_slice(&Message::decode(recorded.bytes()).unwrap().payload);
                expected.extend(smux.frames_completed.iter().map(piece));
            }
            let mut input = bytes.freeze();
            let found = joined(std::iter::from_fn(|| decoder.next(&mut input).unwrap()));
            assert_eq!(found, joined(expected.into_iter()), "{name} {sender}");
        }
    }
}

fn piece(frame: &Frame) -> Piece {
    match command(frame) {
        Command::Syn => Piece::Syn(frame.stream_id),
        Command::Fin => Piece::Fin(frame.stream_id),
        Command::Nop | Command::Upd => Piece::Nop,
        Command::Psh => {
            Piece::Data(frame.stream_id, from_base64(frame.data_base64.as_ref().unwrap()))
        }
    }
}

/// Joins data of one stream that came in several pieces.
fn joined(pieces: impl Iterator<Item = Piece>) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (out.last_mut(), piece) {
            (Some(Piece::Data(id, have)), Piece::Data(next, more)) if *id == next => {
                *have = Bytes::from([&have[..], &more[..]].concat());
            }
            (_, piece) => out.push(piece),
        }
    }
    out
}

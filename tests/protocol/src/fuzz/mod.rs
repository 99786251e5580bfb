//! Entry points for arbitrary bytes. Each panics if what it is given makes the protocol misbehave.
//!
//! `tests/fuzz` feeds them with what a fuzzer makes up; the corpus that it leaves is replayed in
//! ordinary test runs.

mod operations;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use ssmpf_proto::StreamId;
use ssmpf_proto::message::{Acknowledge, ChannelClosed, Message, Payload, PayloadType, encode};
use ssmpf_proto::mux::{Decoder, Mux, Piece};

pub use operations::{Op, port_session};

/// Bytes read from the front, zeros when they are used up.
#[derive(Debug)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// Whether all has been read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads one byte.
    pub fn byte(&mut self) -> u8 {
        self.slice(1).first().copied().unwrap_or(0)
    }

    /// Reads two bytes, big-endian.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// Reads at most `length` bytes.
    pub fn slice(&mut self, length: usize) -> &'a [u8] {
        let (front, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        front
    }
}

/// A message and its payload: whatever is understood can be written and understood again.
pub fn decoder(data: &[u8]) {
    let Ok(message) = Message::decode(Bytes::copy_from_slice(data)) else { return };
    let mut out = BytesMut::new();
    encode(&message.header, &message.payload, &mut out);
    let date_is_valid = message.header.created_ms != 0;
    if date_is_valid {
        assert_eq!(Message::decode(out.freeze()).as_ref(), Ok(&message));
    }
    let _ = message.header.message_type.as_str();
    let _ = serde_json::from_slice::<Acknowledge>(&message.payload);
    let _ = serde_json::from_slice::<ChannelClosed>(&message.payload);
    for number in 0..14 {
        if let Ok(payload) = Payload::decode(PayloadType(number), message.payload.clone()) {
            let (payload_type, bytes) = payload.encode();
            assert_eq!(payload_type, PayloadType(number));
            let again = Payload::decode(payload_type, bytes).expect("our own bytes");
            assert_eq!(format!("{again:?}"), format!("{payload:?}"));
        }
    }
}

/// Bytes of the mux from the agent, cut and mixed with what clients do.
pub fn mux(data: &[u8]) {
    let mut input = Input(data);
    let mut now = Instant::now();
    let mut mux = Mux::new(input.byte() & 1 == 1, now);
    let (mut events, mut out) = (VecDeque::new(), BytesMut::new());
    while !input.is_empty() {
        let stream = |input: &mut Input<'_>| StreamId(3 + 2 * u32::from(input.byte() % 8));
        match input.byte() % 10 {
            0 | 1 => {
                let length = usize::from(input.byte());
                let bytes = Bytes::copy_from_slice(input.slice(length));
                if mux.handle_bytes(bytes, now, &mut events).is_err() {
                    return;
                }
            }
            2 => mux.handle_refusal(),
            3 => {
                let _ = mux.open(now, &mut events);
            }
            4 => {
                let id = stream(&mut input);
                let length = usize::from(input.u16()).min(mux.room(id));
                mux.write(id, Bytes::from(vec![1; length]));
            }
            5 => mux.finish(stream(&mut input), now),
            6 => mux.close(stream(&mut input)),
            7 => {
                now += Duration::from_millis(u64::from(input.u16()));
                mux.handle_timeout(now, true, &mut events);
                assert!(mux.poll_timeout().is_none_or(|at| at > now));
            }
            _ => {
                let room = 1024 + usize::from(input.u16() % 32_000);
                let before = mux.queued();
                let from = out.len();
                mux.fill(room, &mut out, &mut events);
                assert!(out.len() - from <= room && mux.queued() <= before);
                assert!(out.len() > from || !mux.has_frames(), "frames that never leave");
            }
        }
        events.clear();
    }
    while mux.has_frames() {
        let from = out.len();
        mux.fill(1024, &mut out, &mut events);
        assert!(out.len() > from, "frames that never leave");
    }
    assert_eq!(mux.queued(), 0);
    check_frames(out.freeze());
}

/// Each stream is opened before anything else is said of it, and nothing follows its end.
fn check_frames(mut bytes: Bytes) {
    let (mut decoder, mut opened, mut closed) = (Decoder::default(), Vec::new(), Vec::new());
    while let Some(piece) = decoder.next(&mut bytes).expect("we write frames") {
        let id = match piece {
            Piece::Syn(id) => {
                opened.push(id);
                id
            }
            Piece::Fin(id) => {
                assert!(!closed.contains(&id), "{id} is closed twice");
                closed.push(id);
                id
            }
            Piece::Data(id, _) => {
                assert!(!closed.contains(&id), "data after the end of {id}");
                id
            }
            Piece::Nop => continue,
        };
        assert!(opened.contains(&id), "{id} was never opened");
    }
}

//! The binary messages of the data channel: a header of 120 bytes and a payload.
//!
//! This is the emulator's own reading of the protocol and shares nothing with the client's, so a
//! field misread on one side shows instead of cancelling out. All integers are big-endian, and the
//! two halves of the message id are swapped.

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

use crate::rng::Rng;

/// Offset of the payload in the messages we write, and the least length of any message.
pub(crate) const HEADER: usize = 120;

/// What the HeaderLength field says: the offset of the payload length, not of the payload.
const HEADER_LENGTH_FIELD: u32 = 116;

/// Length of the message type field, padded with spaces.
const KIND_FIELD: usize = 32;

/// Bytes allocated at once for messages to come; many messages share one allocation.
const BLOCK: usize = 64 * 1024;

/// Header flags of an acknowledgement and of other messages outside the number space.
pub(crate) const FLAGS_CONTROL: u64 = 3;

/// Header flags of the first message of the agent.
pub(crate) const FLAGS_SYN: u64 = 1;

/// What a numbered message carries.
pub(crate) mod payload_type {
    /// Session bytes.
    pub(crate) const OUTPUT: u32 = 1;
    /// The agent's JSON request that opens the handshake.
    pub(crate) const HANDSHAKE_REQUEST: u32 = 5;
    /// The client's JSON answer.
    pub(crate) const HANDSHAKE_RESPONSE: u32 = 6;
    /// The agent's JSON that ends the handshake.
    pub(crate) const HANDSHAKE_COMPLETE: u32 = 7;
    /// Four bytes, a big-endian number.
    pub(crate) const FLAG: u32 = 10;
}

/// Values of a flag payload.
pub(crate) mod flag {
    /// Client to agent, basic sessions: close the connection to the destination.
    pub(crate) const DISCONNECT_TO_PORT: u32 = 1;
    /// Client to agent: end the session.
    pub(crate) const TERMINATE_SESSION: u32 = 2;
    /// Agent to client, mux sessions: a dial failed.
    pub(crate) const CONNECT_TO_PORT_ERROR: u32 = 3;
}

/// The message types that travel on a data channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Client to agent, numbered.
    InputStreamData,
    /// Agent to client, numbered.
    OutputStreamData,
    /// Confirms one number.
    Acknowledge,
    /// The session is over.
    ChannelClosed,
    /// The other side is away.
    PausePublication,
    /// The other side is there.
    StartPublication,
    /// Agent to service.
    AgentSessionState,
    /// Anything else: to be ignored.
    Other,
}

impl Kind {
    /// Returns the text in the header.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::InputStreamData => "input_stream_data",
            Kind::OutputStreamData => "output_stream_data",
            Kind::Acknowledge => "acknowledge",
            Kind::ChannelClosed => "channel_closed",
            Kind::PausePublication => "pause_publication",
            Kind::StartPublication => "start_publication",
            Kind::AgentSessionState => "agent_session_state",
            Kind::Other => "other",
        }
    }

    /// Reads the type of a raw message, or `None` if it is too short to have one.
    pub(crate) fn of(raw: &[u8]) -> Option<Kind> {
        let field = raw.get(4..4 + KIND_FIELD)?;
        let padding = |byte: &u8| matches!(byte, 0 | b' ');
        let start = field.iter().position(|byte| !padding(byte))?;
        let end = field.iter().rposition(|byte| !padding(byte))? + 1;
        Some(match &field[start..end] {
            b"input_stream_data" => Kind::InputStreamData,
            b"output_stream_data" => Kind::OutputStreamData,
            b"acknowledge" => Kind::Acknowledge,
            b"channel_closed" => Kind::ChannelClosed,
            b"pause_publication" => Kind::PausePublication,
            b"start_publication" => Kind::StartPublication,
            b"agent_session_state" => Kind::AgentSessionState,
            _ => Kind::Other,
        })
    }
}

/// One decoded message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The message type.
    pub(crate) kind: Kind,
    /// Position in its direction's number space; 0 outside it.
    pub(crate) sequence: i64,
    /// The header flags.
    #[cfg_attr(not(test), expect(dead_code, reason = "no receiver looks at them"))]
    pub(crate) flags: u64,
    /// The message id.
    pub(crate) id: Uuid,
    /// Creation time in milliseconds since 1970.
    #[cfg_attr(not(test), expect(dead_code, reason = "only checked, not used"))]
    pub(crate) created: u64,
    /// What the payload is.
    pub(crate) payload_type: u32,
    /// SHA-256 of the payload, as the sender states it.
    pub(crate) digest: [u8; 32],
    /// The payload.
    pub(crate) payload: Bytes,
}

impl Message {
    /// Returns whether the payload has the digest that the header states.
    pub(crate) fn digest_matches(&self) -> bool {
        Sha256::digest(&self.payload)[..] == self.digest
    }
}

/// Returns the value of a flag payload.
pub(crate) fn flag_value(payload: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(payload.get(..4)?.try_into().ok()?))
}

/// Why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    /// Shorter than a header.
    #[error("shorter than a header")]
    Short,
    /// The header length points outside the message.
    #[error("header length out of range")]
    HeaderLength,
    /// No message type.
    #[error("message type is empty")]
    Kind,
    /// The creation date is zero.
    #[error("creation date is zero")]
    Created,
}

/// Reads a message with the agent's checks: header length, type and creation date.
pub(crate) fn decode(raw: &Bytes) -> Result<Message, DecodeError> {
    if raw.len() < HEADER {
        return Err(DecodeError::Short);
    }
    let u32_at = |at: usize| u32::from_be_bytes(raw[at..at + 4].try_into().expect("4 bytes"));
    let u64_at = |at: usize| u64::from_be_bytes(raw[at..at + 8].try_into().expect("8 bytes"));
    let header_length = u32_at(0) as usize;
    let payload_at = header_length.saturating_add(4);
    if header_length == 0 || payload_at > raw.len() {
        return Err(DecodeError::HeaderLength);
    }
    let kind = Kind::of(raw).ok_or(DecodeError::Kind)?;
    let created = u64_at(40);
    if created == 0 {
        return Err(DecodeError::Created);
    }
    let mut id = [0; 16];
    id[..8].copy_from_slice(&raw[72..80]);
    id[8..].copy_from_slice(&raw[64..72]);
    Ok(Message {
        kind,
        sequence: u64_at(48) as i64,
        flags: u64_at(56),
        id: Uuid::from_bytes(id),
        created,
        payload_type: u32_at(112),
        digest: raw[80..112].try_into().expect("32 bytes"),
        payload: raw.slice(payload_at..),
    })
}

/// The header fields that a writer chooses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    /// The message type.
    pub(crate) kind: Kind,
    /// The sequence number.
    pub(crate) sequence: i64,
    /// The header flags.
    pub(crate) flags: u64,
    /// The message id.
    pub(crate) id: Uuid,
    /// Creation time in milliseconds since 1970.
    pub(crate) created: u64,
    /// What the payload is.
    pub(crate) payload_type: u32,
}

/// Writes messages, many into one allocation.
#[derive(Debug)]
pub(crate) struct Encoder {
    buffer: BytesMut,
    ids: Rng,
}

impl Encoder {
    /// Returns an encoder with fresh message ids.
    pub(crate) fn new() -> Self {
        Self { buffer: BytesMut::new(), ids: Rng::from_entropy() }
    }

    /// Writes a message with exactly these fields.
    pub(crate) fn encode(&mut self, fields: &Fields, payload: &[u8]) -> Bytes {
        self.encode_with(fields, payload.len(), |buffer| buffer.put_slice(payload))
    }

    /// Writes a message whose payload of `length` bytes is put into place by `fill`.
    pub(crate) fn encode_with(
        &mut self,
        fields: &Fields,
        length: usize,
        fill: impl FnOnce(&mut BytesMut),
    ) -> Bytes {
        if self.buffer.capacity() < HEADER + length {
            self.buffer = BytesMut::with_capacity(BLOCK.max(HEADER + length));
        }
        let buffer = &mut self.buffer;
        buffer.put_u32(HEADER_LENGTH_FIELD);
        let name = fields.kind.name().as_bytes();
        buffer.put_slice(name);
        buffer.put_bytes(b' ', KIND_FIELD - name.len());
        buffer.put_u32(1);
        buffer.put_u64(fields.created);
        buffer.put_i64(fields.sequence);
        buffer.put_u64(fields.flags);
        let id = fields.id.as_bytes();
        buffer.put_slice(&id[8..]);
        buffer.put_slice(&id[..8]);
        buffer.put_bytes(0, 32);
        buffer.put_u32(fields.payload_type);
        buffer.put_u32(length as u32);
        fill(buffer);
        debug_assert_eq!(buffer.len(), HEADER + length);
        let digest = Sha256::digest(&buffer[HEADER..]);
        buffer[80..112].copy_from_slice(&digest);
        buffer.split().freeze()
    }

    /// Returns the fields of a new message of the agent or the service.
    pub(crate) fn fields(&mut self, kind: Kind, flags: u64) -> Fields {
        Fields { kind, sequence: 0, flags, id: self.ids.uuid(), created: now_ms(), payload_type: 0 }
    }

    /// Writes a message outside the number space.
    pub(crate) fn control(&mut self, kind: Kind, payload: &[u8]) -> Bytes {
        let fields = self.fields(kind, FLAGS_CONTROL);
        self.encode(&fields, payload)
    }

    /// Writes the acknowledgement of a numbered message.
    pub(crate) fn acknowledge(&mut self, kind: Kind, id: Uuid, sequence: i64) -> Bytes {
        let mut text = [0u8; 240];
        let length = acknowledge_text(&mut text, kind, id, sequence);
        let fields = self.fields(Kind::Acknowledge, FLAGS_CONTROL);
        self.encode(&fields, &text[..length])
    }
}

/// Puts the JSON of an acknowledgement into `text` and returns its length.
fn acknowledge_text(text: &mut [u8; 240], kind: Kind, id: Uuid, sequence: i64) -> usize {
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        text[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(br#"{"AcknowledgedMessageType":""#);
    put(kind.name().as_bytes());
    put(br#"","AcknowledgedMessageId":""#);
    put(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
    put(br#"","AcknowledgedMessageSequenceNumber":"#);
    let mut digits = [0u8; 20];
    let mut first = digits.len();
    let mut rest = sequence.unsigned_abs();
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if sequence < 0 {
        put(b"-");
    }
    put(&digits[first..]);
    put(br#","IsSequentialMessage":true}"#);
    at
}

/// Returns the number that an acknowledgement confirms.
pub(crate) fn acknowledged(payload: &[u8]) -> Option<i64> {
    const BEFORE_ID: &[u8] =
        br#"{"AcknowledgedMessageType":"output_stream_data","AcknowledgedMessageId":""#;
    const BEFORE_NUMBER: &[u8] = br#"","AcknowledgedMessageSequenceNumber":"#;
    const ID: usize = 36;
    // The usual text has the number at a fixed place; anything else goes through the JSON reader.
    if payload.starts_with(BEFORE_ID) {
        let tail = &payload[BEFORE_ID.len()..];
        if tail.len() > ID && tail[ID..].starts_with(BEFORE_NUMBER) {
            let digits = &tail[ID + BEFORE_NUMBER.len()..];
            let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if (1..=18).contains(&length) && digits.get(length) == Some(&b',') {
                let number = digits[..length]
                    .iter()
                    .fold(0i64, |number, byte| number * 10 + i64::from(byte - b'0'));
                return Some(number);
            }
        }
    }
    #[derive(Deserialize)]
    struct Acknowledge {
        #[serde(rename = "AcknowledgedMessageSequenceNumber")]
        sequence: i64,
    }
    serde_json::from_slice::<Acknowledge>(payload).ok().map(|acknowledge| acknowledge.sequence)
}

/// Returns the time in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests;

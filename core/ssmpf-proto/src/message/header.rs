//! The binary message: a 116-byte header, a length, and a payload.
//!
//! | offset | bytes | field |
//! |---:|---:|---|
//! | 0 | 4 | header length: 116, the offset of the payload length |
//! | 4 | 32 | message type, ASCII, padded with spaces |
//! | 36 | 4 | schema version: 1 |
//! | 40 | 8 | created, Unix time in milliseconds |
//! | 48 | 8 | sequence number |
//! | 56 | 8 | flags |
//! | 64 | 16 | message id, its two halves swapped |
//! | 80 | 32 | SHA-256 of the payload |
//! | 112 | 4 | payload type |
//! | 116 | 4 | payload length |
//! | 120 | n | payload |
//!
//! All integers are big-endian. One message travels in one websocket message.

use bytes::{BufMut, Bytes, BytesMut};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::payload::PayloadType;

/// Value of the header length field that every known peer writes, in bytes.
pub const HEADER_LENGTH: usize = 116;
/// Where the payload of a message with the usual header begins, in bytes.
pub const PAYLOAD_OFFSET: usize = HEADER_LENGTH + 4;
/// Width of the message type field, in bytes.
const TYPE_LENGTH: usize = 32;
/// Version of the message layout.
const SCHEMA_VERSION: u32 = 1;

/// What a message is, by the text in its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// Everything the client sends that is numbered.
    InputStreamData,
    /// Everything the agent sends that is numbered.
    OutputStreamData,
    /// Confirms one sequence number.
    Acknowledge,
    /// The session is over.
    ChannelClosed,
    /// The other side is away: hold new data.
    PausePublication,
    /// The other side is back: go on.
    StartPublication,
    /// The agent tells the service that it is connected or about to leave.
    AgentSessionState,
    /// A start order on the agent's control channel; never seen by a client.
    InteractiveShell,
    /// The result of a session on the agent's control channel; never seen by a client.
    AgentTaskComplete,
    /// The service's answer to the result; never seen by a client.
    AgentTaskAcknowledge,
    /// Any other text, padded with spaces. Receivers ignore such messages.
    Other([u8; TYPE_LENGTH]),
}

const KNOWN_TYPES: [(&str, MessageType); 10] = [
    ("input_stream_data", MessageType::InputStreamData),
    ("output_stream_data", MessageType::OutputStreamData),
    ("acknowledge", MessageType::Acknowledge),
    ("channel_closed", MessageType::ChannelClosed),
    ("pause_publication", MessageType::PausePublication),
    ("start_publication", MessageType::StartPublication),
    ("agent_session_state", MessageType::AgentSessionState),
    ("interactive_shell", MessageType::InteractiveShell),
    ("agent_task_complete", MessageType::AgentTaskComplete),
    ("agent_task_acknowledge", MessageType::AgentTaskAcknowledge),
];

impl MessageType {
    /// Returns the text as it stands in the header, without padding.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(text) => std::str::from_utf8(trim(text)).unwrap_or("(not text)"),
            known => {
                KNOWN_TYPES.iter().find(|(_, kind)| kind == known).map_or("", |(name, _)| name)
            }
        }
    }

    /// Reads the padded field: peers pad with spaces, some with NUL.
    fn from_field(field: &[u8; TYPE_LENGTH]) -> Option<Self> {
        let text = trim(field);
        if text.is_empty() {
            return None;
        }
        let known = KNOWN_TYPES.iter().find(|(name, _)| name.as_bytes() == text);
        Some(known.map_or_else(
            || {
                let mut padded = [b' '; TYPE_LENGTH];
                padded[..text.len()].copy_from_slice(text);
                Self::Other(padded)
            },
            |(_, kind)| *kind,
        ))
    }

    /// Whether the two publication messages, whose other fields may hold anything, are meant.
    fn is_publication(self) -> bool {
        matches!(self, Self::PausePublication | Self::StartPublication)
    }
}

fn trim(field: &[u8]) -> &[u8] {
    let blank = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let start = field.iter().position(|b| !blank(b)).unwrap_or(field.len());
    let end = field.iter().rposition(|b| !blank(b)).map_or(start, |i| i + 1);
    &field[start..end]
}

/// The fields in front of the payload that carry meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the message is.
    pub message_type: MessageType,
    /// When it was made: milliseconds since 1970; never 0 in a valid message.
    pub created_ms: u64,
    /// Place in the sender's numbering; 0 in messages that are not stream data.
    pub sequence: i64,
    /// Bit 0 first, bit 1 last, by the peers' comments. No receiver looks at it.
    pub flags: u64,
    /// Random id; acknowledgements name it.
    pub id: Uuid,
    /// What the payload is, in stream data only.
    pub payload_type: PayloadType,
}

/// A received message: its header and its payload, which shares the received buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The fields in front.
    pub header: Header,
    /// Everything behind the header.
    pub payload: Bytes,
}

/// Why bytes from the network are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The buffer ends before the header does.
    #[error("message of {0} bytes is shorter than its header")]
    Short(usize),
    /// The header length points before the fixed fields or behind the end.
    #[error("header length {0} does not fit a message of {1} bytes")]
    HeaderLength(u32, usize),
    /// The type field is blank.
    #[error("message type is empty")]
    EmptyType,
    /// The creation time is missing.
    #[error("creation date is zero")]
    NoDate,
    /// The payload is not what the sender hashed.
    #[error("payload digest does not match")]
    Digest,
    /// The length field promises bytes, and none came.
    #[error("payload of {0} bytes is missing")]
    MissingPayload(u32),
}

impl Message {
    /// Reads one message out of one websocket message.
    ///
    /// As tolerant as the official peers are: the payload is everything behind the header whatever
    /// the length field says, and the publication messages need no more than a type.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`]; such a message is dropped without an acknowledgement.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        let length = bytes.len();
        let short = DecodeError::Short(length);
        let type_field = array::<TYPE_LENGTH>(&bytes, 4).ok_or(short)?;
        let message_type = MessageType::from_field(&type_field).ok_or(DecodeError::EmptyType)?;
        if message_type.is_publication() && length < PAYLOAD_OFFSET {
            return Ok(Self::bare(message_type));
        }

        let u32_at = |at| array(&bytes, at).map(u32::from_be_bytes).ok_or(short);
        let u64_at = |at| array(&bytes, at).map(u64::from_be_bytes).ok_or(short);
        let header_length = u32_at(0)?;
        let payload_length = u32_at(116)?;
        let header = Header {
            message_type,
            created_ms: u64_at(40)?,
            sequence: u64_at(48)? as i64,
            flags: u64_at(56)?,
            id: unswap(array(&bytes, 64).ok_or(short)?),
            payload_type: PayloadType(u32_at(112)?),
        };
        if message_type.is_publication() {
            return Ok(Self { header, payload: Bytes::new() });
        }

        let wrong_length = DecodeError::HeaderLength(header_length, length);
        let payload_at =
            usize::try_from(header_length).map_err(|_| wrong_length)?.saturating_add(4);
        if payload_at < PAYLOAD_OFFSET || payload_at > length {
            return Err(wrong_length);
        }
        if header.created_ms == 0 {
            return Err(DecodeError::NoDate);
        }
        let payload = bytes.slice(payload_at..);
        if payload_length != 0 {
            if payload.is_empty() {
                return Err(DecodeError::MissingPayload(payload_length));
            }
            if Sha256::digest(&payload)[..] != bytes[80..112] {
                return Err(DecodeError::Digest);
            }
        }
        Ok(Self { header, payload })
    }

    /// A message of which only the type is known.
    fn bare(message_type: MessageType) -> Self {
        let header = Header {
            message_type,
            created_ms: 0,
            sequence: 0,
            flags: 0,
            id: Uuid::nil(),
            payload_type: PayloadType::NONE,
        };
        Self { header, payload: Bytes::new() }
    }
}

/// Appends a message to `out`: the layout every known peer writes.
pub fn encode(header: &Header, payload: &[u8], out: &mut BytesMut) {
    out.reserve(PAYLOAD_OFFSET + payload.len());
    out.put_u32(HEADER_LENGTH as u32);
    match &header.message_type {
        MessageType::Other(text) => out.put_slice(text),
        known => {
            let name = known.as_str().as_bytes();
            out.put_slice(name);
            out.put_bytes(b' ', TYPE_LENGTH - name.len());
        }
    }
    out.put_u32(SCHEMA_VERSION);
    out.put_u64(header.created_ms);
    out.put_i64(header.sequence);
    out.put_u64(header.flags);
    out.put_slice(&header.id.as_bytes()[8..]);
    out.put_slice(&header.id.as_bytes()[..8]);
    out.put_slice(&Sha256::digest(payload));
    out.put_u32(header.payload_type.0);
    // Payloads are bounded by `config::MAX_PAYLOAD`, far below 4 GiB.
    out.put_u32(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    out.put_slice(payload);
}

fn unswap(stored: [u8; 16]) -> Uuid {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&stored[8..]);
    id[8..].copy_from_slice(&stored[..8]);
    Uuid::from_bytes(id)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A message written down byte by byte in the protocol's description.
    const STREAM_DATA: &str = "\
        00000074696e7075745f73747265616d5f64617461202020202020202020202020202020\
        000000010000015e0baa788400000000000000000000000000000000a508b5f073f31b16\
        dd01e56bff48483ec1b9aa50e4c6580146af3a250bbb60a2d1a4aaca44b234202327cbe6\
        e05e5b05000000010000000b746573745061796c6f6164";

    fn from_hex(text: &str) -> Bytes {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn stream_data() -> Header {
        Header {
            message_type: MessageType::InputStreamData,
            created_ms: 1_503_434_274_948,
            sequence: 0,
            flags: 0,
            id: "dd01e56b-ff48-483e-a508-b5f073f31b16".parse().unwrap(),
            payload_type: PayloadType::OUTPUT,
        }
    }

    fn encoded(header: &Header, payload: &[u8]) -> BytesMut {
        let mut out = BytesMut::new();
        encode(header, payload, &mut out);
        out
    }

    #[test]
    fn a_known_message_is_written_byte_for_byte() {
        assert_eq!(encoded(&stream_data(), b"testPayload"), from_hex(STREAM_DATA));
    }

    #[test]
    fn a_known_message_is_read_back() {
        let message = Message::decode(from_hex(STREAM_DATA)).unwrap();
        assert_eq!(message.header, stream_data());
        assert_eq!(message.payload, b"testPayload".as_slice());
    }

    #[test]
    fn a_type_padded_with_nul_is_understood() {
        let mut bytes = encoded(&stream_data(), b"x");
        for byte in &mut bytes[4..36] {
            if *byte == b' ' {
                *byte = 0;
            }
        }
        let message = Message::decode(bytes.freeze()).unwrap();
        assert_eq!(message.header.message_type, MessageType::InputStreamData);
    }

    #[test]
    fn a_publication_message_needs_only_its_type() {
        let mut bytes = vec![0_u8; 4];
        bytes.extend_from_slice(format!("{:<32}", "pause_publication").as_bytes());
        let message = Message::decode(Bytes::from(bytes)).unwrap();
        assert_eq!(message.header.message_type, MessageType::PausePublication);
    }

    #[test]
    fn a_payload_that_was_changed_on_the_way_is_refused() {
        let mut bytes = encoded(&stream_data(), b"hello");
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(Message::decode(bytes.freeze()), Err(DecodeError::Digest));
    }

    #[test]
    fn a_header_length_outside_the_message_is_an_error() {
        for length in [0, 115, 200, u32::MAX] {
            let mut bytes = encoded(&stream_data(), b"hello");
            bytes[..4].copy_from_slice(&u32::to_be_bytes(length));
            let result = Message::decode(bytes.freeze());
            assert!(matches!(result, Err(DecodeError::HeaderLength(..))), "{length}: {result:?}");
        }
    }

    #[test]
    fn a_longer_header_moves_the_payload() {
        let mut bytes = BytesMut::from(&encoded(&stream_data(), b"hello")[..PAYLOAD_OFFSET]);
        bytes[..4].copy_from_slice(&u32::to_be_bytes(120));
        bytes.put_slice(b"pad!hello");
        let message = Message::decode(bytes.freeze()).unwrap();
        assert_eq!(message.payload, b"hello".as_slice());
    }

    proptest! {
        #[test]
        fn any_message_survives_the_round_trip(
            sequence in 0..i64::MAX, flags: u64, id: u128, created_ms in 1..u64::MAX,
            payload_type: u32, payload in prop::collection::vec(any::<u8>(), 1..3000),
        ) {
            let header = Header {
                sequence, flags, created_ms,
                id: Uuid::from_u128(id),
                payload_type: PayloadType(payload_type),
                ..stream_data()
            };
            let message = Message::decode(encoded(&header, &payload).freeze()).unwrap();
            prop_assert_eq!(message.header, header);
            prop_assert_eq!(&message.payload[..], &payload[..]);
        }

        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Message::decode(bytes.into());
        }

        #[test]
        fn a_damaged_message_is_a_message_or_an_error(at in 0_usize..131, value: u8) {
            let mut bytes = encoded(&stream_data(), b"testPayload");
            bytes[at] = value;
            let _ = Message::decode(bytes.freeze());
        }
    }
}

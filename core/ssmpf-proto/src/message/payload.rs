//! What a payload is: the numbers in the header and the content they announce.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::handshake::{
    EncryptionChallenge, HandshakeComplete, HandshakeRequest, HandshakeResponse,
};

/// Number in the header that says what the payload of stream data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadType(pub u32);

impl PayloadType {
    /// Not stream data.
    pub const NONE: Self = Self(0);
    /// Bytes of the session, both ways.
    pub const OUTPUT: Self = Self(1);
    /// Defined, never sent by a known peer.
    pub const ERROR: Self = Self(2);
    /// Size of the client's terminal. Port sessions acknowledge and ignore it.
    pub const SIZE: Self = Self(3);
    /// Defined, never sent by a known peer.
    pub const PARAMETER: Self = Self(4);
    /// The agent's first message.
    pub const HANDSHAKE_REQUEST: Self = Self(5);
    /// The client's first message.
    pub const HANDSHAKE_RESPONSE: Self = Self(6);
    /// The agent's end of the handshake.
    pub const HANDSHAKE_COMPLETE: Self = Self(7);
    /// Proof that both sides have the same keys: the question.
    pub const ENCRYPTION_CHALLENGE_REQUEST: Self = Self(8);
    /// Proof that both sides have the same keys: the answer.
    pub const ENCRYPTION_CHALLENGE_RESPONSE: Self = Self(9);
    /// Control of a port session: four bytes.
    pub const FLAG: Self = Self(10);
    /// Standard error of a non-interactive command.
    pub const STDERR: Self = Self(11);
    /// Exit code of a non-interactive command.
    pub const EXIT_CODE: Self = Self(12);
}

/// Control of a port session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// Client to agent, basic mode: close the connection to the destination.
    DisconnectToPort,
    /// Client to agent: end the session.
    TerminateSession,
    /// Agent to client, mux mode: a stream's dial failed. Does not say which.
    ConnectToPortError,
    /// A number of a later version.
    Unknown(u32),
}

impl Flag {
    /// Returns the four bytes of the payload.
    pub fn to_bytes(self) -> [u8; 4] {
        let number: u32 = match self {
            Self::DisconnectToPort => 1,
            Self::TerminateSession => 2,
            Self::ConnectToPortError => 3,
            Self::Unknown(number) => number,
        };
        number.to_be_bytes()
    }

    fn from_number(number: u32) -> Self {
        match number {
            1 => Self::DisconnectToPort,
            2 => Self::TerminateSession,
            3 => Self::ConnectToPortError,
            other => Self::Unknown(other),
        }
    }
}

/// Size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Characters in a line.
    #[serde(default)]
    pub cols: u32,
    /// Lines.
    #[serde(default)]
    pub rows: u32,
}

/// The content of a stream-data message, by its payload type.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// Bytes of the session.
    Output(Bytes),
    /// Terminal size.
    Size(TerminalSize),
    /// The agent's demands.
    HandshakeRequest(HandshakeRequest),
    /// The client's answers.
    HandshakeResponse(HandshakeResponse),
    /// The handshake is over.
    HandshakeComplete(HandshakeComplete),
    /// Encrypted question.
    EncryptionChallengeRequest(EncryptionChallenge),
    /// Encrypted answer.
    EncryptionChallengeResponse(EncryptionChallenge),
    /// Control of a port session.
    Flag(Flag),
    /// Standard error of a command.
    StdErr(Bytes),
    /// Exit code of a command.
    ExitCode(i32),
    /// A type that no known peer sends, or one of a later version.
    Other(PayloadType, Bytes),
}

/// Why a payload does not hold what its type says.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// JSON that does not have the announced shape.
    #[error("{what} is not understood: {source}")]
    Json {
        /// The payload type in words.
        what: &'static str,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A flag needs four bytes.
    #[error("flag of {0} bytes instead of 4")]
    FlagLength(usize),
    /// Exit codes look like `EXIT_CODE: 0`.
    #[error("exit code text is not understood")]
    ExitCode,
}

/// Text in front of the number in an exit-code payload.
const EXIT_CODE_PREFIX: &str = "EXIT_CODE: ";

impl Payload {
    /// Reads the content of a stream-data message.
    ///
    /// # Errors
    ///
    /// A [`PayloadError`] when the bytes do not hold what the type announces.
    pub fn decode(payload_type: PayloadType, bytes: Bytes) -> Result<Self, PayloadError> {
        Ok(match payload_type {
            PayloadType::OUTPUT => Self::Output(bytes),
            PayloadType::SIZE => Self::Size(json("terminal size", &bytes)?),
            PayloadType::HANDSHAKE_REQUEST => {
                Self::HandshakeRequest(json("handshake request", &bytes)?)
            }
            PayloadType::HANDSHAKE_RESPONSE => {
                Self::HandshakeResponse(json("handshake response", &bytes)?)
            }
            PayloadType::HANDSHAKE_COMPLETE => {
                Self::HandshakeComplete(json("handshake completion", &bytes)?)
            }
            PayloadType::ENCRYPTION_CHALLENGE_REQUEST => {
                Self::EncryptionChallengeRequest(json("encryption challenge", &bytes)?)
            }
            PayloadType::ENCRYPTION_CHALLENGE_RESPONSE => {
                Self::EncryptionChallengeResponse(json("encryption challenge answer", &bytes)?)
            }
            PayloadType::FLAG => {
                let mut field = &bytes[..];
                if field.len() != 4 {
                    return Err(PayloadError::FlagLength(field.len()));
                }
                Self::Flag(Flag::from_number(field.get_u32()))
            }
            PayloadType::STDERR => Self::StdErr(bytes),
            PayloadType::EXIT_CODE => {
                let text = std::str::from_utf8(&bytes).map_err(|_| PayloadError::ExitCode)?;
                let number = text.strip_prefix(EXIT_CODE_PREFIX).ok_or(PayloadError::ExitCode)?;
                Self::ExitCode(number.trim().parse().map_err(|_| PayloadError::ExitCode)?)
            }
            other => Self::Other(other, bytes),
        })
    }

    /// Returns the payload type and the bytes that announce this content.
    pub fn encode(&self) -> (PayloadType, Bytes) {
        match self {
            Self::Output(bytes) => (PayloadType::OUTPUT, bytes.clone()),
            Self::Size(size) => (PayloadType::SIZE, to_json(size)),
            Self::HandshakeRequest(request) => (PayloadType::HANDSHAKE_REQUEST, to_json(request)),
            Self::HandshakeResponse(response) => {
                (PayloadType::HANDSHAKE_RESPONSE, to_json(response))
            }
            Self::HandshakeComplete(complete) => {
                (PayloadType::HANDSHAKE_COMPLETE, to_json(complete))
            }
            Self::EncryptionChallengeRequest(challenge) => {
                (PayloadType::ENCRYPTION_CHALLENGE_REQUEST, to_json(challenge))
            }
            Self::EncryptionChallengeResponse(challenge) => {
                (PayloadType::ENCRYPTION_CHALLENGE_RESPONSE, to_json(challenge))
            }
            Self::Flag(flag) => (PayloadType::FLAG, Bytes::copy_from_slice(&flag.to_bytes())),
            Self::StdErr(bytes) => (PayloadType::STDERR, bytes.clone()),
            Self::ExitCode(code) => {
                (PayloadType::EXIT_CODE, format!("{EXIT_CODE_PREFIX}{code}").into())
            }
            Self::Other(payload_type, bytes) => (*payload_type, bytes.clone()),
        }
    }
}

fn json<T: for<'a> Deserialize<'a>>(what: &'static str, bytes: &[u8]) -> Result<T, PayloadError> {
    serde_json::from_slice(bytes).map_err(|source| PayloadError::Json { what, source })
}

/// Writes JSON as the official peers do: struct order, no spaces.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Bytes {
    let mut out = BytesMut::new().writer();
    // Writing our own plain structs into memory has no way to fail.
    serde_json::to_writer(&mut out, value).expect("plain structs serialise into memory");
    out.into_inner().freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn flags_are_four_bytes_big_endian() {
        assert_eq!(Flag::TerminateSession.to_bytes(), [0, 0, 0, 2]);
        let decoded =
            Payload::decode(PayloadType::FLAG, Bytes::from_static(&[0, 0, 0, 3])).unwrap();
        assert_eq!(decoded, Payload::Flag(Flag::ConnectToPortError));
        assert!(Payload::decode(PayloadType::FLAG, Bytes::from_static(&[3])).is_err());
    }

    #[test]
    fn an_exit_code_is_read_from_its_text() {
        let decoded = Payload::decode(PayloadType::EXIT_CODE, "EXIT_CODE: 42".into()).unwrap();
        assert_eq!(decoded, Payload::ExitCode(42));
        assert!(Payload::decode(PayloadType::EXIT_CODE, "42".into()).is_err());
    }

    proptest! {
        #[test]
        fn any_payload_bytes_are_content_or_an_error(
            payload_type in 0_u32..16, bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            if let Ok(payload) = Payload::decode(PayloadType(payload_type), bytes.into()) {
                let (again, bytes) = payload.encode();
                prop_assert_eq!(again, PayloadType(payload_type));
                prop_assert_eq!(Payload::decode(again, bytes).unwrap(), payload);
            }
        }
    }
}

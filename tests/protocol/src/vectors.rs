//! Messages recorded between the official client and the official agent: `tests/vectors/*.json`.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Every recorded session.
pub const SESSIONS: [&str; 13] = [
    "api_terminate",
    "interactive_command",
    "noninteractive_command",
    "port_basic_old_agent",
    "port_mux",
    "port_mux_keepalive",
    "port_refused",
    "port_remote_host",
    "port_resume",
    "service_closes",
    "shell",
    "shell_kms",
    "ssh",
];

/// One recorded session.
#[derive(Debug, Deserialize)]
pub struct Session {
    /// Version the agent stated.
    pub agent_version: String,
    /// Version the client stated.
    pub client_version: String,
    /// What the gateway saw, in order.
    pub messages: Vec<Recorded>,
}

/// One thing the gateway saw.
#[derive(Debug, Deserialize)]
pub struct Recorded {
    /// Its place in the session.
    pub n: usize,
    /// Microseconds since the first.
    pub t_us: u64,
    /// `client`, `agent`, `control` or `api`.
    pub channel: String,
    /// `client`, `agent` or `service`.
    pub from: String,
    /// `binary`, `text`, `ping` or `call`.
    pub op: String,
    /// The raw body.
    #[serde(default)]
    pub base64: String,
    /// The body of a text.
    #[serde(default)]
    pub text: String,
    /// The fields of a binary message.
    pub decoded: Option<Decoded>,
}

/// The fields of a message as the recorder understood them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Decoded {
    /// Offset of the payload length.
    pub header_length: u32,
    /// Without padding.
    pub message_type: String,
    /// `space` or `nul`.
    pub message_type_pad: String,
    /// Milliseconds since 1970.
    pub created_date_ms: u64,
    /// Place in the sender's numbering.
    pub sequence_number: i64,
    /// First, last.
    pub flags: u64,
    /// As text.
    pub message_id: String,
    /// Number of the payload's type.
    pub payload_type: u32,
    /// In bytes.
    pub payload_length: usize,
    /// The payload, where it is text.
    pub payload_text: Option<String>,
    /// The payload, where it is not.
    pub payload_base64: Option<String>,
    /// Name of a flag.
    pub flag: Option<String>,
    /// Whether the number had been sent before.
    pub retransmission: bool,
    /// The mux frames that this message completes.
    pub smux: Option<Smux>,
}

/// Mux frames in a message.
#[derive(Debug, Deserialize)]
pub struct Smux {
    /// Frames whose last byte is in this message.
    pub frames_completed: Vec<Frame>,
}

/// One mux frame.
#[derive(Debug, Deserialize)]
pub struct Frame {
    /// Sender, in the files of frames alone.
    #[serde(default)]
    pub from: String,
    /// Version of the mux.
    pub version: u8,
    /// `SYN`, `FIN`, `PSH`, `NOP` or `UPD`.
    pub cmd: String,
    /// Bytes of data.
    pub length: usize,
    /// The stream.
    pub stream_id: u32,
    /// The header.
    pub header_hex: Option<String>,
    /// The data.
    pub data_base64: Option<String>,
    /// Header and data.
    pub frame_base64: Option<String>,
    /// The header, where the data is only described.
    pub header_base64: Option<String>,
}

/// Fields and the bytes that the agent's own serializer makes of them.
#[derive(Debug, Deserialize)]
pub struct Envelope {
    /// The cases.
    pub cases: Vec<EnvelopeCase>,
}

/// One set of fields.
#[derive(Debug, Deserialize)]
pub struct EnvelopeCase {
    /// What it shows.
    pub name: String,
    /// Milliseconds since 1970.
    pub created_date_ms: u64,
    /// First, last.
    pub flags: u64,
    /// As text.
    pub message_id: String,
    /// Without padding.
    pub message_type: String,
    /// The payload.
    pub payload_base64: String,
    /// Number of its type.
    pub payload_type: u32,
    /// Place in the sender's numbering.
    pub sequence_number: i64,
    /// The whole message.
    pub serialized_base64: String,
}

/// Frames of the mux library.
#[derive(Debug, Deserialize)]
pub struct Frames {
    /// In order.
    pub frames: Vec<Frame>,
}

impl Recorded {
    /// Returns the raw body.
    pub fn bytes(&self) -> Bytes {
        from_base64(&self.base64)
    }

    /// Whether it is a binary message of this type.
    pub fn is(&self, message_type: &str) -> bool {
        self.op == "binary"
            && self.decoded.as_ref().is_some_and(|decoded| decoded.message_type == message_type)
    }

    /// Whether the client received it.
    pub fn is_for_client(&self) -> bool {
        self.op == "binary"
            && match self.channel.as_str() {
                "client" => self.from == "service",
                "agent" => self.from == "agent" && !self.is("agent_session_state"),
                _ => false,
            }
    }
}

/// Reads base64.
///
/// # Panics
///
/// If it is none.
pub fn from_base64(text: &str) -> Bytes {
    STANDARD.decode(text).expect("vectors hold base64").into()
}

/// Reads one of the files.
///
/// # Panics
///
/// If the file is not there or has another shape.
pub fn load<T: DeserializeOwned>(name: &str) -> T {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors");
    let text = std::fs::read_to_string(folder.join(format!("{name}.json")))
        .unwrap_or_else(|error| panic!("vector {name}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("vector {name}: {error}"))
}

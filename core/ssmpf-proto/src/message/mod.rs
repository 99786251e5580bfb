//! The messages of the data channel: header, payload types and the JSON inside them.
//!
//! Knows nothing of numbering, acknowledgement or time; that is [`crate::channel`].

pub mod control;
pub mod handshake;
pub mod header;
pub mod payload;

pub use control::{Acknowledge, AgentSessionState, ChannelClosed, OpenDataChannel};
pub use header::{DecodeError, Header, Message, MessageType, PAYLOAD_OFFSET, encode};
pub use payload::{Flag, Payload, PayloadError, PayloadType};

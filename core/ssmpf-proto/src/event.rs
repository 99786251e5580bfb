//! What a session tells its application, and in which words.

use std::time::Duration;

use bytes::Bytes;

use crate::agent_version::AgentVersion;
use crate::error::CloseReason;

/// One connection inside a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// How a session carries connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Many at once.
    Mux {
        /// Whether the agent wants a sign of life every ten seconds.
        keepalive: bool,
    },
    /// One after another, for agents without the mux.
    Basic,
    /// A single one (ssh).
    SingleStream,
}

/// What is known once the handshake is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// How connections are carried.
    pub mode: Mode,
    /// The agent's version; `None` if it does not say.
    pub agent_version: Option<AgentVersion>,
    /// Text from the service for the user; usually empty.
    pub message: String,
}

/// What happened, for the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Streams may be opened.
    Ready(Ready),
    /// Bytes for a client. Report them with [`crate::PortSession::consumed`] once it has taken them.
    Data {
        /// For whom.
        stream: StreamId,
        /// What.
        bytes: Bytes,
    },
    /// Queued bytes of a stream have left: there is room for more.
    Sent {
        /// Whose.
        stream: StreamId,
        /// How many.
        bytes: usize,
    },
    /// The server has closed the connection: no more bytes follow on this stream. It may still be
    /// given up with [`Event::Overflowed`] if its client does not take the bytes it was sent.
    Finished {
        /// Which.
        stream: StreamId,
    },
    /// The agent could not connect to the destination for this stream.
    Refused {
        /// Which.
        stream: StreamId,
    },
    /// The client had half-closed, and the server has been silent for too long (or another stream
    /// needed the place): whether it would have sent more, nobody knows.
    Abandoned {
        /// Which.
        stream: StreamId,
    },
    /// The client did not take its bytes and has been given up to spare the others.
    Overflowed {
        /// Which.
        stream: StreamId,
    },
    /// The agent owes an answer and has said nothing for this long: it may be gone, or stuck.
    Silent(Duration),
    /// The agent answers again.
    Heard,
    /// The session is over; nothing follows.
    Closed(CloseReason),
}

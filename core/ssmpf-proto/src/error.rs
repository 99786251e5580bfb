//! What can go wrong, and how a session ends.

use crate::message::{DecodeError, PayloadError};

/// A message from the network that was dropped. The session goes on.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The bytes are not a message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The payload does not hold what its type says.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// Stream data with a negative number.
    #[error("sequence number {0} is negative")]
    NegativeSequence(i64),
    /// More messages out of order than are held; it was not acknowledged and comes again.
    #[error("message {0} is too far ahead to be held")]
    TooFarAhead(i64),
}

/// Why no stream could be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The handshake is not finished.
    #[error("the session is not ready")]
    NotReady,
    /// The session has ended or is ending.
    #[error("the session is over")]
    Closed,
    /// The bound of streams is reached.
    #[error("{} connections are open at once", crate::config::MAX_STREAMS)]
    TooManyStreams,
    /// All stream ids of this session have been used.
    #[error("the session has used up its stream ids")]
    IdsUsedUp,
    /// A standard-stream session carries one connection in its life.
    #[error("this session carries a single connection")]
    SingleStream,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// We ended it.
    Terminated {
        /// Whether the agent confirmed; if not, the service has to be told.
        acknowledged: bool,
    },
    /// The service or the agent ended it.
    ByService {
        /// The service's text for the user; often empty.
        output: String,
    },
    /// The agent did not finish the handshake in time.
    HandshakeTimeout,
    /// The session is not for port forwarding.
    NotAPortSession {
        /// What it is: a session type, or empty if the agent does not say.
        session_type: String,
    },
    /// The agent asked for something this client cannot do.
    Unsupported {
        /// The action it asked for.
        action: String,
    },
    /// The agent's bytes make no sense; the session cannot go on.
    Protocol(String),
}

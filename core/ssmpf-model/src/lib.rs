//! The words of the field as types that cannot be wrong.
//!
//! Text from the command line, a file or the network is parsed into these once, at the edge; inside,
//! a value of such a type is valid. Parsing fails with [`InvalidInput`]: a sentence and a hint.
//!
//! A package of its own because two packages speak these words, `ssmpf` and `ssmpf-store`, and so
//! that the compiler keeps one fact: words do no I/O. Absent here: files, keys, the network, and any
//! knowledge of how AWS is called.
//!
//! | module | is |
//! |---|---|
//! | [`Connection`] and its parts | what the catalogue keeps, and how it lies in JSON |
//! | [`TargetSpec`], [`Target`] | the node as the user meant it; the node as AWS takes it |
//! | [`Destination`], [`Host`], [`Port`], [`BindAddress`], [`ForwardSpec`] | both ends of a forward |
//! | [`Kind`] | what listens at the destination |
//! | [`document`] | the SSM document a session is started with, and its parameters |
//! | [`near`], [`Redacted`] | "did you mean"; secrets that do not print |

mod bind;
mod connection;
mod connection_json;
mod destination;
pub mod document;
mod forward_spec;
mod kind;
mod name;
pub mod near;
mod place;
mod port;
mod seconds;
mod secret;
mod stable_port;
mod stored_time;
mod target;
mod target_spec;
mod unknown;

pub use bind::BindAddress;
pub use connection::{Auth, Connection, Database, Sessions};
pub use connection_json::{KnownWords, StoredConnection};
pub use destination::{Destination, Host};
pub use document::{DocumentName, SessionDocument};
pub use forward_spec::ForwardSpec;
pub use jiff::Timestamp;
pub use kind::Kind;
pub use name::{ConnectionName, Tag};
pub use place::{ProfileName, Region};
pub use port::{LocalPort, Port};
pub use seconds::Seconds;
pub use secret::Redacted;
pub use stable_port::{STABLE_PORTS, stable_port};
pub use stored_time::StoredTime;
pub use target::Target;
pub use target_spec::{TargetMeaning, TargetSpec};
pub use unknown::UnknownFields;

/// Why a text is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidInput {
    /// One sentence that names the text.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl InvalidInput {
    /// Joins a sentence and its hint.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

//! The words of the field as types that cannot be wrong.
//!
//! Text from the command line, a file or the network is parsed into these once, at the edge; inside,
//! a value of such a type is valid. Parsing fails with [`InvalidInput`]: a sentence and a hint.
//!
//! Absent here: any I/O, and any knowledge of how AWS is called.

mod bind;
mod destination;
mod forward_spec;
mod port;
mod target;

pub use bind::BindAddress;
pub use destination::{Destination, Host};
pub use forward_spec::ForwardSpec;
pub use port::{LocalPort, Port};
pub use target::Target;

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

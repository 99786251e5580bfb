//! Forwards that run in the background: each a process of its own.
//!
//! | file | is |
//! |---|---|
//! | `runtime_dir` | the folder in which they are found, for this user alone |
//! | `registry` | who runs: a lock that only a living process holds, and a record beside it |
//! | `control` | what is said over a forward's socket, and its side of it |
//! | `client` | the other side: those who ask |
//! | `socket` | Unix sockets, named pipes on Windows |
//! | `detach` | starts the process of a forward and hears from it until it is ready |
//! | `job` | what that process is told, and what it tells back |
//! | `recorder` | what is known of a forward at the moment |
//! | `log_file` | what happened to it, in a file that does not grow for ever |
//! | `reaper` | ends the sessions of forwards that were killed |
//! | `sessions` | which sessions are behind a forward, and whether they serve |
//! | `service` | brings connections up at login: systemd, launchd |
//!
//! Absent here: the forward itself, and which connections there are. `commands` joins them.

pub mod client;
pub mod control;
pub mod detach;
pub mod job;
pub mod log_file;
pub mod reaper;
pub mod recorder;
pub mod registry;
pub mod runtime_dir;
pub mod service;
mod sessions;
mod socket;

use ssmpf_schema::{ErrorBody, ErrorKind};

pub use recorder::Recorder;
pub use registry::{Claim, Found, Record};
pub use runtime_dir::{RuntimeDir, RuntimeSettings};

/// Why something about a forward in the background did not work. Also what its process handed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct BackgroundError(pub ErrorBody);

impl BackgroundError {
    /// A failure of this kind, with a hint.
    pub fn new(kind: ErrorKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let hint = Some(hint.into());
        Self(ErrorBody { kind, message: message.into(), hint, causes: Vec::new() })
    }

    /// A failure without a kind of its own.
    pub fn failure(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failure, message, hint)
    }

    /// The same, with what lies beneath.
    pub fn caused_by(mut self, error: &dyn std::error::Error) -> Self {
        self.0.causes.push(error.to_string());
        self
    }
}

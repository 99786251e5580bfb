//! AWS as this program uses it: settings and credentials, the calls to Systems Manager, and what
//! their failures mean to a user.
//!
//! Absent here: the websocket (see `session`), the command line, and anything printed.

pub mod clock;
pub mod config;
mod credentials;
pub mod error;
mod http_client;
pub mod pacing;
mod profiles;
pub mod sigv4;
pub mod ssm;
pub mod trust;

pub use crate::model::document::{self, DocumentName, SessionDocument};
pub use clock::Clock;
pub use config::{AwsContext, AwsSettings, SessionWatch};
pub use error::{AwsFailure, Verdict};
pub use ssm::{Ssm, StartRequest, StartedSession};

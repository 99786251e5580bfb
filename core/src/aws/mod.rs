//! AWS as this program uses it: settings and credentials, the calls to its services, and what their
//! failures mean to a user.
//!
//! Absent here: the websocket (see `session`), the command line, and anything printed.

mod answer;
pub mod caller;
pub mod clock;
pub mod config;
mod credentials;
pub mod ec2;
pub mod ecs;
pub mod elasticache;
pub mod error;
mod http_client;
pub mod nodes;
mod profiles;
pub mod rds;
pub mod resolve;
pub mod sign_in_watch;
pub mod sigv4;
pub mod ssm;
pub mod trust;

pub use crate::model::document::{self, DocumentName, SessionDocument};
pub use clock::Clock;
pub use config::{AwsContext, AwsSettings};
pub use error::{AwsFailure, Verdict};
pub use profiles::profile_names;
pub use ssm::{Ssm, StartRequest, StartedSession};

//! AWS as this program uses it: settings and credentials, the calls to its services, and what their
//! failures mean to a user.
//!
//! Absent here: the websocket (see `session`), the command line, and anything printed.

mod answer;
pub mod caches;
mod chain;
mod cli_cache;
pub mod clock;
pub mod config;
mod credentials;
pub mod ec2;
pub mod ecs;
pub mod elasticache;
mod endpoint;
pub mod error;
pub mod guide;
mod http_client;
pub mod identity;
mod instance;
mod need;
pub mod nodes;
pub mod pacing;
mod profile_files;
pub mod profile_list;
mod profiles;
pub mod rds;
pub mod resolve;
mod roles;
mod section_headers;
pub mod sign_in;
pub mod sign_out;
pub mod sigv4;
pub mod ssm;
pub mod sso;
pub mod trust;
pub mod vpc;

pub use crate::model::document::{self, DocumentName, SessionDocument};
pub use clock::Clock;
pub use config::{AwsContext, AwsSettings, SessionWatch, SignedIn};
pub use error::{AwsFailure, Verdict};
pub use guide::{Flow, Guide, Invitation};
pub use need::SignInNeed;
pub use profile_files::ProfileFiles;
pub use ssm::{Ssm, StartRequest, StartedSession};

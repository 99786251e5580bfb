//! What the process of a forward is told on its stdin, and what it tells back on its stdout until
//! it is ready: JSON both ways. Never in argv or the environment, which others can read.
//!
//! Both ends are of one version, because a program starts only itself.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use ssmpf_schema::{ErrorBody, Event, ForwardStatus};

use crate::forward::UpkeepChoice;
use crate::model::Connection;

/// Longest job that is read, in bytes.
pub const MAX_JOB: u64 = 1024 * 1024;

/// All that a forward needs, decided; the store was opened by whoever starts it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    /// Name of the connection.
    pub name: String,
    /// The connection.
    pub connection: Connection,
    /// The profile, whoever chose it.
    pub profile: Option<String>,
    /// The region, likewise.
    pub region: Option<String>,
    /// Certificates to trust besides the system's.
    pub ca_bundle: Option<PathBuf>,
    /// What was chosen about the sessions this time.
    pub upkeep: UpkeepChoice,
    /// Another reason than the connection's own.
    pub reason: Option<String>,
    /// Whoever starts it does not wait until it is ready.
    pub no_wait: bool,
    /// Seconds between pings to the gateway.
    pub ping_interval_seconds: Option<u64>,
    /// The runtime folder, checked.
    pub runtime_dir: PathBuf,
    /// Where its log lies.
    pub log: PathBuf,
    /// How much else goes there, as with `-v`.
    pub verbosity: u8,
    /// `SSMPF_LOG`.
    pub log_filter: Option<String>,
}

/// One line from the process of a forward to whoever started it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// Something happened.
    Event {
        /// What.
        event: Event,
    },
    /// Another process is the forward of this name already.
    AlreadyUp {
        /// Its state; boxed, because it is so much larger than the rest.
        status: Box<ForwardStatus>,
    },
    /// It could not become ready, and nothing is left of it.
    Failed {
        /// Why.
        error: ErrorBody,
    },
}

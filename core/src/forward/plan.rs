//! What a forward is asked to do, and how it ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::traffic::Traffic;
use super::upkeep::Upkeep;
use crate::aws::SessionDocument;
use crate::model::{BindAddress, Destination, LocalPort, TargetSpec};

/// Everything a forward needs to know, decided.
#[derive(Clone, Debug)]
pub struct ForwardPlan {
    /// How the node is found; looked up again for each session.
    pub target: TargetSpec,
    /// What the agent dials.
    pub destination: Destination,
    /// The document that says so to AWS.
    pub document: SessionDocument,
    /// For the session history and CloudTrail.
    pub reason: Option<String>,
    /// Where to listen. Never empty.
    pub bind: Vec<BindAddress>,
    /// The port to listen on.
    pub local_port: LocalPort,
    /// How its sessions are looked after.
    pub upkeep: Upkeep,
    /// stdin and stdout are the one client; nothing is listened on.
    pub stdio: bool,
    /// Largest payload of one message, in bytes; none leaves it to the engine.
    pub max_payload: Option<usize>,
    /// Time between pings to the gateway; none leaves it to the engine.
    pub ping_interval: Option<Duration>,
    /// When the command was started, for "ready in 0.9 s".
    pub since: Instant,
    /// Counts the clients' bytes while they pass.
    pub traffic: Arc<Traffic>,
}

/// How a forward ended that was asked to.
#[derive(Clone, Debug, Default)]
pub struct ForwardOutcome {
    /// Why it ended.
    pub reason: String,
    /// Bytes all clients sent towards the destination.
    pub bytes_sent: u64,
    /// Bytes all clients received.
    pub bytes_received: u64,
}

//! A client session and a model agent under a virtual clock.
//!
//! ```text
//! apps ⇄ PortSession ⇄ network, gateway ⇄ agent ⇄ mux or basic server ⇄ destinations
//! ```
//! Everything random comes from one seed, so a failing run repeats exactly. Destinations and apps
//! check every byte they get against a pattern made of the stream, the direction and the offset.

pub mod agent;
pub mod app;
pub mod basic_server;
pub mod destination;
pub mod mux_server;
pub mod network;
pub mod plan;
pub mod scenario;
pub mod world;

pub use plan::Plan;
pub use scenario::Scenario;
pub use world::{Outcome, World};

use std::time::Duration;

/// Virtual time since a run began.
pub type Time = Duration;

/// One millisecond.
pub const MS: Duration = Duration::from_millis(1);
/// One second.
pub const SECOND: Duration = Duration::from_secs(1);

//! `ssmpf`: port forwarding through AWS Systems Manager Session Manager, without the AWS CLI or its
//! plugin.
//!
//! # Code map
//!
//! | module | is |
//! |---|---|
//! | `cli` | argv → request, result → exit code. The only one that knows clap, and the only one that prints |
//! | [`commands`] | one file per verb: a request in, a result out |
//! | [`forward`] | a running forward on this machine: listener, clients, and what happens to them |
//! | [`engine_plugin`] | the same carried by Amazon's session-manager-plugin |
//! | [`background`] | forwards that run in the background: found, asked, ended, started |
//! | [`session`] | a session with the agent: dialling, the loop that moves its bytes, resuming, ending |
//! | [`aws`] | settings, credentials, the calls to Systems Manager, and what their failures mean |
//! | [`discovery`] | what can be connected to: lists over many profiles and regions, and what is kept of them |
//! | [`picker`] | rows → skim → the chosen ones; the only one that knows skim |
//! | [`output`] | how events look; lines that never make anybody wait |
//! | [`events`], [`shutdown`], [`logging`] | what all of them share |
//!
//! Dependencies point one way: `cli` → `commands` → `forward` → `session` → `aws`, `commands` →
//! `discovery` → `aws`, and `cli` → `output`. Commands never print: they report to an [`events::EventSink`]. The wire protocol is the
//! package `ssmpf-proto`, which knows no socket and no clock; what machines read is the package
//! `ssmpf-schema`; the words of the field as types that cannot be wrong are the package
//! `ssmpf-model`, known here as [`model`]; the encrypted store and its keys are the package
//! `ssmpf-store`.

// The futures of the SDK's calls lie many levels deep inside those that sign in on the way.
#![recursion_limit = "256"]

pub mod aws;
pub mod background;
mod cli;
pub mod commands;
pub mod discovery;
pub mod engine_plugin;
pub mod events;
pub mod forward;
mod hash;
pub mod logging;
pub mod output;
pub mod picker;
pub mod session;
pub mod shutdown;

pub use cli::main;
pub use ssmpf_model::{self as model, near};

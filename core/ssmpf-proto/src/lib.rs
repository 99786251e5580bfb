//! The client side of the Session Manager data channel, as a value.
//!
//! There is no socket, no clock and no async runtime in here: a [`PortSession`] is told what the
//! network brought and what time it is, and asked what should happen next. The same code runs
//! under a real websocket, in a simulation with a virtual clock, and under a fuzzer.
//!
//! Three kinds of method, told apart by name:
//!
//! * `handle_*` takes what the network or the clock brought, always with `now`;
//! * plain verbs (`open_stream`, `write`, `finish`) take what the application wants;
//! * `poll_*` gives what should happen next. After every input, drain the polls, then wait.
//!
//! Layers, from the outside in, each knowing only the ones below it:
//!
//! | module | is |
//! |---|---|
//! | [`port_session`] | channel and mux joined: what a driver drives |
//! | [`channel`] | numbered messages, acknowledgements, retransmission, the handshake |
//! | [`mux`] | many streams over the ordered bytes of the channel (smux version 1) |
//! | [`basic`] | one connection at a time, for agents without the mux and for ssh |
//! | [`budget`] | what clients have not taken yet, and who is given up for it |
//! | [`message`] | the 120-byte header and every payload type |
//! | [`config`] | every bound and tunable, each with its reason |
//!
//! What is absent: the AWS SDK, TLS, JSON-RPC calls, files, threads, `Instant::now()`.

pub mod agent_version;
pub mod basic;
pub mod budget;
pub mod channel;
pub mod config;
pub mod error;
pub mod event;
mod link;
mod liveness;
pub mod message;
pub mod mux;
pub mod port_session;
mod stream;

pub use agent_version::AgentVersion;
pub use config::Config;
pub use error::{CloseReason, MessageError, OpenError};
pub use event::{Event, Mode, Ready, StreamId};
pub use port_session::{Brake, PortSession, Stats};

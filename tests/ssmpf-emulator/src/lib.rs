//! An AWS side for one machine: the calls `ssmpf` makes, the message gateway, and agents that really
//! dial.
//!
//! ```no_run
//! use ssmpf_emulator::{Emulator, Node};
//!
//! let emulator = Emulator::builder()
//!     .unpaced()
//!     .node(Node::new("i-0123456789abcdef0"))
//!     .host("db.internal", 5432, "127.0.0.1:15432".parse().unwrap())
//!     .start_blocking()
//!     .unwrap();
//! for (name, value) in emulator.environment() {
//!     println!("export {name}={value}");
//! }
//! ```
//!
//! Clients reach it through the endpoint settings that every AWS client has, and it checks what the
//! service checks: signatures, tokens, parameters.
//!
//! | part | responsible for |
//! |---|---|
//! | `server`, `tls` | the one port for calls and websockets |
//! | `api`, `sigv4`, `credentials`, `directory`, `documents` | who may start which session, and with what |
//! | `gateway` | admits websockets, pairs them with agents, has the faulty line |
//! | `agent` | handshake, acknowledgements, mux, connections to destinations |
//! | `message`, `smux` | the two wire formats, shared with nobody |
//! | `state`, `session`, `fleet`, `faults` | what exists, what happened, what is to go wrong |
//! | `cli` | the program: `up`, `exec`, `demo` |
//!
//! What is absent: any crate of the client, and any way in that the real service does not have.

use std::sync::{Mutex, MutexGuard};

mod agent;
mod api;
mod cli;
mod credentials;
mod directory;
mod documents;
mod emulator;
mod faults;
mod fleet;
mod gateway;
mod message;
mod rng;
mod server;
mod session;
mod sigv4;
mod smux;
mod state;
#[cfg(test)]
mod testing;
mod tls;
mod version;

pub use agent::{AckOrder, AgentOptions, REAL_PACE};
pub use api::Call;
pub use cli::main;
pub use credentials::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY};
pub use directory::{Portal, Role};
pub use documents::CustomDocument;
pub use emulator::{Builder, Emulator};
pub use faults::{Direction, Faults};
pub use fleet::{
    Database, DatabaseKind, EcsService, EcsTask, Fleet, FleetFileError, Host, InstanceState, Node,
    Ping, Route,
};
pub use gateway::relay::Absence;
pub use session::{SessionInfo, SessionState, TerminatedBy};

/// Locks a mutex; what it guards stays usable after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|broken| broken.into_inner())
}

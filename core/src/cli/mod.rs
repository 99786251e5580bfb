//! From argv to a request, and from a result to an exit code.
//!
//! This is the only place that knows clap, reads the environment and prints.

mod args;
mod dispatch;
mod env;
mod error;
mod help;
mod settings;

pub use dispatch::main;

//! From argv to a request, and from a result to an exit code.
//!
//! This is the only place that knows clap, reads the environment and prints.

mod args;
mod args_catalogue;
mod args_finding;
mod args_upkeep;
mod catalogue;
mod dispatch;
mod editor;
mod env;
mod error;
mod fields;
mod finder;
mod finding;
mod help;
mod import;
mod old_script;
mod places;
mod settings;
mod terminal;
mod tunnel;

pub use dispatch::main;

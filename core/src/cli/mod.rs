//! From argv to a request, and from a result to an exit code.
//!
//! This is the only place that knows clap, reads the environment and prints.

mod args;
mod args_background;
mod args_catalogue;
mod args_finding;
mod args_route;
mod args_shell;
mod args_sign_in;
mod args_upkeep;
mod background;
mod catalogue;
mod complete;
mod config_file;
mod dispatch;
mod editor;
mod env;
mod error;
mod fields;
mod finder;
mod finding;
mod guide;
mod help;
mod import;
mod keep;
mod old_script;
mod pick;
mod pick_rows;
mod places;
mod settings;
mod shells;
mod sign_in;
mod status_line;
mod terminal;
mod tunnel;

pub use dispatch::main;

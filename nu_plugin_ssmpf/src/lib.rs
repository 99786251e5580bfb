//! The Nushell plugin of `ssmpf`: connections, forwards and targets as tables.
//!
//! The plugin runs the program `ssmpf` for each command and turns its JSON into values. So it holds
//! nothing: Nushell may stop it at any time, which it does after ten idle seconds, and forwards in the
//! background live on.
//!
//! A command is a description in `commands/`, one file each, and a line in [`commands::ALL`]:
//!
//! ```text
//! typed line ─► command ─► call ─► core_process ─► ssmpf --format json
//!                           │ input: values → text       │
//!                           ▼                            ▼
//!                       error (the word typed)   value, by columns ─► table, record, stream
//! ```
//!
//! Absent here: the core, AWS, any prompt. Nothing is written to stdout, which belongs to Nushell's
//! protocol.

#![deny(clippy::print_stdout)]

mod call;
mod columns;
mod command;
pub mod commands;
mod complete;
mod core_process;
mod error;
mod input;
mod program;
pub mod spec;
mod stream;
mod table;
mod value;

use nu_plugin::{MsgPackSerializer, Plugin, PluginCommand, serve_plugin};

pub use call::Call;
pub use columns::{Column, EVENT, Shape};
pub use command::Command;

/// The version of Nushell that this build speaks to, and its patch releases.
pub const NUSHELL: &str = "0.115";

/// The plugin. It has no state.
pub struct SsmpfPlugin;

impl Plugin for SsmpfPlugin {
    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn commands(&self) -> Vec<Box<dyn PluginCommand<Plugin = Self>>> {
        commands::ALL.iter().map(|spec| Box::new(Command(spec)) as _).collect()
    }
}

/// Runs the plugin, for Nushell; or says its version, for people.
pub fn main() {
    if std::env::args_os().nth(1).is_some_and(|it| it == "--version" || it == "-V") {
        version();
        return;
    }
    serve_plugin(&SsmpfPlugin, MsgPackSerializer);
}

// Nushell starts the plugin with other arguments: nobody speaks the protocol on stdout here.
#[allow(clippy::print_stdout)]
fn version() {
    println!("nu_plugin_ssmpf {} for Nushell {NUSHELL}", env!("CARGO_PKG_VERSION"));
}

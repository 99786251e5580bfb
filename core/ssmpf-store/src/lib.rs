//! The connections of `ssmpf` in one encrypted file, and the keys that open it.
//!
//! | module | is |
//! |---|---|
//! | [`store`] | all of it together: read, change in one step, unlock and lock |
//! | [`contents`] | what is inside: connections by name, as versioned JSON |
//! | [`opened`] | the same read in part, for commands that show one or list all at once |
//! | `lines` | the JSON with a line for each connection, read by several threads if it is large |
//! | `parts` | a sealed text in parts of whole lines: one thread opens the next while others read |
//! | [`seal`] | bytes to an age file and back, with every damage named |
//! | [`mod@file`] | the file: lock, atomic replacement, permissions |
//! | [`keys`] | where the key comes from, in order; first use; passphrases |
//! | [`import`], [`show`] | other programs' connections in, and ours in other programs' words |
//! | [`error`] | every failure with kind, sentence, hint and causes |
//! | [`hygiene`] | no core files |
//!
//! Absent here: the command line, the terminal (a caller gives a [`keys::Prompt`]), AWS, and any
//! asynchronous runtime, so that commands which only read the store start at once.

pub mod contents;
pub mod error;
pub mod file;
pub mod hygiene;
pub mod import;
pub mod keys;
mod lines;
pub mod opened;
mod parts;
pub mod seal;
pub mod sealed;
pub mod show;
pub mod store;

pub use contents::{CatalogueError, Contents};
pub use error::StoreError;
pub use file::Warning;
pub use keys::{Ask, KeySettings, Keys, Passphrase, Prompt};
pub use opened::Opened;
pub use seal::{Damage, Recipient};
pub use store::{Places, Store};

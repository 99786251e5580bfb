//! How results, events and errors look.
//!
//! stdout is the product, stderr the conversation. Everything is readable without colour. Nothing in
//! here fails or waits because a terminal is stopped, a pipe is closed or a disk is full.

pub mod background;
pub mod catalogue;
pub mod events;
pub mod finding;
pub mod json;
pub mod lines;
pub mod printable;
pub mod profiles;
pub mod reader;
pub mod style;
pub mod table;
pub mod text;

pub use lines::Lines;
pub use style::Style;

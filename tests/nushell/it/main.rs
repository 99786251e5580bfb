//! The Nushell plugin: in process, and in the real `nu` against the emulated AWS side.
//!
//! | module | is about |
//! |---|---|
//! | `nu` | the real Nushell with the plugin, in a place of the test's own |
//! | `in_process` | what commands return, value by value, and where errors point |
//! | `examples` | every documented example, in the real Nushell |
//! | `tables` | lists and pipelines |
//! | `forwards` | opening, looking on, ending; streams and what is left behind |
//! | `errors` | every failure that is the plugin's own, and the core's |
//! | `typing` | TAB, keys and Ctrl-C on a terminal |
//! | `init` | completer, keys and function of `ssmpf init nu` |
//! | `documents` | what `docs/nushell.md` shows |

#![cfg(unix)]

mod documents;
mod errors;
mod examples;
mod forwards;
mod in_process;
mod init;
mod nu;
mod tables;
mod typing;

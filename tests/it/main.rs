//! End to end: the real `ssmpf` against the emulated AWS side, watched from outside.
//!
//! | module | is about |
//! |---|---|
//! | `data` | bytes arrive, once and in order, whatever the clients do |
//! | `agents` | agents of every version and mode |
//! | `faults` | cuts, losses and outages in the middle |
//! | `soak` | the soak program, shortly |
//! | `staying_up` | rotation, failover, dead nodes, sleep, several sessions |
//! | `ending` | signals, the end of the session, what is left behind |
//! | `output` | what is said on stdout and stderr |
//! | `bad_input` | every mistake gets a sentence, a hint and its exit code |
//! | `network` | TLS, proxies, signatures |
//! | `programs` | curl, OpenSSH, PostgreSQL through a tunnel |
//! | `prompts` | what a person at a terminal is asked |
//! | `catalogue` | saved connections: kept, found, changed |
//! | `configuration` | flag, environment, connection and file, in their order |
//! | `connect` | saved connections opened |
//! | `contract` | the JSON Schema in `docs` is that of the types |
//! | `renderings` | `show --as`, read by the programs it is for |
//! | `transfer` | import, export, pasted command lines |
//! | `completion` | TAB in bash, zsh and fish |
//! | `emulator` | the emulator's own commands |

mod agents;
mod bad_input;
mod catalogue;
#[cfg(unix)]
mod completion;
mod configuration;
mod connect;
mod contract;
mod data;
mod emulator;
mod ending;
mod faults;
mod network;
mod output;
mod programs;
#[cfg(unix)]
mod prompts;
mod renderings;
mod soak;
mod staying_up;
mod transfer;

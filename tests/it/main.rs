//! End to end: the real `ssmpf` against the emulated AWS side, watched from outside.
//!
//! | module | is about |
//! |---|---|
//! | `data` | bytes arrive, once and in order, whatever the clients do |
//! | `agents` | agents of every version and mode |
//! | `faults` | cuts, losses and outages in the middle |
//! | `ending` | signals, the end of the session, what is left behind |
//! | `output` | what is said on stdout and stderr |
//! | `bad_input` | every mistake gets a sentence, a hint and its exit code |
//! | `network` | TLS, proxies, signatures |
//! | `finding` | targets listed, over many profiles and regions |
//! | `endpoints`, `sessions` | databases, caches and live sessions listed |
//! | `adding` | `add` on a terminal, with lists to choose from |
//! | `resolving` | every form of a target leads to its node, anew at each start |
//! | `moto` | the same calls answered by moto, which is not ours |
//! | `programs` | curl, OpenSSH, PostgreSQL through a tunnel |
//! | `catalogue` | saved connections: kept, found, changed |
//! | `connect` | saved connections opened |
//! | `contract` | the JSON Schema in `docs` is that of the types |
//! | `transfer` | import, export, pasted command lines |
//! | `emulator` | the emulator's own commands |

mod adding;
mod agents;
mod bad_input;
mod catalogue;
mod connect;
mod contract;
mod data;
mod emulator;
mod ending;
mod endpoints;
mod faults;
mod finding;
mod moto;
mod network;
mod output;
mod programs;
mod resolving;
mod sessions;
mod staying_up;
mod transfer;

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
//! | `sso` | IAM Identity Center: signing in, renewing, signing out |
//! | `expiry` | sign-ins that end, or are missing, while forwards run or are started |
//! | `sign_in` | roles, second factors and every other kind of credentials |
//! | `other_clients` | the AWS CLI, botocore and moto: who can use whose sign-in |
//! | `finding` | targets listed, over many profiles and regions |
//! | `endpoints`, `sessions` | databases, caches and live sessions listed |
//! | `adding` | `add` on a terminal, with lists to choose from |
//! | `resolving` | every form of a target leads to its node, anew at each start |
//! | `moto` | the same calls answered by moto, which is not ours |
//! | `programs` | curl, OpenSSH, PostgreSQL through a tunnel |
//! | `prompts` | what a person at a terminal is asked |
//! | `background` | forwards in the background: up, asked, ended |
//! | `dead_forwards` | those that were killed, gave up or stand still |
//! | `watching` | `status --watch`, `logs -f`, `wait` |
//! | `other_versions` | forwards and programs of other versions |
//! | `catalogue` | saved connections: kept, found, changed |
//! | `configuration` | flag, environment, connection and file, in their order |
//! | `connect` | saved connections opened |
//! | `contract` | the JSON Schema in `docs` is that of the types |
//! | `renderings` | `show --as`, read by the programs it is for |
//! | `transfer` | import, export, pasted command lines |
//! | `completion` | TAB in bash, zsh and fish |
//! | `picking` | the picker, and `ssmpf` alone |
//! | `screens` | the pictures in `docs/screens` are those of the program |
//! | `widgets` | the keys and functions of `ssmpf init` |
//! | `emulator` | the emulator's own commands |

mod adding;
mod agents;
mod background;
mod bad_input;
mod catalogue;
#[cfg(unix)]
mod completion;
mod configuration;
mod connect;
mod contract;
mod data;
mod dead_forwards;
mod emulator;
mod ending;
mod endpoints;
mod expiry;
mod faults;
mod finding;
mod moto;
mod network;
mod other_clients;
mod other_versions;
mod output;
#[cfg(unix)]
mod picking;
mod programs;
#[cfg(unix)]
mod prompts;
mod renderings;
mod resolving;
#[cfg(unix)]
mod screens;
mod sessions;
mod sign_in;
mod soak;
mod sso;
mod staying_up;
mod transfer;
mod watching;
#[cfg(unix)]
mod widgets;

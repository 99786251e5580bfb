//! What the protocol is tested with, apart from the programs that use it.
//!
//! | module | is |
//! |---|---|
//! | [`sim`] | a client session and a model agent, joined by a network that loses things |
//! | [`vectors`] | messages recorded between the official client and the official agent |
//! | [`fuzz`] | entry points that take arbitrary bytes |
//!
//! The package depends on `ssmpf-proto` alone, so that an edit there is tested within seconds.

pub mod fuzz;
pub mod sim;
pub mod vectors;

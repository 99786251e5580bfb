//! The protocol under a virtual clock: thousands of seeds, and a few long or fast sessions.
//!
//! `SSMPF_SIM_SEED` replays one seed in every test, `SSMPF_SIM_SEEDS` sets how many each runs.

mod courses;
mod seeds;

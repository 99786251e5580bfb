//! Random runs, one kind of trouble per test.

use ssmpf_protocol_tests::sim::{Scenario, World};

/// Seeds each test runs unless told otherwise.
const SEEDS: u64 = 300;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs every seed; the message of a failure names the seed.
fn run_seeds(scenario: impl Fn(u64) -> Scenario) {
    let seeds = match number("SSMPF_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SSMPF_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let failures: Vec<String> =
        seeds.filter_map(|seed| World::new(scenario(seed)).run().err()).collect();
    assert!(
        failures.is_empty(),
        "{} seeds failed; the first, to be replayed with SSMPF_SIM_SEED: {}",
        failures.len(),
        failures[0]
    );
}

#[test]
fn every_byte_arrives_on_a_quiet_network() {
    run_seeds(Scenario::random);
}

#[test]
fn every_byte_arrives_when_messages_are_lost_repeated_and_reordered() {
    run_seeds(|seed| Scenario::random(seed).with_bad_network());
}

#[test]
fn every_byte_arrives_when_connections_are_cut_and_publication_pauses() {
    run_seeds(|seed| Scenario::random(seed).with_cuts());
}

#[test]
fn every_byte_arrives_in_the_worst_of_worlds() {
    run_seeds(|seed| Scenario::random(seed).with_bad_network().with_cuts().with_payload_limit());
}

#[test]
fn every_byte_arrives_though_the_clock_jumps() {
    run_seeds(|seed| Scenario::random(seed).with_standstills());
}

#[test]
fn every_byte_arrives_though_the_clock_jumps_in_the_worst_of_worlds() {
    run_seeds(|seed| Scenario::random(seed).with_bad_network().with_cuts().with_standstills());
}

#[test]
fn every_byte_arrives_through_a_gateway_that_refuses_large_messages() {
    run_seeds(|seed| Scenario::random(seed).with_payload_limit());
}

#[test]
fn a_slow_client_costs_the_others_nothing() {
    run_seeds(|seed| Scenario::random(seed).with_slow_client());
}

#[test]
fn a_slow_client_costs_the_others_nothing_through_cuts() {
    run_seeds(|seed| Scenario::random(seed).with_slow_client().with_cuts());
}

#[test]
fn connections_follow_one_another_on_an_old_agent() {
    run_seeds(|seed| Scenario::random(seed).with_old_agent());
}

#[test]
fn connections_follow_one_another_on_an_old_agent_and_a_bad_network() {
    run_seeds(|seed| Scenario::random(seed).with_old_agent().with_bad_network().with_cuts());
}

#[test]
fn an_ssh_session_survives_loss_and_cuts() {
    run_seeds(|seed| Scenario::random(seed).with_ssh().with_bad_network().with_cuts());
}

#[test]
fn a_seed_repeats_exactly() {
    for seed in 0..20 {
        let scenario = || Scenario::random(seed).with_bad_network().with_cuts();
        assert_eq!(World::new(scenario()).run(), World::new(scenario()).run());
    }
}

//! Sessions with a given course: long ones, fast ones, and the outages that people know.

use std::time::Duration;

use ssmpf_proto::{CloseReason, config};
use ssmpf_protocol_tests::sim::scenario::TooLarge;
use ssmpf_protocol_tests::sim::{MS, Outcome, Plan, SECOND, Scenario, Time, World};

const HOUR: Duration = Duration::from_secs(3600);
const MIB: u64 = 1024 * 1024;

fn run(scenario: Scenario) -> Outcome {
    let outcome = World::new(scenario).run().unwrap();
    println!("{outcome:?}");
    outcome
}

/// Megabytes per second of virtual time.
fn rate(bytes: u64, outcome: &Outcome) -> f64 {
    bytes as f64 / 1e6 / outcome.done_at.as_secs_f64()
}

fn upload(bytes: u64, latency: Duration) -> Scenario {
    let mut scenario = Scenario::quiet(vec![(Time::ZERO, Plan::Upload { bytes })]);
    (scenario.up.latency, scenario.down.latency) = (latency, latency);
    scenario
}

#[test]
fn an_upload_over_a_long_path_is_fast() {
    let bytes = 64 * MIB;
    let outcome = run(upload(bytes, 20 * MS));
    assert!(rate(bytes, &outcome) > 25.0, "{} MB/s", rate(bytes, &outcome));
    assert_eq!(outcome.stats.payload_size, config::MAX_PAYLOAD);
    assert_eq!(outcome.stats.channel.resent, 0);
}

#[test]
fn an_upload_in_small_messages_is_fast_too() {
    let bytes = 32 * MIB;
    let mut scenario = upload(bytes, 20 * MS);
    scenario.payload_limit = Some((config::MIN_PAYLOAD, TooLarge::Dropped));
    let outcome = run(scenario);
    assert!(rate(bytes, &outcome) > 25.0, "{} MB/s", rate(bytes, &outcome));
    assert_eq!(outcome.stats.payload_size, config::MIN_PAYLOAD);
}

#[test]
fn a_narrow_path_is_filled_and_not_flooded() {
    let bytes = 20 * MIB;
    let mut scenario = upload(bytes, 20 * MS);
    scenario.up.bandwidth = Some(5_000_000);
    let outcome = run(scenario);
    let rate = rate(bytes, &outcome);
    assert!((4.2..5.0).contains(&rate), "{rate} MB/s");
    assert!(outcome.stats.round_trip.unwrap() < 200 * MS, "{:?}", outcome.stats);
}

#[test]
fn an_upload_with_loss_keeps_moving() {
    let bytes = 8 * MIB;
    let mut scenario = upload(bytes, 20 * MS);
    (scenario.up.drops, scenario.down.drops) = (100, 100);
    let outcome = run(scenario);
    assert!(rate(bytes, &outcome) > 0.5, "{} MB/s", rate(bytes, &outcome));
}

#[test]
fn a_gateway_that_closes_on_large_messages_costs_a_moment_each_minute_at_most() {
    let bytes = 20 * MIB;
    let mut scenario = upload(bytes, 20 * MS);
    scenario.payload_limit = Some((config::MIN_PAYLOAD, TooLarge::Closes));
    let outcome = run(scenario);
    assert!(rate(bytes, &outcome) > 5.0, "{} MB/s", rate(bytes, &outcome));
}

#[test]
fn a_download_gets_what_a_paced_agent_sends() {
    let bytes = 4 * MIB;
    let outcome = run(Scenario::quiet(vec![(Time::ZERO, Plan::Download { request: 10, bytes })]));
    // A kilobyte in each millisecond, less the frames' headers.
    assert!(rate(bytes, &outcome) > 0.98, "{} MB/s", rate(bytes, &outcome));
    assert_eq!(outcome.stats.channel.duplicates, 0);
}

#[test]
fn an_idle_session_lives_through_hourly_cuts() {
    let hours = 10;
    let last = Plan::Echo { bytes: 5000 };
    let mut scenario = Scenario::quiet(vec![(Time::ZERO, last), (HOUR * hours - 5 * SECOND, last)]);
    scenario.client_cuts = (1..hours).map(|hour| (HOUR * hour, SECOND)).collect();
    scenario.limit = HOUR * hours;
    let outcome = run(scenario);
    assert_eq!(outcome.reason, CloseReason::Terminated { acknowledged: true });
    // An idle session says nothing: no keepalive is wanted, nothing is repeated.
    assert!(outcome.stats.channel.messages_sent < 40, "{:?}", outcome.stats);
}

#[test]
fn an_agent_that_wants_keepalives_gets_them_for_hours() {
    let mut scenario = Scenario::quiet(vec![(Time::ZERO, Plan::Echo { bytes: 100 })]);
    scenario.agent.version = "3.1.1511.0".to_owned();
    scenario.agent.keepalive = true;
    scenario.client_cuts = vec![(HOUR, 5 * SECOND)];
    (scenario.linger, scenario.limit) = (2 * HOUR, 3 * HOUR);
    let outcome = run(scenario);
    assert_eq!(outcome.reason, CloseReason::Terminated { acknowledged: true });
    let keepalives = outcome.stats.channel.messages_sent;
    assert!((700..800).contains(&keepalives), "{keepalives}");
}

#[test]
fn an_upload_survives_the_cut_of_the_clients_connection() {
    let bytes = 16 * MIB;
    let mut scenario = upload(bytes, 20 * MS);
    scenario.client_cuts = (1..5).map(|n| (n * 150 * MS, 300 * MS)).collect();
    let outcome = run(scenario);
    assert!(outcome.done_at < 5 * SECOND, "{:?}", outcome.done_at);
}

#[test]
fn a_download_is_repaired_after_the_cut_of_the_clients_connection() {
    let bytes = 2 * MIB;
    let mut scenario = Scenario::quiet(vec![(Time::ZERO, Plan::Download { request: 10, bytes })]);
    scenario.client_cuts = vec![(SECOND, SECOND)];
    let outcome = run(scenario);
    assert_eq!(outcome.agent_unacknowledged, 0, "the agent has nothing left to repeat");
    assert!(outcome.done_at < 12 * SECOND, "{:?}", outcome.done_at);
}

#[test]
fn a_download_through_an_outage_of_ninety_seconds_arrives() {
    let mut scenario = Scenario::quiet(vec![
        (Time::ZERO, Plan::Download { request: 10, bytes: MIB / 2 }),
        (100 * SECOND, Plan::Echo { bytes: 1000 }),
    ]);
    scenario.client_cuts = vec![(100 * MS, 90 * SECOND)];
    run(scenario);
}

#[test]
fn a_clock_that_jumps_makes_nobody_silent_and_costs_only_the_jump() {
    let bytes = 16 * MIB;
    let away = 300 * SECOND;
    for other in [Plan::Echo { bytes: 5000 }, Plan::Download { request: 5, bytes: MIB / 2 }] {
        let mut scenario = upload(bytes, 20 * MS);
        scenario.clients.push((250 * MS, other));
        scenario.standstills = vec![(300 * MS, away)];
        let outcome = run(scenario);
        assert!(outcome.done_at > away, "it was away in the middle of it");
        assert_eq!(outcome.silences, 0, "nobody listened");
        assert!(outcome.done_at < away + 5 * SECOND, "{:?}", outcome.done_at);
    }
}

#[test]
fn the_agents_outage_is_repaired_at_the_agents_pace() {
    let bytes = 2 * MIB;
    let mut scenario = Scenario::quiet(vec![(Time::ZERO, Plan::Download { request: 10, bytes })]);
    scenario.agent_cuts = vec![(SECOND, 300 * MS)];
    let outcome = run(scenario);
    // About 300 messages are lost, and the agent repeats ten in a second.
    assert!(outcome.done_at > 20 * SECOND && outcome.done_at < 90 * SECOND, "{outcome:?}");
}

#[test]
fn an_agent_that_becomes_ready_late_holds_nothing_up_for_long() {
    let mut scenario = Scenario::quiet(vec![(Time::ZERO, Plan::Echo { bytes: 10 })]);
    scenario.agent.ready_after = 2 * SECOND;
    let outcome = run(scenario);
    assert!(outcome.done_at < 5 * SECOND, "{:?}", outcome.done_at);
}

#[test]
fn a_server_that_does_not_read_delays_the_others_only_as_the_agent_does() {
    let mut scenario = Scenario::quiet(vec![
        (Time::ZERO, Plan::StuckServer { bytes: 8 * MIB, until: 30 * SECOND }),
        (MS, Plan::Download { request: 5, bytes: 100_000 }),
        (40 * SECOND, Plan::Echo { bytes: 1000 }),
    ]);
    scenario.limit = 60 * SECOND;
    let outcome = run(scenario);
    // While the agent was stuck, the session did not repeat itself in vain.
    assert!(outcome.stats.channel.resent < 60, "{:?}", outcome.stats);
}

#[test]
fn a_gap_that_closes_at_once_does_not_cost_a_prompt_client_its_stream() {
    let bytes = 2_000_000;
    let mut scenario = Scenario::quiet(vec![(Time::ZERO, Plan::Download { request: 10, bytes })]);
    scenario.config.receive_budget = 256 * 1024;
    scenario.agent_cuts = vec![(100 * MS, 50 * MS)];
    run(scenario);
}

#[test]
fn nobody_waits_behind_a_dead_destination_in_an_upload() {
    let clients = (0..20).map(|n| (n * 10 * MS, Plan::Refused { bytes: 2000 }));
    let mut clients: Vec<_> = clients.collect();
    clients.push((SECOND, Plan::Echo { bytes: 100 }));
    let outcome = run(Scenario::quiet(clients));
    assert!(outcome.done_at < 2 * SECOND, "{:?}", outcome.done_at);
}

#[test]
fn a_session_that_ends_while_its_connection_is_away_says_so() {
    let mut scenario = Scenario::quiet(vec![(Time::ZERO, Plan::Echo { bytes: 10 })]);
    scenario.client_cuts = vec![(5 * SECOND, 10 * SECOND)];
    scenario.linger = 10 * SECOND;
    let outcome = run(scenario);
    assert_eq!(outcome.reason, CloseReason::Terminated { acknowledged: false });
}

#[test]
fn the_server_ends_an_ssh_session() {
    let mut scenario =
        Scenario::quiet(vec![(Time::ZERO, Plan::Download { request: 10, bytes: 100_000 })]);
    scenario.agent.mux = false;
    scenario.agent.property_type.clear();
    let outcome = run(scenario);
    assert_eq!(outcome.reason, CloseReason::ByService { output: String::new() });
}

//! An agent that is not there any more.

use super::*;

#[test]
fn an_agent_that_owes_an_answer_and_is_silent_is_told_about_once() {
    let mut pair = Pair::mux();
    pair.open();
    pair.transmit();
    pair.wait(config::SILENT_AGENT - MS);
    assert_eq!(pair.events(), []);
    pair.wait(MS);
    assert_eq!(pair.events(), [Event::Silent(config::SILENT_AGENT)]);
    pair.wait(10 * config::SILENT_AGENT);
    assert_eq!(pair.events(), []);
    pair.exchange();
    assert_eq!(pair.events(), [Event::Heard]);
}

#[test]
fn a_node_that_dies_while_it_only_has_to_send_is_noticed_by_a_probe() {
    let mut pair = Pair::mux();
    let stream = pair.open();
    pair.frames();
    pair.say_data(stream, b"some");
    pair.events();
    assert_eq!(pair.transmit().len(), 0);
    pair.wait(15 * SECOND);
    let probe = pair.transmit();
    assert_eq!(probe.len(), 1);
    assert_eq!(probe[0].header.payload_type, PayloadType::SIZE);
    pair.wait(config::SILENT_AGENT);
    assert_eq!(pair.events(), [Event::Silent(config::SILENT_AGENT)]);
}

#[test]
fn an_idle_session_is_left_to_the_administrators_limit() {
    let mut pair = Pair::mux();
    pair.open();
    pair.exchange();
    let mut probes = 0;
    for _ in 0..3600 {
        pair.wait(SECOND);
        probes += pair.exchange().len();
    }
    assert_eq!(probes, config::PROBES_AFTER_TRAFFIC.len());
}

#[test]
fn a_session_that_is_kept_alive_shows_that_it_is_used() {
    let config = Config { keep_alive: Some(60 * SECOND), ..Config::default() };
    let (mut pair, _) = Pair::ready(NEW_AGENT, LOCAL_PORT_FORWARDING, config);
    let mut probes = 0;
    for _ in 0..3600 {
        pair.wait(SECOND);
        probes += pair.exchange().len();
    }
    assert_eq!(probes, 60);
}

#[test]
fn clients_that_hold_reading_up_do_not_make_the_agent_silent() {
    let mut pair = Pair::mux();
    let stream = pair.open();
    pair.frames();
    while pair.session.brake().is_none() {
        pair.say_data(stream, &[7; 30_000]);
    }
    pair.session.write(stream, "unanswered".into());
    pair.transmit();
    pair.wait(config::SILENT_AGENT * 2);
    let silent = pair.events().into_iter().any(|event| matches!(event, Event::Silent(_)));
    assert!(!silent);
}

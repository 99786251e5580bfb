//! How sessions end, and what does not end them.

use super::*;

#[test]
fn termination_is_confirmed_by_the_agent() {
    let mut pair = Pair::mux();
    let stream = pair.open();
    pair.frames();
    pair.session.terminate(pair.now);
    pair.session.write(stream, "too late".into());
    assert_eq!(payloads(&pair.exchange()), [[0, 0, 0, 2]]);
    assert_eq!(pair.events(), [Event::Closed(CloseReason::Terminated { acknowledged: true })]);
    assert!(pair.session.is_closed());
    assert_eq!(pair.session.open_stream(pair.now), Err(OpenError::Closed));
    assert_eq!(pair.session.poll_timeout(pair.now), None);
}

#[test]
fn termination_that_nobody_confirms_ends_after_two_seconds() {
    let mut pair = Pair::mux();
    pair.session.terminate(pair.now);
    pair.transmit();
    pair.wait(config::TERMINATE_WAIT - MS);
    assert_eq!(pair.events(), []);
    pair.wait(MS);
    let reason = CloseReason::Terminated { acknowledged: false };
    assert_eq!(pair.events(), [Event::Closed(reason)]);
}

#[test]
fn termination_is_left_to_the_service_where_the_agent_does_not_listen() {
    let reason = CloseReason::Terminated { acknowledged: false };
    let (mut old, _) = Pair::ready("2.3.722.0", LOCAL_PORT_FORWARDING, Config::default());
    old.session.terminate(old.now);
    assert_eq!(old.events(), [Event::Closed(reason.clone())]);

    let mut away = Pair::mux();
    away.session.handle_disconnected(away.now);
    away.session.terminate(away.now);
    assert_eq!(away.events(), [Event::Closed(reason.clone())]);

    let mut early = Pair::new(Config::default());
    early.session.terminate(early.now);
    assert_eq!(early.events(), [Event::Closed(reason)]);
}

#[test]
fn nothing_follows_the_end() {
    let mut pair = Pair::new(Config::default());
    pair.session.terminate(pair.now);
    pair.events();
    pair.request("Port", NEW_AGENT, LOCAL_PORT_FORWARDING);
    pair.say(PayloadType::HANDSHAKE_COMPLETE, b"{}");
    pair.close_by_service("late");
    pair.session.handle_timeout(pair.now + 60 * SECOND);
    assert_eq!(pair.events(), []);
}

#[test]
fn what_came_in_order_is_delivered_before_the_service_closes() {
    let config = Config { receive_budget: 200_000, ..Config::default() };
    let (mut pair, _) = Pair::ready(NEW_AGENT, LOCAL_PORT_FORWARDING, config);
    let stream = pair.open();
    pair.frames();
    for _ in 0..400 {
        pair.say_data(stream, &[1; 1000]);
    }
    pair.sequence += 1;
    pair.say_data(stream, b"behind a gap");
    pair.close_by_service("the reason");
    let events = pair.events();
    let received: usize = events
        .iter()
        .map(|event| if let Event::Data { bytes, .. } = event { bytes.len() } else { 0 })
        .sum();
    assert_eq!(received, 400_000);
    let output = "the reason".to_owned();
    assert_eq!(events.last(), Some(&Event::Closed(CloseReason::ByService { output })));
}

#[test]
fn the_service_confirms_an_end_that_was_asked_for() {
    let mut pair = Pair::mux();
    pair.session.terminate(pair.now);
    pair.transmit();
    pair.close_by_service("");
    let reason = CloseReason::Terminated { acknowledged: true };
    assert_eq!(pair.events(), [Event::Closed(reason)]);
}

#[test]
fn garbage_is_an_error_and_the_session_goes_on() {
    let mut pair = Pair::mux();
    let stream = pair.open();
    pair.frames();
    for bytes in [&b""[..], b"garbage", &[0xff; 300]] {
        assert!(pair.session.handle_message(Bytes::copy_from_slice(bytes), pair.now).is_err());
    }
    pair.say_data(stream, b"still here");
    assert_eq!(pair.events().len(), 1);
}

#[test]
fn mux_bytes_out_of_step_end_the_session() {
    let mut pair = Pair::mux();
    pair.say(PayloadType::OUTPUT, b"SSH-2.0-OpenSSH");
    let events = pair.events();
    assert!(matches!(&events[..], [Event::Closed(CloseReason::Protocol(_))]), "{events:?}");
}

#[test]
fn a_session_of_another_type_is_refused() {
    for session_type in ["Standard_Stream", "InteractiveCommands", "Later"] {
        let mut pair = Pair::new(Config::default());
        pair.request(session_type, NEW_AGENT, "");
        let session_type = session_type.to_owned();
        let reason = CloseReason::NotAPortSession { session_type };
        assert_eq!(pair.events(), [Event::Closed(reason)]);
        let answer = pair.transmit().pop().unwrap();
        assert_eq!(answer.header.payload_type, PayloadType::HANDSHAKE_RESPONSE);
        assert!(String::from_utf8_lossy(&answer.payload).contains(r#""ActionStatus":2"#));
    }
}

#[test]
fn an_agent_without_a_handshake_gets_no_answer() {
    let mut pair = Pair::new(Config::default());
    pair.say(PayloadType::OUTPUT, b"$ ");
    let reason = CloseReason::NotAPortSession { session_type: String::new() };
    assert_eq!(pair.events(), [Event::Closed(reason)]);
    assert_eq!(pair.transmit(), []);
}

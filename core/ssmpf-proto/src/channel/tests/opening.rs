//! From the first text to the end of the handshake.

use super::*;
use crate::message::handshake::{ActionStatus, HandshakeResponse};

#[test]
fn the_handshake_is_acknowledged_and_then_answered() {
    let mut pair = Pair::new();
    pair.backlog = Backlog(5000);
    assert!(pair.transmit().is_empty(), "nothing leaves before the agent has asked");
    pair.request(json!([port_action()]));

    let sent = pair.transmit();
    assert_eq!(acknowledged(&sent[..1]), [0]);
    assert_eq!(sent.len(), 2, "session bytes wait for the end of the handshake");
    assert_eq!(sent[1].header.payload_type, PayloadType::HANDSHAKE_RESPONSE);
    assert_eq!(sent[1].header.sequence, 0);

    // The agent may complete before it acknowledges.
    let arrivals = pair.complete();
    assert!(matches!(&arrivals[..], [Arrival::Open { message, .. }] if message == "welcome"));
    pair.acknowledge(0);
    let sent = pair.transmit();
    assert_eq!(acknowledged(&sent), [1]);
    assert!(data(&sent).count() > 1);
}

#[test]
fn a_repeated_request_is_acknowledged_and_not_answered_again() {
    let mut pair = Pair::new();
    pair.request(json!([port_action()]));
    pair.transmit();
    let request = json!({"RequestedClientActions": [port_action()]}).to_string();
    pair.say_as(0, PayloadType::HANDSHAKE_REQUEST, request.as_bytes());
    let sent = pair.transmit();
    assert_eq!((acknowledged(&sent), data(&sent).count()), (vec![0], 0));
    // Under a new number it would block the agent for ever if it were answered.
    pair.say(PayloadType::HANDSHAKE_REQUEST, request.as_bytes());
    assert_eq!(data(&pair.transmit()).count(), 0);
}

#[test]
fn a_lost_handshake_answer_is_sent_again_under_its_number() {
    let mut pair = Pair::new();
    pair.request(json!([port_action()]));
    let first = pair.transmit().pop();
    assert_eq!(pair.time_out(), config::INITIAL_RTO);
    assert_eq!(pair.transmit().pop(), first);
}

#[test]
fn encryption_is_refused_with_status_three() {
    let mut pair = Pair::new();
    let kms = json!({"ActionType": "KMSEncryption", "ActionParameters": {"KMSKeyId": "k"}});
    let arrivals = pair.request(json!([port_action(), kms]));
    assert!(matches!(
        &arrivals[..],
        [Arrival::Closed(CloseReason::Unsupported { action })] if action == "KMSEncryption"
    ));
    let answer = pair.transmit().pop().unwrap();
    let answer: HandshakeResponse = serde_json::from_slice(&answer.payload).unwrap();
    let statuses: Vec<_> =
        answer.processed_client_actions.iter().map(|action| action.action_status).collect();
    assert_eq!(statuses, [ActionStatus::SUCCESS, ActionStatus::UNSUPPORTED]);
    assert_eq!(answer.errors.unwrap().len(), 1);
}

#[test]
fn a_handshake_that_never_ends_closes_the_session() {
    let mut pair = Pair::new();
    pair.now += config::HANDSHAKE_TIMEOUT;
    let mut arrivals = VecDeque::new();
    pair.channel.handle_timeout(pair.now, &mut arrivals);
    assert!(matches!(arrivals[0], Arrival::Closed(CloseReason::HandshakeTimeout)));
    assert_eq!(pair.channel.poll_timeout(), None);
}

#[test]
fn a_handshake_that_is_not_understood_closes_the_session() {
    let mut pair = Pair::new();
    let bytes = message(MessageType::OutputStreamData, 0, PayloadType::HANDSHAKE_REQUEST, b"{");
    assert!(pair.hear(bytes).is_err());
    assert!(pair.channel.is_closed());
}

#[test]
fn a_new_connection_is_opened_by_the_same_client_with_a_new_request() {
    let mut channel = Channel::new(Config::default(), Instant::now(), 1, 1);
    let mut open = |token| -> OpenDataChannel {
        serde_json::from_str(&channel.open_data_channel(token)).unwrap()
    };
    let (first, second) = (open("one"), open("two"));
    assert_eq!(first.client_id, second.client_id);
    assert_ne!(first.request_id, second.request_id);
    assert_eq!((&first.token_value[..], &second.token_value[..]), ("one", "two"));
}

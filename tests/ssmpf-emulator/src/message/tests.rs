//! Captured messages decode, and decode again to the same bytes.

use super::*;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

fn vectors(name: &str) -> Value {
    let path = format!("{}/../vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

const SESSIONS: [&str; 13] = [
    "api_terminate",
    "interactive_command",
    "noninteractive_command",
    "port_basic_old_agent",
    "port_mux",
    "port_mux_keepalive",
    "port_refused",
    "port_remote_host",
    "port_resume",
    "service_closes",
    "shell",
    "shell_kms",
    "ssh",
];

fn kind(name: &str) -> Option<Kind> {
    [
        Kind::InputStreamData,
        Kind::OutputStreamData,
        Kind::Acknowledge,
        Kind::ChannelClosed,
        Kind::PausePublication,
        Kind::StartPublication,
        Kind::AgentSessionState,
    ]
    .into_iter()
    .find(|kind| kind.name() == name)
}

fn again(message: &Message) -> Bytes {
    let fields = Fields {
        kind: message.kind,
        sequence: message.sequence,
        flags: message.flags,
        id: message.id,
        created: message.created,
        payload_type: message.payload_type,
    };
    Encoder::new().encode(&fields, &message.payload)
}

#[test]
fn the_envelope_cases_give_the_agent_s_bytes() {
    let mut seen = 0;
    for case in vectors("envelope")["cases"].as_array().unwrap() {
        let text = |name: &str| case[name].as_str().unwrap_or_default();
        let Some(kind) = kind(text("message_type")) else {
            continue;
        };
        let payload = STANDARD.decode(text("payload_base64")).unwrap();
        let fields = Fields {
            kind,
            sequence: case["sequence_number"].as_i64().unwrap(),
            flags: case["flags"].as_u64().unwrap(),
            id: text("message_id").parse().unwrap(),
            created: case["created_date_ms"].as_u64().unwrap(),
            payload_type: case["payload_type"].as_u64().unwrap() as u32,
        };
        let bytes = Encoder::new().encode(&fields, &payload);
        assert_eq!(STANDARD.encode(&bytes), text("serialized_base64"), "{}", text("name"));
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
}

#[test]
fn every_captured_message_survives_decoding_and_encoding() {
    let mut seen = 0;
    for name in SESSIONS {
        for message in vectors(name)["messages"].as_array().unwrap() {
            if message["op"] != "binary" {
                continue;
            }
            let raw = Bytes::from(STANDARD.decode(message["base64"].as_str().unwrap()).unwrap());
            let decoded = decode(&raw).unwrap();
            let fields = &message["decoded"];
            assert_eq!(decoded.sequence, fields["sequence_number"].as_i64().unwrap());
            assert_eq!(decoded.id.to_string(), fields["message_id"].as_str().unwrap());
            assert_eq!(u64::from(decoded.payload_type), fields["payload_type"].as_u64().unwrap());
            assert!(decoded.digest_matches());
            if decoded.kind == Kind::Other {
                continue;
            }
            assert_eq!(again(&decoded), raw, "{name} message {}", message["n"]);
            seen += 1;
        }
    }
    assert!(seen > 300, "{seen}");
}

#[test]
fn captured_acknowledgements_are_read_and_written() {
    let mut seen = 0;
    for message in vectors("port_mux")["messages"].as_array().unwrap() {
        let content = &message["decoded"]["payload_json"];
        let Some(sequence) = content["AcknowledgedMessageSequenceNumber"].as_i64() else {
            continue;
        };
        let raw = Bytes::from(STANDARD.decode(message["base64"].as_str().unwrap()).unwrap());
        let decoded = decode(&raw).unwrap();
        assert_eq!(acknowledged(&decoded.payload), Some(sequence));
        let kind = kind(content["AcknowledgedMessageType"].as_str().unwrap()).unwrap();
        let id = content["AcknowledgedMessageId"].as_str().unwrap().parse().unwrap();
        let mut text = [0; 240];
        let length = acknowledge_text(&mut text, kind, id, sequence);
        assert_eq!(text[..length], decoded.payload[..]);
        seen += 1;
    }
    assert!(seen > 10);
}

#[test]
fn acknowledgements_in_another_form_are_read_too() {
    for (text, expected) in [
        (r#"{"AcknowledgedMessageSequenceNumber": 17}"#, Some(17)),
        (r#"{"IsSequentialMessage":true,"AcknowledgedMessageSequenceNumber":-1}"#, Some(-1)),
        ("{}", None),
        ("", None),
    ] {
        assert_eq!(acknowledged(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn any_cut_of_a_message_is_an_error_or_a_message() {
    let id = Uuid::nil();
    let whole = Encoder::new().acknowledge(Kind::InputStreamData, id, i64::MAX);
    for length in 0..whole.len() {
        assert_eq!(decode(&whole.slice(..length)).is_ok(), length >= HEADER);
    }
    for header_length in [0u32, 1, 5000, u32::MAX] {
        let mut bad = whole.to_vec();
        bad[..4].copy_from_slice(&header_length.to_be_bytes());
        let result = decode(&bad.into());
        assert_eq!(result.is_ok(), header_length == 1);
    }
}

#[test]
fn a_type_padded_with_nul_is_understood() {
    let mut raw = Encoder::new().control(Kind::ChannelClosed, b"{}").to_vec();
    for byte in &mut raw[4..36] {
        if *byte == b' ' {
            *byte = 0;
        }
    }
    assert_eq!(decode(&raw.into()).unwrap().kind, Kind::ChannelClosed);
}

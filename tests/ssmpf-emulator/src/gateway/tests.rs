//! Admission, resuming and faults, seen by a client.

use std::time::Duration;

use crate::agent::REAL_PACE;
use crate::emulator::{Builder, Emulator};
use crate::faults::Direction;
use crate::fleet::Node;
use crate::gateway::relay::Absence;
use crate::message::{Kind, payload_type};
use crate::session::SessionState;
use crate::sigv4::tests::sign_call;
use crate::smux::command;
use crate::testing::{TestClient, connect_with, echo_server, greeting_server, start};
use futures_util::{SinkExt, StreamExt};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::sync::Arc;
use tokio_tungstenite::Connector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

const NODE: &str = "i-0123456789abcdef0";

fn builder() -> Builder {
    Emulator::builder().unpaced().node(Node::new(NODE))
}

fn emulator() -> Emulator {
    builder().start_blocking().unwrap()
}

async fn close_code(url: &str, token: &str) -> Option<u16> {
    let mut websocket = connect_with(url, token).await;
    while let Some(Ok(message)) = websocket.next().await {
        if let Message::Close(frame) = message {
            return frame.map(|frame| frame.code.into());
        }
    }
    None
}

#[tokio::test]
async fn a_token_is_good_once_and_only_for_its_session() {
    let emulator = emulator();
    let session = start(&emulator, NODE, "AWS-StartPortForwardingSession", &[]);
    let other = start(&emulator, NODE, "AWS-StartPortForwardingSession", &[]);
    let state = emulator.state();
    let url = state.stream_url(&session);
    assert_eq!(close_code(&url, "made-up").await, Some(1008));
    assert_eq!(close_code(&url, &state.issue_token(&other)).await, Some(1008));
    let token = state.issue_token(&session);
    let _first = connect_with(&url, &token).await;
    while emulator.session(&session).unwrap().client_connects == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(close_code(&url, &token).await, Some(1008));
    emulator.faults().token_expired(true);
    assert_eq!(close_code(&url, &state.issue_token(&session)).await, Some(1008));
}

#[tokio::test]
async fn upgrades_can_be_refused() {
    let emulator = builder().require_signed_websocket().start_blocking().unwrap();
    let session = start(&emulator, NODE, "AWS-StartPortForwardingSession", &[]);
    let url = emulator.state().stream_url(&session);
    let refused = async |status: u16| match tokio_tungstenite::connect_async(&url).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), status),
        other => panic!("{other:?}"),
    };
    refused(403).await;
    emulator.faults().refuse_upgrade(503, 1);
    refused(503).await;
}

#[tokio::test]
async fn a_cut_client_comes_back_and_goes_on() {
    let emulator = emulator();
    let echo = echo_server().await;
    let mut client = TestClient::open(&emulator, NODE, echo.port()).await;
    client.open_stream(3, b"one").await;
    client.wait("echo", |c| c.stream(3) == b"one").await;

    emulator.faults().cut_all_clients();
    client.wait("the cut", |c| c.gone.is_some()).await;
    assert_eq!(client.gone, Some(None));
    let id = client.session.clone();
    while emulator.session(&id).unwrap().state != SessionState::Disconnected {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client.reconnect(&emulator).await;
    client.frame(command::PSH, 3, b"two").await;
    client.wait("echo", |c| c.stream(3) == b"onetwo").await;
    assert_eq!(emulator.sessions()[0].client_connects, 2);
}

#[tokio::test]
async fn the_cut_in_miniature_says_bye() {
    let emulator = emulator();
    emulator.faults().close_after(Some(Duration::from_millis(50)));
    let mut client = TestClient::start(&emulator, NODE, 1).await;
    client.wait("the close", |c| c.gone.is_some()).await;
    assert_eq!(client.gone, Some(Some(1000)));

    let emulator = self::emulator();
    emulator.faults().close_after_messages(3);
    let mut client = TestClient::start(&emulator, NODE, 1).await;
    client.wait("request", |c| c.expected == 1).await;
    client.respond("1.2.764.0").await;
    client.wait("the close", |c| c.gone.is_some()).await;
    assert_eq!(client.gone, Some(Some(1000)));
    let session = &emulator.sessions()[0];
    assert_eq!(session.messages_to_client + session.messages_to_agent, 3);
}

#[tokio::test]
async fn a_newer_client_replaces_an_older_one() {
    let emulator = emulator();
    let echo = echo_server().await;
    let mut client = TestClient::open(&emulator, NODE, echo.port()).await;
    let mut older = {
        let newer = TestClient::connect(&emulator, &client.session.clone()).await;
        std::mem::replace(&mut client.websocket, newer.websocket)
    };
    while let Some(Ok(_)) = older.next().await {}
    client.open_stream(3, b"new").await;
    client.wait("echo", |c| c.stream(3) == b"new").await;
}

#[tokio::test]
async fn an_agent_without_its_socket_goes_on_numbering() {
    let emulator = builder()
        .agents(|agents| {
            agents.pace = Some(REAL_PACE);
            agents.resend_tick = Duration::from_millis(1);
        })
        .start_blocking()
        .unwrap();
    let bytes: Vec<u8> = (0..200_000u32).map(|n| (n % 253) as u8).collect();
    let server = greeting_server(bytes.clone()).await;
    let mut client = TestClient::open(&emulator, NODE, server.port()).await;
    client.open_stream(3, b"").await;
    client.wait("first bytes", |c| c.stream(3).len() > 10_000).await;
    emulator.faults().cut_agents(Duration::from_millis(30));
    client.wait("all bytes", |c| c.stream(3).len() == bytes.len()).await;
    assert_eq!(client.stream(3), bytes);
    assert!(emulator.sessions()[0].resent_by_agent > 0);
}

#[tokio::test]
async fn loss_both_ways_is_repaired() {
    let emulator = builder()
        .agents(|agents| agents.resend_tick = Duration::from_millis(1))
        .seed(11)
        .start_blocking()
        .unwrap();
    let bytes = vec![9; 100_000];
    let server = greeting_server(bytes.clone()).await;
    let faults = emulator.faults();
    for direction in [Direction::ToClient, Direction::ToAgent] {
        faults
            .drop_rate(direction, 0.05)
            .duplicate_rate(direction, 0.05)
            .reorder_rate(direction, 0.05);
    }
    let mut client = TestClient::open(&emulator, NODE, server.port()).await;
    client.open_stream(3, b"").await;
    client.wait("all bytes", |c| c.stream(3).len() == bytes.len()).await;
}

#[tokio::test]
async fn latency_delays_without_slowing_down() {
    let emulator = emulator();
    let server = greeting_server(vec![1; 2_000_000]).await;
    emulator.faults().latency(Duration::from_millis(40));
    let began = std::time::Instant::now();
    let mut client = TestClient::open(&emulator, NODE, server.port()).await;
    assert!(began.elapsed() >= Duration::from_millis(120), "{:?}", began.elapsed());
    client.open_stream(3, b"").await;
    client.wait("all bytes", |c| c.stream(3).len() == 2_000_000).await;
}

#[tokio::test]
async fn a_black_hole_answers_nothing_until_it_is_gone() {
    let emulator = emulator();
    let echo = echo_server().await;
    let mut client = TestClient::open(&emulator, NODE, echo.port()).await;
    let faults = emulator.session_faults(&client.session).unwrap();
    client.wait("acknowledgement", |c| c.acknowledged == [0]).await;
    faults.black_hole(true);
    let before = client.arrivals.len();
    client.open_stream(3, b"x").await;
    client.read_for(Duration::from_millis(100)).await;
    assert_eq!(client.arrivals.len(), before);
    faults.black_hole(false);
    client.wait("echo", |c| c.stream(3) == b"x").await;
}

#[tokio::test]
async fn a_paused_agent_holds_its_output() {
    let emulator = emulator();
    let server = greeting_server(vec![1; 10_000_000]).await;
    let mut client = TestClient::open(&emulator, NODE, server.port()).await;
    client.acknowledges = false;
    client.open_stream(3, b"").await;
    client
        .wait("output", |c| c.arrivals.iter().any(|(_, kind)| *kind == payload_type::OUTPUT))
        .await;
    client.wait("every acknowledgement", |c| c.acknowledged.len() == 2).await;
    emulator.faults().pause();
    client.read_for(Duration::from_millis(300)).await;
    let before = client.arrivals.len();
    client.read_for(Duration::from_millis(300)).await;
    assert_eq!(client.arrivals.len(), before);
    assert!(before < 10_000);
    emulator.faults().resume();
    client.wait("more", |c| c.arrivals.len() > before).await;
}

#[tokio::test]
async fn lost_acknowledgements_make_the_agent_repeat() {
    let emulator = builder()
        .agents(|agents| agents.resend_tick = Duration::from_millis(5))
        .start_blocking()
        .unwrap();
    emulator.faults().lose_client_acks(2);
    let mut client = TestClient::open(&emulator, NODE, 1).await;
    client.wait("repeats", |_| emulator.sessions()[0].resent_by_agent >= 1).await;

    let echo = echo_server().await;
    emulator.faults().lose_agent_acks(1);
    let mut client = TestClient::open(&emulator, NODE, echo.port()).await;
    client.open_stream(3, b"x").await;
    client.wait("echo", |c| c.stream(3) == b"x").await;
    assert!(!client.acknowledged.contains(&0));
}

#[tokio::test]
async fn a_long_message_closes_the_websocket() {
    let emulator = emulator();
    let mut client = TestClient::open(&emulator, NODE, 1).await;
    emulator.faults().max_message_size(Some(2000), false);
    client.send(payload_type::OUTPUT, &[0; 4000]).await;
    client.wait("the close", |c| c.gone.is_some()).await;
    assert_eq!(client.gone, Some(Some(1009)));
}

#[tokio::test]
async fn garbage_reaches_the_client() {
    let emulator = emulator();
    let mut client = TestClient::open(&emulator, NODE, 1).await;
    emulator.faults().garbage(&b"not a message"[..]);
    client.wait("garbage", |c| c.arrivals.contains(&(Kind::Other, 0))).await;
}

#[tokio::test]
async fn a_dead_agent_falls_silent_and_its_node_is_lost() {
    let emulator = emulator();
    let echo = echo_server().await;
    let mut client = TestClient::open(&emulator, NODE, echo.port()).await;
    client.wait("acknowledgement", |c| c.acknowledged == [0]).await;
    emulator.faults().agent_gone(NODE);
    client.read_for(Duration::from_millis(50)).await;
    let before = client.arrivals.len();
    client.open_stream(3, b"x").await;
    client.read_for(Duration::from_millis(100)).await;
    assert_eq!(client.arrivals.len(), before);
    assert_eq!(client.gone, None);
}

#[tokio::test]
async fn messages_while_nobody_is_there_are_held_or_lost() {
    for (absence, resent) in [(Absence::Hold(10), false), (Absence::Drop, true)] {
        let emulator = builder().absence(absence).start_blocking().unwrap();
        let session = start(&emulator, NODE, "AWS-StartPortForwardingSession", &[]);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut client = TestClient::connect(&emulator, &session).await;
        client.wait("request", |c| c.expected == 1).await;
        assert_eq!(emulator.sessions()[0].resent_by_agent > 0, resent);
    }
}

#[tokio::test]
async fn a_signed_upgrade_is_verified() {
    let emulator = builder().require_signed_websocket().start_blocking().unwrap();
    let session = start(&emulator, NODE, "AWS-StartPortForwardingSession", &[]);
    let url = emulator.state().stream_url(&session);
    for (secret, accepted) in [(crate::DEFAULT_SECRET_KEY, true), ("wrong", false)] {
        let request = url.as_str().into_client_request().unwrap();
        let (head, ()) = request.into_parts();
        let (mut signed, ()) = http::Request::get(head.uri.clone()).body(()).unwrap().into_parts();
        signed.headers.insert("host", head.headers["host"].clone());
        let key = crate::DEFAULT_ACCESS_KEY;
        sign_call(&mut signed, b"", key, secret, "eu-west-1", "ssmmessages");
        let mut request = http::Request::from_parts(head, ());
        request.headers_mut().extend(signed.headers);
        let result = tokio_tungstenite::connect_async(request).await;
        assert_eq!(result.is_ok(), accepted);
    }
}

#[tokio::test]
async fn tls_serves_the_same() {
    let emulator = builder().tls().start_blocking().unwrap();
    let environment = emulator.environment();
    let bundle = environment.iter().find(|(name, _)| name == "AWS_CA_BUNDLE");
    let pem = std::fs::read_to_string(&bundle.unwrap().1).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
    let session = start(&emulator, NODE, "AWS-StartPortForwardingSession", &[]);
    let url = emulator.state().stream_url(&session);
    assert!(url.starts_with("wss://127.0.0.1:"));

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = Connector::Rustls(Arc::new(config));
    let dial = tokio_tungstenite::connect_async_tls_with_config(&url, None, true, Some(connector));
    let (mut websocket, _) = dial.await.unwrap();
    let token = emulator.state().issue_token(&session);
    let open =
        format!(r#"{{"MessageSchemaVersion":"1.0","RequestId":"r","TokenValue":"{token}"}}"#);
    websocket.send(Message::text(open)).await.unwrap();
    let request = websocket.next().await.unwrap().unwrap().into_data();
    assert_eq!(Kind::of(&request), Some(Kind::OutputStreamData));
}

#[tokio::test]
async fn the_end_may_be_told_more_than_once() {
    let emulator = builder().channel_closed_messages(3).start_blocking().unwrap();
    let mut client = TestClient::open(&emulator, NODE, 1).await;
    emulator.faults().end_sessions("Session terminated by the service.");
    let told =
        |c: &TestClient| c.arrivals.iter().filter(|(kind, _)| *kind == Kind::ChannelClosed).count();
    client.wait("three messages", |c| told(c) == 3).await;
    assert_eq!(client.closed.unwrap(), "Session terminated by the service.");
}

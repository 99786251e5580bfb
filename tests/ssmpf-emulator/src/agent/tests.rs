//! The agent as a client meets it, over a real websocket.

use std::time::Duration;

use super::*;
use crate::emulator::{Builder, Emulator};
use crate::fleet::{Node, Route};
use crate::message::flag;
use crate::session::SessionState;
use crate::smux::command;
use crate::testing::{TestClient, echo_server, greeting_server, sink_server, start};

const NODE: &str = "i-0123456789abcdef0";
const REMOTE: &str = "AWS-StartPortForwardingSessionToRemoteHost";

fn builder() -> Builder {
    Emulator::builder().unpaced().node(Node::new(NODE))
}

fn emulator() -> Emulator {
    builder().start_blocking().unwrap()
}

fn with_agent(version: &str) -> Emulator {
    let node = Node::new(NODE).agent(version);
    Emulator::builder().unpaced().node(node).start_blocking().unwrap()
}

async fn close_flag(client: &mut TestClient) {
    client.send(payload_type::FLAG, &flag::TERMINATE_SESSION.to_be_bytes()).await;
}

#[tokio::test]
async fn bytes_go_to_the_destination_and_back() {
    let emulator = emulator();
    let echo = echo_server().await;
    let mut client = TestClient::open(&emulator, NODE, echo.port()).await;

    client.open_stream(3, b"hello").await;
    client.open_stream(5, b"world").await;
    client.wait("both echoes", |c| c.stream(3) == b"hello" && c.stream(5) == b"world").await;
    client.wait("every acknowledgement", |c| c.acknowledged == [0, 1, 2, 3, 4]).await;

    let session = &emulator.sessions()[0];
    assert_eq!(session.state, SessionState::Connected);
    assert_eq!(session.dials, 2);
    assert_eq!(session.client_version.as_deref(), Some("1.2.764.0"));
}

#[tokio::test]
async fn a_fin_closes_the_whole_stream_after_what_came_before_it() {
    let emulator = emulator();
    let (sink, mut counted) = sink_server().await;
    let mut client = TestClient::open(&emulator, NODE, sink.port()).await;

    client.open_stream(3, &[7; 5000]).await;
    client.frame(command::FIN, 3, b"").await;
    client.wait("the agent's FIN", |c| c.finished == [3]).await;
    counted.wait_for(|count| *count == 5000).await.unwrap();
}

#[tokio::test]
async fn what_the_server_sent_comes_before_its_fin() {
    let emulator = emulator();
    let bytes: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    let server = greeting_server(bytes.clone()).await;
    let mut client = TestClient::open(&emulator, NODE, server.port()).await;

    client.open_stream(3, b"").await;
    client.wait("FIN", |c| c.finished == [3]).await;
    assert_eq!(client.stream(3), bytes);
}

#[tokio::test]
async fn a_refused_dial_gives_flag_3_and_then_fin() {
    let emulator =
        builder().route("closed.internal", None, Route::Refuse).start_blocking().unwrap();
    let parameters = [("host", "closed.internal"), ("portNumber", "1")];
    let session = start(&emulator, NODE, REMOTE, &parameters);
    let mut client = TestClient::connect(&emulator, &session).await;
    client.handshake("1.2.764.0").await;

    client.open_stream(3, b"").await;
    client.wait("FIN", |c| c.finished == [3]).await;
    assert_eq!(client.flags, [flag::CONNECT_TO_PORT_ERROR]);
    let flag_at = client.arrivals.iter().position(|(_, kind)| *kind == payload_type::FLAG);
    let output_at = client.arrivals.iter().position(|(_, kind)| *kind == payload_type::OUTPUT);
    assert!(flag_at < output_at);
}

#[tokio::test]
async fn an_unknown_name_fails_every_dial_but_not_the_session() {
    let emulator = emulator();
    let session = start(&emulator, NODE, REMOTE, &[("host", "nowhere.internal")]);
    let mut client = TestClient::connect(&emulator, &session).await;
    client.handshake("1.2.764.0").await;

    client.open_stream(3, b"").await;
    client.open_stream(5, b"").await;
    client.wait("both refusals", |c| c.finished == [3, 5]).await;
    assert_eq!(client.flags, [3, 3]);
    assert_eq!(client.closed, None);
}

#[tokio::test]
async fn a_black_hole_delays_every_later_stream() {
    let emulator =
        builder().route("filtered.internal", None, Route::BlackHole).start_blocking().unwrap();
    let session = start(&emulator, NODE, REMOTE, &[("host", "filtered.internal")]);
    let mut client = TestClient::connect(&emulator, &session).await;
    client.handshake("1.2.764.0").await;

    client.open_stream(3, b"").await;
    client.open_stream(5, b"").await;
    client.wait("acknowledgements", |c| c.acknowledged.len() == 3).await;
    client.read_for(Duration::from_millis(50)).await;
    assert!(client.finished.is_empty() && client.flags.is_empty());
}

#[tokio::test]
async fn a_forbidden_address_ends_the_session_with_a_text() {
    let emulator = with_agent("3.3.4851.0");
    let session = start(&emulator, NODE, REMOTE, &[("host", "127.0.0.1")]);
    let mut client = TestClient::connect(&emulator, &session).await;
    client.handshake("1.2.764.0").await;

    client.wait("channel_closed", |c| c.closed.is_some()).await;
    assert_eq!(client.closed.unwrap(), "Forwarding to IP address 127.0.0.1 is forbidden.");
    assert_eq!(emulator.sessions()[0].state, SessionState::Failed);
}

#[tokio::test]
async fn the_terminate_flag_is_acknowledged_and_ends_the_session() {
    let emulator = emulator();
    let echo = echo_server().await;
    let mut client = TestClient::open(&emulator, NODE, echo.port()).await;

    close_flag(&mut client).await;
    client.wait("channel_closed", |c| c.closed.is_some()).await;
    assert_eq!(client.acknowledged, [0, 1]);
    let session = &emulator.sessions()[0];
    assert_eq!(session.terminated_by, Some(TerminatedBy::Flag));
    assert_eq!(session.state, SessionState::Terminated);
}

#[tokio::test]
async fn very_old_agents_ignore_the_terminate_flag() {
    let emulator = with_agent("2.3.722.0");
    let echo = echo_server().await;
    let mut client = TestClient::open(&emulator, NODE, echo.port()).await;

    close_flag(&mut client).await;
    client.send(payload_type::OUTPUT, b"still here").await;
    client.wait("echo", |c| c.raw == b"still here").await;
    assert_eq!(client.closed, None);
}

#[tokio::test]
async fn the_api_ends_a_session_at_once() {
    let emulator = emulator();
    let echo = echo_server().await;
    let mut client = TestClient::open(&emulator, NODE, echo.port()).await;

    emulator.state().session(&client.session).unwrap().terminate_by_api();
    client.wait("channel_closed", |c| c.closed.is_some()).await;
    assert_eq!(emulator.sessions()[0].terminated_by, Some(TerminatedBy::Api));
}

#[tokio::test]
async fn a_repeated_number_is_acknowledged_again_and_delivers_nothing() {
    let emulator = emulator();
    let (sink, mut counted) = sink_server().await;
    let mut client = TestClient::open(&emulator, NODE, sink.port()).await;

    client.open_stream(3, b"").await;
    let mut frame = smux_frame(3, b"once");
    let raw = client.number(payload_type::OUTPUT, &std::mem::take(&mut frame));
    client.put(raw.clone()).await;
    client.put(raw).await;
    client.wait("two acknowledgements", |c| c.acknowledged == [0, 1, 2, 2]).await;
    client.frame(command::FIN, 3, b"").await;
    client.wait("FIN", |c| c.finished == [3]).await;
    counted.wait_for(|count| *count == 4).await.unwrap();
}

fn smux_frame(stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = crate::smux::header(command::PSH, payload.len(), stream).to_vec();
    frame.extend_from_slice(payload);
    frame
}

#[tokio::test]
async fn numbers_ahead_of_their_turn_are_acknowledged_and_wait() {
    let emulator = emulator();
    let echo = echo_server().await;
    let mut client = TestClient::open(&emulator, NODE, echo.port()).await;

    let syn = client.number(payload_type::OUTPUT, &crate::smux::header(command::SYN, 0, 3));
    let first = client.number(payload_type::OUTPUT, &smux_frame(3, b"a"));
    let second = client.number(payload_type::OUTPUT, &smux_frame(3, b"b"));
    client.put(second).await;
    client.put(first).await;
    client.wait("early acknowledgements", |c| c.acknowledged == [0, 3, 2]).await;
    client.put(syn).await;
    client.wait("echo", |c| c.stream(3) == b"ab").await;
    assert_eq!(client.acknowledged, [0, 3, 2, 1]);
}

#[tokio::test]
async fn data_before_the_end_of_the_handshake_is_acknowledged_and_thrown_away() {
    let emulator = emulator();
    let echo = echo_server().await;
    let mut client = TestClient::start(&emulator, NODE, echo.port()).await;

    client.wait("request", |c| c.expected == 1).await;
    client.open_stream(3, b"lost").await;
    client.wait("acknowledgements", |c| c.acknowledged == [0, 1]).await;
    client.respond("1.2.764.0").await;
    client.wait("complete", |c| c.expected == 2).await;
    client.open_stream(5, b"kept").await;
    client.wait("echo", |c| c.stream(5) == b"kept").await;
    assert_eq!(client.stream(3), b"");
}

#[tokio::test]
async fn data_before_the_session_is_ready_has_to_be_sent_again() {
    let emulator = builder()
        .agents(|agents| agents.ready_after = Duration::from_millis(200))
        .start_blocking()
        .unwrap();
    let echo = echo_server().await;
    let mut client = TestClient::open(&emulator, NODE, echo.port()).await;

    let syn = client.number(payload_type::OUTPUT, &crate::smux::header(command::SYN, 0, 3));
    client.put(syn.clone()).await;
    client.frame(command::PSH, 3, b"x").await;
    client.wait("the later one", |c| c.acknowledged == [0, 2]).await;
    for _ in 0..100 {
        client.put(syn.clone()).await;
        client.read_for(Duration::from_millis(20)).await;
        if client.stream(3) == b"x" {
            return;
        }
    }
    panic!("never ready: {:?}", client.acknowledged);
}

#[tokio::test]
async fn the_acknowledgement_of_the_response_may_come_after_complete() {
    for (order, first) in [
        (AckOrder::BeforeComplete, Kind::Acknowledge),
        (AckOrder::AfterComplete, Kind::OutputStreamData),
    ] {
        let emulator =
            builder().agents(|agents| agents.ack_order = order).start_blocking().unwrap();
        let mut client = TestClient::open(&emulator, NODE, 1).await;
        client.wait("acknowledgement", |c| c.acknowledged == [0]).await;
        assert_eq!(client.arrivals[1].0, first);
    }
}

#[tokio::test]
async fn no_response_ends_the_session() {
    let emulator = builder()
        .agents(|agents| agents.handshake_timeout = Duration::from_millis(50))
        .start_blocking()
        .unwrap();
    let mut client = TestClient::start(&emulator, NODE, 1).await;
    client.wait("channel_closed", |c| c.closed.is_some()).await;
    assert!(client.closed.unwrap().starts_with("Encountered error while initiating handshake."));
}

#[tokio::test]
async fn a_client_that_comes_after_the_failure_is_told() {
    let emulator = builder()
        .agents(|agents| {
            agents.handshake_timeout = Duration::ZERO;
            agents.drain = Duration::ZERO;
        })
        .start_blocking()
        .unwrap();
    let session = start(&emulator, NODE, "AWS-StartPortForwardingSession", &[]);
    while emulator.open_sessions() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut client = TestClient::connect(&emulator, &session).await;
    client.wait("channel_closed", |c| c.closed.is_some()).await;
}

#[tokio::test]
async fn an_unacknowledged_message_is_repeated_until_it_is() {
    let emulator = builder()
        .agents(|agents| agents.resend_tick = Duration::from_millis(5))
        .start_blocking()
        .unwrap();
    let mut client = TestClient::start(&emulator, NODE, 1).await;
    client.acknowledges = false;
    client.wait("repeats", |c| c.arrivals.len() >= 3).await;
    client.acknowledges = true;
    client.handshake("1.2.764.0").await;
    assert!(emulator.sessions()[0].resent_by_agent >= 2);
}

#[tokio::test]
async fn old_agents_serve_one_connection_and_dial_again() {
    let emulator = with_agent("3.0.196.0");
    let echo = echo_server().await;
    let mut client = TestClient::open(&emulator, NODE, echo.port()).await;

    client.send(payload_type::OUTPUT, b"one").await;
    client.wait("echo", |c| c.raw == b"one").await;
    client.send(payload_type::FLAG, &flag::DISCONNECT_TO_PORT.to_be_bytes()).await;
    client.send(payload_type::OUTPUT, b"two").await;
    client.wait("echo", |c| c.raw == b"onetwo").await;
    assert_eq!(emulator.sessions()[0].dials, 2);
    close_flag(&mut client).await;
    client.wait("channel_closed", |c| c.closed.is_some()).await;
}

#[tokio::test]
async fn an_old_client_version_forces_basic_mode() {
    let emulator = emulator();
    let echo = echo_server().await;
    let mut client = TestClient::start(&emulator, NODE, echo.port()).await;
    client.handshake("0.0.1").await;
    client.send(payload_type::OUTPUT, b"raw").await;
    client.wait("echo", |c| c.raw == b"raw").await;
}

#[tokio::test]
async fn an_ssh_session_ends_with_its_connection() {
    let emulator = emulator();
    let server = greeting_server(b"SSH-2.0-x\r\n".to_vec()).await;
    let port = server.port().to_string();
    let session = start(&emulator, NODE, "AWS-StartSSHSession", &[("portNumber", &port)]);
    let mut client = TestClient::connect(&emulator, &session).await;
    client.handshake("1.2.764.0").await;

    client.wait("channel_closed", |c| c.closed.is_some()).await;
    assert_eq!(client.raw, b"SSH-2.0-x\r\n");
    assert_eq!(emulator.sessions()[0].state, SessionState::Terminated);
}

#[tokio::test]
async fn a_basic_session_without_a_server_fails_at_once() {
    let emulator = with_agent("3.0.196.0");
    let mut client = TestClient::open(&emulator, NODE, 1).await;
    client.wait("channel_closed", |c| c.closed.is_some()).await;
    assert!(client.closed.unwrap().starts_with("Unable to connect to specified port"));
}

#[tokio::test]
async fn agents_without_the_port_plugin_say_so() {
    let emulator = with_agent("2.3.650.0");
    let mut client = TestClient::start(&emulator, NODE, 22).await;
    client.wait("channel_closed", |c| c.closed.is_some()).await;
    assert!(client.closed.unwrap().contains("Plugin with name Port is not supported"));
}

#[tokio::test]
async fn old_agents_send_nops_and_miss_the_client_s() {
    let node = Node::new(NODE).agent("3.0.222.0");
    let emulator = Emulator::builder()
        .unpaced()
        .node(node)
        .agents(|agents| {
            agents.keepalive_interval = Duration::from_millis(20);
            agents.keepalive_timeout = Duration::from_millis(300);
        })
        .start_blocking()
        .unwrap();
    let mut client = TestClient::open(&emulator, NODE, 1).await;
    client.wait("NOPs", |c| c.nops >= 2).await;
    client.wait("channel_closed", |c| c.closed.is_some()).await;
}

#[tokio::test]
async fn a_stuck_destination_stops_acknowledgements_for_all() {
    let emulator = emulator();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut client = TestClient::open(&emulator, NODE, port).await;

    client.open_stream(3, b"").await;
    for _ in 0..600 {
        client.frame(command::PSH, 3, &[0; 32 * 1024]).await;
    }
    client.wait("4 MiB of acknowledgements", |c| c.acknowledged.len() > 128).await;
    client.read_for(Duration::from_millis(300)).await;
    assert!(client.acknowledged.len() < 602, "{}", client.acknowledged.len());
    let (mut socket, _) = listener.accept().unwrap();
    std::thread::spawn(move || std::io::copy(&mut socket, &mut std::io::sink()));
    client.wait("the rest", |c| c.acknowledged.len() == 602).await;
}

#[tokio::test]
async fn the_pace_is_that_of_the_real_agent() {
    let emulator = Emulator::builder().node(Node::new(NODE)).start_blocking().unwrap();
    let server = greeting_server(vec![1; 150 * 1024]).await;
    let mut client = TestClient::open(&emulator, NODE, server.port()).await;
    let began = std::time::Instant::now();
    client.open_stream(3, b"").await;
    client.wait("FIN", |c| c.finished == [3]).await;
    let rate = 150.0 * 1024.0 / began.elapsed().as_secs_f64();
    println!("{rate:.0} bytes per second");
    assert!(rate < 900_000.0, "{rate} bytes per second");
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_source() {
    use tokio::io::AsyncWriteExt;
    let emulator = emulator();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (written, count) = tokio::sync::watch::channel(0u64);
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let block = vec![0; 64 * 1024];
        while let Ok(n) = socket.write(&block).await {
            written.send_modify(|count| *count += n as u64);
        }
    });
    let mut client = TestClient::open(&emulator, NODE, port).await;
    client.frame(command::SYN, 3, b"").await;
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = *count.borrow();
        if now == before && now > 0 {
            break;
        }
        assert!(now < 100_000_000, "{now} bytes and no end");
        before = now;
    }
    let floor = before + 10_000_000;
    client.wait("the source to go on", |_| *count.borrow() > floor).await;
}

#[tokio::test]
async fn a_second_response_under_a_new_number_blocks_the_reader() {
    for blocks in [true, false] {
        let options = |agents: &mut AgentOptions| agents.second_response_blocks = blocks;
        let emulator = builder().agents(options).start_blocking().unwrap();
        let mut client = TestClient::open(&emulator, NODE, 1).await;
        client.respond("1.2.764.0").await;
        client.frame(command::NOP, 0, b"").await;
        client.read_for(Duration::from_millis(100)).await;
        assert_eq!(client.acknowledged.contains(&2), !blocks);
    }
}

//! What Amazon's client sent to Amazon's agent, sent to ours: the answers must be the same.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::emulator::Emulator;
use crate::fleet::Node;
use crate::message::{HEADER, payload_type};
use crate::session::TerminatedBy;
use crate::smux::{Decoder, Event};
use crate::testing::{TestClient, start};

const NODE: &str = "mi-0123456789abcdef0";

/// The server of the captures: `C` is answered with `K` and a close, after `E` comes an echo.
async fn captured_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket));
        }
    });
    address
}

async fn answer(mut socket: TcpStream) -> std::io::Result<()> {
    match socket.read_u8().await? {
        b'C' => socket.write_all(b"K").await,
        _ => {
            let (mut reader, mut writer) = socket.split();
            tokio::io::copy(&mut reader, &mut writer).await.map(drop)
        }
    }
}

fn capture(name: &str) -> Value {
    let path = format!("{}/../vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Replays the client's side and returns the bytes and flags that the real agent answered with.
async fn replay(name: &str, document: &str, port: u16) -> (Emulator, TestClient, Vec<u8>, Vec<u8>) {
    let capture = capture(name);
    let node = Node::new(NODE).agent(capture["agent_version"].as_str().unwrap());
    let emulator = Emulator::builder().node(node).start_blocking().unwrap();
    let session = start(&emulator, NODE, document, &[("portNumber", &port.to_string())]);
    let mut client = TestClient::connect(&emulator, &session).await;
    let (mut output, mut flags) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for message in capture["messages"].as_array().unwrap() {
        let fields = &message["decoded"];
        let raw = Bytes::from(STANDARD.decode(message["base64"].as_str().unwrap_or("")).unwrap());
        let sequence = fields["sequence_number"].as_i64().unwrap_or_default();
        let kind = fields["payload_type"].as_u64().unwrap_or_default() as u32;
        match fields["message_type"].as_str() {
            Some("input_stream_data") => {
                client.put_numbered(sequence, raw).await;
                client.wait("its acknowledgement", |c| c.acknowledged.contains(&sequence)).await;
            }
            Some("output_stream_data") if seen.insert(sequence) => {
                if kind == payload_type::OUTPUT {
                    output.extend_from_slice(&raw[HEADER..]);
                } else if kind == payload_type::FLAG {
                    flags.extend_from_slice(&raw[HEADER..]);
                }
                let number = sequence + 1;
                if kind == payload_type::HANDSHAKE_REQUEST
                    || kind == payload_type::HANDSHAKE_COMPLETE
                {
                    client.wait("the handshake", |c| c.expected >= number).await;
                } else {
                    let target = progress(&output);
                    client.wait("the same answer", |c| progress(&c.raw) >= target).await;
                }
            }
            _ => {}
        }
    }
    (emulator, client, output, flags)
}

/// Returns how much an answer carries, however it is cut into frames.
fn progress(output: &[u8]) -> (usize, usize) {
    if output.first() != Some(&1) {
        return (output.len(), 0);
    }
    let mut decoder = Decoder::default();
    decoder.feed(Bytes::copy_from_slice(output));
    let (mut bytes, mut ends) = (0, 0);
    while let Ok(Some(event)) = decoder.next() {
        match event {
            Event::Data(_, data) => bytes += data.len(),
            Event::Fin(_) => ends += 1,
            Event::Syn(_) | Event::Nop => {}
        }
    }
    (bytes, ends)
}

/// Returns the bytes of each stream.
fn streams(output: &[u8]) -> BTreeMap<u32, Vec<u8>> {
    let mut decoder = Decoder::default();
    decoder.feed(Bytes::copy_from_slice(output));
    let mut streams = BTreeMap::<u32, Vec<u8>>::new();
    while let Some(event) = decoder.next().unwrap() {
        if let Event::Data(id, bytes) = event {
            streams.entry(id).or_default().extend_from_slice(&bytes);
        }
    }
    streams
}

#[tokio::test]
async fn interleaved_streams_are_answered_as_captured() {
    let server = captured_server().await;
    let document = "AWS-StartPortForwardingSession";
    let (emulator, mut client, output, _) = replay("port_mux", document, server.port()).await;
    // The server may answer in other pieces; what each stream carries is the same.
    assert!(streams(&client.raw) == streams(&output));
    assert_eq!(client.finished, [3, 5, 7]);
    client.wait("channel_closed", |c| c.closed.is_some()).await;
    assert_eq!(emulator.sessions()[0].terminated_by, Some(TerminatedBy::Flag));
}

#[tokio::test]
async fn a_refused_port_is_answered_as_captured() {
    let document = "AWS-StartPortForwardingSession";
    let (_emulator, client, output, flags) = replay("port_refused", document, 1).await;
    assert_eq!(client.raw, output);
    assert_eq!(flags, client.flags[0].to_be_bytes());
    assert_eq!(client.flags.len(), 1);
}

#[tokio::test]
async fn an_old_agent_answers_as_captured() {
    let server = captured_server().await;
    let document = "AWS-StartPortForwardingSession";
    let (emulator, client, output, _) =
        replay("port_basic_old_agent", document, server.port()).await;
    assert_eq!(client.raw, output);
    assert_eq!(emulator.sessions()[0].dials, 2);
}

#[tokio::test]
async fn an_ssh_session_is_answered_as_captured() {
    let server = captured_server().await;
    let (_emulator, client, output, _) = replay("ssh", "AWS-StartSSHSession", server.port()).await;
    assert_eq!(client.raw, output);
}

//! How fast an agent without a pace is, with a client that does as little as possible.

use crate::emulator::Emulator;
use crate::fleet::Node;
use crate::message::{Kind, payload_type};
use crate::smux::command;
use crate::testing::{TestClient, greeting_server, sink_server};

const NODE: &str = "i-0123456789abcdef0";

/// Reads session bytes as fast as they come and acknowledges in bursts.
async fn drain(client: &mut TestClient, bytes: usize) {
    use futures_util::{FutureExt, SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message as Frame;
    let mut got = 0;
    while got < bytes {
        let mut next = Some(client.websocket.next().await.unwrap().unwrap());
        while let Some(frame) = next {
            if let Frame::Binary(raw) = frame {
                let message = crate::message::decode(&raw).unwrap();
                if message.kind == Kind::OutputStreamData {
                    got += message.payload.len();
                    let ack =
                        client.encoder.acknowledge(message.kind, message.id, message.sequence);
                    client.websocket.feed(Frame::Binary(ack)).await.unwrap();
                }
            }
            next = client.websocket.next().now_or_never().and_then(|frame| frame?.ok());
        }
        client.websocket.flush().await.unwrap();
    }
}

#[tokio::test]
#[ignore = "a measurement, to be run optimised"]
async fn throughput() {
    use futures_util::SinkExt;
    use tokio_tungstenite::tungstenite::Message as Frame;
    const TOTAL: usize = 200_000_000;
    let emulator = Emulator::builder().unpaced().node(Node::new(NODE)).start_blocking().unwrap();
    let server = greeting_server(vec![1; TOTAL]).await;
    let mut client = TestClient::open(&emulator, NODE, server.port()).await;
    client.frame(command::SYN, 3, b"").await;
    let began = std::time::Instant::now();
    drain(&mut client, TOTAL).await;
    let rate = |bytes: usize, began: std::time::Instant| {
        bytes as f64 / 1e6 / began.elapsed().as_secs_f64()
    };
    println!("download, 1024-byte messages: {:.0} MB/s", rate(TOTAL, began));

    for size in [1016, 32 * 1024] {
        let (sink, mut counted) = sink_server().await;
        let mut client = TestClient::open(&emulator, NODE, sink.port()).await;
        client.frame(command::SYN, 3, b"").await;
        let total = if size < 2000 { TOTAL / 2 } else { TOTAL * 2 };
        let frame = [&crate::smux::header(command::PSH, size, 3)[..], &vec![1; size]].concat();
        let began = std::time::Instant::now();
        let (mut sent, mut window) = (0, 0);
        while sent < total {
            let raw = client.number(payload_type::OUTPUT, &frame);
            client.websocket.feed(Frame::Binary(raw)).await.unwrap();
            sent += size;
            window += 1;
            if window == 64 {
                client.websocket.flush().await.unwrap();
                let floor = client.next as usize - 64;
                while client.acknowledged.len() < floor {
                    client.wait("acknowledgements", |c| c.acknowledged.len() >= floor).await;
                }
                window = 0;
            }
        }
        client.websocket.flush().await.unwrap();
        counted.wait_for(|count| *count >= sent as u64).await.unwrap();
        println!("upload, {size}-byte frames: {:.0} MB/s", rate(sent, began));
    }
}

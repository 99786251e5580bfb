//! A small client for the unit tests, written with the emulator's own codec.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::documents::{self, Parameters};
use crate::emulator::Emulator;
use crate::message::{self, Encoder, Kind, Message, flag_value, payload_type};
use crate::smux::{self, Decoder, Event};

/// How long anything may take before a test fails.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// How long the client waits before it sends again.
const RESEND: Duration = Duration::from_secs(1);

/// A client that acknowledges in order and keeps what it got.
pub(crate) struct TestClient {
    pub(crate) session: String,
    pub(crate) websocket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) encoder: Encoder,
    pub(crate) next: i64,
    sent: BTreeMap<i64, Bytes>,
    pub(crate) expected: i64,
    early: BTreeMap<i64, Message>,
    decoder: Decoder,
    /// Whether output is acknowledged.
    pub(crate) acknowledges: bool,
    /// Numbers that the agent acknowledged, as often as it did.
    pub(crate) acknowledged: Vec<i64>,
    /// Kinds and payload types in the order of arrival.
    pub(crate) arrivals: Vec<(Kind, u32)>,
    /// Bytes of each stream.
    pub(crate) streams: HashMap<u32, Vec<u8>>,
    /// Streams that the agent closed.
    pub(crate) finished: Vec<u32>,
    /// Flags that the agent sent.
    pub(crate) flags: Vec<u32>,
    pub(crate) nops: usize,
    /// Session bytes without any mux.
    pub(crate) raw: Vec<u8>,
    /// The text of channel_closed.
    pub(crate) closed: Option<String>,
    /// The websocket is gone, with this close code.
    pub(crate) gone: Option<Option<u16>>,
}

/// Starts a session the way the API does, without a signature.
pub(crate) fn start(
    emulator: &Emulator,
    target: &str,
    document: &str,
    given: &[(&str, &str)],
) -> String {
    let parameters: Parameters =
        given.iter().map(|(key, value)| (key.to_string(), vec![value.to_string()])).collect();
    let state = emulator.state();
    let plan = documents::plan(Some(document), &parameters, &emulator.fleet().documents).unwrap();
    let node = emulator.fleet().node(target).unwrap().clone();
    state.start_session(node, Some(document.into()), None, parameters, plan).id.clone()
}

impl TestClient {
    /// Starts a port session and connects.
    pub(crate) async fn start(emulator: &Emulator, target: &str, port: u16) -> Self {
        let parameters = [("portNumber", port.to_string())];
        let parameters = parameters.each_ref().map(|(key, value)| (*key, value.as_str()));
        let session = start(emulator, target, "AWS-StartPortForwardingSession", &parameters);
        Self::connect(emulator, &session).await
    }

    /// Starts a port session, connects and shakes hands.
    pub(crate) async fn open(emulator: &Emulator, target: &str, port: u16) -> Self {
        let mut client = Self::start(emulator, target, port).await;
        client.handshake("1.2.764.0").await;
        client
    }

    /// Connects to a session for the first time.
    pub(crate) async fn connect(emulator: &Emulator, session: &str) -> Self {
        Self {
            session: session.to_owned(),
            websocket: dial(emulator, session).await,
            encoder: Encoder::new(),
            next: 0,
            sent: BTreeMap::new(),
            expected: 0,
            early: BTreeMap::new(),
            decoder: Decoder::default(),
            acknowledges: true,
            acknowledged: Vec::new(),
            arrivals: Vec::new(),
            streams: HashMap::new(),
            finished: Vec::new(),
            flags: Vec::new(),
            nops: 0,
            raw: Vec::new(),
            closed: None,
            gone: None,
        }
    }

    /// Connects again, keeping numbers and buffers.
    pub(crate) async fn reconnect(&mut self, emulator: &Emulator) {
        self.websocket = dial(emulator, &self.session).await;
        self.gone = None;
    }

    /// Answers the handshake and waits for its end.
    pub(crate) async fn handshake(&mut self, version: &str) {
        self.wait("request", |client| client.expected == 1).await;
        self.respond(version).await;
        self.wait("complete", |client| client.expected == 2).await;
    }

    /// Sends the handshake response.
    pub(crate) async fn respond(&mut self, version: &str) {
        let text = format!(
            r#"{{"ClientVersion":"{version}","ProcessedClientActions":[{{"ActionType":"SessionType","ActionStatus":1,"ActionResult":null,"Error":""}}],"Errors":null}}"#
        );
        self.send(payload_type::HANDSHAKE_RESPONSE, text.as_bytes()).await;
    }

    /// Returns the next numbered message without sending it.
    pub(crate) fn number(&mut self, kind: u32, payload: &[u8]) -> Bytes {
        let mut fields = self.encoder.fields(Kind::InputStreamData, 0);
        fields.sequence = self.next;
        fields.payload_type = kind;
        self.next += 1;
        self.encoder.encode(&fields, payload)
    }

    /// Sends a raw message.
    pub(crate) async fn put(&mut self, raw: Bytes) {
        let _ = self.websocket.send(Frame::Binary(raw)).await;
    }

    /// Numbers and sends a message.
    pub(crate) async fn send(&mut self, kind: u32, payload: &[u8]) {
        let raw = self.number(kind, payload);
        self.sent.insert(self.next - 1, raw.clone());
        self.put(raw).await;
    }

    /// Sends a message that has its number already, and again until it is acknowledged.
    pub(crate) async fn put_numbered(&mut self, sequence: i64, raw: Bytes) {
        self.sent.insert(sequence, raw.clone());
        self.put(raw).await;
    }

    /// Sends everything again that `send` sent and the agent did not acknowledge.
    pub(crate) async fn resend(&mut self) {
        for raw in self.sent.values().cloned().collect::<Vec<_>>() {
            self.put(raw).await;
        }
    }

    /// Sends a smux frame as a message of its own.
    pub(crate) async fn frame(&mut self, command: u8, stream: u32, payload: &[u8]) {
        let mut bytes = smux::header(command, payload.len(), stream).to_vec();
        bytes.extend_from_slice(payload);
        self.send(payload_type::OUTPUT, &bytes).await;
    }

    /// Opens a stream and sends its first bytes.
    pub(crate) async fn open_stream(&mut self, stream: u32, payload: &[u8]) {
        self.frame(smux::command::SYN, stream, b"").await;
        if !payload.is_empty() {
            self.frame(smux::command::PSH, stream, payload).await;
        }
    }

    /// Returns what arrived on a stream.
    pub(crate) fn stream(&self, stream: u32) -> &[u8] {
        self.streams.get(&stream).map_or(&[], Vec::as_slice)
    }

    /// Reads until `condition` holds.
    pub(crate) async fn wait(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let reading = async {
            let mut resend = Instant::now() + RESEND;
            while !condition(self) {
                if tokio::time::timeout_at(resend, self.read()).await.is_err() {
                    self.resend().await;
                    resend = Instant::now() + RESEND;
                }
            }
        };
        if tokio::time::timeout(LIMIT, reading).await.is_err() {
            panic!("waited in vain for: {what}; arrivals {:?}", self.arrivals.len());
        }
    }

    /// Reads for a while whatever comes.
    pub(crate) async fn read_for(&mut self, time: Duration) {
        let reading = async {
            loop {
                self.read().await;
            }
        };
        let _ = tokio::time::timeout(time, reading).await;
    }

    async fn read(&mut self) {
        match self.websocket.next().await {
            Some(Ok(Frame::Binary(raw))) => match message::decode(&raw) {
                Ok(message) => self.take(message).await,
                Err(_) => self.arrivals.push((Kind::Other, 0)),
            },
            Some(Ok(Frame::Close(frame))) => self.gone = Some(frame.map(|frame| frame.code.into())),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => {
                self.gone.get_or_insert(None);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    async fn take(&mut self, message: Message) {
        self.arrivals.push((message.kind, message.payload_type));
        match message.kind {
            Kind::Acknowledge => {
                #[derive(serde::Deserialize)]
                #[serde(rename_all = "PascalCase")]
                struct Content {
                    acknowledged_message_sequence_number: i64,
                }
                let content: Content = serde_json::from_slice(&message.payload).unwrap();
                self.sent.remove(&content.acknowledged_message_sequence_number);
                self.acknowledged.push(content.acknowledged_message_sequence_number);
            }
            Kind::ChannelClosed => {
                let text: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
                self.closed = Some(text["Output"].as_str().unwrap().to_owned());
            }
            Kind::OutputStreamData if self.acknowledges => {
                assert!(message.digest_matches());
                let acknowledge =
                    self.encoder.acknowledge(message.kind, message.id, message.sequence);
                self.put(acknowledge).await;
                if message.sequence >= self.expected {
                    self.early.insert(message.sequence, message);
                }
                while let Some(message) = self.early.remove(&self.expected) {
                    self.expected += 1;
                    self.deliver(&message);
                }
            }
            _ => {}
        }
    }

    fn deliver(&mut self, message: &Message) {
        match message.payload_type {
            payload_type::FLAG => self.flags.push(flag_value(&message.payload).unwrap()),
            payload_type::OUTPUT => {
                self.raw.extend_from_slice(&message.payload);
                self.decoder.feed(message.payload.clone());
                while let Ok(Some(event)) = self.decoder.next() {
                    match event {
                        Event::Data(id, bytes) => {
                            self.streams.entry(id).or_default().extend_from_slice(&bytes);
                        }
                        Event::Fin(id) => self.finished.push(id),
                        Event::Nop => self.nops += 1,
                        Event::Syn(_) => panic!("the agent never opens streams"),
                    }
                }
                // Without mux the bytes mean nothing to the decoder.
                self.decoder.forget_broken_input();
            }
            _ => {}
        }
    }
}

async fn dial(emulator: &Emulator, session: &str) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    let state = emulator.state();
    let url = state.stream_url(session);
    let token = state.issue_token(session);
    connect_with(&url, &token).await
}

/// Dials a stream URL and opens the data channel.
pub(crate) async fn connect_with(
    url: &str,
    token: &str,
) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    let (mut websocket, _) =
        tokio_tungstenite::connect_async_with_config(url, None, true).await.unwrap();
    let open = format!(
        r#"{{"MessageSchemaVersion":"1.0","RequestId":"{}","TokenValue":"{token}","ClientId":"{}","ClientVersion":"1.2.764.0"}}"#,
        uuid::Uuid::new_v4(),
        uuid::Uuid::new_v4()
    );
    websocket.send(Frame::text(open)).await.unwrap();
    websocket
}

/// Answers everything with itself.
pub(crate) async fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = socket.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    address
}

/// Sends `bytes` to everyone and closes.
pub(crate) async fn greeting_server(bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let _ = socket.write_all(&bytes).await;
            });
        }
    });
    address
}

/// Counts what it gets until the client closes.
pub(crate) async fn sink_server() -> (SocketAddr, tokio::sync::watch::Receiver<u64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (count, counted) = tokio::sync::watch::channel(0);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut buffer = vec![0; 256 * 1024];
            while let Ok(n @ 1..) = socket.read(&mut buffer).await {
                count.send_modify(|count| *count += n as u64);
            }
        }
    });
    (address, counted)
}

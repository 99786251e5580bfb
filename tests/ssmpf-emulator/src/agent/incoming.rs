//! What arrives from the client: in order, acknowledged after it was handed over.
//!
//! One message at a time. A number ahead of its turn is acknowledged and kept, a number that was
//! already processed is acknowledged again, and a message that the session is not ready for is
//! neither acknowledged nor consumed.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};

use super::handshake::Response;
use super::outgoing::Sender;
use super::{AckOrder, AgentOptions, Handled, Plugin};
use crate::lock;
use crate::message::{self, Encoder, Kind, Message, payload_type};
use crate::session::{Ending, Session};

/// Messages that may wait for a gap before them to close.
const CAPACITY: usize = 100_000;

/// Messages that are taken from the gateway at once.
const BATCH: usize = 128;

/// What the reader shares with the rest of the agent.
pub(super) struct Shared {
    /// The handshake is complete: data counts from now on.
    pub(super) complete: AtomicBool,
    /// HandshakeComplete has been sent.
    pub(super) complete_sent: watch::Sender<bool>,
    /// The session plugin, from the moment it is ready until the reader takes it.
    pub(super) plugin: Mutex<Option<Plugin>>,
    responses: mpsc::Sender<Response>,
}

impl Shared {
    /// Returns the state before the handshake.
    pub(super) fn new(responses: mpsc::Sender<Response>) -> Self {
        Self {
            complete: AtomicBool::new(false),
            complete_sent: watch::Sender::new(false),
            plugin: Mutex::new(None),
            responses,
        }
    }
}

/// The reader of one session.
pub(super) struct Incoming {
    session: Arc<Session>,
    sender: Sender,
    shared: Arc<Shared>,
    options: AgentOptions,
    encoder: Encoder,
    expected: i64,
    buffer: BTreeMap<i64, Message>,
    acknowledgements: Vec<Bytes>,
    plugin: Option<Plugin>,
    responded: bool,
    ending: Option<Ending>,
}

impl Incoming {
    /// Returns a reader that expects the first message.
    pub(super) fn new(
        session: Arc<Session>,
        sender: Sender,
        shared: Arc<Shared>,
        options: AgentOptions,
    ) -> Self {
        Self {
            session,
            sender,
            shared,
            options,
            encoder: Encoder::new(),
            expected: 0,
            buffer: BTreeMap::new(),
            acknowledgements: Vec::with_capacity(BATCH),
            plugin: None,
            responded: false,
            ending: None,
        }
    }

    /// Reads until the gateway is gone.
    pub(super) async fn run(mut self, mut from_gateway: mpsc::Receiver<Bytes>) {
        let mut batch = Vec::with_capacity(BATCH);
        while from_gateway.recv_many(&mut batch, BATCH).await > 0 {
            for raw in batch.drain(..) {
                match message::decode(&raw) {
                    Ok(message) => self.on_message(message).await,
                    Err(error) => {
                        tracing::warn!(session = %self.session.id, %error, "message dropped")
                    }
                }
            }
            self.flush().await;
            if let Some(ending) = self.ending.take() {
                self.session.end(ending);
            }
        }
    }

    async fn flush(&mut self) {
        for acknowledgement in self.acknowledgements.drain(..) {
            self.sender.control(acknowledgement).await;
        }
    }

    async fn on_message(&mut self, message: Message) {
        match message.kind {
            Kind::Acknowledge => {
                self.sender.outgoing().unpause();
                if let Some(sequence) = message::acknowledged(&message.payload) {
                    self.sender.outgoing().acknowledged(sequence);
                }
            }
            Kind::InputStreamData => {
                if self.options.check_digests && !message.digest_matches() {
                    tracing::warn!(session = %self.session.id, sequence = message.sequence, "wrong digest");
                    return;
                }
                self.sender.outgoing().unpause();
                self.on_data(message).await;
            }
            Kind::PausePublication => self.sender.outgoing().pause(),
            Kind::StartPublication => self.sender.outgoing().unpause(),
            Kind::ChannelClosed => self.ending = Some(Ending::Service),
            _ => {}
        }
    }

    async fn on_data(&mut self, message: Message) {
        let sequence = message.sequence;
        if sequence < self.expected {
            self.acknowledge(&message);
        } else if sequence > self.expected {
            if self.buffer.len() < CAPACITY {
                self.acknowledge(&message);
                self.buffer.insert(sequence, message);
            }
        } else if self.process(&message, true).await {
            self.expected += 1;
            while let Some(next) = self.buffer.remove(&self.expected) {
                if !self.process(&next, false).await {
                    self.buffer.insert(self.expected, next);
                    break;
                }
                self.expected += 1;
            }
        }
    }

    fn acknowledge(&mut self, message: &Message) {
        let acknowledgement = self.encoder.acknowledge(message.kind, message.id, message.sequence);
        self.acknowledgements.push(acknowledgement);
    }

    /// Hands a message over and returns whether it is consumed.
    async fn process(&mut self, message: &Message, acknowledge: bool) -> bool {
        let handled = match message.payload_type {
            payload_type::HANDSHAKE_RESPONSE => {
                self.on_response(message, acknowledge).await;
                return true;
            }
            // Too early: acknowledged and thrown away.
            _ if !self.shared.complete.load(Ordering::SeqCst) => Handled::Done,
            kind => self.hand_over(kind, &message.payload).await,
        };
        match handled {
            Handled::NotReady => return false,
            Handled::Terminate => self.ending = Some(Ending::Flag),
            Handled::Done => {}
        }
        if acknowledge {
            self.acknowledge(message);
        }
        true
    }

    async fn on_response(&mut self, message: &Message, acknowledge: bool) {
        if self.responded && self.options.second_response_blocks {
            tracing::warn!(session = %self.session.id, "a second handshake response blocks the agent");
            self.flush().await;
            std::future::pending::<()>().await;
        }
        let Some(response) = Response::parse(&message.payload) else {
            return;
        };
        let first = !std::mem::replace(&mut self.responded, true);
        let before = self.options.ack_order == AckOrder::BeforeComplete;
        if acknowledge && before {
            self.acknowledge(message);
            self.flush().await;
        }
        if first {
            let _ = self.shared.responses.send(response).await;
        }
        if acknowledge && !before {
            let mut sent = self.shared.complete_sent.subscribe();
            let _ = sent.wait_for(|sent| *sent).await;
            self.acknowledge(message);
        }
    }

    async fn hand_over(&mut self, kind: u32, payload: &Bytes) -> Handled {
        if self.plugin.is_none() {
            self.plugin = lock(&self.shared.plugin).take();
        }
        if matches!(&self.plugin, Some(Plugin::Mux(mux)) if !mux.may_wait()) {
            let Some(Plugin::Mux(mux)) = &mut self.plugin else {
                return Handled::NotReady;
            };
            return mux.handle(kind, payload).await;
        }
        // What is handed over may wait for a destination; what is done must be known before.
        self.flush().await;
        match &mut self.plugin {
            Some(Plugin::Mux(mux)) => mux.handle(kind, payload).await,
            Some(Plugin::Basic(basic)) => basic.handle(kind, payload).await,
            None => Handled::NotReady,
        }
    }
}

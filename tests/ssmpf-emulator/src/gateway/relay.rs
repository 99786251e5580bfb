//! The middle of a session: pairs the client's websocket with the agent and passes messages on.
//!
//! The relay outlives websockets. While no client is there it tells the agent to pause and holds or
//! drops what still comes; a new client replaces an older one.

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use super::Client;
use super::passage::{Down, Left, Passed, Up, WebSocket};
use crate::message::{Encoder, Kind};
use crate::session::{Command, Session, count};

/// How long a client has to close its side after it was told that the session is over.
const GOODBYE: Duration = Duration::from_secs(2);

/// What happens to messages of the agent while no client is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The first so many are kept for the next client, the rest is lost.
    Hold(usize),
    /// All are lost; the agent sends them again.
    Drop,
}

/// What is not known about the real gateway, and so can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    /// What happens while no client is there.
    pub(crate) absence: Absence,
    /// How often a client is told that its session is over.
    pub(crate) closed_messages: usize,
}

/// The relay of one session.
pub(crate) struct Relay {
    session: Arc<Session>,
    policy: Policy,
    from_agent: mpsc::Receiver<Bytes>,
    to_agent: mpsc::Sender<Bytes>,
    commands: mpsc::UnboundedReceiver<Command>,
    down: Down,
    up: Up,
    encoder: Encoder,
    agent_ended: bool,
}

impl Relay {
    /// Returns the relay of a session that has just started.
    pub(crate) fn new(
        session: Arc<Session>,
        policy: Policy,
        from_agent: mpsc::Receiver<Bytes>,
        to_agent: mpsc::Sender<Bytes>,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        let seed = session.line.with(|line| line.seed);
        Self {
            session,
            policy,
            from_agent,
            to_agent,
            commands,
            down: Down::new(seed),
            up: Up::new(seed),
            encoder: Encoder::new(),
            agent_ended: false,
        }
    }

    /// Serves client after client; ends with the emulator.
    pub(crate) async fn run(mut self) {
        let mut next = None;
        loop {
            let client = match next.take() {
                Some(client) => client,
                None => match self.wait_for_client().await {
                    Some(client) => client,
                    None => return,
                },
            };
            match self.serve(*client).await {
                Left::Replaced(client) => next = Some(client),
                Left::Stopped => return,
                _ => {
                    self.session.set_connected(false);
                    self.publication(false);
                }
            }
        }
    }

    /// Queues a pause or start for the agent.
    fn publication(&mut self, start: bool) {
        let kind = if start { Kind::StartPublication } else { Kind::PausePublication };
        self.up.ready.push_back(self.encoder.control(kind, b"{}"));
    }

    /// Queues the end of the session for the agent.
    fn close_agent(&mut self) {
        let closed = self.closed("", true);
        self.up.ready.push_back(closed);
    }

    async fn wait_for_client(&mut self) -> Option<Box<Client>> {
        /// What happened while nobody was there.
        enum Step {
            Order(Option<Command>),
            Message(Option<Bytes>),
            Passed,
        }
        loop {
            let step = tokio::select! {
                command = self.commands.recv() => Step::Order(command),
                message = self.from_agent.recv(), if !self.agent_ended => Step::Message(message),
                permit = self.to_agent.reserve(), if !self.up.ready.is_empty() => {
                    match permit {
                        Ok(permit) => permit.send(self.up.ready.pop_front().expect("checked")),
                        Err(_) => self.up.ready.clear(),
                    }
                    Step::Passed
                }
            };
            match step {
                Step::Order(command) => match command? {
                    Command::Attach(client) => return Some(client),
                    Command::Terminate(_) => self.close_agent(),
                    Command::Publication(start) => self.publication(start),
                    Command::Cut | Command::Close(..) | Command::Garbage(_) => {}
                },
                Step::Message(Some(message)) => self.hold(message),
                Step::Message(None) => self.agent_ended = true,
                Step::Passed => {}
            }
        }
    }

    fn hold(&mut self, message: Bytes) {
        if Kind::of(&message) == Some(Kind::AgentSessionState) {
            return;
        }
        if let Absence::Hold(most) = self.policy.absence
            && self.down.ready.len() < most
        {
            self.down.ready.push_back(message);
        }
    }

    /// Returns the message that tells a side of the end.
    fn closed(&mut self, output: &str, for_agent: bool) -> Bytes {
        #[derive(serde::Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct ChannelClosed<'a> {
            message_id: String,
            created_date: String,
            destination_id: &'a str,
            session_id: &'a str,
            message_type: &'static str,
            schema_version: u32,
            #[serde(skip_serializing_if = "Option::is_none")]
            output: Option<&'a str>,
        }
        let fields = self.encoder.fields(Kind::ChannelClosed, crate::message::FLAGS_CONTROL);
        let text = serde_json::to_vec(&ChannelClosed {
            message_id: fields.id.to_string(),
            created_date: fields.created.to_string(),
            destination_id: &self.session.target,
            session_id: &self.session.id,
            message_type: "channel_closed",
            schema_version: 1,
            output: (!for_agent).then_some(output),
        })
        .expect("strings and numbers are JSON");
        self.encoder.encode(&fields, &text)
    }

    async fn serve(&mut self, client: Client) -> Left {
        let session = self.session.clone();
        session.set_connected(true);
        count(&session.counters.client_connects, 1);
        tracing::info!(session = %session.id, "client connected");
        self.publication(true);
        if session.line.active() {
            for message in self.down.ready.drain(..) {
                self.down.wire.push(message, &session.line, Instant::now());
            }
        }
        let (mut sink, mut stream) = client.websocket.split();
        let left = self.exchange(&session, &mut sink, &mut stream).await;
        self.leave(&left, sink, stream).await;
        left
    }

    async fn exchange(
        &mut self,
        session: &Session,
        sink: &mut SplitSink<WebSocket, Message>,
        stream: &mut SplitStream<WebSocket>,
    ) -> Left {
        let connected_at = Instant::now();
        let passed = Passed::new(session);
        let mut changes = session.line.changes();
        loop {
            changes.mark_unchanged();
            let (close_after, black_hole) =
                session.line.with(|line| (line.close_after, line.black_hole));
            let close_at = close_after.map(|age| connected_at + age);
            let Self { from_agent, to_agent, down, up, .. } = self;
            let agent_ended = self.agent_ended;
            // Both directions have the same chance; neither may keep the other from its turn.
            let passing = async {
                tokio::select! {
                    left = down.pass(&passed, from_agent, sink, agent_ended) => left,
                    left = up.pass(&passed, stream, to_agent) => left,
                }
            };
            // Orders and faults come before the messages that arrive at the same time.
            let command = tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => command,
                    None => return Left::Stopped,
                },
                changed = changes.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return Left::Stopped,
                },
                () = sleep_until(close_at.unwrap_or(connected_at)), if close_at.is_some() => {
                    return Left::Close(1000, "Bye".into());
                }
                left = passing, if !black_hole => return left,
            };
            match command {
                Command::Attach(client) => return Left::Replaced(client),
                Command::Cut => return Left::Cut,
                Command::Close(code, reason) => return Left::Close(code, reason),
                Command::Terminate(output) => {
                    self.close_agent();
                    return Left::Over(output);
                }
                Command::Publication(start) => self.publication(start),
                Command::Garbage(bytes) => self.down.ready.push_back(bytes),
            }
        }
    }

    /// Parts with a client in the way that fits.
    async fn leave(
        &mut self,
        left: &Left,
        mut sink: SplitSink<WebSocket, Message>,
        mut stream: SplitStream<WebSocket>,
    ) {
        let id = &self.session.id;
        match left {
            Left::Cut => {
                tracing::info!(session = %id, "client connection reset");
                if let Ok(websocket) = stream.reunite(sink) {
                    websocket.into_inner().reset();
                }
            }
            Left::Close(code, reason) => {
                tracing::info!(session = %id, code, reason, "client websocket closed");
                let frame = CloseFrame { code: (*code).into(), reason: reason.as_str().into() };
                let _ = sink.send(Message::Close(Some(frame))).await;
                let _ = timeout(GOODBYE, async { while let Some(Ok(_)) = stream.next().await {} })
                    .await;
            }
            Left::Over(output) => {
                let closed = self.closed(output, false);
                let repeats = self.policy.closed_messages;
                let goodbye = async {
                    for _ in 0..repeats {
                        sink.feed(Message::Binary(closed.clone())).await.ok()?;
                    }
                    sink.flush().await.ok()?;
                    let quiet = async { while let Some(Ok(_)) = stream.next().await {} };
                    if timeout(GOODBYE / 4, quiet).await.is_err() {
                        let frame = CloseFrame { code: 1000.into(), reason: "".into() };
                        sink.send(Message::Close(Some(frame))).await.ok()?;
                        while let Some(Ok(_)) = stream.next().await {}
                    }
                    Some(())
                };
                let _ = timeout(GOODBYE, goodbye).await;
            }
            Left::Gone | Left::Replaced(_) | Left::Stopped => {
                tracing::info!(session = %id, "client left");
                // Answers the client's close, if it sent one.
                let _ = timeout(GOODBYE / 20, sink.close()).await;
            }
        }
    }
}

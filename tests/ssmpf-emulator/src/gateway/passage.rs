//! Messages on their way through the relay, in each of the two directions.
//!
//! Without faults a message goes straight from one side to the other; with faults it travels through
//! a wire. Both directions can be interrupted at any await and lose nothing.

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{Sink, SinkExt, StreamExt};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::Client;
use super::alarm::Alarm;
use super::wire::Wire;
use crate::faults::Direction;
use crate::message::Kind;
use crate::server::Stream;
use crate::session::{Session, count};

/// How many messages of the agent are handed to a websocket before it is flushed.
const BATCH: usize = 256;

/// A client's websocket.
pub(super) type WebSocket = WebSocketStream<Stream>;

/// Why a client is no longer served.
pub(super) enum Left {
    /// The client went away.
    Gone,
    /// Its connection is to be reset.
    Cut,
    /// Its websocket is to be closed with a code and a reason.
    Close(u16, String),
    /// A newer client takes its place.
    Replaced(Box<Client>),
    /// The session is over, with a text.
    Over(String),
    /// The emulator stops.
    Stopped,
}

/// Messages on their way to the client.
pub(super) struct Down {
    received: Vec<Bytes>,
    pub(super) ready: VecDeque<Bytes>,
    pub(super) wire: Wire,
    alarm: Alarm,
}

/// Messages on their way to the agent.
pub(super) struct Up {
    pub(super) ready: VecDeque<Bytes>,
    wire: Wire,
    alarm: Alarm,
}

/// Counts what one websocket has passed on.
pub(super) struct Passed<'a> {
    session: &'a Session,
    messages: AtomicU64,
}

impl<'a> Passed<'a> {
    /// Starts counting.
    pub(super) fn new(session: &'a Session) -> Self {
        Self { session, messages: AtomicU64::new(0) }
    }

    fn count(&self) {
        count(&self.messages, 1);
    }

    /// Returns the farewell if this websocket has passed on all it may.
    fn used_up(&self) -> Option<Left> {
        let limit = self.session.line.with(|line| line.close_after_messages)?;
        (self.messages.load(Ordering::Relaxed) >= limit).then(|| Left::Close(1000, "Bye".into()))
    }
}

impl Down {
    /// Returns the way to the client, empty.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            received: Vec::with_capacity(BATCH),
            ready: VecDeque::new(),
            wire: Wire::new(Direction::ToClient, seed),
            alarm: Alarm::default(),
        }
    }

    /// Passes messages of the agent on until something ends it; loses nothing when interrupted.
    pub(super) async fn pass(
        &mut self,
        passed: &Passed<'_>,
        from_agent: &mut mpsc::Receiver<Bytes>,
        sink: &mut SplitSink<WebSocket, Message>,
        agent_ended: bool,
    ) -> Left {
        let session = passed.session;
        let mut open = !agent_ended;
        loop {
            while !self.ready.is_empty() {
                if std::future::poll_fn(|cx| Pin::new(&mut *sink).poll_ready(cx)).await.is_err() {
                    return Left::Gone;
                }
                let message = self.ready.pop_front().expect("checked");
                count(&session.counters.messages_to_client, 1);
                count(&session.counters.bytes_to_client, message.len() as u64);
                passed.count();
                if sink.start_send_unpin(Message::Binary(message)).is_err() {
                    return Left::Gone;
                }
                if session.line.active()
                    && let Some(left) = passed.used_up()
                {
                    let _ = sink.flush().await;
                    return left;
                }
            }
            if sink.flush().await.is_err() {
                return Left::Gone;
            }
            if !open && self.wire.is_empty() {
                if session.gone.load(Ordering::Relaxed) {
                    std::future::pending::<()>().await;
                }
                return Left::Over(session.output());
            }
            self.alarm.set(self.wire.due());
            tokio::select! {
                received = from_agent.recv_many(&mut self.received, BATCH), if open && self.wire.has_room() => {
                    open = received > 0;
                }
                () = self.alarm.wait() => {}
            }
            let slow = session.line.active() || !self.wire.is_empty();
            let now = if slow { Some(Instant::now()) } else { None };
            for message in self.received.drain(..) {
                if Kind::of(&message) == Some(Kind::AgentSessionState) {
                    continue;
                }
                match now {
                    Some(now) => self.wire.push(message, &session.line, now),
                    None => self.ready.push_back(message),
                }
            }
            if let Some(now) = now {
                while let Some(message) = self.wire.pop(now) {
                    self.ready.push_back(message);
                }
            }
        }
    }
}

impl Up {
    /// Returns the way to the agent, empty.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            ready: VecDeque::new(),
            wire: Wire::new(Direction::ToAgent, seed),
            alarm: Alarm::default(),
        }
    }

    /// Passes messages of the client on until something ends it; loses nothing when interrupted.
    pub(super) async fn pass(
        &mut self,
        passed: &Passed<'_>,
        stream: &mut SplitStream<WebSocket>,
        to_agent: &mpsc::Sender<Bytes>,
    ) -> Left {
        let session = passed.session;
        loop {
            if !session.outgoing.is_connected() {
                self.ready.clear();
            }
            while !self.ready.is_empty() {
                let Ok(permit) = to_agent.reserve().await else {
                    self.ready.clear();
                    break;
                };
                permit.send(self.ready.pop_front().expect("checked"));
            }
            self.alarm.set(self.wire.due());
            let message = tokio::select! {
                message = stream.next(), if self.wire.has_room() => match message {
                    Some(Ok(message)) => Some(message),
                    Some(Err(_)) | None => return Left::Gone,
                },
                () = self.alarm.wait() => None,
            };
            match message {
                Some(Message::Binary(message)) => {
                    if let Some(left) = self.take(message, passed, to_agent) {
                        return left;
                    }
                }
                Some(Message::Close(_)) => return Left::Gone,
                _ => {}
            }
            if !self.wire.is_empty() {
                let now = Instant::now();
                while let Some(message) = self.wire.pop(now) {
                    self.ready.push_back(message);
                }
            }
        }
    }

    fn take(
        &mut self,
        message: Bytes,
        passed: &Passed<'_>,
        to_agent: &mpsc::Sender<Bytes>,
    ) -> Option<Left> {
        let session = passed.session;
        count(&session.counters.messages_to_agent, 1);
        count(&session.counters.bytes_to_agent, message.len() as u64);
        passed.count();
        if session.line.active() {
            let (limit, silently) =
                session.line.with(|line| (line.max_message, line.drop_too_long));
            if limit.is_some_and(|limit| message.len() > limit) {
                return (!silently).then(|| Left::Close(1009, "Message too long".into()));
            }
            self.wire.push(message, &session.line, Instant::now());
            return passed.used_up();
        }
        if !session.outgoing.is_connected() {
            return None;
        }
        if !self.wire.is_empty() {
            self.wire.push(message, &session.line, Instant::now());
        } else if let Err(mpsc::error::TrySendError::Full(message)) = to_agent.try_send(message) {
            self.ready.push_back(message);
        }
        None
    }
}

//! The one loop that moves a session's bytes: websocket on one side, clients on the other.
//!
//! Between its opening text and its close, only this file reads and writes the websocket. Reading
//! never waits for a client: bytes go to the client's own queue, and the budget inside
//! [`PortSession`] is the brake.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::{Sink, Stream as _};
use ssmpf_proto::{CloseReason, Event, MessageError, PortSession, Ready, StreamId};
use tokio::sync::mpsc;
use tokio::time::Sleep;
use tokio_tungstenite::tungstenite::Message;

use super::heartbeat::{Beat, Heartbeat};
use super::notice::{GAP_STEPS, Notice};
use super::stream::{Client, Command, Inbound};
use super::wake::Clocks;
use super::websocket::Websocket;

/// Messages read before acknowledgements leave and clients are served: one socket read's worth.
const READ_BATCH: usize = 64;
/// Commands of clients applied before the network has its turn.
const COMMAND_BATCH: usize = 256;
/// Unintelligible messages in a row that make the connection not worth keeping.
const MAX_GARBAGE: u32 = 64;

/// How long after a reconnection later messages have shown what is missing.
const GAP_SHOWS: Duration = Duration::from_secs(1);
/// Time between two looks at what is missing; the agent may lose its own connection at any time.
const GAP_LOOK: Duration = Duration::from_secs(2);

/// How a websocket's time as the carrier of a session ended.
#[derive(Debug)]
pub(super) enum Carried {
    /// The session is over.
    Ended(CloseReason),
    /// The websocket is of no use any more; the session may go on over another.
    Lost(String),
}

/// The session's state between websockets.
#[derive(Debug)]
pub(super) struct Driver {
    port: PortSession,
    clients: HashMap<StreamId, Client>,
    commands: mpsc::UnboundedReceiver<Command>,
    /// To give to streams; weak, so that the last handle's drop is noticed.
    commander: mpsc::WeakUnboundedSender<Command>,
    notices: mpsc::UnboundedSender<Notice>,
    /// When to look whether something got lost: later messages show it.
    look_for_gap_at: Instant,
    /// How many of the steps have been said.
    gap_steps_told: usize,
    ready: Option<Ready>,
    ended: Option<CloseReason>,
}

impl Driver {
    pub fn new(
        port: PortSession,
        commands: mpsc::UnboundedReceiver<Command>,
        commander: mpsc::WeakUnboundedSender<Command>,
        notices: mpsc::UnboundedSender<Notice>,
    ) -> Self {
        Self {
            port,
            clients: HashMap::new(),
            commands,
            commander,
            notices,
            look_for_gap_at: Instant::now(),
            gap_steps_told: 0,
            ready: None,
            ended: None,
        }
    }

    /// Returns the text that opens the data channel on a new websocket.
    pub fn open_data_channel(&mut self, token: &str) -> String {
        self.port.open_data_channel(token)
    }

    /// The session's protocol state, for figures.
    pub fn port(&self) -> &PortSession {
        &self.port
    }

    /// Takes what the handshake brought, once.
    pub fn take_ready(&mut self) -> Option<Ready> {
        self.ready.take()
    }

    /// Moves bytes over a websocket until it or the session ends, or `until_ready` is fulfilled.
    ///
    /// Returns `None` in the last case: the session is ready, and carrying goes on with another
    /// call.
    pub async fn carry(
        &mut self,
        websocket: &mut Websocket,
        heartbeat: &mut Heartbeat,
        until_ready: bool,
    ) -> Option<Carried> {
        let mut carrier = Carrier {
            driver: self,
            websocket,
            heartbeat,
            alarm: Box::pin(tokio::time::sleep(Duration::ZERO)),
            alarm_at: None,
            braked_since: None,
            unflushed: true,
            garbage: 0,
            until_ready,
        };
        poll_fn(|cx| carrier.poll(cx)).await
    }

    /// A new websocket carries the session; the opening text has been sent.
    pub fn connected(&mut self) {
        let now = Instant::now();
        self.port.handle_connected(now);
        self.look_for_gap_at = now + GAP_SHOWS;
    }

    /// Says when something is missing that takes long to heal, and again when that gets much worse.
    fn look_for_gap(&mut self, now: Instant) {
        if now < self.look_for_gap_at {
            return;
        }
        self.look_for_gap_at = now + GAP_LOOK;
        let Some(gap) = self.port.gap() else {
            self.gap_steps_told = 0;
            return;
        };
        let steps = GAP_STEPS.iter().filter(|step| gap.heals_in >= **step).count();
        if steps > self.gap_steps_told {
            self.gap_steps_told = steps;
            self.notify(Notice::Gap { missing: gap.missing, heals_in: gap.heals_in });
        }
    }

    /// The websocket is gone.
    pub fn disconnected(&mut self) {
        self.port.handle_disconnected(Instant::now());
    }

    /// Serves clients and timers while no websocket is there. Returns when the session has ended.
    pub async fn wait_disconnected(&mut self) -> CloseReason {
        loop {
            let now = Instant::now();
            self.port.handle_timeout(now);
            self.dispatch();
            if let Some(reason) = self.ended.take() {
                return reason;
            }
            // Without a websocket only the end of a termination is waited for.
            let wake = self.port.poll_timeout(now).unwrap_or(now + Duration::from_secs(3600));
            let wake = wake.max(now + Duration::from_millis(10));
            tokio::select! {
                command = self.commands.recv() => self.apply(command.unwrap_or(Command::Terminate), now),
                () = tokio::time::sleep_until(wake.into()) => {}
            }
        }
    }

    fn apply(&mut self, command: Command, now: Instant) {
        match command {
            Command::Open(reply) => {
                let opened = self.port.open_stream(now).and_then(|id| {
                    let commands =
                        self.commander.upgrade().ok_or(ssmpf_proto::OpenError::Closed)?;
                    let (client, stream) = Client::new(id, commands);
                    self.clients.insert(id, client);
                    Ok(stream)
                });
                // If the client has left meanwhile, the stream comes back and closes itself.
                let _ = reply.send(opened);
            }
            Command::Write(stream, bytes) => {
                let length = bytes.len();
                let taken = self.port.write(stream, bytes);
                debug_assert_eq!(taken, length, "credit and room disagree");
            }
            Command::Finish(stream) => self.port.finish(stream, now),
            Command::Consumed { stream, bytes, pieces } => {
                self.port.consumed_pieces(stream, bytes, pieces);
            }
            Command::Close(stream) => {
                self.clients.remove(&stream);
                self.port.close_stream(stream, now);
            }
            Command::Terminate => self.port.terminate(now),
        }
    }

    /// Hands what happened to those it concerns.
    fn dispatch(&mut self) {
        while let Some(event) = self.port.poll_event() {
            match event {
                Event::Data { stream, bytes } => match self.clients.get(&stream) {
                    // Copied: a small piece would keep the whole read of the network alive.
                    Some(client) => {
                        client.deliver(Inbound::Data(bytes::Bytes::copy_from_slice(&bytes)));
                    }
                    None => self.port.consumed(stream, bytes.len()),
                },
                Event::Sent { stream, bytes } => {
                    if let Some(client) = self.clients.get(&stream) {
                        client.sent(bytes);
                    }
                }
                Event::Finished { stream } => self.last_word(stream, Inbound::Finished),
                Event::Refused { stream } => self.last_word(stream, Inbound::Refused),
                Event::Abandoned { stream } => self.last_word(stream, Inbound::Abandoned),
                Event::Overflowed { stream } => self.last_word(stream, Inbound::Overflowed),
                Event::Silent(silence) => self.notify(Notice::Silent(silence)),
                Event::Heard => self.notify(Notice::Heard),
                Event::Ready(ready) => self.ready = Some(ready),
                Event::Closed(reason) => self.ended = Some(reason),
            }
        }
    }

    fn notify(&self, notice: Notice) {
        // The forward may have stopped listening; the session does not depend on it.
        let _ = self.notices.send(notice);
    }

    fn last_word(&mut self, stream: StreamId, word: Inbound) {
        if let Some(client) = self.clients.remove(&stream) {
            client.deliver(word);
        }
    }
}

/// One websocket and the session it carries, polled as one future: many small messages pass per
/// wake-up, and their acknowledgements leave in one write.
struct Carrier<'a> {
    driver: &'a mut Driver,
    websocket: &'a mut Websocket,
    heartbeat: &'a mut Heartbeat,
    alarm: Pin<Box<Sleep>>,
    alarm_at: Option<Instant>,
    /// When reading was last held back for slow clients.
    braked_since: Option<Instant>,
    unflushed: bool,
    garbage: u32,
    until_ready: bool,
}

impl Carrier<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Carried>> {
        loop {
            let now = Instant::now();
            let mut progress = self.poll_commands(cx, now);
            progress |= match self.poll_read(cx, now) {
                Ok(progress) => progress,
                Err(reason) => return self.lost(reason),
            };
            progress |= match self.poll_timers(cx, now) {
                Ok(progress) => progress,
                Err(reason) => return self.lost(reason),
            };
            progress |= match self.poll_write(cx, now) {
                Ok(progress) => progress,
                Err(reason) => return self.lost(reason),
            };
            self.driver.dispatch();
            // What is still to be flushed is flushed when the websocket is closed.
            if self.driver.ended.is_some() {
                return Poll::Ready(self.driver.ended.take().map(Carried::Ended));
            }
            if self.until_ready && self.driver.ready.is_some() {
                return Poll::Ready(None);
            }
            if !progress {
                return Poll::Pending;
            }
        }
    }

    /// The websocket is gone; if the session had ended, that is what counts.
    fn lost(&mut self, reason: String) -> Poll<Option<Carried>> {
        self.driver.dispatch();
        let ended = self.driver.ended.take().map(Carried::Ended);
        Poll::Ready(Some(ended.unwrap_or(Carried::Lost(reason))))
    }

    fn poll_commands(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        for count in 0..COMMAND_BATCH {
            match self.driver.commands.poll_recv(cx) {
                Poll::Ready(Some(command)) => self.driver.apply(command, now),
                // Nobody can use the session any more.
                Poll::Ready(None) => {
                    self.driver.port.terminate(now);
                    return false;
                }
                Poll::Pending => return count > 0,
            }
        }
        true
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, String> {
        let Some(batch) = self.allowed(now) else { return Ok(false) };
        for count in 0..batch {
            let message = match Pin::new(&mut *self.websocket).poll_next(cx) {
                Poll::Pending => return Ok(count > 0),
                Poll::Ready(None) => return Err("the connection ended".to_owned()),
                Poll::Ready(Some(Err(error))) => return Err(error.to_string()),
                Poll::Ready(Some(Ok(message))) => message,
            };
            self.heartbeat.heard();
            let bytes = match message {
                Message::Binary(bytes) => bytes,
                Message::Text(text) => text.into(),
                // The library has queued the answer.
                Message::Ping(_) => {
                    self.unflushed = true;
                    continue;
                }
                Message::Close(frame) => {
                    return Err(frame.map_or_else(
                        || "the service closed the connection".to_owned(),
                        |frame| format!("the service closed the connection ({frame})"),
                    ));
                }
                Message::Pong(_) => {
                    self.heartbeat.answered();
                    continue;
                }
                Message::Frame(_) => continue,
            };
            match self.driver.port.handle_message(bytes, now) {
                Ok(()) => self.garbage = 0,
                // It was left out on purpose and comes again.
                Err(MessageError::TooFarAhead(_)) => {}
                Err(error) => {
                    tracing::debug!(%error, "message dropped");
                    self.garbage += 1;
                    if self.garbage >= MAX_GARBAGE {
                        return Err(format!("the service sends what is not understood: {error}"));
                    }
                }
            }
        }
        Ok(true)
    }

    /// How many messages may be read now; `None` while slow clients hold reading back.
    fn allowed(&mut self, now: Instant) -> Option<usize> {
        let Some(brake) = self.driver.port.brake() else {
            self.braked_since = None;
            return Some(READ_BATCH);
        };
        let since = *self.braked_since.get_or_insert(now);
        if now < since + brake.wait {
            // What is not read cannot be heard.
            self.heartbeat.excuse();
            return None;
        }
        self.braked_since = Some(now);
        Some(brake.messages)
    }

    fn poll_timers(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, String> {
        let mut progress = false;
        match self.heartbeat.beat(Clocks::now(), now) {
            Beat::Quiet => {}
            Beat::Ping => {
                if let Poll::Ready(Ok(())) = Pin::new(&mut *self.websocket).poll_ready(cx) {
                    let ping = Message::Ping(bytes::Bytes::from_static(b"keepalive"));
                    let sent = Pin::new(&mut *self.websocket).start_send(ping);
                    sent.map_err(|error| error.to_string())?;
                    self.unflushed = true;
                }
            }
            Beat::Dead(silence) => {
                return Err(format!("no sign of life for {} s", silence.as_secs()));
            }
        }
        self.driver.look_for_gap(now);
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.driver.port.poll_timeout(now)) {
            self.driver.port.handle_timeout(now);
            progress = true;
        }
        let brake = self
            .braked_since
            .zip(self.driver.port.brake())
            .map(|(since, brake)| since + brake.wait);
        let timers = [
            self.driver.port.poll_timeout(now),
            brake,
            Some(self.heartbeat.next()),
            Some(self.driver.look_for_gap_at),
        ];
        let next = timers.into_iter().flatten().min();
        if next != self.alarm_at
            && let Some(at) = next
        {
            self.alarm.as_mut().reset(at.into());
            self.alarm_at = next;
        }
        if self.alarm.as_mut().poll(cx).is_ready() {
            self.alarm_at = None;
            progress = true;
        }
        Ok(progress)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, String> {
        let mut progress = false;
        loop {
            match Pin::new(&mut *self.websocket).poll_ready(cx) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) => return Err(error.to_string()),
                Poll::Ready(Ok(())) => {}
            }
            let Some(message) = self.driver.port.poll_transmit(now) else { break };
            let sent = Pin::new(&mut *self.websocket).start_send(Message::Binary(message));
            sent.map_err(|error| error.to_string())?;
            self.unflushed = true;
            progress = true;
        }
        if self.unflushed {
            match Pin::new(&mut *self.websocket).poll_flush(cx) {
                Poll::Pending => {}
                Poll::Ready(Err(error)) => return Err(error.to_string()),
                Poll::Ready(Ok(())) => self.unflushed = false,
            }
        }
        Ok(progress)
    }
}

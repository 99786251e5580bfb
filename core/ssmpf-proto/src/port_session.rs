//! Channel and streams joined: the value that a driver drives.
//!
//! ```text
//! Starting ──agent's handshake──► Ready ──terminate──► Ending      any ──► Closed
//! ```
//! A lost websocket changes nothing of this: the session waits for the next one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::agent_version::AgentVersion;
use crate::basic::Basic;
use crate::channel::handshake::Terms;
use crate::channel::{Arrival, Channel, ChannelStats, Gap, Source};
use crate::config::{self, Config};
use crate::error::{CloseReason, MessageError, OpenError};
use crate::message::Flag;
use crate::mux::Mux;
use crate::mux::budget::Budget;

/// Value of the document property that asks for many connections on a local port.
const LOCAL_PORT_FORWARDING: &str = "LocalPortForwarding";

/// Messages passed on between two waits while clients are slow: enough that those who are not do
/// not notice the one who is.
const RELEASE_BATCH: usize = 64;

/// One connection inside a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// How a session carries connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Many at once.
    Mux {
        /// Whether the agent wants a sign of life every ten seconds.
        keepalive: bool,
    },
    /// One after another, for agents without the mux.
    Basic,
    /// A single one (ssh).
    SingleStream,
}

/// What is known once the handshake is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// How connections are carried.
    pub mode: Mode,
    /// The agent's version; `None` if it does not say.
    pub agent_version: Option<AgentVersion>,
    /// Text from the service for the user; usually empty.
    pub message: String,
}

/// What happened, for the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Streams may be opened.
    Ready(Ready),
    /// Bytes for a client. Report them with [`PortSession::consumed`] once it has taken them.
    Data {
        /// For whom.
        stream: StreamId,
        /// What.
        bytes: Bytes,
    },
    /// Queued bytes of a stream have left: there is room for more.
    Sent {
        /// Whose.
        stream: StreamId,
        /// How many.
        bytes: usize,
    },
    /// The server has closed the connection: no more bytes follow on this stream. It may still be
    /// given up with [`Event::Overflowed`] if its client does not take the bytes it was sent.
    Finished {
        /// Which.
        stream: StreamId,
    },
    /// The agent could not connect to the destination for this stream.
    Refused {
        /// Which.
        stream: StreamId,
    },
    /// The client did not take its bytes and has been given up to spare the others.
    Overflowed {
        /// Which.
        stream: StreamId,
    },
    /// The session is over; nothing follows.
    Closed(CloseReason),
}

/// A session's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Counters of the channel.
    pub channel: ChannelStats,
    /// Streams open now.
    pub streams: usize,
    /// Smoothed round trip to the agent.
    pub round_trip: Option<Duration>,
    /// Largest payload in use, in bytes.
    pub payload_size: usize,
    /// Unacknowledged bytes allowed.
    pub window: usize,
    /// Bytes stored for resending.
    pub unacknowledged: usize,
    /// Bytes received out of order, or held back because clients are slow.
    pub out_of_order: usize,
    /// Bytes received that clients have not taken.
    pub untaken: usize,
}

#[derive(Debug)]
enum Link {
    Pending,
    Mux(Mux),
    Basic(Basic),
}

#[derive(Debug)]
struct Ending {
    flag: i64,
    deadline: Instant,
}

/// One session for port forwarding.
#[derive(Debug)]
pub struct PortSession {
    channel: Channel,
    link: Link,
    budget: Budget,
    events: VecDeque<Event>,
    arrivals: VecDeque<Arrival>,
    /// Whether the last message brought session bytes.
    weighs: bool,
    /// When the next message may be passed on, although clients are slow.
    release_at: Instant,
    /// Messages passed on since then.
    released: usize,
    ending: Option<Ending>,
    closed: bool,
}

impl PortSession {
    /// Starts a session that no websocket carries yet.
    ///
    /// `unix_ms` is the wall clock at `now`, in milliseconds since 1970; `seed` makes all ids of
    /// this session repeatable and must differ between sessions.
    pub fn new(config: Config, now: Instant, unix_ms: u64, seed: u64) -> Self {
        Self {
            budget: Budget::new(config.receive_budget, now),
            channel: Channel::new(config, now, unix_ms, seed),
            link: Link::Pending,
            events: VecDeque::new(),
            arrivals: VecDeque::new(),
            weighs: false,
            release_at: now,
            released: 0,
            ending: None,
            closed: false,
        }
    }

    /// Returns the JSON text that must be the first message on every new websocket.
    pub fn open_data_channel(&mut self, token: &str) -> String {
        self.channel.open_data_channel(token)
    }

    /// A websocket carries the session now, and the first text has been sent on it.
    pub fn handle_connected(&mut self, now: Instant) {
        self.channel.handle_connected(now);
    }

    /// The websocket is gone; the session waits for another.
    pub fn handle_disconnected(&mut self, now: Instant) {
        self.channel.handle_disconnected(now);
    }

    /// Takes one websocket message from the network.
    ///
    /// # Errors
    ///
    /// A [`MessageError`] when the message was dropped. The session goes on; a driver that sees
    /// many of these in a row should take the connection for broken.
    pub fn handle_message(&mut self, bytes: Bytes, now: Instant) -> Result<(), MessageError> {
        self.budget.tick(now);
        let before = self.channel.stats().bytes_received;
        let result = self.channel.handle_message(bytes, now, &mut self.arrivals);
        self.weighs = self.channel.stats().bytes_received > before;
        self.handle_arrivals(now);
        result.and(self.release(now))
    }

    /// Passes on what has arrived in order, as fast as clients take it.
    ///
    /// When a gap closes, minutes of traffic may follow at once: more than clients are allowed to
    /// leave untaken, however quick they are.
    fn release(&mut self, now: Instant) -> Result<(), MessageError> {
        let mut result = Ok(());
        while self.channel.has_deliverable() {
            if let Some(wait) = self.pressure() {
                if now < self.release_at {
                    break;
                }
                self.released += 1;
                if self.released >= RELEASE_BATCH {
                    self.released = 0;
                    self.release_at = now + wait;
                }
            }
            let delivered = self.channel.deliver_next(&mut self.arrivals);
            result = result.and(delivered.unwrap_or(Ok(())));
            self.handle_arrivals(now);
        }
        result
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        self.budget.tick(now);
        self.channel.handle_timeout(now, &mut self.arrivals);
        match &mut self.link {
            Link::Mux(mux) => mux.handle_timeout(now, &mut self.events),
            Link::Basic(basic) => basic.handle_timeout(now, &mut self.events),
            Link::Pending => {}
        }
        self.handle_arrivals(now);
        // What is wrong with a message was acknowledged long ago; there is nobody to tell.
        let _ = self.release(now);
        if self.ending.as_ref().is_some_and(|ending| ending.deadline <= now) {
            self.close(CloseReason::Terminated { acknowledged: false });
        }
    }

    /// Opens a stream for a client that has connected.
    ///
    /// # Errors
    ///
    /// An [`OpenError`] that says why not.
    pub fn open_stream(&mut self, now: Instant) -> Result<StreamId, OpenError> {
        if self.closed || self.ending.is_some() {
            return Err(OpenError::Closed);
        }
        match &mut self.link {
            Link::Pending => Err(OpenError::NotReady),
            Link::Mux(mux) => mux.open(now, &mut self.events),
            Link::Basic(basic) => {
                let from = self.events.len();
                let opened = basic.open(&mut self.events);
                self.hold(from);
                opened
            }
        }
    }

    /// Bytes that [`PortSession::write`] would take now without exceeding the stream's bound.
    pub fn room(&self, stream: StreamId) -> usize {
        match &self.link {
            Link::Pending => 0,
            Link::Mux(mux) => mux.room(stream),
            Link::Basic(basic) => basic.room(stream),
        }
    }

    /// Queues a client's bytes, at most [`PortSession::room`] of them; returns how many it took.
    ///
    /// [`Event::Sent`] tells when there is room again. Bytes for a stream that has ended are
    /// taken and dropped, since nobody can read them any more.
    pub fn write(&mut self, stream: StreamId, mut bytes: Bytes) -> usize {
        let known = match &self.link {
            Link::Pending => false,
            Link::Mux(mux) => mux.knows(stream),
            Link::Basic(basic) => basic.knows(stream),
        };
        if !known {
            return bytes.len();
        }
        bytes.truncate(self.room(stream));
        let taken = bytes.len();
        match &mut self.link {
            Link::Pending => {}
            Link::Mux(mux) => mux.write(stream, bytes),
            Link::Basic(basic) => basic.write(stream, bytes),
        }
        taken
    }

    /// A client has half-closed: it sends no more, but may still receive.
    ///
    /// The agent cannot be told (the mux knows only a full close), so the stream stays open until
    /// the server has finished, or has been silent for [`config::HALF_CLOSE_IDLE`].
    pub fn finish(&mut self, stream: StreamId, now: Instant) {
        match &mut self.link {
            Link::Pending => {}
            Link::Mux(mux) => mux.finish(stream, now),
            Link::Basic(basic) => basic.finish(stream, now),
        }
    }

    /// A client is gone. What it sent still leaves; what comes for it is dropped.
    pub fn close_stream(&mut self, stream: StreamId, now: Instant) {
        self.budget.forget(stream);
        match &mut self.link {
            Link::Pending => {}
            Link::Mux(mux) => mux.close(stream),
            Link::Basic(basic) => basic.close(stream),
        }
        self.settle_basic(now);
    }

    /// A client has taken bytes of an [`Event::Data`].
    pub fn consumed(&mut self, stream: StreamId, bytes: usize) {
        self.budget.release(stream, bytes);
    }

    /// Ends the session: tells the agent and waits for its word, at most
    /// [`config::TERMINATE_WAIT`]. [`Event::Closed`] says whether it came.
    pub fn terminate(&mut self, now: Instant) {
        if self.closed || self.ending.is_some() {
            return;
        }
        let listens =
            self.channel.terms().agent_version.is_some_and(AgentVersion::has_terminate_flag);
        if self.channel.is_open() && self.channel.is_connected() && listens {
            let flag = self.channel.send_flag(Flag::TerminateSession);
            self.ending = Some(Ending { flag, deadline: now + config::TERMINATE_WAIT });
        } else {
            self.close(CloseReason::Terminated { acknowledged: false });
        }
    }

    /// Returns the next websocket message to send, if there is one.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        self.budget.tick(now);
        let quiet = self.ending.is_some() || self.closed;
        let mut source = LinkSource { link: &mut self.link, events: &mut self.events, quiet };
        let message = self.channel.poll_transmit(now, &mut source);
        if message.is_some() {
            self.settle_basic(now);
        }
        message
    }

    /// Returns what happened next, in order.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`PortSession::handle_timeout`] wants to be called.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        if self.closed {
            return None;
        }
        let link = match &self.link {
            Link::Pending => None,
            Link::Mux(mux) => mux.poll_timeout(),
            Link::Basic(basic) => basic.poll_timeout(now),
        };
        let ending = self.ending.as_ref().map(|ending| ending.deadline);
        let release = self
            .channel
            .has_deliverable()
            .then(|| if self.pressure().is_some() { self.release_at } else { now });
        [self.channel.poll_timeout(), link, ending, release].into_iter().flatten().min()
    }

    /// How long to wait before reading more from the network, because clients are slow. The wait
    /// ends early when a client takes bytes or a stream is opened: ask again then.
    ///
    /// There is no wait after a message without new session bytes: acknowledgements that came late
    /// would make the other direction repeat what has arrived.
    pub fn brake(&self) -> Option<Duration> {
        self.pressure().filter(|_| self.weighs)
    }

    fn pressure(&self) -> Option<Duration> {
        self.budget.brake(self.stream_count())
    }

    /// What is missing before the messages already received: how long until the agent has
    /// repeated it, or whether a new session is the quicker way.
    pub fn gap(&self) -> Option<Gap> {
        self.channel.gap()
    }

    /// The session's figures.
    pub fn stats(&self) -> Stats {
        let (unacknowledged, out_of_order) = self.channel.buffered();
        Stats {
            channel: self.channel.stats(),
            streams: self.stream_count(),
            round_trip: self.channel.round_trip(),
            payload_size: self.channel.payload_size(),
            window: self.channel.window(),
            unacknowledged,
            out_of_order,
            untaken: self.budget.total(),
        }
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn stream_count(&self) -> usize {
        match &self.link {
            Link::Pending => 0,
            Link::Mux(mux) => mux.len(),
            Link::Basic(basic) => basic.len(),
        }
    }

    fn handle_arrivals(&mut self, now: Instant) {
        while let Some(arrival) = self.arrivals.pop_front() {
            if self.closed {
                continue;
            }
            match arrival {
                Arrival::Open { terms, message } => self.handle_open(&terms, message, now),
                Arrival::Bytes(bytes) => self.handle_bytes(bytes, now),
                Arrival::Flag(Flag::ConnectToPortError) => {
                    if let Link::Mux(mux) = &mut self.link {
                        mux.handle_refusal();
                    }
                }
                Arrival::Flag(_) => {}
                Arrival::Closed(reason) => self.handle_closed(reason),
            }
        }
        self.settle_basic(now);
        if let Some(ending) = &self.ending
            && self.channel.is_acknowledged(ending.flag)
        {
            self.close(CloseReason::Terminated { acknowledged: true });
        }
    }

    fn handle_open(&mut self, terms: &Terms, message: String, now: Instant) {
        let agent_version = terms.agent_version;
        let has_mux = agent_version.is_some_and(AgentVersion::has_mux);
        let many = terms.property("type") == Some(LOCAL_PORT_FORWARDING);
        let mode = match (many, has_mux) {
            (true, true) => {
                let keepalive = agent_version.is_some_and(AgentVersion::expects_keepalive);
                self.link = Link::Mux(Mux::new(keepalive, now));
                Mode::Mux { keepalive }
            }
            (true, false) => {
                self.link = Link::Basic(Basic::new(false));
                Mode::Basic
            }
            (false, _) => {
                self.link = Link::Basic(Basic::new(true));
                Mode::SingleStream
            }
        };
        self.events.push_back(Event::Ready(Ready { mode, agent_version, message }));
    }

    fn handle_bytes(&mut self, bytes: Bytes, now: Instant) {
        let from = self.events.len();
        let failed = match &mut self.link {
            Link::Pending => None,
            Link::Mux(mux) => {
                mux.handle_bytes(bytes, now, &mut self.events).err().map(CloseReason::from)
            }
            Link::Basic(basic) => {
                basic.handle_bytes(bytes, now, &mut self.events).err().map(|_| {
                    CloseReason::Protocol(
                        "the server sent too much before any client connected".to_owned(),
                    )
                })
            }
        };
        self.hold(from);
        if let Some(reason) = failed {
            self.close(reason);
        }
    }

    /// Counts the data among the events from this one on, and gives up who holds too much.
    fn hold(&mut self, from: usize) {
        let mut victims = Vec::new();
        for event in self.events.range(from..) {
            if let Event::Data { stream, bytes } = event
                && let Some(victim) = self.budget.hold(*stream, bytes.len())
                // Nothing follows these bytes any more, so they do not pile up.
                && !self.channel.is_closed()
            {
                self.budget.forget(victim);
                if !victims.contains(&victim) {
                    victims.push(victim);
                }
            }
        }
        for victim in victims {
            // Without its bytes, a regular end would look like a complete transfer.
            self.events.retain(|event| match event {
                Event::Data { stream, .. } | Event::Finished { stream } => *stream != victim,
                _ => true,
            });
            self.budget.forget(victim);
            match &mut self.link {
                Link::Pending => {}
                Link::Mux(mux) => mux.close(victim),
                Link::Basic(basic) => basic.close(victim),
            }
            self.events.push_back(Event::Overflowed { stream: victim });
        }
    }

    /// Tells an agent without the mux that a connection has ended, and begins the next one once
    /// it has said that it knows.
    fn settle_basic(&mut self, now: Instant) {
        let Link::Basic(basic) = &mut self.link else { return };
        if self.closed {
            return;
        }
        if basic.wants_to_leave() {
            if basic.is_single() {
                self.terminate(now);
                return;
            }
            let sequence = self.channel.send_flag(Flag::DisconnectToPort);
            basic.leaving(sequence);
        }
        if basic.waits_for().is_some_and(|sequence| self.channel.is_acknowledged(sequence)) {
            let from = self.events.len();
            basic.left(&mut self.events);
            self.hold(from);
        }
    }

    fn handle_closed(&mut self, reason: CloseReason) {
        if let Link::Basic(basic) = &self.link
            && basic.is_single()
            && let Some(stream) = basic.active()
        {
            // The agent ends a standard-stream session when the server closes.
            self.events.push_back(Event::Finished { stream });
        }
        match reason {
            CloseReason::ByService { .. } if self.ending.is_some() => {
                self.close(CloseReason::Terminated { acknowledged: true });
            }
            reason => self.close(reason),
        }
    }

    fn close(&mut self, reason: CloseReason) {
        if !self.closed {
            self.closed = true;
            self.events.push_back(Event::Closed(reason));
        }
    }
}

/// The streams as the channel sees them.
struct LinkSource<'a> {
    link: &'a mut Link,
    events: &'a mut VecDeque<Event>,
    /// Nothing new may leave any more.
    quiet: bool,
}

impl Source for LinkSource<'_> {
    fn backlog(&self) -> usize {
        match &self.link {
            Link::Pending => 0,
            Link::Mux(mux) => mux.queued(),
            Link::Basic(basic) => basic.queued(),
        }
    }

    fn has_any(&self) -> bool {
        !self.quiet
            && match &self.link {
                Link::Pending => false,
                Link::Mux(mux) => mux.has_frames(),
                Link::Basic(basic) => basic.queued() > 0,
            }
    }

    fn fill(&mut self, room: usize, out: &mut BytesMut) {
        match self.link {
            Link::Pending => {}
            Link::Mux(mux) => mux.fill(room, out, self.events),
            Link::Basic(basic) => basic.fill(room, out, self.events),
        }
    }
}

#[cfg(test)]
mod tests;

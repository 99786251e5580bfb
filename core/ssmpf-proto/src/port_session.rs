//! Channel and streams joined: the value that a driver drives.
//!
//! ```text
//! Starting ──agent's handshake──► Ready ──terminate──► Ending      any ──► Closed
//! ```
//! A lost websocket changes nothing of this: the session waits for the next one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::agent_version::AgentVersion;
use crate::budget::Budget;
use crate::channel::handshake::Terms;
use crate::channel::{Arrival, Channel, ChannelStats, Gap};
use crate::config::{self, Config};
use crate::error::{CloseReason, MessageError, OpenError};
use crate::event::{Event, Ready, StreamId};
use crate::link::{Link, LinkSource};
use crate::liveness::{Change, Liveness};
use crate::message::Flag;

/// See [`PortSession::brake`]: about one read of the network.
const RELEASE_BATCH: usize = 64;

/// How to hold reading back for slow clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brake {
    /// Time between two reads.
    pub wait: Duration,
    /// Messages to take in each.
    pub messages: usize,
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

/// How far an orderly end has got.
#[derive(Debug)]
enum Ending {
    /// What clients have sent still leaves, until then.
    Draining(Instant),
    /// The agent has been told under this number, and has until then to confirm.
    Told(i64, Instant),
}

impl Ending {
    fn deadline(&self) -> Instant {
        match self {
            Self::Draining(deadline) | Self::Told(_, deadline) => *deadline,
        }
    }
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
    liveness: Liveness,
}

impl PortSession {
    /// Starts a session that no websocket carries yet.
    ///
    /// `unix_ms` is the wall clock at `now`, in milliseconds since 1970; `seed` makes all ids of
    /// this session repeatable and must differ between sessions.
    pub fn new(config: Config, now: Instant, unix_ms: u64, seed: u64) -> Self {
        let liveness = Liveness::new(&config, now);
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
            liveness,
        }
    }

    /// Returns the JSON text that must be the first message on every new websocket.
    pub fn open_data_channel(&mut self, token: &str) -> String {
        self.channel.open_data_channel(token)
    }

    /// A websocket carries the session now, and the first text has been sent on it.
    pub fn handle_connected(&mut self, now: Instant) {
        self.channel.handle_connected(now);
        self.liveness.connected(true, now);
    }

    /// The websocket is gone; the session waits for another.
    pub fn handle_disconnected(&mut self, now: Instant) {
        self.channel.handle_disconnected(now);
        self.liveness.connected(false, now);
    }

    /// Takes one websocket message from the network.
    ///
    /// # Errors
    ///
    /// A [`MessageError`] when the message was dropped. The session goes on; a driver that sees
    /// many of these in a row should take the connection for broken.
    pub fn handle_message(&mut self, bytes: Bytes, now: Instant) -> Result<(), MessageError> {
        self.budget.tick(now);
        let (bytes_before, answers_before) =
            (self.channel.stats().bytes_received, self.channel.answers());
        let result = self.channel.handle_message(bytes, now, &mut self.arrivals);
        self.weighs = self.channel.stats().bytes_received > bytes_before;
        self.liveness.settled(self.channel.is_settled(), now);
        if self.channel.answers() > answers_before {
            let change = self.liveness.heard(now);
            self.tell(change);
        }
        if self.weighs {
            self.liveness.traffic(now);
        }
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
                if self.released >= self.batch() {
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
        let audible = self.channel.is_connected()
            && self.channel.is_settled()
            && !self.channel.has_deliverable()
            && self.channel.gap().is_none();
        self.link.handle_timeout(now, audible, &mut self.events);
        self.handle_arrivals(now);
        self.check_liveness(now);
        // What is wrong with a message was acknowledged long ago; there is nobody to tell.
        let _ = self.release(now);
        self.advance_ending(now);
    }

    fn check_liveness(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        if self.pressure().is_some() {
            // What is not read cannot be heard.
            self.liveness.excuse(now);
        }
        let change = self.liveness.check(now);
        self.tell(change);
        if self.channel.is_open() && self.liveness.wants_probe(self.link.len(), now) {
            self.liveness.probe_sent(now);
            self.channel.send_probe();
        }
    }

    fn tell(&mut self, change: Option<Change>) {
        // Nothing follows the end.
        let change = change.filter(|_| !self.closed);
        self.events.extend(change.map(|change| match change {
            Change::Silent(silence) => Event::Silent(silence),
            Change::Heard => Event::Heard,
        }));
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
        let from = self.events.len();
        let opened = self.link.open(now, &mut self.events);
        self.liveness.traffic(now);
        self.hold(from);
        opened
    }

    /// Bytes that [`PortSession::write`] would take now without exceeding the stream's bound.
    pub fn room(&self, stream: StreamId) -> usize {
        self.link.room(stream)
    }

    /// Queues a client's bytes, at most [`PortSession::room`] of them; returns how many it took.
    ///
    /// [`Event::Sent`] tells when there is room again. Bytes for a stream that has ended are
    /// taken and dropped, since nobody can read them any more.
    pub fn write(&mut self, stream: StreamId, mut bytes: Bytes) -> usize {
        if !self.link.knows(stream) {
            return bytes.len();
        }
        bytes.truncate(self.room(stream));
        let taken = bytes.len();
        self.link.write(stream, bytes);
        taken
    }

    /// A client has half-closed: it sends no more, but may still receive.
    ///
    /// The agent cannot be told (the mux knows only a full close), so the stream stays open until
    /// the server has finished, or has been silent for [`config::HALF_CLOSE_IDLE`].
    pub fn finish(&mut self, stream: StreamId, now: Instant) {
        self.link.finish(stream, now);
    }

    /// A client is gone. What it sent still leaves; what comes for it is dropped.
    pub fn close_stream(&mut self, stream: StreamId, now: Instant) {
        self.budget.forget(stream);
        self.link.close(stream);
        self.settle_basic(now);
    }

    /// A client has taken bytes of an [`Event::Data`].
    pub fn consumed(&mut self, stream: StreamId, bytes: usize) {
        self.consumed_pieces(stream, bytes, 1);
    }

    /// A client has taken the bytes of several [`Event::Data`].
    pub fn consumed_pieces(&mut self, stream: StreamId, bytes: usize, pieces: usize) {
        self.budget.release(stream, bytes + pieces * config::PIECE_OVERHEAD);
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
            self.ending = Some(Ending::Draining(now + config::DRAIN_WAIT));
            self.advance_ending(now);
        } else {
            self.close(CloseReason::Terminated { acknowledged: false });
        }
    }

    fn advance_ending(&mut self, now: Instant) {
        match self.ending {
            Some(Ending::Draining(deadline)) if self.link.queued() == 0 || deadline <= now => {
                let flag = self.channel.send_flag(Flag::TerminateSession);
                self.ending = Some(Ending::Told(flag, now + config::TERMINATE_WAIT));
            }
            Some(Ending::Told(flag, _)) if self.channel.is_acknowledged(flag) => {
                self.close(CloseReason::Terminated { acknowledged: true });
            }
            Some(Ending::Told(_, deadline)) if deadline <= now => {
                self.close(CloseReason::Terminated { acknowledged: false });
            }
            _ => {}
        }
    }

    /// Returns the next websocket message to send, if there is one.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        self.budget.tick(now);
        self.advance_ending(now);
        let quiet = matches!(self.ending, Some(Ending::Told(..))) || self.closed;
        let queued = self.link.queued();
        let mut source = LinkSource { link: &mut self.link, events: &mut self.events, quiet };
        let message = self.channel.poll_transmit(now, &mut source);
        if message.is_some() {
            self.liveness.settled(self.channel.is_settled(), now);
            if self.link.queued() < queued {
                self.liveness.traffic(now);
            }
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
        let link = self.link.poll_timeout(now);
        let ending = self.ending.as_ref().map(Ending::deadline);
        let release = self
            .channel
            .has_deliverable()
            .then(|| if self.pressure().is_some() { self.release_at } else { now });
        let liveness = self.liveness.poll_timeout(self.link.len());
        [self.channel.poll_timeout(), link, ending, release, liveness].into_iter().flatten().min()
    }

    /// How long to wait before reading more from the network, because clients are slow. The wait
    /// ends early when a client takes bytes or a stream is opened: ask again then.
    ///
    /// There is no wait after a message without new session bytes: acknowledgements that came late
    /// would make the other direction repeat what has arrived.
    pub fn brake(&self) -> Option<Brake> {
        // The end of the session is waited for, whatever clients do.
        let wait = self.pressure().filter(|_| self.weighs && self.ending.is_none())?;
        Some(Brake { wait, messages: self.batch() })
    }

    /// Messages passed on between two waits while clients are slow: enough that those who are not
    /// do not notice the one who is; hardly any when there is nobody else.
    fn batch(&self) -> usize {
        if self.link.len() <= 1 { 1 } else { RELEASE_BATCH }
    }

    fn pressure(&self) -> Option<Duration> {
        self.budget.brake(self.link.len())
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
            streams: self.link.len(),
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

    fn handle_arrivals(&mut self, now: Instant) {
        while let Some(arrival) = self.arrivals.pop_front() {
            if self.closed {
                continue;
            }
            match arrival {
                Arrival::Open { terms, message } => self.handle_open(&terms, message, now),
                Arrival::Bytes(bytes) => self.handle_bytes(bytes, now),
                Arrival::Flag(Flag::ConnectToPortError) => self.link.handle_refusal(),
                Arrival::Flag(_) => {}
                Arrival::Closed(reason) => self.handle_closed(reason),
            }
        }
        self.settle_basic(now);
        self.advance_ending(now);
    }

    fn handle_open(&mut self, terms: &Terms, message: String, now: Instant) {
        let (link, mode) = Link::choose(terms, now);
        self.link = link;
        let agent_version = terms.agent_version;
        self.events.push_back(Event::Ready(Ready { mode, agent_version, message }));
    }

    fn handle_bytes(&mut self, bytes: Bytes, now: Instant) {
        let from = self.events.len();
        let handled = self.link.handle_bytes(bytes, now, &mut self.events);
        self.hold(from);
        if let Err(reason) = handled {
            self.close(reason);
        }
    }

    /// Counts the data among the events from this one on, and gives up who holds too much.
    fn hold(&mut self, from: usize) {
        let mut victims = Vec::new();
        for event in self.events.range(from..) {
            if let Event::Data { stream, bytes } = event
                && let Some(victim) = self.budget.hold(*stream, bytes.len() + config::PIECE_OVERHEAD)
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
                Event::Data { stream, .. }
                | Event::Finished { stream }
                | Event::Abandoned { stream } => *stream != victim,
                _ => true,
            });
            self.budget.forget(victim);
            self.link.close(victim);
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
            // The agent ends a standard-stream session when the server closes. With a text it is
            // something else, and the client must not take it for the server's end.
            if matches!(&reason, CloseReason::ByService { output } if output.is_empty()) {
                self.events.push_back(Event::Finished { stream });
            }
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

#[cfg(test)]
mod tests;

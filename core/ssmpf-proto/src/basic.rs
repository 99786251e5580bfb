//! Sessions without the mux: the channel's bytes are one connection's bytes.
//!
//! Two kinds. Agents too old for the mux serve one connection after another: the client says when
//! one has ended, and the agent dials again with the next bytes. Standard-stream sessions (ssh)
//! serve a single connection, and end with it.
//!
//! Nothing on the wire says which connection bytes from the agent belong to. What arrives between
//! our word that a connection has ended and its acknowledgement belongs to the old one and is
//! dropped; a server that still talks after that cannot be told from the next one.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use crate::config;
use crate::error::OpenError;
use crate::event::{Event, StreamId};
use crate::stream::Stream;

/// ```text
/// Idle ──open──► Active ──client gone──► Ending ──its bytes have left──► Leaving ──ack──► Idle
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No connection; bytes from the agent are kept for the first one, later ones dropped.
    Idle,
    Active(StreamId),
    /// The client is gone, what it sent is still leaving.
    Ending(StreamId),
    /// The agent has been told, under this number.
    Leaving(i64),
}

/// The connections of a session without the mux.
#[derive(Debug)]
pub struct Basic {
    single: bool,
    state: State,
    streams: HashMap<StreamId, Stream>,
    waiting: VecDeque<StreamId>,
    greeting: Vec<Bytes>,
    greeting_bytes: usize,
    opened: u32,
}

/// The server sent more than is kept before any client connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent too much before any client connected")]
pub struct GreetingTooLong;

impl Basic {
    /// Starts without a connection; `single` sessions end with their first one.
    pub fn new(single: bool) -> Self {
        Self {
            single,
            state: State::Idle,
            streams: HashMap::new(),
            waiting: VecDeque::new(),
            greeting: Vec::new(),
            greeting_bytes: 0,
            opened: 0,
        }
    }

    /// Opens a connection, or puts it in the row behind the one that is active.
    ///
    /// # Errors
    ///
    /// [`OpenError::SingleStream`] for the second connection of a single session,
    /// [`OpenError::TooManyStreams`].
    pub fn open(&mut self, events: &mut VecDeque<Event>) -> Result<StreamId, OpenError> {
        if self.single && self.opened > 0 {
            return Err(OpenError::SingleStream);
        }
        if self.streams.len() >= config::MAX_STREAMS {
            return Err(OpenError::TooManyStreams);
        }
        self.opened = self.opened.checked_add(1).ok_or(OpenError::IdsUsedUp)?;
        let id = StreamId(self.opened);
        self.streams.insert(id, Stream::default());
        self.waiting.push_back(id);
        self.activate(events);
        Ok(id)
    }

    fn activate(&mut self, events: &mut VecDeque<Event>) {
        if self.state == State::Idle
            && let Some(id) = self.waiting.pop_front()
        {
            self.state = State::Active(id);
            self.greeting_bytes = 0;
            let greeting = std::mem::take(&mut self.greeting);
            events.extend(greeting.into_iter().map(|bytes| Event::Data { stream: id, bytes }));
            if self.streams.get(&id).is_some_and(|stream| stream.closing) {
                self.state = State::Ending(id);
            }
        }
    }

    /// Whether this connection is open or waiting.
    pub fn knows(&self, id: StreamId) -> bool {
        self.streams.contains_key(&id)
    }

    /// Bytes [`Basic::write`] would take for this connection now.
    pub fn room(&self, id: StreamId) -> usize {
        self.streams.get(&id).map_or(0, Stream::room)
    }

    /// Queues bytes for a connection.
    pub fn write(&mut self, id: StreamId, bytes: Bytes) {
        if let Some(stream) = self.streams.get_mut(&id)
            && !stream.closing
        {
            stream.push(bytes);
        }
    }

    /// The client will send no more; what the server still sends is delivered.
    pub fn finish(&mut self, id: StreamId, now: Instant) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.finished_at.get_or_insert(now);
            stream.last_received.get_or_insert(now);
        }
    }

    /// The client is gone.
    pub fn close(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.closing = true;
        if self.state == State::Active(id) {
            self.state = State::Ending(id);
        } else if stream.is_empty() {
            self.streams.remove(&id);
            self.waiting.retain(|waiting| *waiting != id);
        }
    }

    /// Takes bytes from the agent.
    ///
    /// # Errors
    ///
    /// [`GreetingTooLong`]; the session cannot go on.
    pub fn handle_bytes(
        &mut self,
        bytes: Bytes,
        now: Instant,
        events: &mut VecDeque<Event>,
    ) -> Result<(), GreetingTooLong> {
        match self.state {
            State::Active(stream) => {
                if let Some(active) = self.streams.get_mut(&stream) {
                    active.received = true;
                    active.unanswered = false;
                    active.last_received = Some(now);
                }
                events.push_back(Event::Data { stream, bytes });
            }
            State::Idle if self.opened == 0 => {
                self.greeting_bytes += bytes.len();
                if self.greeting_bytes > config::BASIC_GREETING {
                    return Err(GreetingTooLong);
                }
                self.greeting.push(bytes);
            }
            State::Idle | State::Ending(_) | State::Leaving(_) => {}
        }
        Ok(())
    }

    /// Whether the agent has to be told now that the connection has ended.
    pub fn wants_to_leave(&self) -> bool {
        match self.state {
            State::Ending(id) => self.streams.get(&id).is_none_or(Stream::is_empty),
            _ => false,
        }
    }

    /// The agent is being told, under this message number.
    pub fn leaving(&mut self, sequence: i64) {
        if let State::Ending(id) = self.state {
            self.streams.remove(&id);
            self.state = State::Leaving(sequence);
        }
    }

    /// The number whose acknowledgement lets the next connection begin.
    pub fn waits_for(&self) -> Option<i64> {
        match self.state {
            State::Leaving(sequence) => Some(sequence),
            _ => None,
        }
    }

    /// The agent has closed the old connection: the next one begins.
    pub fn left(&mut self, events: &mut VecDeque<Event>) {
        if matches!(self.state, State::Leaving(_)) {
            self.state = State::Idle;
            self.activate(events);
        }
    }

    /// Whether the session ends with its connection.
    pub fn is_single(&self) -> bool {
        self.single
    }

    /// The connection whose bytes flow now.
    pub fn active(&self) -> Option<StreamId> {
        match self.state {
            State::Active(id) => Some(id),
            _ => None,
        }
    }

    fn sender(&self) -> Option<StreamId> {
        match self.state {
            State::Active(id) | State::Ending(id) => Some(id),
            _ => None,
        }
    }

    /// Bytes waiting to be sent now.
    pub fn queued(&self) -> usize {
        let stream = self.sender().and_then(|id| self.streams.get(&id));
        stream.map_or(0, Stream::queued)
    }

    /// Appends at most `room` bytes of the active connection.
    pub fn fill(&mut self, room: usize, out: &mut BytesMut, events: &mut VecDeque<Event>) {
        let Some(id) = self.sender() else { return };
        if let Some(stream) = self.streams.get_mut(&id) {
            let length = stream.queued().min(room);
            stream.take(length, out);
            events.push_back(Event::Sent { stream: id, bytes: length });
        }
    }

    /// When [`Basic::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let stream = self.streams.get(&self.active()?)?;
        let wait = if stream.unanswered || self.waiting.is_empty() {
            config::HALF_CLOSE_IDLE
        } else {
            config::BASIC_HALF_CLOSE_TURN
        };
        stream.silent_until(now, wait)
    }

    /// Ends a connection whose client has finished and whose server is silent: the agent never
    /// says that a server has closed.
    ///
    /// `audible` says whether the server could be heard if it spoke.
    pub fn handle_timeout(&mut self, now: Instant, audible: bool, events: &mut VecDeque<Event>) {
        let Some(stream) = self.active() else { return };
        // Whoever was absent has not listened either.
        let absent = self.streams.get(&stream).is_some_and(|stream| {
            let last = stream.silent_until(now, config::HALF_CLOSE_IDLE + config::ABSENCE);
            last.is_some_and(|at| at <= now)
        });
        if !audible || absent {
            self.streams.values_mut().for_each(|stream| stream.excuse(now));
        } else if self.poll_timeout(now).is_some_and(|at| at <= now) {
            events.push_back(Event::Abandoned { stream });
            self.close(stream);
        }
    }

    /// Connections open or waiting.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether there is no connection.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(events: &mut VecDeque<Event>) -> Vec<(u32, Bytes)> {
        events
            .drain(..)
            .filter_map(|event| match event {
                Event::Data { stream, bytes } => Some((stream.0, bytes)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_server_that_speaks_first_is_heard_by_the_first_client() {
        let (mut basic, mut events) = (Basic::new(false), VecDeque::new());
        basic.handle_bytes("220 hello".into(), Instant::now(), &mut events).unwrap();
        assert!(events.is_empty());
        basic.open(&mut events).unwrap();
        assert_eq!(data(&mut events), [(1, "220 hello".into())]);
    }

    #[test]
    fn a_half_close_is_given_up_for_the_servers_silence_not_for_our_absence() {
        let (mut basic, mut events) = (Basic::new(false), VecDeque::new());
        let start = Instant::now();
        let stream = basic.open(&mut events).unwrap();
        basic.finish(stream, start);
        let woken = start + config::HALF_CLOSE_IDLE + config::ABSENCE;
        basic.handle_timeout(woken, true, &mut events);
        assert!(!events.contains(&Event::Abandoned { stream }), "nobody listened");
        let deadline = basic.poll_timeout(woken).unwrap();
        assert_eq!(deadline, woken + config::HALF_CLOSE_IDLE);
        basic.handle_timeout(deadline, true, &mut events);
        assert!(events.contains(&Event::Abandoned { stream }));
    }

    #[test]
    fn connections_follow_one_another_and_stale_bytes_are_dropped() {
        let now = Instant::now();
        let (mut basic, mut events) = (Basic::new(false), VecDeque::new());
        let first = basic.open(&mut events).unwrap();
        let second = basic.open(&mut events).unwrap();
        basic.write(first, "one".into());
        basic.write(second, "two".into());
        basic.close(first);
        assert!(!basic.wants_to_leave(), "its bytes have not left yet");
        let mut out = BytesMut::new();
        basic.fill(1024, &mut out, &mut events);
        assert_eq!(out, "one");
        assert!(basic.wants_to_leave());
        basic.leaving(7);
        assert_eq!(basic.waits_for(), Some(7));
        basic.handle_bytes("answer to one".into(), now, &mut events).unwrap();
        basic.left(&mut events);
        assert_eq!(data(&mut events), []);

        basic.fill(1024, &mut out, &mut events);
        assert_eq!(out, "onetwo");
        basic.handle_bytes("answer to two".into(), now, &mut events).unwrap();
        assert_eq!(data(&mut events), [(second.0, "answer to two".into())]);
    }

    #[test]
    fn a_single_session_takes_one_connection() {
        let (mut basic, mut events) = (Basic::new(true), VecDeque::new());
        basic.open(&mut events).unwrap();
        assert_eq!(basic.open(&mut events), Err(OpenError::SingleStream));
    }

    #[test]
    fn what_nobody_asked_for_is_bounded() {
        let (mut basic, mut events) = (Basic::new(false), VecDeque::new());
        let big = Bytes::from(vec![0; config::BASIC_GREETING]);
        assert_eq!(basic.handle_bytes(big.clone(), Instant::now(), &mut events), Ok(()));
        let more = basic.handle_bytes(big, Instant::now(), &mut events);
        assert_eq!(more, Err(GreetingTooLong));
    }
}

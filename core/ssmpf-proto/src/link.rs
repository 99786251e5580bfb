//! The streams of a session, whichever way the agent carries them.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use crate::agent_version::AgentVersion;
use crate::basic::Basic;
use crate::channel::Source;
use crate::channel::handshake::Terms;
use crate::error::{CloseReason, OpenError};
use crate::event::{Event, Mode, StreamId};
use crate::mux::Mux;

/// Value of the document property that asks for many connections on a local port.
pub(crate) const LOCAL_PORT_FORWARDING: &str = "LocalPortForwarding";

/// What carries the streams: nothing before the handshake, then the mux or one after another.
#[derive(Debug)]
pub(crate) enum Link {
    Pending,
    Mux(Mux),
    Basic(Basic),
}

impl Link {
    /// Chooses by what the agent has said of itself and of the session.
    pub fn choose(terms: &Terms, now: Instant) -> (Self, Mode) {
        let agent = terms.agent_version;
        let has_mux = agent.is_some_and(AgentVersion::has_mux);
        let many = terms.property("type") == Some(LOCAL_PORT_FORWARDING);
        match (many, has_mux) {
            (true, true) => {
                let keepalive = agent.is_some_and(AgentVersion::expects_keepalive);
                (Self::Mux(Mux::new(keepalive, now)), Mode::Mux { keepalive })
            }
            (true, false) => (Self::Basic(Basic::new(false)), Mode::Basic),
            (false, _) => (Self::Basic(Basic::new(true)), Mode::SingleStream),
        }
    }

    pub fn open(
        &mut self,
        now: Instant,
        events: &mut VecDeque<Event>,
    ) -> Result<StreamId, OpenError> {
        match self {
            Self::Pending => Err(OpenError::NotReady),
            Self::Mux(mux) => mux.open(now, events),
            Self::Basic(basic) => basic.open(events),
        }
    }

    pub fn knows(&self, stream: StreamId) -> bool {
        match self {
            Self::Pending => false,
            Self::Mux(mux) => mux.knows(stream),
            Self::Basic(basic) => basic.knows(stream),
        }
    }

    pub fn room(&self, stream: StreamId) -> usize {
        match self {
            Self::Pending => 0,
            Self::Mux(mux) => mux.room(stream),
            Self::Basic(basic) => basic.room(stream),
        }
    }

    pub fn write(&mut self, stream: StreamId, bytes: Bytes) {
        match self {
            Self::Pending => {}
            Self::Mux(mux) => mux.write(stream, bytes),
            Self::Basic(basic) => basic.write(stream, bytes),
        }
    }

    pub fn finish(&mut self, stream: StreamId, now: Instant) {
        match self {
            Self::Pending => {}
            Self::Mux(mux) => mux.finish(stream, now),
            Self::Basic(basic) => basic.finish(stream, now),
        }
    }

    pub fn close(&mut self, stream: StreamId) {
        match self {
            Self::Pending => {}
            Self::Mux(mux) => mux.close(stream),
            Self::Basic(basic) => basic.close(stream),
        }
    }

    /// Takes session bytes in order; an error ends the session.
    pub fn handle_bytes(
        &mut self,
        bytes: Bytes,
        now: Instant,
        events: &mut VecDeque<Event>,
    ) -> Result<(), CloseReason> {
        match self {
            Self::Pending => Ok(()),
            Self::Mux(mux) => mux
                .handle_bytes(bytes, now, events)
                .map_err(|error| CloseReason::Protocol(error.to_string())),
            Self::Basic(basic) => basic
                .handle_bytes(bytes, now, events)
                .map_err(|error| CloseReason::Protocol(error.to_string())),
        }
    }

    /// The agent could not connect to the destination for one of the streams.
    pub fn handle_refusal(&mut self) {
        if let Self::Mux(mux) = self {
            mux.handle_refusal();
        }
    }

    /// `audible` says whether servers could be heard if they spoke.
    pub fn handle_timeout(&mut self, now: Instant, audible: bool, events: &mut VecDeque<Event>) {
        match self {
            Self::Pending => {}
            Self::Mux(mux) => mux.handle_timeout(now, audible, events),
            Self::Basic(basic) => basic.handle_timeout(now, audible, events),
        }
    }

    /// Bytes of clients that have not left yet.
    pub fn queued(&self) -> usize {
        match self {
            Self::Pending => 0,
            Self::Mux(mux) => mux.queued(),
            Self::Basic(basic) => basic.queued(),
        }
    }

    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        match self {
            Self::Pending => None,
            Self::Mux(mux) => mux.poll_timeout(),
            Self::Basic(basic) => basic.poll_timeout(now),
        }
    }

    /// Streams open now, those that wait their turn included.
    pub fn len(&self) -> usize {
        match self {
            Self::Pending => 0,
            Self::Mux(mux) => mux.len(),
            Self::Basic(basic) => basic.len(),
        }
    }
}

/// The streams as the channel sees them.
pub(crate) struct LinkSource<'a> {
    pub link: &'a mut Link,
    pub events: &'a mut VecDeque<Event>,
    /// Nothing new may leave any more.
    pub quiet: bool,
}

impl Source for LinkSource<'_> {
    fn backlog(&self) -> usize {
        self.link.queued()
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

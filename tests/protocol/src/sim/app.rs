//! The local programs: one per connection, each following its plan.

use ssmpf_proto::{Event, OpenError, PortSession, StreamId};

use super::Time;
use super::plan::{Plan, Way, first_wrong, pattern};

/// How a connection ended for its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The client closed.
    Closed,
    /// The server closed.
    Finished,
    /// The dial failed.
    Refused,
    /// The client was too slow.
    Overflowed,
}

/// One client.
#[derive(Debug)]
pub struct App {
    connection: usize,
    plan: Plan,
    /// When it connects.
    pub opens_at: Time,
    /// Most bytes it hands over at once.
    chunk: usize,
    stream: Option<StreamId>,
    half_closed: bool,
    written: u64,
    received: u64,
    /// How it ended, once it has.
    pub ending: Option<Ending>,
}

impl App {
    /// A client that has not connected yet.
    pub fn new(connection: usize, plan: Plan, opens_at: Time, chunk: usize) -> Self {
        Self {
            connection,
            plan,
            opens_at,
            chunk,
            stream: None,
            half_closed: false,
            written: 0,
            received: 0,
            ending: None,
        }
    }

    /// Whether the run has to wait for it.
    pub fn is_pending(&self) -> bool {
        self.ending.is_none() && !matches!(self.plan, Plan::SlowClient { .. })
    }

    /// The stream it has opened.
    pub fn stream(&self) -> Option<StreamId> {
        self.stream
    }

    /// Its plan.
    pub fn plan(&self) -> Plan {
        self.plan
    }

    /// Connects if its time has come and the session is ready.
    ///
    /// # Errors
    ///
    /// A sentence when the session refuses.
    pub fn open(
        &mut self,
        session: &mut PortSession,
        now: (Time, std::time::Instant),
    ) -> Result<bool, String> {
        if self.stream.is_some() || self.opens_at > now.0 {
            return Ok(false);
        }
        match session.open_stream(now.1) {
            Ok(stream) => {
                self.stream = Some(stream);
                Ok(true)
            }
            Err(OpenError::NotReady | OpenError::TooManyStreams) => Ok(false),
            Err(error) => Err(format!("connection {}: {error}", self.connection)),
        }
    }

    /// Hands over what the session has room for, then half-closes or closes if it is time.
    pub fn write(&mut self, session: &mut PortSession, now: std::time::Instant) {
        let (Some(stream), None) = (self.stream, self.ending) else { return };
        while self.written < self.plan.upload() {
            let left = usize::try_from(self.plan.upload() - self.written).unwrap_or(usize::MAX);
            let length = left.min(self.chunk).min(session.room(stream));
            if length == 0 {
                return;
            }
            let bytes = pattern(self.connection, Way::Up, self.written, length);
            self.written += session.write(stream, bytes) as u64;
        }
        match self.plan {
            Plan::HalfClose { .. } if !self.half_closed => {
                self.half_closed = true;
                session.finish(stream, now);
            }
            Plan::Upload { .. } => self.close(session, now),
            _ => {}
        }
    }

    fn close(&mut self, session: &mut PortSession, now: std::time::Instant) {
        if let Some(stream) = self.stream {
            session.close_stream(stream, now);
            self.ending = Some(Ending::Closed);
        }
    }

    /// Takes an event of its stream.
    ///
    /// # Errors
    ///
    /// A sentence about a wrong byte or an event out of place.
    pub fn handle(
        &mut self,
        event: &Event,
        session: &mut PortSession,
        now: std::time::Instant,
        closes_itself: bool,
    ) -> Result<(), String> {
        let connection = self.connection;
        match event {
            Event::Data { stream, bytes } => {
                if self.ending == Some(Ending::Closed) {
                    return Ok(());
                }
                if self.ending.is_some() {
                    return Err(format!("connection {connection}: data after its end"));
                }
                if let Some(at) = first_wrong(connection, Way::Down, self.received, bytes) {
                    return Err(format!("connection {connection}: download differs at {at}"));
                }
                self.received += bytes.len() as u64;
                if !matches!(self.plan, Plan::SlowClient { .. }) {
                    session.consumed(*stream, bytes.len());
                }
                let enough = match self.plan {
                    Plan::Echo { bytes } => self.received >= bytes,
                    Plan::Vanish { taken, .. } => self.received >= taken,
                    _ => closes_itself && self.received >= self.plan.download(),
                };
                if enough {
                    self.close(session, now);
                }
            }
            Event::Sent { .. } => self.write(session, now),
            // Given up after a long silence: as good as finished here, the bytes are counted.
            Event::Finished { .. } | Event::Abandoned { .. } => self.end(Ending::Finished)?,
            Event::Refused { .. } => self.end(Ending::Refused)?,
            Event::Overflowed { .. } => {
                self.ending = Some(Ending::Overflowed);
            }
            Event::Ready(_) | Event::Closed(_) | Event::Silent(_) | Event::Heard => {}
        }
        Ok(())
    }

    fn end(&mut self, ending: Ending) -> Result<(), String> {
        if let Some(before) = self.ending
            && before != Ending::Closed
        {
            return Err(format!("connection {}: {ending:?} after {before:?}", self.connection));
        }
        self.ending.get_or_insert(ending);
        Ok(())
    }

    /// Checks how it went; `read` is what its destination has read.
    ///
    /// # Errors
    ///
    /// A sentence about what is missing.
    pub fn check(&self, read: u64) -> Result<(), String> {
        let plan = self.plan;
        let expected = match plan {
            Plan::Echo { .. } | Plan::Upload { .. } | Plan::Vanish { .. } => Some(Ending::Closed),
            Plan::Refused { .. } => Some(Ending::Refused),
            Plan::SlowClient { .. } => self.ending.filter(|e| *e == Ending::Overflowed),
            _ => Some(Ending::Finished),
        };
        let by_itself = self.ending == Some(Ending::Closed) && self.received >= plan.download();
        if self.ending != expected && !by_itself {
            return Err(format!("connection {} {plan:?}: {:?}", self.connection, self.ending));
        }
        let partly = matches!(plan, Plan::Vanish { .. } | Plan::SlowClient { .. });
        let down_ok = partly || self.received == plan.download();
        let up_ok =
            matches!(plan, Plan::Refused { .. } | Plan::Vanish { .. }) || read == plan.upload();
        if down_ok && up_ok {
            return Ok(());
        }
        Err(format!(
            "connection {} {plan:?}: {} bytes reached the server, {} the client",
            self.connection, read, self.received
        ))
    }
}

//! The agent without the mux: one connection at a time, dialled again after a disconnect.

use bytes::Bytes;

use super::Time;
use super::destination::Destination;
use super::plan::Plan;

/// A basic session at the agent.
#[derive(Debug)]
pub struct BasicServer {
    plans: Vec<Plan>,
    /// `single` sessions end when the server closes.
    single: bool,
    current: usize,
    destination: Option<Destination>,
    /// Whether the connection ended and the next bytes make a new one.
    redial: bool,
    /// Whether the session is over because the server closed.
    pub ended: bool,
    /// Bytes that each connection's destination has read.
    pub read: Vec<u64>,
}

impl BasicServer {
    /// Dials the first connection.
    pub fn new(plans: Vec<Plan>, single: bool) -> Self {
        let destination = plans.first().map(|plan| Destination::new(0, *plan));
        Self {
            read: vec![0; plans.len()],
            plans,
            single,
            current: 0,
            destination,
            redial: false,
            ended: false,
        }
    }

    /// Whether the destination does not read and the reader waits with it.
    pub fn is_blocked(&self) -> bool {
        self.destination.as_ref().is_some_and(|d| d.unread_bytes() > 256 * 1024)
    }

    /// Takes bytes of the client.
    ///
    /// # Errors
    ///
    /// A sentence about what the client did wrong.
    pub fn receive(&mut self, bytes: &[u8], now: Time) -> Result<(), String> {
        if self.redial {
            self.redial = false;
            self.current += 1;
            let plan = self.plans.get(self.current).ok_or("bytes for no connection")?;
            self.destination = Some(Destination::new(self.current, *plan));
        }
        if let Some(destination) = &mut self.destination {
            destination.push(Bytes::copy_from_slice(bytes));
        }
        self.advance(now)
    }

    /// The client says that its connection has ended.
    pub fn disconnect(&mut self) {
        self.destination = None;
        self.redial = true;
    }

    /// Lets the destination read and close.
    ///
    /// # Errors
    ///
    /// A sentence about what the client did wrong.
    pub fn advance(&mut self, now: Time) -> Result<(), String> {
        if let Some(destination) = &mut self.destination {
            destination.read(now)?;
            self.read[self.current] = destination.bytes_read();
            if self.single && destination.closes() {
                self.ended = true;
            }
        }
        Ok(())
    }

    /// Takes the next bytes for the client.
    pub fn take(&mut self, most: usize) -> Option<Bytes> {
        let destination = self.destination.as_mut()?;
        let bytes = destination.send(most);
        if self.single && destination.closes() {
            self.ended = true;
        }
        (!bytes.is_empty()).then_some(bytes)
    }

    /// Whether there are bytes for the client.
    pub fn has_output(&self) -> bool {
        self.destination.as_ref().is_some_and(|destination| destination.sendable() > 0)
    }

    /// When [`BasicServer::advance`] has something to do.
    pub fn wakes_at(&self) -> Option<Time> {
        self.destination.as_ref()?.reads_at()
    }
}

//! The server behind the agent: reads, answers and closes as its connection's plan says.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Time;
use super::plan::{Plan, Way, first_wrong, pattern};

/// One connection of the agent to its destination.
#[derive(Debug)]
pub struct Destination {
    connection: usize,
    plan: Plan,
    unread: VecDeque<Bytes>,
    unread_bytes: usize,
    read: u64,
    sent: u64,
}

impl Destination {
    /// A connection that has just been dialled.
    pub fn new(connection: usize, plan: Plan) -> Self {
        Self { connection, plan, unread: VecDeque::new(), unread_bytes: 0, read: 0, sent: 0 }
    }

    /// Takes bytes from the client's side without reading them.
    pub fn push(&mut self, bytes: Bytes) {
        self.unread_bytes += bytes.len();
        self.unread.push_back(bytes);
    }

    /// Reads what the plan allows.
    ///
    /// # Errors
    ///
    /// A sentence about the first wrong byte.
    pub fn read(&mut self, now: Time) -> Result<(), String> {
        if matches!(self.plan, Plan::StuckServer { until, .. } if now < until) {
            return Ok(());
        }
        while let Some(bytes) = self.unread.pop_front() {
            self.unread_bytes -= bytes.len();
            if let Some(at) = first_wrong(self.connection, Way::Up, self.read, &bytes) {
                return Err(format!("connection {}: upload differs at {at}", self.connection));
            }
            self.read += bytes.len() as u64;
        }
        Ok(())
    }

    /// When a server that does not read yet begins to.
    pub fn reads_at(&self) -> Option<Time> {
        match self.plan {
            Plan::StuckServer { until, .. } if self.unread_bytes > 0 => Some(until),
            _ => None,
        }
    }

    /// Bytes the server has ready for the client.
    pub fn sendable(&self) -> u64 {
        let allowed = match self.plan {
            Plan::Echo { .. } => self.read,
            Plan::Download { .. }
            | Plan::HalfClose { .. }
            | Plan::SlowClient { .. }
            | Plan::Vanish { .. }
            | Plan::StuckServer { .. }
                if self.read >= self.plan.upload() =>
            {
                self.plan.download()
            }
            _ => 0,
        };
        allowed.saturating_sub(self.sent)
    }

    /// Takes at most `most` of the bytes that are ready.
    pub fn send(&mut self, most: usize) -> Bytes {
        let length = usize::try_from(self.sendable()).unwrap_or(usize::MAX).min(most);
        let bytes = pattern(self.connection, Way::Down, self.sent, length);
        self.sent += length as u64;
        bytes
    }

    /// Whether the server closes the connection now.
    pub fn closes(&self) -> bool {
        let all_read = self.read >= self.plan.upload();
        match self.plan {
            Plan::Download { .. } | Plan::HalfClose { .. } | Plan::StuckServer { .. } => {
                all_read && self.sent >= self.plan.download()
            }
            Plan::Silent { .. } => all_read,
            _ => false,
        }
    }

    /// Bytes given to the server that it has not read.
    pub fn unread_bytes(&self) -> usize {
        self.unread_bytes
    }

    /// Bytes the server has read.
    pub fn bytes_read(&self) -> u64 {
        self.read
    }
}

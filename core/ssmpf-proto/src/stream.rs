//! One stream: what its client has sent and not yet framed, and how far each side has finished.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};

use crate::config;

/// Pieces up to this size are joined, in bytes.
const SMALL: usize = 1024;

/// ```text
/// Open ──client half-closes──► Finished ──the client is gone, or long silence──► closing ──► gone
///   └──────────────────────────────┴──────────── the server's FIN ─────────────────────► gone
/// ```
#[derive(Debug, Default)]
pub(crate) struct Stream {
    queue: VecDeque<Bytes>,
    /// Small pieces, behind the queue: keeping each by itself would cost more than its bytes.
    tail: BytesMut,
    queued: usize,
    /// Whether the stream stands in the row of those with data to send.
    pub waiting: bool,
    /// Whether the server has sent anything: then it was dialled.
    pub received: bool,
    /// Whether the client has sent something since the server last did.
    pub unanswered: bool,
    /// When the client half-closed.
    pub finished_at: Option<Instant>,
    /// When the server last sent something.
    pub last_received: Option<Instant>,
    /// The client is gone; what is queued still leaves.
    pub closing: bool,
}

impl Stream {
    pub fn is_empty(&self) -> bool {
        self.queued == 0
    }

    pub fn queued(&self) -> usize {
        self.queued
    }

    pub fn room(&self) -> usize {
        config::STREAM_SEND_BUFFER.saturating_sub(self.queued)
    }

    pub fn push(&mut self, bytes: Bytes) {
        self.queued += bytes.len();
        self.unanswered = true;
        if bytes.len() <= SMALL {
            self.tail.extend_from_slice(&bytes);
        } else {
            self.flush_tail();
            self.queue.push_back(bytes);
        }
    }

    fn flush_tail(&mut self) {
        if !self.tail.is_empty() {
            self.queue.push_back(self.tail.split().freeze());
        }
    }

    /// Moves `length` queued bytes to `out`.
    pub fn take(&mut self, length: usize, out: &mut BytesMut) {
        let mut left = length;
        if self.queued - self.tail.len() < length {
            self.flush_tail();
        }
        while left > 0
            && let Some(front) = self.queue.front_mut()
        {
            let part = left.min(front.len());
            out.extend_from_slice(&front[..part]);
            front.advance(part);
            if front.is_empty() {
                self.queue.pop_front();
            }
            left -= part;
        }
        self.queued -= length;
    }

    /// How long the server has been silent since the client half-closed.
    pub fn idle_since_finish(&self, now: Instant) -> Option<Duration> {
        let since = self.finished_at?.max(self.last_received?);
        Some(now.saturating_duration_since(since))
    }

    /// When the held half-close is given up.
    pub fn half_close_deadline(&self, now: Instant) -> Option<Instant> {
        self.silent_until(now, config::HALF_CLOSE_IDLE)
    }

    /// The server cannot be heard at the moment: its silence counts from now on.
    pub fn excuse(&mut self, now: Instant) {
        if self.finished_at.is_some() {
            self.last_received = Some(now);
        }
    }

    /// When `wait` will have passed since the client finished and the server last spoke.
    pub fn silent_until(&self, now: Instant, wait: Duration) -> Option<Instant> {
        if self.closing {
            return None;
        }
        let since = self.finished_at?.max(self.last_received?);
        // Unsent bytes mean that the server cannot have answered them yet.
        let since = if self.is_empty() { since } else { now };
        Some(since + wait)
    }
}

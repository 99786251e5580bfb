//! One stream: what its client has sent and not yet framed, and how far each side has finished.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};

use crate::config;

/// ```text
/// Open ──client half-closes──► Finished ──silence, or the client is gone──► closing ──► gone
///   └──────────────────────────────┴──────────── the server's FIN ─────────────────────► gone
/// ```
#[derive(Debug, Default)]
pub(crate) struct Stream {
    queue: VecDeque<Bytes>,
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
        self.queue.push_back(bytes);
    }

    /// Moves `length` queued bytes to `out`.
    pub fn take(&mut self, length: usize, out: &mut BytesMut) {
        let mut left = length;
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

    /// When the held half-close becomes a full one.
    pub fn half_close_deadline(&self, now: Instant) -> Option<Instant> {
        self.silent_until(now, self.half_close_wait())
    }

    /// How long a half-close is held while the server is silent.
    pub fn half_close_wait(&self) -> Duration {
        match (self.unanswered, self.received) {
            (true, _) => config::HALF_CLOSE_IDLE,
            (false, true) => config::HALF_CLOSE_ANSWERED,
            (false, false) => config::HALF_CLOSE_UNUSED,
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

//! One of a forward's sessions, as its clients see it.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::traffic::Traffic;
use crate::session::SessionHandle;

/// Download of one session, in bytes a second, from which on it is taken for all the agent gives:
/// the agent sends a kilobyte each 1.3 ms, 0.76 MB/s.
const PACED_FROM: f64 = 0.55e6;
/// Download beyond which the agent evidently does not hold itself back.
const UNPACED_FROM: f64 = 2e6;

/// A session that carries clients.
#[derive(Debug)]
pub struct Member {
    /// Number within the forward, from 1.
    pub number: u64,
    /// AWS's name of the session.
    pub session_id: String,
    /// Opens streams.
    pub handle: SessionHandle,
    /// What its clients move.
    pub traffic: Traffic,
    /// Whether new clients may come.
    open: AtomicBool,
    /// Its connection is lost and is being restored: whoever enters now waits without an end.
    away: AtomicBool,
    streams: AtomicU32,
    /// Connections that the agent could not make, one after another.
    refusals: AtomicU32,
}

impl Member {
    /// A session that is ready.
    pub fn new(number: u64, session_id: String, handle: SessionHandle) -> Self {
        Self {
            number,
            session_id,
            handle,
            traffic: Traffic::default(),
            open: AtomicBool::new(true),
            away: AtomicBool::new(false),
            streams: AtomicU32::new(0),
            refusals: AtomicU32::new(0),
        }
    }

    /// Whether new clients may come.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) && !self.away.load(Ordering::Relaxed)
    }

    /// No client comes any more; those that are there stay.
    pub fn close(&self) {
        self.open.store(false, Ordering::Relaxed);
    }

    /// Clients may come again. Those that wait are told by the hub.
    pub(super) fn reopen(&self) {
        self.open.store(true, Ordering::Relaxed);
    }

    /// Its connection is lost, or restored.
    pub(super) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// Clients it carries now.
    pub fn streams(&self) -> u32 {
        self.streams.load(Ordering::Relaxed)
    }

    /// Connections that the agent could not make since it last made one.
    pub fn refusals(&self) -> u32 {
        self.refusals.load(Ordering::Relaxed)
    }

    /// Whether the agent connected for the last client it was asked to, and the server spoke.
    pub fn has_connected(&self) -> bool {
        self.refusals() == 0 && self.traffic.last_use().is_some()
    }

    /// The agent could or could not connect for a client.
    pub fn connected(&self, connected: bool) {
        match connected {
            true => self.refusals.store(0, Ordering::Relaxed),
            false => _ = self.refusals.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Whether a download takes all that the agent gives to one session.
    pub fn is_saturated(&self, now: Instant) -> bool {
        (PACED_FROM..UNPACED_FROM).contains(&self.traffic.download_rate(now))
    }

    /// Whether a client is there, or was within `time`.
    pub fn was_used(&self, time: Duration, now: Instant) -> bool {
        self.streams() > 0 || self.traffic.last_use().is_some_and(|at| at + time > now)
    }
}

/// One client of a session, counted for as long as it lives.
#[derive(Debug)]
pub struct Lease(Arc<Member>);

impl Lease {
    /// A client more.
    pub fn new(member: Arc<Member>) -> Self {
        member.streams.fetch_add(1, Ordering::Relaxed);
        Self(member)
    }
}

impl Deref for Lease {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

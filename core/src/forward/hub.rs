//! Where clients find the session of the moment.
//!
//! The listener outlives sessions: a client that comes while one is being replaced waits for the
//! next, for a bounded time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use ssmpf_proto::OpenError;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::pump::Moved;
use super::starter::Starting;
use crate::session::{SessionHandle, Stream};

/// Longest time a client is held while there is no session. Programs give up by themselves at
/// about this point; a reset then is clearer than silence.
pub const HOLD: Duration = Duration::from_secs(30);

/// What the listener, the clients and the supervisor of one forward share.
#[derive(Debug)]
pub struct Hub {
    session: watch::Sender<Option<SessionHandle>>,
    /// A session that is asked for or not ready yet.
    starting: Mutex<Option<Starting>>,
    /// A client waits while there is no session.
    wanted: Notify,
    /// The forward is being ended on purpose.
    ending: AtomicBool,
    clients: AtomicU64,
    opened: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

/// Why a client got no stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoStream {
    /// There was no session within [`HOLD`].
    NoSession,
    /// The session carries as many as it can.
    TooMany,
}

/// Counts a client for as long as it lives.
#[derive(Debug)]
pub struct ClientGuard<'a>(&'a Hub);

impl Drop for ClientGuard<'_> {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hub {
    /// Starts without a session.
    pub fn new() -> Self {
        Self {
            session: watch::Sender::new(None),
            starting: Mutex::new(None),
            wanted: Notify::new(),
            ending: AtomicBool::new(false),
            clients: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }
    }

    /// New clients go to this session from now on, or wait if there is none.
    pub fn publish(&self, session: Option<SessionHandle>) {
        self.session.send_replace(session);
    }

    /// The session of the moment.
    pub fn session(&self) -> Option<SessionHandle> {
        self.session.borrow().clone()
    }

    /// Notes a session on its way, for whoever cuts its start short.
    pub fn note_starting(&self, starting: Option<Starting>) {
        *self.starting() = starting;
    }

    /// Takes the session on its way, if there is one.
    pub fn take_starting(&self) -> Option<Starting> {
        self.starting().take()
    }

    fn starting(&self) -> MutexGuard<'_, Option<Starting>> {
        self.starting.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// From now on, what happens to clients is what was asked for.
    pub fn begin_end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Whether the forward is being ended on purpose.
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Counts a client in; returns its number, from 1.
    pub fn enter(&self) -> (u64, ClientGuard<'_>) {
        self.clients.fetch_add(1, Ordering::Relaxed);
        (self.opened.fetch_add(1, Ordering::Relaxed) + 1, ClientGuard(self))
    }

    /// Clients connected now, those that wait included.
    pub fn clients(&self) -> u64 {
        self.clients.load(Ordering::Relaxed)
    }

    /// Adds what one client moved to the forward's total.
    pub fn add(&self, moved: Moved) {
        self.sent.fetch_add(moved.sent, Ordering::Relaxed);
        self.received.fetch_add(moved.received, Ordering::Relaxed);
    }

    /// What all clients have moved.
    pub fn total(&self) -> Moved {
        Moved {
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
        }
    }

    /// Opens a stream in the session of the moment, waiting for one if there is none.
    ///
    /// # Errors
    ///
    /// [`NoStream`] says why there is none.
    pub async fn open_stream(&self) -> Result<Stream, NoStream> {
        timeout(HOLD, self.open_when_possible()).await.unwrap_or(Err(NoStream::NoSession))
    }

    async fn open_when_possible(&self) -> Result<Stream, NoStream> {
        let mut sessions = self.session.subscribe();
        loop {
            let session = sessions.borrow_and_update().clone();
            if let Some(session) = session {
                match session.open().await {
                    Ok(stream) => return Ok(stream),
                    Err(OpenError::TooManyStreams) => return Err(NoStream::TooMany),
                    Err(OpenError::IdsUsedUp) => session.terminate(),
                    // It has ended, or carries its one connection: the next one may serve.
                    Err(OpenError::Closed | OpenError::NotReady | OpenError::SingleStream) => {}
                }
            }
            self.wanted.notify_one();
            // The sender lives as long as the hub.
            let _ = sessions.changed().await;
        }
    }

    /// Completes when a client waits for a session.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

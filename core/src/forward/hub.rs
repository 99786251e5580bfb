//! Where clients find a session.
//!
//! The listener outlives sessions: a client that comes while there is none waits for the next, for
//! a bounded time. Where there are several, it goes where it is served best.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ssmpf_proto::OpenError;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::member::{Lease, Member};
use super::starter::Starting;
use super::traffic::Traffic;
use crate::session::Stream;

/// Longest time a client is held while there is no session. Programs give up by themselves at
/// about this point; a reset then is clearer than silence.
pub const HOLD: Duration = Duration::from_secs(30);

/// What the listener, the clients and the supervisor of one forward share.
#[derive(Debug)]
pub struct Hub {
    /// All sessions that have not ended.
    members: watch::Sender<Vec<Arc<Member>>>,
    /// A session that is asked for or not ready yet.
    starting: Mutex<Option<Starting>>,
    /// A client waits while there is no session.
    wanted: Notify,
    /// A client came or left, or could not be served.
    changed: Notify,
    /// The forward is being ended on purpose.
    ending: AtomicBool,
    clients: AtomicU64,
    opened: AtomicU64,
    /// Since when there has been no client.
    idle_since: Mutex<Option<Instant>>,
    traffic: Arc<Traffic>,
}

/// Why a client got no stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoStream {
    /// There was no session within [`HOLD`].
    NoSession,
    /// The sessions carry as many as they can.
    TooMany,
}

/// Counts a client for as long as it lives.
#[derive(Debug)]
pub struct ClientGuard<'a>(&'a Hub);

impl Drop for ClientGuard<'_> {
    fn drop(&mut self) {
        if self.0.clients.fetch_sub(1, Ordering::Relaxed) == 1 {
            *self.0.idle() = Some(Instant::now());
        }
        self.0.changed.notify_one();
    }
}

impl Hub {
    /// Starts without a session; all that clients move is counted in `traffic`.
    pub fn new(traffic: Arc<Traffic>) -> Self {
        Self {
            members: watch::Sender::new(Vec::new()),
            starting: Mutex::new(None),
            wanted: Notify::new(),
            changed: Notify::new(),
            ending: AtomicBool::new(false),
            clients: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            idle_since: Mutex::new(Some(Instant::now())),
            traffic,
        }
    }

    /// A session is ready: clients that wait go there.
    pub fn add(&self, member: Arc<Member>) {
        self.members.send_modify(|members| members.push(member));
    }

    /// A session has ended.
    pub fn remove(&self, number: u64) {
        self.members.send_modify(|members| members.retain(|member| member.number != number));
    }

    /// Clients may go to a session again.
    pub fn reopen(&self, number: u64) {
        self.change(number, Member::reopen);
    }

    /// The connection of a session is lost, or restored: clients that come meanwhile wait here,
    /// where that is for a bounded time, or go to another.
    pub fn set_away(&self, number: u64, away: bool) {
        self.change(number, |member| member.set_away(away));
    }

    /// Changes a session, and wakes clients that wait for one.
    fn change(&self, number: u64, change: impl FnOnce(&Member)) {
        self.members.send_modify(|members| {
            if let Some(member) = members.iter().find(|member| member.number == number) {
                change(member);
            }
        });
    }

    /// All sessions that have not ended.
    pub fn members(&self) -> Vec<Arc<Member>> {
        self.members.borrow().clone()
    }

    /// Notes a session on its way, for whoever cuts its start short.
    pub fn note_starting(&self, starting: Option<Starting>) {
        *self.starting.lock().unwrap_or_else(PoisonError::into_inner) = starting;
    }

    /// Takes the session on its way, if there is one.
    pub fn take_starting(&self) -> Option<Starting> {
        self.starting.lock().unwrap_or_else(PoisonError::into_inner).take()
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
        *self.idle() = None;
        self.changed.notify_one();
        (self.opened.fetch_add(1, Ordering::Relaxed) + 1, ClientGuard(self))
    }

    /// Clients connected now, those that wait included.
    pub fn clients(&self) -> u64 {
        self.clients.load(Ordering::Relaxed)
    }

    /// Since when there has been no client; `None` while there is one.
    pub fn idle_since(&self) -> Option<Instant> {
        *self.idle()
    }

    fn idle(&self) -> MutexGuard<'_, Option<Instant>> {
        self.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What all clients move.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Opens a stream in the session that serves it best, waiting for one if there is none.
    ///
    /// # Errors
    ///
    /// [`NoStream`] says why there is none.
    pub async fn open_stream(&self) -> Result<(Stream, Lease), NoStream> {
        self.open_stream_within(HOLD).await
    }

    async fn open_stream_within(&self, hold: Duration) -> Result<(Stream, Lease), NoStream> {
        timeout(hold, self.open_when_possible()).await.unwrap_or(Err(NoStream::NoSession))
    }

    async fn open_when_possible(&self) -> Result<(Stream, Lease), NoStream> {
        let mut members = self.members.subscribe();
        loop {
            let mut untried = members.borrow_and_update().clone();
            let mut full = false;
            while let Some(member) = best(&untried, Instant::now()) {
                untried.retain(|other| other.number != member.number);
                // Counted before it is opened, so that others who come now go elsewhere.
                let lease = Lease::new(Arc::clone(&member));
                match member.handle.open().await {
                    Ok(stream) => return Ok((stream, lease)),
                    Err(OpenError::TooManyStreams) => full = true,
                    Err(OpenError::IdsUsedUp) => member.handle.terminate(),
                    // It has ended, or carries its one connection: another may serve.
                    Err(OpenError::Closed | OpenError::NotReady | OpenError::SingleStream) => {}
                }
            }
            if full {
                return Err(NoStream::TooMany);
            }
            self.wanted.notify_one();
            // The sender lives as long as the hub.
            let _ = members.changed().await;
        }
    }

    /// Completes when a client waits for a session.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Completes when a client has come or left since the last time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// The session that serves a newcomer best: a download that takes all of a session would hold it
/// up, and otherwise the fewer clients the better.
fn best(members: &[Arc<Member>], now: Instant) -> Option<Arc<Member>> {
    let open = members.iter().filter(|member| member.is_open());
    let best = open.min_by_key(|member| {
        let rate = member.traffic.download_rate(now) as u64;
        (member.is_saturated(now), member.streams(), rate, member.number)
    });
    best.cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionHandle;

    fn member(number: u64) -> Arc<Member> {
        Arc::new(Member::new(number, format!("s-{number}"), SessionHandle::detached()))
    }

    fn best_number(members: &[Arc<Member>], now: Instant) -> Option<u64> {
        best(members, now).map(|member| member.number)
    }

    #[test]
    fn a_newcomer_goes_where_the_fewest_are() {
        let members = [member(1), member(2), member(3)];
        let _leases = [1, 1, 3].map(|n: usize| Lease::new(Arc::clone(&members[n - 1])));
        assert_eq!(best_number(&members, Instant::now()), Some(2));
    }

    #[test]
    fn bulk_is_avoided_even_where_it_is_one_client_only() {
        let members = [member(1), member(2)];
        let _leases = [1, 2, 2].map(|n: usize| Lease::new(Arc::clone(&members[n - 1])));
        let mut now = Instant::now();
        for _ in 0..3000 {
            now += Duration::from_millis(1);
            members[0].traffic.received(760, now);
        }
        assert_eq!(best_number(&members, now), Some(2));
        assert_eq!(best_number(&members, now + Duration::from_secs(5)), Some(1), "it is over");
    }

    #[test]
    fn a_session_that_takes_nobody_is_not_asked() {
        let members = [member(1), member(2)];
        members[0].close();
        assert_eq!(best_number(&members, Instant::now()), Some(2));
        members[1].close();
        assert_eq!(best_number(&members, Instant::now()), None);
    }

    #[tokio::test]
    async fn who_finds_no_session_in_time_is_told_so() {
        let hub = Hub::new(Arc::default());
        let closed = member(1);
        closed.close();
        hub.add(closed);
        let answer = hub.open_stream_within(Duration::ZERO).await;
        assert_eq!(answer.map(|_| ()), Err(NoStream::NoSession));
    }

    #[test]
    fn a_session_without_a_connection_is_no_place_for_a_newcomer() {
        let members = [member(1), member(2)];
        members[0].set_away(true);
        assert_eq!(best_number(&members, Instant::now()), Some(2));
        members[1].set_away(true);
        assert_eq!(best_number(&members, Instant::now()), None);
        members[0].set_away(false);
        assert_eq!(best_number(&members, Instant::now()), Some(1));
    }

    #[tokio::test]
    async fn a_client_that_waits_hears_of_a_session_that_takes_clients_again() {
        for (leave, come) in [
            (Member::close as fn(&Member), Hub::reopen as fn(&Hub, u64)),
            (|member| member.set_away(true), |hub, number| hub.set_away(number, false)),
        ] {
            let (handle, mut session) = SessionHandle::to_be_asked();
            let hub = Hub::new(Arc::default());
            hub.add(Arc::new(Member::new(1, "s-1".to_owned(), handle)));
            leave(&hub.members()[0]);
            let served = async {
                hub.wanted().await;
                come(&hub, 1);
                session.recv().await
            };
            tokio::select! {
                given_up = hub.open_stream() => panic!("{:?}", given_up.err()),
                asked = served => assert!(asked.is_some()),
            }
        }
    }

    #[test]
    fn the_time_without_clients_is_known() {
        let hub = Hub::new(Arc::default());
        assert!(hub.idle_since().is_some());
        let (number, guard) = hub.enter();
        assert_eq!((number, hub.idle_since()), (1, None));
        drop(guard);
        assert!(hub.idle_since().is_some());
    }
}

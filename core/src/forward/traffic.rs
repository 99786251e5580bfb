//! Bytes that pass, counted as they do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes moved, by one client or by all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// From clients to the server.
    pub sent: u64,
    /// From the server to clients.
    pub received: u64,
}

/// Counts the bytes of a forward, a session or a client.
#[derive(Debug, Default)]
pub struct Traffic {
    sent: AtomicU64,
    received: AtomicU64,
    upload: Mutex<Rate>,
    download: Mutex<Rate>,
}

/// Bytes a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// From clients to the server.
    pub sent: f64,
    /// From the server to clients.
    pub received: f64,
}

impl Traffic {
    /// A client sent so many bytes.
    pub fn sent(&self, bytes: u64, now: Instant) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        lock(&self.upload).add(bytes, now);
    }

    /// A client took so many bytes.
    pub fn received(&self, bytes: u64, now: Instant) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
        lock(&self.download).add(bytes, now);
    }

    /// What has passed so far.
    pub fn moved(&self) -> Moved {
        Moved {
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
        }
    }

    /// When a client last took bytes.
    pub fn last_use(&self) -> Option<Instant> {
        lock(&self.download).last
    }

    /// Bytes a second that clients took lately.
    pub fn download_rate(&self, now: Instant) -> f64 {
        lock(&self.download).at(now)
    }

    /// Bytes a second that passed lately.
    pub fn rates(&self, now: Instant) -> Rates {
        // What is forgotten more and more is over at some point.
        let whole = |rate: f64| rate.round();
        Rates { sent: whole(lock(&self.upload).at(now)), received: whole(self.download_rate(now)) }
    }
}

fn lock(rate: &Mutex<Rate>) -> MutexGuard<'_, Rate> {
    rate.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes a second, weighted towards the last moments.
#[derive(Debug, Default)]
struct Rate {
    /// Bytes, each counting less the older it is.
    sum: f64,
    at: Option<Instant>,
    /// When bytes were last added.
    last: Option<Instant>,
}

impl Rate {
    /// How fast old bytes are forgotten: after this long a byte counts for a third.
    const MEMORY: Duration = Duration::from_secs(1);

    fn add(&mut self, bytes: u64, now: Instant) {
        self.age(now);
        self.sum += bytes as f64;
        self.last = Some(now);
    }

    fn at(&mut self, now: Instant) -> f64 {
        self.age(now);
        self.sum / Self::MEMORY.as_secs_f64()
    }

    fn age(&mut self, now: Instant) {
        if let Some(at) = self.at.replace(now) {
            let age = now.saturating_duration_since(at).as_secs_f64();
            self.sum *= (-age / Self::MEMORY.as_secs_f64()).exp();
        }
    }
}

/// Where the bytes of one client are counted: for itself, for its session and for the forward.
#[derive(Debug)]
pub struct Meter<'a> {
    client: Traffic,
    others: [&'a Traffic; 2],
}

impl<'a> Meter<'a> {
    /// Counts for a client of this session and this forward.
    pub fn new(session: &'a Traffic, forward: &'a Traffic) -> Self {
        Self { client: Traffic::default(), others: [session, forward] }
    }

    /// The client sent so many bytes.
    pub fn sent(&self, bytes: u64) {
        let now = Instant::now();
        self.all().for_each(|traffic| traffic.sent(bytes, now));
    }

    /// The client took so many bytes.
    pub fn received(&self, bytes: u64) {
        let now = Instant::now();
        self.all().for_each(|traffic| traffic.received(bytes, now));
    }

    /// What the client has moved.
    pub fn moved(&self) -> Moved {
        self.client.moved()
    }

    fn all(&self) -> impl Iterator<Item = &Traffic> {
        [&self.client, self.others[0], self.others[1]].into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_download_has_its_rate_and_a_past_one_has_none() {
        let traffic = Traffic::default();
        let start = Instant::now();
        let mut now = start;
        for _ in 0..5000 {
            now += Duration::from_millis(1);
            traffic.received(1000, now);
        }
        let rate = traffic.download_rate(now);
        assert!((0.95e6..1.05e6).contains(&rate), "{rate}");
        assert!(traffic.download_rate(now + Duration::from_secs(10)) < 1e3);
        assert_eq!(traffic.rates(now + Duration::from_secs(20)), Rates::default());
        assert_eq!(traffic.moved(), Moved { sent: 0, received: 5_000_000 });
    }

    #[test]
    fn a_clients_bytes_count_for_its_session_and_its_forward() {
        let (session, forward) = (Traffic::default(), Traffic::default());
        let meter = Meter::new(&session, &forward);
        meter.sent(3);
        meter.received(5);
        let moved = Moved { sent: 3, received: 5 };
        assert_eq!([meter.moved(), session.moved(), forward.moved()], [moved; 3]);
    }
}

//! Whether the gateway is still there.
//!
//! A half-open connection (a laptop that slept, a NAT that forgot) looks healthy until someone
//! asks. Pings prove the gateway only; the agent behind it proves itself by acknowledging.

use std::time::{Duration, Instant};

/// Time between pings: proxies and NATs cut connections that are silent for less than five
/// minutes, the interval of the official client.
pub const PING_INTERVAL: Duration = Duration::from_secs(25);
/// Pings in a row without any sign of life that mean the connection is lost.
const MISSED: u32 = 2;

/// Messages after which a connection has carried traffic.
const WORKED: u32 = 32;
/// Age at which an idle connection has lasted.
const LASTED: Duration = Duration::from_secs(10);

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Nothing yet.
    Quiet,
    /// Send a ping.
    Ping,
    /// The connection has been silent for this long: it is lost.
    Dead(Duration),
}

/// Counts pings and signs of life of one connection.
#[derive(Debug)]
pub struct Heartbeat {
    interval: Duration,
    next: Instant,
    unanswered: u32,
    heard: u32,
    since: Instant,
}

impl Heartbeat {
    /// Starts with a ping due after one interval.
    pub fn new(interval: Duration, now: Instant) -> Self {
        Self { interval, next: now + interval, unanswered: 0, heard: 0, since: now }
    }

    /// Anything at all arrived.
    pub fn heard(&mut self) {
        self.unanswered = 0;
        self.heard = self.heard.saturating_add(1);
    }

    /// Nothing is read at the moment, so nothing can be heard.
    pub fn excuse(&mut self) {
        self.unanswered = 0;
    }

    /// Whether this connection worked: it carried traffic, or it lasted. One that is cut again and
    /// again right after it was made did not.
    pub fn was_alive(&self, now: Instant) -> bool {
        self.heard >= WORKED || now.saturating_duration_since(self.since) >= LASTED
    }

    /// When [`Heartbeat::beat`] has something to say.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Says what is due at `now`.
    pub fn beat(&mut self, now: Instant) -> Beat {
        if now < self.next {
            return Beat::Quiet;
        }
        if self.unanswered >= MISSED {
            return Beat::Dead(self.interval * self.unanswered);
        }
        self.unanswered += 1;
        self.next = now + self.interval;
        Beat::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_missed_answers_mean_that_the_connection_is_lost() {
        let start = Instant::now();
        let at = |n| start + PING_INTERVAL * n;
        let mut heartbeat = Heartbeat::new(PING_INTERVAL, start);
        assert_eq!(heartbeat.beat(start), Beat::Quiet);
        assert_eq!(heartbeat.beat(at(1)), Beat::Ping);
        heartbeat.heard();
        assert_eq!(heartbeat.beat(at(2)), Beat::Ping);
        assert_eq!(heartbeat.beat(at(3)), Beat::Ping);
        assert_eq!(heartbeat.beat(at(4)), Beat::Dead(PING_INTERVAL * 2));
    }
}

//! Whether the gateway is still there.
//!
//! A half-open connection (a laptop that slept, a NAT that forgot) looks healthy until someone
//! asks. Pings prove the gateway only; the agent behind it proves itself by acknowledging.

use std::time::{Duration, Instant};

use super::wake::Clocks;

/// Time between pings: proxies and NATs cut connections that are silent for less than five
/// minutes, the interval of the official client.
pub const PING_INTERVAL: Duration = Duration::from_secs(25);
/// Pings in a row without any sign of life that mean the connection is lost.
const MISSED: u32 = 2;

/// How long the gateway may take to answer after this machine has slept. A connection that survived
/// answers within a round trip.
const WAKE_ANSWER: Duration = Duration::from_secs(3);

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
    clocks: Clocks,
    /// After a wake-up: until when the gateway must have answered, and how long the sleep was.
    verdict: Option<(Instant, Duration)>,
}

impl Heartbeat {
    /// Starts with a ping due after one interval.
    pub fn new(interval: Duration, clocks: Clocks, now: Instant) -> Self {
        let next = now + interval;
        Self { interval, next, unanswered: 0, heard: 0, since: now, clocks, verdict: None }
    }

    /// Anything at all arrived.
    pub fn heard(&mut self) {
        self.unanswered = 0;
        self.heard = self.heard.saturating_add(1);
    }

    /// A ping was answered: only this shows that the connection survived a sleep, since other
    /// messages may have waited here all the time.
    pub fn answered(&mut self) {
        self.verdict = None;
    }

    /// Nothing is read at the moment, so nothing can be heard.
    pub fn excuse(&mut self) {
        self.unanswered = 0;
        self.verdict = None;
    }

    /// Whether this connection worked: it carried traffic, or it lasted. One that is cut again and
    /// again right after it was made did not.
    pub fn was_alive(&self, now: Instant) -> bool {
        self.heard >= WORKED || now.saturating_duration_since(self.since) >= LASTED
    }

    /// When [`Heartbeat::beat`] has something to say.
    pub fn next(&self) -> Instant {
        let verdict = self.verdict.map(|(until, _)| until);
        self.next.min(self.clocks.next_look()).min(verdict.unwrap_or(self.next))
    }

    /// Says what is due at `now`, when the clocks show `clocks`.
    pub fn beat(&mut self, clocks: Clocks, now: Instant) -> Beat {
        if let Some((_, away)) = self.verdict.take_if(|(until, _)| *until <= now) {
            return Beat::Dead(away);
        }
        if self.clocks.next_look() <= now
            && let Some(away) = self.clocks.look(clocks)
        {
            self.verdict = Some((now + WAKE_ANSWER, away));
            self.unanswered = 1;
            self.next = now + self.interval;
            return Beat::Ping;
        }
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
    use std::time::SystemTime;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A heartbeat whose clocks are looked at in time.
    struct Awake {
        heartbeat: Heartbeat,
        start: Instant,
        wall: SystemTime,
    }

    impl Awake {
        fn new() -> Self {
            let (start, wall) = (Instant::now(), SystemTime::now());
            let heartbeat = Heartbeat::new(PING_INTERVAL, Clocks::at(start, wall), start);
            Self { heartbeat, start, wall }
        }

        fn beat(&mut self, after: Duration, asleep: Duration) -> Beat {
            let clocks = Clocks::at(self.start + after, self.wall + after + asleep);
            self.heartbeat.beat(clocks, self.start + after)
        }

        /// The first thing that is due until then.
        fn run(&mut self, from: u32, to: u32) -> Option<(u32, Beat)> {
            (from..=to)
                .map(|at| (at, self.beat(at * SECOND, Duration::ZERO)))
                .find(|beat| beat.1 != Beat::Quiet)
        }
    }

    #[test]
    fn two_missed_answers_mean_that_the_connection_is_lost() {
        let mut awake = Awake::new();
        assert_eq!(awake.run(0, 30), Some((25, Beat::Ping)));
        awake.heartbeat.heard();
        assert_eq!(awake.run(26, 60), Some((50, Beat::Ping)));
        assert_eq!(awake.run(51, 90), Some((75, Beat::Ping)));
        assert_eq!(awake.run(76, 110), Some((100, Beat::Dead(PING_INTERVAL * 2))));
    }

    #[test]
    fn a_connection_that_slept_has_to_answer_within_seconds() {
        let hour = 3600 * SECOND;
        let mut awake = Awake::new();
        assert_eq!(awake.beat(2 * SECOND, Duration::ZERO), Beat::Quiet);
        assert_eq!(awake.beat(4 * SECOND, hour), Beat::Ping);
        // What had arrived before the sleep is read only now.
        awake.heartbeat.heard();
        assert_eq!(awake.beat(6 * SECOND, hour), Beat::Quiet);
        assert_eq!(awake.beat(7 * SECOND, hour), Beat::Dead(hour + 2 * SECOND));
    }

    #[test]
    fn a_connection_that_survived_the_sleep_goes_on() {
        let hour = 3600 * SECOND;
        let mut awake = Awake::new();
        assert_eq!(awake.beat(2 * SECOND, hour), Beat::Ping);
        awake.heartbeat.heard();
        awake.heartbeat.answered();
        for second in 3..20 {
            assert_eq!(awake.beat(second * SECOND, hour), Beat::Quiet);
        }
    }
}

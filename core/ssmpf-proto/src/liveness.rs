//! Whether the agent is still there.
//!
//! The gateway answers pings whether or not there is an agent behind it. Only the agent's own
//! acknowledgements prove the whole path, so its silence counts while something waits for one. To
//! notice a node that died while it only had to send, a few probes follow the last traffic; they
//! stop soon, because the administrator's idle limit counts them as use.

use std::time::{Duration, Instant};

use crate::config::{self, Config};

/// Silence of the agent, and when to ask it for a sign of life.
#[derive(Debug)]
pub struct Liveness {
    keep_alive: Option<Duration>,
    silence: Duration,
    /// When the agent was last heard, or could not have been.
    heard: Instant,
    /// When session bytes last passed, either way.
    traffic: Instant,
    /// Since when something waits to be acknowledged.
    waiting: Option<Instant>,
    connected: bool,
    /// Probes since the last traffic, and when the last one left.
    probes: usize,
    probed: Instant,
    silent: bool,
}

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The agent has not answered for this long.
    Silent(Duration),
    /// It answers again.
    Heard,
}

impl Liveness {
    /// Starts without a connection.
    pub fn new(config: &Config, now: Instant) -> Self {
        Self {
            keep_alive: config.keep_alive,
            silence: config.silent_agent,
            heard: now,
            traffic: now,
            waiting: None,
            connected: false,
            probes: 0,
            probed: now,
            silent: false,
        }
    }

    /// A websocket carries the session, or none does.
    pub fn connected(&mut self, connected: bool, now: Instant) {
        self.connected = connected;
        self.excuse(now);
    }

    /// The agent cannot be heard at the moment; its silence says nothing.
    pub fn excuse(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Something of the agent's own arrived.
    pub fn heard(&mut self, now: Instant) -> Option<Change> {
        self.heard = now;
        std::mem::take(&mut self.silent).then_some(Change::Heard)
    }

    /// Session bytes passed.
    pub fn traffic(&mut self, now: Instant) {
        self.traffic = now;
        self.probes = 0;
    }

    /// Notes whether the agent has acknowledged everything.
    pub fn settled(&mut self, settled: bool, now: Instant) {
        match settled {
            true => self.waiting = None,
            false => _ = self.waiting.get_or_insert(now),
        }
    }

    /// Says once when the agent has been silent for too long.
    ///
    /// To be called whenever [`Liveness::poll_timeout`] has passed. A call that comes much later was
    /// kept from coming: this process was stopped, or the machine slept.
    pub fn check(&mut self, now: Instant) -> Option<Change> {
        let late = now.checked_duration_since(self.silent_at()?)?;
        if late >= config::ABSENCE {
            // Nobody listened meanwhile.
            self.excuse(now);
            return None;
        }
        self.silent = true;
        Some(Change::Silent(late + self.silence))
    }

    fn silent_at(&self) -> Option<Instant> {
        if !self.connected || self.silent {
            return None;
        }
        Some(self.waiting?.max(self.heard) + self.silence)
    }

    /// Whether a probe is due while `streams` are open.
    pub fn wants_probe(&self, streams: usize, now: Instant) -> bool {
        self.probe_at(streams).is_some_and(|at| at <= now)
    }

    /// A probe is on its way.
    pub fn probe_sent(&mut self, now: Instant) {
        self.probes += 1;
        self.probed = now;
    }

    fn probe_at(&self, streams: usize) -> Option<Instant> {
        // What waits already is as good as a probe.
        if !self.connected || self.waiting.is_some() {
            return None;
        }
        let after_traffic = config::PROBES_AFTER_TRAFFIC
            .get(self.probes)
            .filter(|_| streams > 0)
            .map(|quarters| self.traffic + self.silence / 4 * *quarters);
        let regular = self.keep_alive.map(|interval| self.traffic.max(self.probed) + interval);
        after_traffic.into_iter().chain(regular).min()
    }

    /// When to look again.
    pub fn poll_timeout(&self, streams: usize) -> Option<Instant> {
        self.silent_at().into_iter().chain(self.probe_at(streams)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn connected(keep_alive: Option<Duration>) -> (Liveness, Instant) {
        let start = Instant::now();
        let mut liveness = Liveness::new(&Config { keep_alive, ..Config::default() }, start);
        liveness.connected(true, start);
        (liveness, start)
    }

    #[test]
    fn silence_counts_only_while_something_waits_for_an_answer() {
        let (mut liveness, start) = connected(None);
        let later = start + 3600 * SECOND;
        assert_eq!(liveness.check(later), None, "nothing was asked");
        liveness.settled(false, later);
        assert_eq!(liveness.check(later), None, "it was only just asked");
        let silent = liveness.check(later + config::SILENT_AGENT);
        assert_eq!(silent, Some(Change::Silent(config::SILENT_AGENT)));
        assert_eq!(liveness.check(later + 2 * config::SILENT_AGENT), None, "said once");
        assert_eq!(liveness.heard(later + 3 * config::SILENT_AGENT), Some(Change::Heard));
        assert_eq!(liveness.heard(later + 3 * config::SILENT_AGENT), None, "said once");
    }

    #[test]
    fn a_lost_connection_is_not_the_agents_silence() {
        let (mut liveness, start) = connected(None);
        liveness.settled(false, start);
        liveness.connected(false, start + SECOND);
        let back = start + 100 * SECOND;
        assert_eq!(liveness.check(back), None);
        liveness.connected(true, back);
        assert_eq!(liveness.check(back + SECOND), None);
        assert!(liveness.check(back + config::SILENT_AGENT).is_some());
    }

    #[test]
    fn ones_own_absence_is_not_the_agents_silence() {
        let (mut liveness, start) = connected(None);
        liveness.settled(false, start);
        let woken = start + 3600 * SECOND;
        assert_eq!(liveness.check(woken), None, "nobody listened");
        assert_eq!(liveness.poll_timeout(0), Some(woken + config::SILENT_AGENT));
        let silent = liveness.check(woken + config::SILENT_AGENT + SECOND);
        assert_eq!(silent, Some(Change::Silent(config::SILENT_AGENT + SECOND)), "a busy machine");
    }

    #[test]
    fn a_few_probes_follow_the_last_traffic_while_clients_are_there() {
        let (mut liveness, start) = connected(None);
        assert!(!liveness.wants_probe(0, start + 3600 * SECOND), "nobody would notice");
        for quarters in config::PROBES_AFTER_TRAFFIC {
            let delay = config::SILENT_AGENT / 4 * quarters;
            assert!(!liveness.wants_probe(1, start + delay - SECOND));
            assert!(liveness.wants_probe(1, start + delay));
            liveness.probe_sent(start + delay);
        }
        assert!(!liveness.wants_probe(1, start + 3600 * SECOND), "the idle limit has its way");
        liveness.traffic(start + 3600 * SECOND);
        assert!(liveness.wants_probe(1, start + 3615 * SECOND));
    }

    #[test]
    fn a_session_that_is_kept_alive_is_probed_without_end() {
        let (mut liveness, start) = connected(Some(60 * SECOND));
        for minute in 1..=100 {
            assert!(liveness.wants_probe(0, start + minute * 60 * SECOND));
            liveness.probe_sent(start + minute * 60 * SECOND);
            assert!(!liveness.wants_probe(0, start + minute * 60 * SECOND + SECOND));
        }
    }
}

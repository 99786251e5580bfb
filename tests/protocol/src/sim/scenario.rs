//! What happens in a run: who connects, what the network does, when things break.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use ssmpf_proto::Config;

use super::agent::AgentConfig;
use super::network::{Path, up_to};
use super::plan::Plan;
use super::{MS, SECOND, Time};

/// What the gateway does with a message that is too large for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooLarge {
    /// It vanishes.
    Dropped,
    /// The client's connection is closed.
    Closes,
}

/// Everything a run is made of.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Source of all that is random during the run.
    pub seed: u64,
    /// Client to agent.
    pub up: Path,
    /// Agent to client.
    pub down: Path,
    /// The agent.
    pub agent: AgentConfig,
    /// The connections and when their clients connect, in order of time.
    pub clients: Vec<(Time, Plan)>,
    /// Most bytes a client writes at once.
    pub chunk: usize,
    /// When the client's connection is cut, and for how long.
    pub client_cuts: Vec<(Time, Duration)>,
    /// When the client's machine stands still, and for how long. Its clock jumps by that: nothing
    /// is read, sent or timed meanwhile, while the world goes on.
    pub standstills: Vec<(Time, Duration)>,
    /// When the agent's connection is cut, and for how long.
    pub agent_cuts: Vec<(Time, Duration)>,
    /// When the client is told to pause, and after what time to go on; `None` is never.
    pub pauses: Vec<(Time, Option<Duration>)>,
    /// Whether the gateway keeps messages for a side that is away.
    pub holds: bool,
    /// Whether the agent is told to pause while the client is away.
    pub pauses_agent: bool,
    /// Whether what is under way is lost with the connection.
    pub loses_in_flight: bool,
    /// Largest payload the gateway carries to the agent, in bytes, and what it does beyond.
    pub payload_limit: Option<(usize, TooLarge)>,
    /// The client's bounds.
    pub config: Config,
    /// How long the session stays after the last client has gone.
    pub linger: Duration,
    /// Virtual time after which the run counts as stuck.
    pub limit: Time,
}

impl Scenario {
    /// A path that loses nothing and an agent of today that is never slow.
    pub fn quiet(clients: Vec<(Time, Plan)>) -> Self {
        Self {
            seed: 1,
            up: Path::clean(10 * MS),
            down: Path::clean(10 * MS),
            agent: AgentConfig {
                version: "3.3.1142.0".to_owned(),
                property_type: "LocalPortForwarding".to_owned(),
                mux: true,
                keepalive: false,
                pace: MS,
                ready_after: Duration::ZERO,
                acks_first: true,
                dial_time: MS,
            },
            clients,
            chunk: 64 * 1024,
            client_cuts: Vec::new(),
            standstills: Vec::new(),
            agent_cuts: Vec::new(),
            pauses: Vec::new(),
            holds: false,
            pauses_agent: true,
            loses_in_flight: true,
            payload_limit: None,
            config: Config::default(),
            linger: Duration::ZERO,
            limit: 600 * SECOND,
        }
    }

    /// A quiet network between random clients and a random agent.
    pub fn random(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let rng = &mut rng;
        let clients = random_clients(rng, 10, 60_000);
        let mut scenario = Self { seed, ..Self::quiet(clients) };
        scenario.up.latency = up_to(60 * MS, rng);
        scenario.down.latency = up_to(60 * MS, rng);
        scenario.chunk = rng.random_range(1..20_000);
        let agent = &mut scenario.agent;
        agent.acks_first = rng.random();
        agent.dial_time = up_to(20 * MS, rng);
        agent.pace = if rng.random() { MS } else { Duration::from_micros(50) };
        if rng.random() {
            agent.ready_after = up_to(800 * MS, rng);
        }
        if rng.random_range(0..4) == 0 {
            (agent.version, agent.keepalive) = ("3.1.1511.0".to_owned(), true);
        }
        scenario
    }

    /// Adds jitter, loss, repetition and reordering, both ways.
    #[must_use]
    pub fn with_bad_network(mut self) -> Self {
        let mut rng = self.rng(1);
        for path in [&mut self.up, &mut self.down] {
            path.jitter = up_to(30 * MS, &mut rng);
            path.keeps_order = rng.random_range(0..3) > 0;
            path.drops = rng.random_range(0..300);
            path.duplicates = rng.random_range(0..300);
        }
        self
    }

    /// Adds cuts of the client's and the agent's connection and pauses of publication.
    #[must_use]
    pub fn with_cuts(mut self) -> Self {
        let mut rng = self.rng(2);
        let rng = &mut rng;
        let at = |rng: &mut SmallRng| up_to(6 * SECOND, rng);
        for _ in 0..rng.random_range(0..4) {
            self.client_cuts.push((at(rng), MS + up_to(3 * SECOND, rng)));
        }
        for _ in 0..rng.random_range(0..2) {
            self.agent_cuts.push((at(rng), MS + up_to(400 * MS, rng)));
        }
        for _ in 0..rng.random_range(0..3) {
            let length = if rng.random() { Some(up_to(2 * SECOND, rng)) } else { None };
            self.pauses.push((at(rng), length));
        }
        self.holds = rng.random();
        self.pauses_agent = rng.random();
        self.loses_in_flight = rng.random();
        self
    }

    /// Adds moments at which the client's machine stands still, a few minutes long at most.
    #[must_use]
    pub fn with_standstills(mut self) -> Self {
        let mut rng = self.rng(7);
        for _ in 0..rng.random_range(1..4) {
            let at = up_to(6 * SECOND, &mut rng);
            // Moments, and absences after which everything is overdue, come up as often.
            let most = if rng.random() { SECOND } else { 200 * SECOND };
            self.standstills.push((at, MS + up_to(most, &mut rng)));
        }
        // One that wants keepalives gives a session up that stands still for half a minute.
        "3.3.1142.0".clone_into(&mut self.agent.version);
        self.agent.keepalive = false;
        self.limit += 600 * SECOND;
        self
    }

    /// Adds a bound of the gateway on large messages, and something large to send.
    #[must_use]
    pub fn with_payload_limit(mut self) -> Self {
        let mut rng = self.rng(3);
        let limit = *[1024, 2000, 4096, 8192, 20_000].get(rng.random_range(0..5)).expect("five");
        let action = if rng.random() { TooLarge::Dropped } else { TooLarge::Closes };
        self.payload_limit = Some((limit, action));
        self.chunk = self.chunk.max(500);
        self.clients.push((6 * SECOND, Plan::Upload { bytes: rng.random_range(100_000..600_000) }));
        self
    }

    /// Adds a client that takes nothing, with a small bound for what it may hold.
    #[must_use]
    pub fn with_slow_client(mut self) -> Self {
        let mut rng = self.rng(4);
        self.config.receive_budget = 256 * 1024;
        let bytes = rng.random_range(50_000..600_000);
        self.clients.insert(0, (Time::ZERO, Plan::SlowClient { bytes }));
        self
    }

    /// Makes the agent one without the mux.
    #[must_use]
    pub fn with_old_agent(mut self) -> Self {
        let mut rng = self.rng(5);
        let versions = ["2.3.722.0", "2.3.750.0", "3.0.196.0"];
        versions[rng.random_range(0..3)].clone_into(&mut self.agent.version);
        (self.agent.mux, self.agent.keepalive) = (false, false);
        self.clients = random_clients(&mut rng, 6, 40_000);
        self.clients.retain(|(_, plan)| {
            matches!(plan, Plan::Echo { .. } | Plan::Upload { .. } | Plan::Download { .. })
        });
        self
    }

    /// Makes it a session for ssh.
    #[must_use]
    pub fn with_ssh(mut self) -> Self {
        let mut rng = self.rng(6);
        self.agent.property_type.clear();
        (self.agent.mux, self.agent.keepalive) = (false, false);
        let bytes = rng.random_range(1..60_000);
        self.clients = vec![(Time::ZERO, Plan::Echo { bytes })];
        self
    }

    /// A source of random choices of its own for each addition, so that they do not depend on
    /// which others are made.
    fn rng(&self, addition: u64) -> SmallRng {
        SmallRng::seed_from_u64(self.seed ^ (addition << 56))
    }
}

fn random_clients(rng: &mut SmallRng, most: usize, bytes: u64) -> Vec<(Time, Plan)> {
    let count = rng.random_range(1..=most);
    let mut times: Vec<_> = (0..count).map(|_| up_to(5 * SECOND, rng)).collect();
    times.sort_unstable();
    times.into_iter().map(|at| (at, random_plan(rng, bytes))).collect()
}

fn random_plan(rng: &mut SmallRng, most: u64) -> Plan {
    // Sizes around the cuts of messages and frames come up as often as all others.
    let size = |rng: &mut SmallRng| match rng.random_range(0..3) {
        0 => rng.random_range(1..30),
        1 => 1016 + rng.random_range(0..10),
        _ => rng.random_range(1..most),
    };
    match rng.random_range(0..8) {
        0 | 1 => Plan::Echo { bytes: size(rng) },
        2 => Plan::Upload { bytes: size(rng) },
        3 | 4 => Plan::Download { request: rng.random_range(1..100), bytes: size(rng) },
        5 => Plan::HalfClose { upload: size(rng), download: size(rng) },
        6 => Plan::Refused { bytes: rng.random_range(0..3000) },
        _ => {
            let bytes = size(rng) + 10;
            Plan::Vanish { bytes, taken: rng.random_range(1..bytes) }
        }
    }
}

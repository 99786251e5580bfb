//! One run: client, network, gateway and agent, stepped from event to event.

mod gateway;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use ssmpf_proto::message::{MessageType, PAYLOAD_OFFSET};
use ssmpf_proto::{CloseReason, Event, MessageError, PortSession, Stats, config};

use super::agent::Agent;
use super::app::App;
use super::network::Direction;
use super::plan::Plan;
use super::scenario::{Scenario, TooLarge};
use super::{MS, SECOND, Time};
use gateway::{Happening, bare};

/// Bytes in the client's socket that make the agent's socket full.
const SOCKET: usize = 256 * 1024;
/// Most calls of `handle_timeout` in one virtual second.
const TIMEOUTS_PER_SECOND: u32 = 600;
/// Most calls of `handle_timeout` at one moment.
const TIMEOUTS_AT_ONCE: u32 = 64;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Virtual time it took.
    pub time: Time,
    /// Virtual time at which the last client was done.
    pub done_at: Time,
    /// How often the agent was said to be silent.
    pub silences: u32,
    /// How the session ended.
    pub reason: CloseReason,
    /// The session's figures before its end.
    pub stats: Stats,
    /// Messages that the agent still stored for repeating.
    pub agent_unacknowledged: usize,
    /// Most messages the agent held out of order.
    pub agent_held: usize,
    /// Differs, almost surely, if anything went differently.
    pub fingerprint: u64,
}

/// A run in progress.
#[derive(Debug)]
pub struct World {
    scenario: Scenario,
    base: Instant,
    now: Time,
    rng: SmallRng,
    session: PortSession,
    agent: Agent,
    apps: Vec<App>,
    /// The first app that has not connected yet; they connect in their order.
    next_app: usize,
    up: Direction,
    down: Direction,
    agenda: BTreeMap<(Time, u64), Happening>,
    order: u64,
    client_epoch: u32,
    client_connected: bool,
    /// Until when the client's machine stands still.
    still_until: Time,
    silences: u32,
    for_client: VecDeque<Bytes>,
    for_agent: VecDeque<Bytes>,
    inbox: VecDeque<Bytes>,
    inbox_bytes: usize,
    read_at: Time,
    ready: bool,
    closed: Option<CloseReason>,
    agent_ended: bool,
    done_at: Option<Time>,
    /// The present second and how often the session was woken in it.
    timeouts: (u64, u32),
    timed_out_at: Time,
    timeouts_now: u32,
    stats: Stats,
    fingerprint: u64,
}

impl World {
    /// Prepares a run.
    pub fn new(scenario: Scenario) -> Self {
        let base = Instant::now();
        let plans: Vec<Plan> = scenario.clients.iter().map(|(_, plan)| *plan).collect();
        let mut session = PortSession::new(scenario.config.clone(), base, 1, scenario.seed);
        session.open_data_channel("token");
        session.handle_connected(base);
        let apps = scenario.clients.iter().enumerate();
        let apps = apps.map(|(n, (at, plan))| App::new(n, *plan, *at, scenario.chunk)).collect();
        let mut world = Self {
            base,
            now: Time::ZERO,
            rng: SmallRng::seed_from_u64(scenario.seed),
            stats: session.stats(),
            session,
            agent: Agent::new(scenario.agent.clone(), plans, Time::ZERO),
            apps,
            next_app: 0,
            up: Direction::new(scenario.up.clone()),
            down: Direction::new(scenario.down.clone()),
            agenda: BTreeMap::new(),
            order: 0,
            client_epoch: 0,
            client_connected: true,
            still_until: Time::ZERO,
            silences: 0,
            for_client: VecDeque::new(),
            for_agent: VecDeque::new(),
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            read_at: Time::ZERO,
            ready: false,
            closed: None,
            agent_ended: false,
            done_at: None,
            timeouts: (0, 0),
            timed_out_at: Time::MAX,
            timeouts_now: 0,
            fingerprint: 0xcbf2_9ce4_8422_2325,
            scenario,
        };
        for (at, length) in world.scenario.client_cuts.clone() {
            world.plan(at, Happening::CutClient(length));
        }
        for (at, length) in world.scenario.standstills.clone() {
            world.plan(at, Happening::StandStill(length));
        }
        for (at, length) in world.scenario.agent_cuts.clone() {
            world.plan(at, Happening::CutAgent(length));
        }
        for (at, length) in world.scenario.pauses.clone() {
            world.plan(at, Happening::Publication(MessageType::PausePublication));
            if let Some(length) = length {
                world.plan(at + length, Happening::Publication(MessageType::StartPublication));
            }
        }
        world
    }

    /// Runs to the end.
    ///
    /// # Errors
    ///
    /// A sentence about the first thing that went wrong.
    pub fn run(mut self) -> Result<Outcome, String> {
        let result = self.run_to_end();
        result.map_err(|error| {
            let stats = self.session.stats();
            format!("seed {}: at {:?}: {error}; {stats:?}", self.scenario.seed, self.now)
        })
    }

    fn run_to_end(&mut self) -> Result<Outcome, String> {
        loop {
            self.work()?;
            self.check_bounds()?;
            if self.is_over()? {
                break;
            }
            self.step()?;
        }
        Ok(Outcome {
            time: self.now,
            done_at: self.done_at.unwrap_or(self.now),
            silences: self.silences,
            reason: self.closed.clone().expect("the run is over"),
            stats: self.stats,
            agent_unacknowledged: self.agent.unacknowledged(),
            agent_held: self.agent.most_held,
            fingerprint: self.fingerprint,
        })
    }

    fn instant(&self) -> Instant {
        self.base + self.now
    }

    fn stands_still(&self) -> bool {
        self.now < self.still_until
    }

    fn plan(&mut self, at: Time, happening: Happening) {
        self.order += 1;
        self.agenda.insert((at, self.order), happening);
    }

    fn note(&mut self, what: u64) {
        for word in [what, self.now.as_nanos() as u64] {
            self.fingerprint = (self.fingerprint ^ word).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Goes to the next moment at which something happens, and lets it happen.
    fn step(&mut self) -> Result<(), String> {
        let instant = self.instant();
        let base = self.base;
        let timeout = self.session.poll_timeout(instant);
        let timeout = timeout.map(|at| (at - base).max(self.still_until));
        if timeout.is_some_and(|at| at <= self.now) {
            // An answer that made the timeout shorter may have made it due.
            self.count_timeout()?;
            self.session.handle_timeout(instant);
            return Ok(());
        }
        let next_app = self.apps.get(self.next_app).map(|app| app.opens_at);
        let candidates = [
            self.agenda.keys().next().map(|(at, _)| *at),
            timeout,
            Some(self.agent.wakes_at()).filter(|at| *at < Time::MAX && !self.agent_ended),
            next_app.filter(|at| self.ready && *at > self.now),
            Some(self.read_at.max(self.still_until)).filter(|_| !self.inbox.is_empty()),
            Some(self.up.room_at()).filter(|at| *at > self.now),
            self.done_at.map(|at| at + self.scenario.linger).filter(|at| *at > self.now),
        ];
        let next = candidates.into_iter().flatten().min().ok_or("nothing will ever happen")?;
        if next > self.scenario.limit {
            return Err(format!("stuck: {:?}", self.apps));
        }
        self.now = self.now.max(next);
        let instant = self.instant();
        if timeout.is_some_and(|at| at <= self.now) {
            self.count_timeout()?;
            self.session.handle_timeout(instant);
        }
        while let Some(entry) = self.agenda.first_entry()
            && entry.key().0 <= self.now
        {
            let happening = entry.remove();
            self.handle(happening)?;
        }
        if !self.agent_ended && self.agent.wakes_at() <= self.now {
            self.agent.handle_timeout(self.now)?;
        }
        Ok(())
    }

    fn count_timeout(&mut self) -> Result<(), String> {
        let second = self.now.as_secs();
        if self.timeouts.0 != second {
            self.timeouts = (second, 0);
        }
        self.timeouts.1 += 1;
        self.timeouts_now = if self.timed_out_at == self.now { self.timeouts_now + 1 } else { 1 };
        self.timed_out_at = self.now;
        if self.timeouts.1 > TIMEOUTS_PER_SECOND || self.timeouts_now > TIMEOUTS_AT_ONCE {
            return Err("the session wants to be woken all the time".to_owned());
        }
        Ok(())
    }

    /// Lets both sides and the apps work until nothing more happens at this moment.
    fn work(&mut self) -> Result<(), String> {
        if self.stands_still() {
            return self.send_from_agent();
        }
        loop {
            let mut idle = self.read_messages()?;
            idle &= self.open_apps()?;
            idle &= self.send_from_client()?;
            while let Some(event) = self.session.poll_event() {
                idle = false;
                self.handle_event(&event)?;
            }
            self.send_from_agent()?;
            if idle {
                return Ok(());
            }
        }
    }

    fn read_messages(&mut self) -> Result<bool, String> {
        if self.session.brake().is_none() {
            self.read_at = self.read_at.min(self.now);
        }
        let mut idle = true;
        while self.read_at <= self.now
            && let Some(message) = self.inbox.pop_front()
        {
            idle = false;
            self.inbox_bytes = self.inbox_bytes.saturating_sub(message.len());
            match self.session.handle_message(message, self.base + self.now) {
                Ok(()) => {}
                // Only a run that makes the buffer small can get here.
                Err(MessageError::TooFarAhead(_))
                    if self.scenario.config.reorder_messages < config::REORDER_MESSAGES => {}
                Err(error) => return Err(error.to_string()),
            }
            if let Some(brake) = self.session.brake() {
                self.read_at = self.now + brake.wait;
            }
        }
        Ok(idle)
    }

    fn open_apps(&mut self) -> Result<bool, String> {
        let instant = self.instant();
        let mut idle = true;
        while self.ready
            && let Some(app) = self.apps.get_mut(self.next_app)
            && app.open(&mut self.session, (self.now, instant))?
        {
            app.write(&mut self.session, instant);
            self.next_app += 1;
            idle = false;
        }
        Ok(idle)
    }

    fn send_from_client(&mut self) -> Result<bool, String> {
        let mut idle = true;
        while self.client_connected
            && self.up.has_room(self.now)
            && let Some(message) = self.session.poll_transmit(self.base + self.now)
        {
            idle = false;
            match self.scenario.payload_limit {
                Some((limit, action)) if message.len() > PAYLOAD_OFFSET + limit => {
                    if action == TooLarge::Closes {
                        self.cut_client(200 * MS)?;
                    }
                }
                _ => {
                    for at in self.up.send(message.len(), self.now, &mut self.rng) {
                        let (epoch, message) = (self.client_epoch, message.clone());
                        self.plan(at, Happening::ToAgent { epoch, message });
                    }
                }
            }
        }
        Ok(idle)
    }

    fn send_from_agent(&mut self) -> Result<(), String> {
        while self.inbox_bytes < SOCKET
            && self.agent.connected
            && let Some(message) = self.agent.poll_transmit()
        {
            if !self.client_connected {
                if self.scenario.holds {
                    self.for_client.push_back(message);
                }
                continue;
            }
            for at in self.down.send(message.len(), self.now, &mut self.rng) {
                let (epoch, message) = (self.client_epoch, message.clone());
                self.plan(at, Happening::ToClient { epoch, message });
            }
        }
        let drained = self.agent.unacknowledged() == 0;
        if self.agent.ended && !self.agent_ended && drained {
            self.agent_ended = true;
            let (epoch, message) = (self.client_epoch, bare(MessageType::ChannelClosed));
            self.plan(self.now + SECOND, Happening::ToClient { epoch, message });
        }
        Ok(())
    }

    fn handle_event(&mut self, event: &Event) -> Result<(), String> {
        if self.closed.is_some() {
            return Err(format!("{event:?} after the end"));
        }
        let stream = match event {
            Event::Ready(_) => {
                self.ready = true;
                return Ok(());
            }
            Event::Silent(_) => {
                self.silences += 1;
                return Ok(());
            }
            Event::Heard => return Ok(()),
            Event::Closed(reason) => {
                self.closed = Some(reason.clone());
                return Ok(());
            }
            Event::Data { stream, .. }
            | Event::Sent { stream, .. }
            | Event::Finished { stream }
            | Event::Abandoned { stream }
            | Event::Refused { stream }
            | Event::Overflowed { stream } => *stream,
        };
        let instant = self.instant();
        let single = self.scenario.agent.property_type.is_empty();
        let closes_itself = !self.scenario.agent.mux && !single;
        let app = self.apps.iter_mut().find(|app| app.stream() == Some(stream));
        let app = app.ok_or_else(|| format!("{event:?} for nobody"))?;
        app.handle(event, &mut self.session, instant, closes_itself)
    }

    fn check_bounds(&mut self) -> Result<(), String> {
        let stats = self.session.stats();
        let message = config::MAX_PAYLOAD + PAYLOAD_OFFSET;
        let bounds = [
            ("unacknowledged", stats.unacknowledged, config::MAX_WINDOW + 2 * message),
            ("window", stats.window, config::MAX_WINDOW),
            ("out of order", stats.out_of_order, self.scenario.config.reorder_bytes + message),
            ("untaken", stats.untaken, self.scenario.config.receive_budget),
            ("streams", stats.streams, config::MAX_STREAMS),
            ("messages at the agent", self.agent.most_held, config::MAX_SPAN),
        ];
        self.stats = stats;
        match bounds.into_iter().find(|(_, value, most)| value > most) {
            Some((name, value, most)) => Err(format!("{name}: {value} exceeds {most}")),
            None => Ok(()),
        }
    }

    /// Ends the session when every client is served, and checks the books when it has ended.
    fn is_over(&mut self) -> Result<bool, String> {
        let reads = self.agent.bytes_read();
        let pending = self.apps.iter().zip(reads).any(|(app, read)| {
            let uploads = matches!(app.plan(), Plan::Upload { .. }) && *read < app.plan().upload();
            app.is_pending() || uploads
        });
        if self.closed.is_none() && !pending && !self.stands_still() {
            let done_at = *self.done_at.get_or_insert(self.now);
            if self.now >= done_at + self.scenario.linger {
                let instant = self.instant();
                self.session.terminate(instant);
                self.work()?;
            }
        }
        if self.closed.is_none() {
            return Ok(false);
        }
        for (app, read) in self.apps.iter().zip(self.agent.bytes_read()) {
            app.check(*read)?;
        }
        Ok(true)
    }
}

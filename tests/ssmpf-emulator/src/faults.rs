//! Faults that can be switched on and off while sessions run.
//!
//! Line faults belong to the way between a client and its agent and exist once per session; the
//! emulator's handle changes all sessions and those to come. Service faults belong to the API.

use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

use crate::lock;
use crate::session::{Command, Ending, Session};
use crate::state::State;

/// Which way messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the agent.
    ToClient,
    /// From the client.
    ToAgent,
}

/// Loss and disorder in one direction.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Disorder {
    /// How many of the next messages are lost.
    pub(crate) drop_next: u64,
    /// Share of messages that are lost.
    pub(crate) drop_rate: f64,
    /// Share of messages that arrive twice.
    pub(crate) duplicate_rate: f64,
    /// Share of messages that change places with the next one.
    pub(crate) reorder_rate: f64,
    /// How many of the next acknowledgements are lost.
    pub(crate) lose_acks: u64,
}

/// Faults of the way between one client and its agent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LineFaults {
    /// Delay of every message, each way.
    pub(crate) latency: Duration,
    /// Greatest addition to the delay.
    pub(crate) jitter: Duration,
    /// Bytes per second, each way.
    pub(crate) bandwidth: Option<u64>,
    /// From the agent.
    pub(crate) to_client: Disorder,
    /// From the client.
    pub(crate) to_agent: Disorder,
    /// Messages after which a client's websocket is closed with 1000 `Bye`.
    pub(crate) close_after_messages: Option<u64>,
    /// Age at which a client's websocket is closed with 1000 `Bye`.
    pub(crate) close_after: Option<Duration>,
    /// Nothing passes and pings stay unanswered, while the socket stays open.
    pub(crate) black_hole: bool,
    /// Longest message the gateway takes.
    pub(crate) max_message: Option<usize>,
    /// Whether a longer message is lost silently instead of closing the socket with 1009.
    pub(crate) drop_too_long: bool,
    /// Seed of everything random.
    pub(crate) seed: u64,
}

impl LineFaults {
    /// Returns the settings of one direction.
    pub(crate) fn disorder(&mut self, direction: Direction) -> &mut Disorder {
        match direction {
            Direction::ToClient => &mut self.to_client,
            Direction::ToAgent => &mut self.to_agent,
        }
    }

    /// Returns whether messages cannot simply be passed on.
    fn slows_messages(&self) -> bool {
        let plain = LineFaults {
            seed: self.seed,
            close_after: self.close_after,
            drop_too_long: self.drop_too_long,
            ..LineFaults::default()
        };
        *self != plain
    }
}

/// The faults of one session, and word of their changes.
#[derive(Debug)]
pub(crate) struct Line {
    settings: Mutex<LineFaults>,
    active: AtomicBool,
    changed: watch::Sender<()>,
}

impl Line {
    /// Returns a line with these faults.
    pub(crate) fn new(settings: LineFaults) -> Self {
        Self {
            active: AtomicBool::new(settings.slows_messages()),
            settings: Mutex::new(settings),
            changed: watch::Sender::new(()),
        }
    }

    /// Returns whether messages need more than being passed on; false costs nothing.
    pub(crate) fn active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// Reads or counts down the settings.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&mut LineFaults) -> T) -> T {
        read(&mut lock(&self.settings))
    }

    /// Changes the settings and tells the relay.
    pub(crate) fn change(&self, change: impl FnOnce(&mut LineFaults)) {
        let mut settings = lock(&self.settings);
        change(&mut settings);
        self.active.store(settings.slows_messages(), Ordering::Relaxed);
        drop(settings);
        self.changed.send_replace(());
    }

    /// Returns a receiver of changes.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// Faults of the API and of admission.
#[derive(Debug, Default)]
pub(crate) struct ServiceFaults {
    /// What is to fail, in the order it is used up.
    failures: VecDeque<Failure>,
    /// How long every API call takes.
    latency: Duration,
    /// How long every API call of a service or in a Region takes, instead.
    own_latency: HashMap<String, Duration>,
    /// HTTP statuses of the next websocket upgrades.
    pub(crate) refused_upgrades: VecDeque<u16>,
    /// Whether new tokens are born expired.
    pub(crate) tokens_expired: bool,
    /// Whether ResumeSession answers with an empty token.
    pub(crate) resume_without_token: bool,
    /// Seconds that the service's clock is ahead of ours.
    pub(crate) clock_offset: i64,
}

/// A call that is to fail.
#[derive(Debug, Clone)]
struct Failure {
    operation: String,
    /// In this Region only.
    region: Option<String>,
    code: String,
}

impl ServiceFaults {
    /// Takes the next failure prepared for an operation in a Region.
    pub(crate) fn take(&mut self, operation: &str, region: &str) -> Option<String> {
        let fits = |failure: &Failure| {
            failure.operation == operation
                && failure.region.as_deref().is_none_or(|only| only == region)
        };
        let at = self.failures.iter().position(fits)?;
        self.failures.remove(at).map(|failure| failure.code)
    }

    /// Returns how long a call of a service in a Region takes.
    pub(crate) fn latency(&self, service: &str, region: &str) -> Duration {
        let own = self.own_latency.get(service).or_else(|| self.own_latency.get(region));
        own.copied().unwrap_or(self.latency)
    }
}

/// Switches faults, of one session or of all and those to come.
#[derive(Clone)]
pub struct Faults {
    state: Arc<State>,
    session: Option<Arc<Session>>,
}

impl Faults {
    pub(crate) fn of(state: Arc<State>, session: Option<Arc<Session>>) -> Self {
        Self { state, session }
    }

    fn sessions(&self) -> Vec<Arc<Session>> {
        match &self.session {
            Some(session) => vec![session.clone()],
            None => self.state.sessions(),
        }
    }

    fn line(&self, change: impl Fn(&mut LineFaults)) -> &Self {
        if self.session.is_none() {
            change(&mut lock(&self.state.line_template));
        }
        for session in self.sessions() {
            session.line.change(&change);
        }
        self
    }

    fn command(&self, command: impl Fn() -> Command) -> &Self {
        for session in self.sessions() {
            session.command(command());
        }
        self
    }

    /// Delays every message by this much, each way, keeping the order.
    pub fn latency(&self, delay: Duration) -> &Self {
        self.line(|line| line.latency = delay)
    }

    /// Delays every message by up to this much more.
    pub fn jitter(&self, most: Duration) -> &Self {
        self.line(|line| line.jitter = most)
    }

    /// Limits each way to so many bytes per second; 0 removes the limit.
    pub fn bandwidth(&self, bytes_per_second: u64) -> &Self {
        self.line(|line| line.bandwidth = Some(bytes_per_second).filter(|&bytes| bytes > 0))
    }

    /// Loses the next `count` messages of each session.
    pub fn drop_next(&self, direction: Direction, count: u64) -> &Self {
        self.line(|line| line.disorder(direction).drop_next = count)
    }

    /// Loses this share of the messages.
    pub fn drop_rate(&self, direction: Direction, share: f64) -> &Self {
        self.line(|line| line.disorder(direction).drop_rate = share)
    }

    /// Delivers this share of the messages twice.
    pub fn duplicate_rate(&self, direction: Direction, share: f64) -> &Self {
        self.line(|line| line.disorder(direction).duplicate_rate = share)
    }

    /// Lets this share of the messages change places with the one that follows.
    pub fn reorder_rate(&self, direction: Direction, share: f64) -> &Self {
        self.line(|line| line.disorder(direction).reorder_rate = share)
    }

    /// Sets the seed of loss, duplication, disorder and jitter; a session takes it at its start.
    pub fn seed(&self, seed: u64) -> &Self {
        self.line(|line| line.seed = seed)
    }

    /// Loses the next `count` acknowledgements that agents send.
    pub fn lose_agent_acks(&self, count: u64) -> &Self {
        self.line(|line| line.to_client.lose_acks = count)
    }

    /// Loses the next `count` acknowledgements that clients send.
    pub fn lose_client_acks(&self, count: u64) -> &Self {
        self.line(|line| line.to_agent.lose_acks = count)
    }

    /// Closes each websocket with 1000 `Bye` after so many messages of both ways; 0 stops that.
    pub fn close_after_messages(&self, count: u64) -> &Self {
        self.line(|line| line.close_after_messages = Some(count).filter(|&count| count > 0))
    }

    /// Closes each websocket with 1000 `Bye` at this age: the hourly cut in miniature.
    pub fn close_after(&self, age: Option<Duration>) -> &Self {
        self.line(|line| line.close_after = age)
    }

    /// Keeps websockets open but passes nothing on and answers no ping.
    pub fn black_hole(&self, on: bool) -> &Self {
        self.line(|line| line.black_hole = on)
    }

    /// Closes the websocket with 1009 at a longer message, or loses the message if `silently`.
    pub fn max_message_size(&self, bytes: Option<usize>, silently: bool) -> &Self {
        self.line(|line| (line.max_message, line.drop_too_long) = (bytes, silently))
    }

    /// Tells agents to stop publishing.
    pub fn pause(&self) -> &Self {
        self.command(|| Command::Publication(false))
    }

    /// Tells agents to go on publishing.
    pub fn resume(&self) -> &Self {
        self.command(|| Command::Publication(true))
    }

    /// Resets the TCP connections of clients.
    pub fn cut_all_clients(&self) -> &Self {
        self.command(|| Command::Cut)
    }

    /// Closes the websockets of clients with a code and a reason.
    pub fn close_all_clients(&self, code: u16, reason: &str) -> &Self {
        self.command(|| Command::Close(code, reason.to_owned()))
    }

    /// Sends clients a binary message of these bytes.
    pub fn garbage(&self, bytes: impl Into<Bytes>) -> &Self {
        let bytes = bytes.into();
        self.command(|| Command::Garbage(bytes.clone()))
    }

    /// Cuts the agents' own sockets for some time; meanwhile agents go on reading and numbering.
    pub fn cut_agents(&self, outage: Duration) -> &Self {
        for session in self.sessions() {
            session.outgoing.disconnect();
            self.state.runtime.spawn(async move {
                tokio::time::sleep(outage).await;
                session.outgoing.reconnect();
            });
        }
        self
    }

    /// Ends sessions as the service does, with a text for the user.
    pub fn end_sessions(&self, output: &str) -> &Self {
        for session in self.sessions() {
            session.terminate_by_service(output);
        }
        self
    }

    /// Kills the agent of a node without a word: its sessions fall silent and none can start.
    pub fn agent_gone(&self, target: &str) -> &Self {
        lock(&self.state.gone).insert(target.to_owned());
        for session in self.state.sessions() {
            if session.target == target {
                session.end(Ending::Gone);
            }
        }
        self
    }

    /// Brings the agent of a node back; its old sessions stay dead.
    pub fn agent_back(&self, target: &str) -> &Self {
        lock(&self.state.gone).remove(target);
        self
    }

    fn service(&self, change: impl FnOnce(&mut ServiceFaults)) -> &Self {
        change(&mut lock(&self.state.service_faults));
        self
    }

    /// Lets the next `times` calls of an operation fail with an error code.
    pub fn fails(&self, operation: &str, code: &str, times: usize) -> &Self {
        self.service(|service| {
            let (operation, code) = (operation.to_owned(), code.to_owned());
            let failure = Failure { operation, region: None, code };
            service.failures.extend(std::iter::repeat_n(failure, times));
        })
    }

    /// Lets the next `times` calls of an operation in a Region fail with an error code.
    pub fn fails_in(&self, region: &str, operation: &str, code: &str, times: usize) -> &Self {
        self.service(|service| {
            let (operation, code) = (operation.to_owned(), code.to_owned());
            let failure = Failure { operation, region: Some(region.to_owned()), code };
            service.failures.extend(std::iter::repeat_n(failure, times));
        })
    }

    /// Delays every API call by this much.
    pub fn api_latency(&self, delay: Duration) -> &Self {
        self.service(|service| service.latency = delay)
    }

    /// Delays every API call of a service, such as `ec2`, or in a Region by this much.
    pub fn api_latency_of(&self, service_or_region: &str, delay: Duration) -> &Self {
        self.service(|service| {
            service.own_latency.insert(service_or_region.to_owned(), delay);
        })
    }

    /// Lets the next `times` StartSession calls fail, for example with `ThrottlingException`.
    pub fn start_fails(&self, code: &str, times: usize) -> &Self {
        self.fails("StartSession", code, times)
    }

    /// Lets the next `times` ResumeSession calls fail.
    pub fn resume_fails(&self, code: &str, times: usize) -> &Self {
        self.fails("ResumeSession", code, times)
    }

    /// Answers ResumeSession with an empty token, as the service does for a session that is gone.
    pub fn resume_without_token(&self, on: bool) -> &Self {
        self.service(|service| service.resume_without_token = on)
    }

    /// Answers the next `times` websocket upgrades with an HTTP status.
    pub fn refuse_upgrade(&self, status: u16, times: usize) -> &Self {
        self.service(|service| {
            service.refused_upgrades.extend(std::iter::repeat_n(status, times));
        })
    }

    /// Makes all tokens, given out or to come, useless.
    pub fn token_expired(&self, on: bool) -> &Self {
        self.service(|service| service.tokens_expired = on)
    }

    /// Sets the service's clock ahead by so many seconds, or back if negative.
    pub fn clock_offset(&self, seconds: i64) -> &Self {
        self.service(|service| service.clock_offset = seconds)
    }
}

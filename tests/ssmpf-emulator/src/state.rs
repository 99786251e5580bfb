//! What all parts of the emulator share.

use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::agent::outgoing::Outgoing;
use crate::agent::{self, Agent, AgentOptions};
use crate::api::Call;
use crate::credentials::{Credentials, KeyPair};
use crate::directory::{Directory, Given};
use crate::documents::{Parameters, SessionPlan};
use crate::faults::{Line, LineFaults, ServiceFaults};
use crate::fleet::{Fleet, Node};
use crate::gateway::relay::{Policy, Relay};
use crate::lock;
use crate::rng::Rng;
use crate::session::{NewSession, Session};

/// Letters of session ids and tokens.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// Letters of a `cell-number` value; some of them have a meaning in URLs.
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What is fixed while the emulator runs.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) region: String,
    pub(crate) credentials: Credentials,
    /// Whether an unsigned websocket upgrade is refused.
    pub(crate) require_signed_upgrade: bool,
    pub(crate) token_life: Duration,
    pub(crate) relay: Policy,
    /// Whether resuming an ended session gives an empty token instead of an error.
    pub(crate) ended_gives_empty_token: bool,
    /// IAM actions that are not allowed.
    pub(crate) denied_actions: Vec<String>,
    /// Roles, devices and the portal.
    pub(crate) directory: Directory,
}

#[derive(Debug)]
struct Token {
    session: String,
    expires: Instant,
}

/// The emulated service.
pub(crate) struct State {
    pub(crate) config: Config,
    /// `ws://host:port` or `wss://host:port`.
    pub(crate) stream_origin: String,
    pub(crate) fleet: RwLock<Fleet>,
    pub(crate) agent_options: Mutex<AgentOptions>,
    pub(crate) line_template: Mutex<LineFaults>,
    pub(crate) service_faults: Mutex<ServiceFaults>,
    /// Nodes whose agent died.
    pub(crate) gone: Mutex<HashSet<String>>,
    pub(crate) calls: Mutex<Vec<Call>>,
    pub(crate) runtime: Handle,
    /// Clients, tokens and credentials that were given out.
    pub(crate) given: Mutex<Given>,
    /// Whose sessions are started from now on, if not the caller's.
    pub(crate) other_owner: Mutex<Option<String>>,
    /// API calls that are being answered.
    pub(crate) in_flight: AtomicUsize,
    /// The most there were at once.
    pub(crate) most_in_flight: AtomicUsize,
    sessions: Mutex<Vec<Arc<Session>>>,
    tokens: Mutex<HashMap<String, Token>>,
    rng: Mutex<Rng>,
}

impl State {
    /// Returns a service without sessions.
    pub(crate) fn new(
        config: Config,
        fleet: Fleet,
        options: AgentOptions,
        line: LineFaults,
        stream_origin: String,
        runtime: Handle,
    ) -> Self {
        Self {
            config,
            stream_origin,
            fleet: RwLock::new(fleet),
            agent_options: Mutex::new(options),
            line_template: Mutex::new(line),
            service_faults: Mutex::default(),
            gone: Mutex::default(),
            calls: Mutex::default(),
            runtime,
            given: Mutex::default(),
            other_owner: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            sessions: Mutex::default(),
            tokens: Mutex::default(),
            rng: Mutex::new(Rng::from_entropy()),
        }
    }

    /// Returns a Region if something is there, else the fleet's own.
    pub(crate) fn known_region(&self, region: &str) -> String {
        let fleet = self.fleet.read().unwrap_or_else(|broken| broken.into_inner());
        let known = if fleet.has_region(region) { region } else { &self.config.region };
        known.to_owned()
    }

    /// Returns all sessions, the oldest first.
    pub(crate) fn sessions(&self) -> Vec<Arc<Session>> {
        lock(&self.sessions).clone()
    }

    /// Returns the session with this id.
    pub(crate) fn session(&self, id: &str) -> Option<Arc<Session>> {
        lock(&self.sessions).iter().find(|session| session.id == id).cloned()
    }

    /// Returns the key pair with this id, fixed or given out, as it is now.
    pub(crate) fn key(&self, access_key: &str) -> Option<KeyPair> {
        let fixed = self.config.credentials.find(access_key).cloned();
        fixed.or_else(|| {
            let issued = lock(&self.given).find(access_key).cloned()?;
            Some(KeyPair { expired: issued.expires <= self.now(), ..issued.key })
        })
    }

    /// Returns the endpoint of all API calls.
    pub(crate) fn origin(&self) -> String {
        self.stream_origin.replacen("ws", "http", 1)
    }

    /// Returns the time as the service sees it.
    pub(crate) fn now(&self) -> Timestamp {
        let offset = lock(&self.service_faults).clock_offset;
        let now = Timestamp::now();
        now.checked_add(jiff::SignedDuration::from_secs(offset)).unwrap_or(now)
    }

    /// Starts a session: its relay and its agent run from now on.
    pub(crate) fn start_session(
        self: &Arc<Self>,
        node: Node,
        document: Option<String>,
        reason: Option<String>,
        parameters: Parameters,
        plan: SessionPlan,
    ) -> Arc<Session> {
        let (to_agent, from_gateway) = mpsc::channel(agent::LINK);
        let (to_gateway, from_agent) = mpsc::channel(agent::LINK);
        let (commands, orders) = mpsc::unbounded_channel();
        let (endings, ends) = mpsc::unbounded_channel();
        let random = lock(&self.rng).text(26, ALPHABET);
        let caller = &self.config.credentials;
        let session = Arc::new(Session::new(NewSession {
            id: format!("{}-{random}", caller.session_name),
            document,
            reason,
            parameters,
            owner: lock(&self.other_owner).clone().unwrap_or_else(|| caller.arn()),
            node,
            plan,
            line: Line::new(lock(&self.line_template).clone()),
            outgoing: Arc::new(Outgoing::new()),
            commands,
            endings,
        }));
        tracing::info!(
            session = %session.id, target = %session.target, document = ?session.document,
            parameters = ?session.parameters, "session started"
        );
        lock(&self.sessions).push(session.clone());
        let relay = Relay::new(session.clone(), self.config.relay, from_agent, to_agent, orders);
        let options = lock(&self.agent_options).clone();
        let agent = Agent::new(session.clone(), self.clone(), options, to_gateway, ends);
        self.runtime.spawn(relay.run());
        self.runtime.spawn(agent.run(from_gateway));
        session
    }

    /// Returns a new token for one connection to a session.
    pub(crate) fn issue_token(&self, session: &str) -> String {
        let token = lock(&self.rng).text(248, ALPHABET);
        let entry =
            Token { session: session.to_owned(), expires: Instant::now() + self.config.token_life };
        let mut tokens = lock(&self.tokens);
        tokens.retain(|_, token| token.expires > Instant::now());
        tokens.insert(token.clone(), entry);
        token
    }

    /// Uses a token up and returns whether it was good for this session.
    pub(crate) fn redeem_token(&self, token: &str, session: &str) -> bool {
        let entry = lock(&self.tokens).remove(token);
        let expired = lock(&self.service_faults).tokens_expired;
        entry.is_some_and(|entry| {
            entry.session == session && entry.expires > Instant::now() && !expired
        })
    }

    /// Returns a URL for one connection to a session; each has another `cell-number`.
    pub(crate) fn stream_url(&self, session: &str) -> String {
        let cell = lock(&self.rng).text(6, BASE64).replace('+', "%2B");
        format!(
            "{}/v1/data-channel/{session}?role=publish_subscribe&cell-number=AAEA/b%2B{cell}%3D%3D",
            self.stream_origin
        )
    }
}

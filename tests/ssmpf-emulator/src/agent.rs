//! The agent of a node, for one session: handshake, destination, service, end.
//!
//! Handshaking ──► Preparing ──► Serving ──► Draining ──► over      any ──► Draining
//!
//! It behaves like the real one where a client can tell: it dials one destination after another,
//! reads 1024 bytes at a time with a pause after each, acknowledges after handing over, repeats only
//! its oldest message, and blocks its reader when a destination does not read.

use bytes::Bytes;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::lock;
use crate::message::{Encoder, Kind, payload_type};
use crate::session::{Ending, Session, SessionState, TerminatedBy};
use crate::state::State;
use crate::version;

mod basic;
mod destination;
mod handshake;
mod incoming;
mod mux;
pub(crate) mod outgoing;
mod pump;
mod stream;

use destination::Destination;
use handshake::Response;
use incoming::{Incoming, Shared};
use outgoing::Sender;

/// Messages that fit between agent and gateway; then the writer waits, as on a full socket.
pub(crate) const LINK: usize = 512;

/// Pause after each message that gives the rate of Amazon's agent, about 0.75 MB/s.
pub const REAL_PACE: Duration = Duration::from_micros(1350);

/// Whether the acknowledgement of the handshake response comes before HandshakeComplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckOrder {
    /// Acknowledge, then complete.
    BeforeComplete,
    /// Complete, then acknowledge: rarer, and just as correct.
    AfterComplete,
}

/// How agents behave; a session takes the options at its start.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// Pause after each message of session bytes; none means as fast as the client reads.
    pub pace: Option<Duration>,
    /// How long after HandshakeComplete data is refused without an acknowledgement.
    pub ready_after: Duration,
    /// How long the agent waits for the handshake response.
    pub handshake_timeout: Duration,
    /// Order of the first acknowledgement and HandshakeComplete.
    pub ack_order: AckOrder,
    /// Whether a second handshake response under a new number blocks the reader for ever.
    pub second_response_blocks: bool,
    /// How often the oldest unacknowledged message is looked at.
    pub resend_tick: Duration,
    /// Time between smux NOP frames, for versions that send them.
    pub keepalive_interval: Duration,
    /// Silence after which smux is closed, for versions that send NOP frames.
    pub keepalive_timeout: Duration,
    /// Addresses that remote hosts must not have.
    pub denied: Vec<IpAddr>,
    /// Whether messages with a wrong digest are dropped; the real agent does not look.
    pub check_digests: bool,
    /// How long the end waits for outstanding acknowledgements.
    pub drain: Duration,
}

impl Default for AgentOptions {
    fn default() -> Self {
        let denied = [
            "169.254.169.254",
            "fd00:ec2::254",
            "169.254.169.253",
            "fd00:ec2::253",
            "169.254.169.123",
            "fd00:ec2::123",
            "169.254.169.250",
            "169.254.169.251",
            "fd00:ec2::240",
        ];
        Self {
            pace: Some(REAL_PACE),
            ready_after: Duration::ZERO,
            handshake_timeout: Duration::from_secs(15),
            ack_order: AckOrder::BeforeComplete,
            second_response_blocks: true,
            resend_tick: Duration::from_millis(100),
            keepalive_interval: Duration::from_secs(10),
            keepalive_timeout: Duration::from_secs(30),
            denied: denied.iter().map(|text| text.parse().expect("an address")).collect(),
            check_digests: false,
            drain: Duration::from_secs(2),
        }
    }
}

/// What serves the session after the handshake.
enum Plugin {
    Mux(mux::Mux),
    Basic(basic::Basic),
}

/// What became of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handled {
    /// Taken: acknowledge.
    Done,
    /// Not taken: the sender has to repeat it.
    NotReady,
    /// Taken, and it ends the session.
    Terminate,
}

/// The agent's work for one session.
pub(crate) struct Agent {
    session: Arc<Session>,
    state: Arc<State>,
    options: AgentOptions,
    sender: Sender,
    endings: mpsc::UnboundedReceiver<Ending>,
    /// Reader and resend loop, alive until the end is drained.
    channel: JoinSet<()>,
    /// Tasks of the session plugin.
    plugin: JoinSet<()>,
}

impl Agent {
    /// Returns the agent of a session that has just started.
    pub(crate) fn new(
        session: Arc<Session>,
        state: Arc<State>,
        options: AgentOptions,
        to_gateway: mpsc::Sender<Bytes>,
        endings: mpsc::UnboundedReceiver<Ending>,
    ) -> Self {
        Self {
            sender: Sender::new(session.outgoing.clone(), to_gateway),
            session,
            state,
            options,
            endings,
            channel: JoinSet::new(),
            plugin: JoinSet::new(),
        }
    }

    /// Serves the session from the first message to the last.
    pub(crate) async fn run(mut self, from_gateway: mpsc::Receiver<Bytes>) {
        let (responses, mut response) = mpsc::channel(1);
        let shared = Arc::new(Shared::new(responses));
        let incoming = Incoming::new(
            self.session.clone(),
            self.sender.clone(),
            shared.clone(),
            self.options.clone(),
        );
        self.channel.spawn(incoming.run(from_gateway));
        self.channel.spawn(self.sender.clone().resend(self.options.resend_tick));
        let ending = match self.start(&shared, &mut response).await {
            Ok(()) => self.endings.recv().await.unwrap_or(Ending::Service),
            Err(ending) => ending,
        };
        self.finish(ending).await;
    }

    /// Does all that comes before session bytes.
    async fn start(
        &mut self,
        shared: &Shared,
        responses: &mut mpsc::Receiver<Response>,
    ) -> Result<(), Ending> {
        let connected = handshake::session_state(&self.session.id);
        self.sender.control(Encoder::new().control(Kind::AgentSessionState, &connected)).await;
        let version = self.session.node.agent_version.clone();
        let session_type = &self.session.plan.session_type;
        if session_type != "Port" || !version::at_least(&version, "2.3.672.0") {
            return Err(Ending::Failed(format!(
                "Plugin with name {session_type} is not supported by this version of ssm agent, \
                 please update to latest version"
            )));
        }
        let began = Instant::now();
        let request = handshake::request(&version, &self.session.plan);
        self.sender.send(payload_type::HANDSHAKE_REQUEST, &request).await;
        let response = tokio::select! {
            response = responses.recv() => response.ok_or(Ending::Service)?,
            ending = self.endings.recv() => return Err(ending.unwrap_or(Ending::Service)),
            () = tokio::time::sleep(self.options.handshake_timeout) => {
                return Err(Ending::Failed(handshake::failure(
                    "Handshake timed out. Please ensure that you have the latest version of the session manager plugin.",
                )));
            }
        };
        self.session.set_client_version(&response.client_version);
        response.check().map_err(|text| Ending::Failed(handshake::failure(&text)))?;
        let destination = self.destination();
        let mux = self.speaks_mux(&response.client_version);
        // Without a window in which data is refused, the mux is there before the client can know.
        let at_once = mux && self.options.ready_after.is_zero();
        if at_once && let Ok(destination) = &destination {
            let plugin = self.start_mux(&response.client_version, destination);
            *lock(&shared.plugin) = Some(plugin);
        }
        // The flag comes first: with no distance between the two sides, data could be faster.
        shared.complete.store(true, Ordering::SeqCst);
        let complete = handshake::complete(began.elapsed());
        self.sender.send(payload_type::HANDSHAKE_COMPLETE, &complete).await;
        shared.complete_sent.send_replace(true);
        tracing::info!(session = %self.session.id, client = %response.client_version, "handshake done");
        let destination = destination.map_err(Ending::Failed)?;
        if at_once {
            return Ok(());
        }
        let plugin = if mux {
            self.start_mux(&response.client_version, &destination)
        } else {
            self.start_basic(&destination).await?
        };
        if !self.options.ready_after.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(self.options.ready_after) => {}
                ending = self.endings.recv() => return Err(ending.unwrap_or(Ending::Service)),
            }
        }
        *lock(&shared.plugin) = Some(plugin);
        Ok(())
    }

    /// Resolves and checks where this session leads.
    fn destination(&self) -> Result<Arc<Destination>, String> {
        let empty = Default::default();
        let properties = self.session.plan.properties.as_ref().unwrap_or(&empty);
        let fleet = self.state.fleet.read().unwrap_or_else(|broken| broken.into_inner());
        let node = &self.session.node;
        Destination::resolve(properties, node, &fleet.hosts, &self.options.denied).map(Arc::new)
    }

    /// Returns whether the document forwards a port, as opposed to carrying SSH.
    fn forwards(&self) -> bool {
        let properties = self.session.plan.properties.as_ref();
        let kind = properties.and_then(|properties| properties.get("type"));
        kind.is_some_and(|kind| kind == "LocalPortForwarding")
    }

    /// Returns whether both sides speak smux.
    fn speaks_mux(&self, client_version: &str) -> bool {
        self.forwards()
            && version::above(&self.session.node.agent_version, "3.0.196.0")
            && version::at_least(client_version, "1.1.70")
    }

    fn setting(&self, destination: &Arc<Destination>) -> PortSetting {
        PortSetting {
            session: self.session.clone(),
            sender: self.sender.clone(),
            destination: destination.clone(),
            pace: self.options.pace,
            obeys_terminate: version::above(&self.session.node.agent_version, "2.3.722.0"),
        }
    }

    fn start_mux(&mut self, client_version: &str, destination: &Arc<Destination>) -> Plugin {
        let setting = self.setting(destination);
        let keepalive = mux::keepalive_is_on(&self.session.node.agent_version, client_version)
            .then_some((self.options.keepalive_interval, self.options.keepalive_timeout));
        Plugin::Mux(mux::Mux::start(setting, keepalive, &mut self.plugin))
    }

    async fn start_basic(&mut self, destination: &Arc<Destination>) -> Result<Plugin, Ending> {
        let dial = basic::Basic::start(self.setting(destination), self.forwards());
        let basic = tokio::select! {
            basic = dial => basic,
            ending = self.endings.recv() => return Err(ending.unwrap_or(Ending::Service)),
        };
        basic.map(Plugin::Basic).map_err(|error| {
            Ending::Failed(format!("Unable to connect to specified port: {error}"))
        })
    }

    async fn finish(mut self, ending: Ending) {
        self.plugin.shutdown().await;
        if ending == Ending::Gone {
            self.session.gone.store(true, Ordering::SeqCst);
            tracing::info!(session = %self.session.id, "agent is gone");
            return;
        }
        let until = Instant::now() + self.options.drain;
        while !self.session.outgoing.is_empty() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (state, by, output) = match &ending {
            Ending::Flag => (SessionState::Terminated, TerminatedBy::Flag, ""),
            Ending::Service => (SessionState::Terminated, TerminatedBy::Service, ""),
            Ending::Done | Ending::Gone => (SessionState::Terminated, TerminatedBy::Agent, ""),
            Ending::Failed(text) => (SessionState::Failed, TerminatedBy::Agent, text.as_str()),
        };
        self.session.set_over(state, by, output);
        self.channel.shutdown().await;
    }
}

/// What the port session plugins share.
struct PortSetting {
    session: Arc<Session>,
    sender: Sender,
    destination: Arc<Destination>,
    pace: Option<Duration>,
    obeys_terminate: bool,
}

#[cfg(test)]
mod replay;
#[cfg(test)]
mod tests;

//! A session as the service sees it.
//!
//! Connecting ──► Connected ◄──► Disconnected      any ──► Terminated | Failed

use bytes::Bytes;
use jiff::Timestamp;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

use crate::agent::outgoing::Outgoing;
use crate::documents::{Parameters, SessionPlan};
use crate::faults::Line;
use crate::fleet::Node;
use crate::gateway::Client;
use crate::lock;

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// Started; no client yet.
    Connecting,
    /// A client is connected.
    Connected,
    /// The client's websocket is gone; the session can be resumed.
    Disconnected,
    /// Ended.
    Terminated,
    /// Ended by an error.
    Failed,
}

impl SessionState {
    /// Returns the word that DescribeSessions uses.
    pub fn as_str(self) -> &'static str {
        match self {
            SessionState::Connecting => "Connecting",
            SessionState::Connected => "Connected",
            SessionState::Disconnected => "Disconnected",
            SessionState::Terminated => "Terminated",
            SessionState::Failed => "Failed",
        }
    }

    /// Returns whether the session is over.
    pub fn is_over(self) -> bool {
        matches!(self, SessionState::Terminated | SessionState::Failed)
    }
}

/// What ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminatedBy {
    /// The client's TerminateSession flag on the data channel.
    Flag,
    /// The TerminateSession call.
    Api,
    /// The service, as after a timeout.
    Service,
    /// The agent, by itself.
    Agent,
}

/// What a test may ask about a session.
#[derive(Debug, Clone)]
pub struct SessionInfo {
    /// The session id.
    pub id: String,
    /// Where it is in its life.
    pub state: SessionState,
    /// The node.
    pub target: String,
    /// The document, if one was named.
    pub document: Option<String>,
    /// The stated reason.
    pub reason: Option<String>,
    /// The parameters as given.
    pub parameters: Parameters,
    /// The client version of the handshake.
    pub client_version: Option<String>,
    /// How often a client's websocket was admitted.
    pub client_connects: u64,
    /// How many of the websocket upgrades were signed.
    pub signed_connects: u64,
    /// Answered ResumeSession calls.
    pub resumes: u64,
    /// Messages passed on to the client.
    pub messages_to_client: u64,
    /// Messages passed on to the agent.
    pub messages_to_agent: u64,
    /// Bytes of messages passed on to the client.
    pub bytes_to_client: u64,
    /// Bytes of messages passed on to the agent.
    pub bytes_to_agent: u64,
    /// Messages that the agent sent again.
    pub resent_by_agent: u64,
    /// Connections that the agent made to destinations.
    pub dials: u64,
    /// What ended it.
    pub terminated_by: Option<TerminatedBy>,
    /// The text with which it ended.
    pub output: String,
}

/// What ends the agent's work for a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client's flag.
    Flag,
    /// The service said so.
    Service,
    /// The session plugin is done.
    Done,
    /// The session plugin failed.
    Failed(String),
    /// The agent dies without a word.
    Gone,
}

/// Orders for the relay.
pub(crate) enum Command {
    /// A client was admitted.
    Attach(Box<Client>),
    /// Reset the client's connection.
    Cut,
    /// Close the client's websocket.
    Close(u16, String),
    /// Tell both sides that the session is over.
    Terminate(String),
    /// Tell the agent to publish or to pause.
    Publication(bool),
    /// Send the client these bytes.
    Garbage(Bytes),
}

/// Counts of one session.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) client_connects: AtomicU64,
    pub(crate) signed_connects: AtomicU64,
    pub(crate) resumes: AtomicU64,
    pub(crate) messages_to_client: AtomicU64,
    pub(crate) messages_to_agent: AtomicU64,
    pub(crate) bytes_to_client: AtomicU64,
    pub(crate) bytes_to_agent: AtomicU64,
    pub(crate) dials: AtomicU64,
}

/// Adds to a count.
pub(crate) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

#[derive(Debug, Default)]
struct Progress {
    state: Option<SessionState>,
    terminated_by: Option<TerminatedBy>,
    output: String,
    ended: Option<Timestamp>,
    client_version: Option<String>,
}

/// One session, shared by the API, the relay and the agent.
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) target: String,
    pub(crate) document: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) parameters: Parameters,
    pub(crate) owner: String,
    pub(crate) started: Timestamp,
    pub(crate) node: Node,
    pub(crate) plan: SessionPlan,
    pub(crate) line: Line,
    pub(crate) outgoing: Arc<Outgoing>,
    pub(crate) counters: Counters,
    /// Set when the agent died without a word.
    pub(crate) gone: AtomicBool,
    progress: Mutex<Progress>,
    commands: mpsc::UnboundedSender<Command>,
    endings: mpsc::UnboundedSender<Ending>,
}

/// What a new session is made of.
pub(crate) struct NewSession {
    pub(crate) id: String,
    pub(crate) document: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) parameters: Parameters,
    pub(crate) owner: String,
    pub(crate) node: Node,
    pub(crate) plan: SessionPlan,
    pub(crate) line: Line,
    pub(crate) outgoing: Arc<Outgoing>,
    pub(crate) commands: mpsc::UnboundedSender<Command>,
    pub(crate) endings: mpsc::UnboundedSender<Ending>,
}

impl Session {
    /// Starts the record of a session.
    pub(crate) fn new(new: NewSession) -> Self {
        Self {
            id: new.id,
            target: new.node.id.clone(),
            document: new.document,
            reason: new.reason,
            parameters: new.parameters,
            owner: new.owner,
            started: Timestamp::now(),
            node: new.node,
            plan: new.plan,
            line: new.line,
            outgoing: new.outgoing,
            counters: Counters::default(),
            gone: AtomicBool::new(false),
            progress: Mutex::default(),
            commands: new.commands,
            endings: new.endings,
        }
    }

    /// Returns where the session is in its life.
    pub(crate) fn state(&self) -> SessionState {
        lock(&self.progress).state.unwrap_or(SessionState::Connecting)
    }

    /// Notes that a client came or left; a session that is over stays so.
    pub(crate) fn set_connected(&self, connected: bool) {
        let mut progress = lock(&self.progress);
        if !progress.state.is_some_and(SessionState::is_over) {
            progress.state =
                Some(if connected { SessionState::Connected } else { SessionState::Disconnected });
        }
    }

    /// Notes the end; the first one counts.
    pub(crate) fn set_over(&self, state: SessionState, by: TerminatedBy, output: &str) {
        let mut progress = lock(&self.progress);
        if progress.state.is_some_and(SessionState::is_over) {
            return;
        }
        tracing::info!(session = %self.id, ?by, output, "session ended");
        progress.state = Some(state);
        progress.terminated_by = Some(by);
        progress.output = output.to_owned();
        progress.ended = Some(Timestamp::now());
    }

    /// Returns the text with which the session ended.
    pub(crate) fn output(&self) -> String {
        lock(&self.progress).output.clone()
    }

    /// Returns when the session ended.
    pub(crate) fn ended(&self) -> Option<Timestamp> {
        lock(&self.progress).ended
    }

    /// Notes the version that the client states.
    pub(crate) fn set_client_version(&self, version: &str) {
        lock(&self.progress).client_version = Some(version.to_owned());
    }

    /// Gives the relay an order; an ended relay ignores it.
    pub(crate) fn command(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    /// Ends the agent's work.
    pub(crate) fn end(&self, ending: Ending) {
        let _ = self.endings.send(ending);
    }

    /// Ends the session for the TerminateSession call.
    pub(crate) fn terminate_by_api(&self) {
        self.terminate(TerminatedBy::Api, "");
    }

    /// Ends the session as the service does by itself.
    pub(crate) fn terminate_by_service(&self, output: &str) {
        self.terminate(TerminatedBy::Service, output);
    }

    fn terminate(&self, by: TerminatedBy, output: &str) {
        if !self.state().is_over() {
            self.set_over(SessionState::Terminated, by, output);
            self.command(Command::Terminate(output.to_owned()));
            self.end(Ending::Service);
        }
    }

    /// Returns what a test may ask.
    pub(crate) fn info(&self) -> SessionInfo {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let progress = lock(&self.progress);
        let counters = &self.counters;
        SessionInfo {
            id: self.id.clone(),
            state: progress.state.unwrap_or(SessionState::Connecting),
            target: self.target.clone(),
            document: self.document.clone(),
            reason: self.reason.clone(),
            parameters: self.parameters.clone(),
            client_version: progress.client_version.clone(),
            client_connects: read(&counters.client_connects),
            signed_connects: read(&counters.signed_connects),
            resumes: read(&counters.resumes),
            messages_to_client: read(&counters.messages_to_client),
            messages_to_agent: read(&counters.messages_to_agent),
            bytes_to_client: read(&counters.bytes_to_client),
            bytes_to_agent: read(&counters.bytes_to_agent),
            resent_by_agent: self.outgoing.resent(),
            dials: read(&counters.dials),
            terminated_by: progress.terminated_by,
            output: progress.output.clone(),
        }
    }
}

//! What is known of a forward at the moment: gathered from its events, told to whoever asks.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use jiff::Timestamp;
use ssmpf_schema::{Detail, ErrorKind, Event, ForwardState, ForwardStatus, Problem};

use super::registry::{Claim, Record};
use super::sessions::Sessions;
use crate::aws::SessionWatch;
use crate::events::rfc3339;
use crate::forward::Traffic;

/// Most sessions that are remembered as not over. A forward has a few at a time.
const MAX_SESSIONS: usize = 32;

/// The state of one forward. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    shared: Arc<Shared>,
    traffic: Arc<Traffic>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    status: ForwardStatus,
    record: Record,
    sessions: Sessions,
    claim: Option<Claim>,
}

impl Recorder {
    /// Begins with what is known before anything happens, and writes it down.
    pub fn new(
        claim: Claim,
        record: Record,
        closes_at: Option<Timestamp>,
    ) -> std::io::Result<Self> {
        claim.write(&record)?;
        let status = ForwardStatus {
            closes_at: closes_at.map(rfc3339),
            ..record.status(ForwardState::Starting)
        };
        let sessions = Sessions::default();
        let state = Mutex::new(State { status, record, sessions, claim: Some(claim) });
        Ok(Self { shared: Arc::new(Shared { state }), traffic: Arc::default() })
    }

    /// Returns what counts the bytes of the forward's clients.
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Returns everything that is known.
    pub fn status(&self) -> ForwardStatus {
        let (moved, rate) = (self.traffic.moved(), self.traffic.rates(Instant::now()));
        let state = self.state();
        ForwardStatus {
            bytes_sent: moved.sent,
            bytes_received: moved.received,
            sent_per_second: rate.sent,
            received_per_second: rate.received,
            session_ids: state.record.session_ids.clone(),
            ..state.status.clone()
        }
    }

    /// Notes that the forward is asked to end, of which no event tells.
    pub fn note_stopping(&self) {
        self.state().set_state(ForwardState::Stopping, "");
    }

    /// Takes note of what happened.
    pub fn note(&self, event: &Event) {
        let mut state = self.state();
        match &event.detail {
            // The old one may have clients still, and is ended when the last has left.
            Detail::Replaced { session_id, clients_stay: true, .. } => state.remember(session_id),
            Detail::Replaced { old_session_id, session_id, .. } => {
                state.forget(old_session_id);
                state.remember(session_id);
            }
            Detail::Ready { session_id: Some(session_id), .. }
            | Detail::SessionOpened { session_id, .. } => state.remember(session_id),
            Detail::SessionClosed { session_id, .. } => state.forget(session_id),
            _ => {}
        }
        state.apply(event);
    }

    /// Lets go of the name. What gave up, or could not end its sessions, leaves word of it for the
    /// next command.
    pub fn close(&self, problem: Option<Problem>) {
        let mut state = self.state();
        let Some(claim) = state.claim.take() else { return };
        let last = Record { went_down: problem.is_none(), problem, ..state.record.clone() };
        let is_done = last.problem.is_none() && last.session_ids.is_empty();
        if is_done || claim.write(&last).is_err() {
            claim.finish();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Keeps the record true, so that the sessions of a killed forward can be ended.
impl SessionWatch for Recorder {
    fn started(&self, session_id: &str) {
        self.state().remember(session_id);
    }

    fn ended(&self, session_id: &str) {
        self.state().forget(session_id);
    }
}

impl State {
    fn remember(&mut self, session_id: &str) {
        let ids = &mut self.record.session_ids;
        if ids.iter().any(|known| known == session_id) {
            return;
        }
        if ids.len() >= MAX_SESSIONS {
            ids.remove(0);
        }
        ids.push(session_id.to_owned());
        self.write();
    }

    fn forget(&mut self, session_id: &str) {
        let before = self.record.session_ids.len();
        self.record.session_ids.retain(|known| known != session_id);
        if self.record.session_ids.len() != before {
            self.write();
        }
    }

    fn write(&self) {
        let written = self.claim.as_ref().map(|claim| claim.write(&self.record));
        if let Some(Err(error)) = written {
            tracing::warn!(%error, "the record of this forward was not written");
        }
    }
}

impl State {
    /// Changes the status as an event says.
    fn apply(&mut self, event: &Event) {
        self.sessions.note(event);
        let status = &mut self.status;
        let problem = |kind: Option<ErrorKind>, message: &str| {
            Some(Problem { time: event.time.clone(), kind, message: message.to_owned() })
        };
        match &event.detail {
            Detail::Starting { target, destination, .. } => {
                status.node = Some(target.clone());
                status.destination = Some(destination.clone());
            }
            Detail::Ready { address, addresses, destination, target, .. } => {
                status.address = Some(address.clone());
                status.addresses.clone_from(addresses);
                status.destination = Some(destination.clone());
                status.node = Some(target.clone());
            }
            Detail::ClientOpened { .. } => {
                status.clients += 1;
                status.clients_total += 1;
            }
            Detail::ClientClosed { reason, .. } => {
                status.clients = status.clients.saturating_sub(1);
                if let Some(reason) = reason {
                    status.last_problem = problem(None, reason);
                }
            }
            Detail::Reconnecting { reason, .. } => {
                // An attempt that failed as the one before did says no more than the warning about it.
                let known = status.last_problem.as_ref().filter(|last| last.message == *reason);
                status.last_problem = problem(known.and_then(|last| last.kind), reason);
            }
            Detail::Resumed { .. } => status.reconnects += 1,
            Detail::Replaced { target, clients_stay, .. } => {
                // A fresh session before the old one was cut is no reconnection.
                status.reconnects += u64::from(!clients_stay);
                status.node = target.clone().or_else(|| status.node.take());
            }
            Detail::SessionOpened { target, .. } => {
                status.node = target.clone().or_else(|| status.node.take());
            }
            Detail::Warning { kind, message, .. } => {
                status.last_problem = problem(Some(*kind), message);
            }
            Detail::Stopped { .. } => self.set_state(ForwardState::Stopping, &event.time),
            Detail::SignedInAs { .. } | Detail::SessionClosed { .. } | Detail::Resolving { .. } => {
            }
        }
        self.status.next_rotation = self.sessions.next_rotation();
        let state = match (self.status.state, &event.detail) {
            (ForwardState::Stopping, _) => return,
            (ForwardState::Starting, detail) if !matches!(detail, Detail::Ready { .. }) => return,
            _ if self.sessions.serve() => ForwardState::Ready,
            _ => ForwardState::Reconnecting,
        };
        self.set_state(state, &event.time);
    }

    fn set_state(&mut self, state: ForwardState, time: &str) {
        let status = &mut self.status;
        if state != ForwardState::Ready {
            status.up_since = None;
        } else if status.state != ForwardState::Ready {
            status.up_since = Some(time.to_owned());
        }
        status.state = state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(details: Vec<Detail>) -> ForwardStatus {
        let recorder = Recorder::default();
        for detail in details {
            recorder.note(&Event::new("2026-11-21T12:00:00.000Z".to_owned(), None, detail));
        }
        recorder.status()
    }

    fn ready() -> Detail {
        Detail::Ready {
            address: "127.0.0.1:15432".to_owned(),
            addresses: vec!["127.0.0.1:15432".to_owned()],
            destination: "db:5432".to_owned(),
            target: "i-0123456789abcdef0".to_owned(),
            session_id: Some("s-1".to_owned()),
            agent_version: None,
            mode: None,
            lazy: false,
            rotates_in_seconds: Some(60.0),
            took_seconds: 0.5,
        }
    }

    fn lost() -> Detail {
        let reason = "the connection ended".to_owned();
        let session_id = Some("s-1".to_owned());
        Detail::Reconnecting { session_id, reason, attempt: 1, retry_in_seconds: 0.0 }
    }

    fn replaced() -> Detail {
        Detail::Replaced {
            old_session_id: "s-1".to_owned(),
            session_id: "s-2".to_owned(),
            reason: "it was over".to_owned(),
            clients_stay: false,
            target: Some("i-0fedcba9876543210".to_owned()),
            rotates_in_seconds: None,
        }
    }

    #[test]
    fn events_become_a_status() {
        let opened = Detail::ClientOpened { client: 1, peer: "127.0.0.1:1".to_owned() };
        let status = told(vec![ready(), opened]);
        assert_eq!(status.state, ForwardState::Ready);
        assert_eq!(status.address.as_deref(), Some("127.0.0.1:15432"));
        assert_eq!((status.clients, status.clients_total), (1, 1));
        assert!(status.up_since.is_some());
    }

    #[test]
    fn what_only_a_person_can_mend_stays_known_as_such_while_it_is_tried_again() {
        let (kind, message) = (ErrorKind::SignInRequired, "the sign-in has expired".to_owned());
        let warning = Detail::Warning { kind, message: message.clone(), hint: None };
        let again = Detail::Reconnecting {
            session_id: None,
            reason: message,
            attempt: 2,
            retry_in_seconds: 1.0,
        };
        let status = told(vec![ready(), lost(), warning, again]);
        assert_eq!(status.last_problem.expect("there is one").kind, Some(kind));
        let other = told(vec![ready(), lost()]);
        assert_eq!(other.last_problem.expect("there is one").kind, None);
    }

    #[test]
    fn a_lost_connection_is_remembered_after_it_came_back() {
        let away = told(vec![ready(), lost()]);
        assert_eq!((away.state, away.up_since), (ForwardState::Reconnecting, None));
        let back = told(vec![ready(), lost(), replaced()]);
        assert_eq!((back.state, back.reconnects), (ForwardState::Ready, 1));
        assert_eq!(back.last_problem.expect("kept").message, "the connection ended");
        assert_eq!(back.session_ids, ["s-2"]);
        assert_eq!(back.node.as_deref(), Some("i-0fedcba9876543210"), "another has its place");
    }
}

//! Keeps a session behind the listener: starts one, watches it, starts the next.

use std::time::{Duration, Instant};

use ssmpf_proto::{CloseReason, Mode};
use ssmpf_schema::{Detail, ErrorKind, SessionMode};
use tokio::sync::mpsc;

use super::ForwardPlan;
use super::failure::ForwardError;
use super::hub::Hub;
use super::starter::{Started, Starter};
use crate::aws::{AwsContext, AwsFailure, Verdict};
use crate::events::EventSink;
use crate::session::{Backoff, Notice, Session, SessionEnd, StartError};

/// A session that lived this long was not a failed start: the next one begins without delay.
const LIVED: Duration = Duration::from_secs(30);

/// Starts sessions for one forward.
pub struct Supervisor<'a> {
    starter: Starter,
    hub: &'a Hub,
    events: &'a EventSink,
    backoff: Backoff,
}

impl<'a> Supervisor<'a> {
    /// Prepares to start sessions; nothing is called yet.
    pub fn new(
        plan: &ForwardPlan,
        context: &AwsContext,
        hub: &'a Hub,
        events: &'a EventSink,
    ) -> Self {
        Self { starter: Starter::new(plan, context, events), hub, events, backoff: Backoff::new() }
    }

    /// Starts the first session.
    ///
    /// # Errors
    ///
    /// A [`ForwardError`] without another attempt: whoever started the forward is watching.
    pub async fn start(&self) -> Result<Started, ForwardError> {
        let started = self.attempt().await.map_err(|error| match error {
            StartError::Aws(failure) => failure.into(),
            StartError::Closed(reason) => ForwardError::from_close(&reason),
        })?;
        let session = &started.session;
        if !session.ready.message.is_empty() {
            self.warn(ErrorKind::Failure, session.ready.message.clone(), None);
        }
        if matches!(session.ready.mode, Mode::Basic) {
            self.warn(
                ErrorKind::SessionFailed,
                "the agent is too old for several connections at once: they take turns".to_owned(),
                Some("update the agent on the node; 3.0.222.0 is the first that can".to_owned()),
            );
        }
        Ok(started)
    }

    /// Starts a session and waits until it is ready. The hub knows of it meanwhile: whoever cuts
    /// this short can end it.
    async fn attempt(&self) -> Result<Started, StartError> {
        let (start, starting) = self.starter.begin();
        self.hub.note_starting(Some(starting));
        let started = start.await;
        self.hub.note_starting(None);
        started
    }

    /// Keeps a session going until it is asked to stop or nothing more can be done.
    ///
    /// # Errors
    ///
    /// A [`ForwardError`] when only a person can help.
    pub async fn keep(
        &mut self,
        mut session: Session,
        mut notices: mpsc::UnboundedReceiver<Notice>,
    ) -> Result<(), ForwardError> {
        loop {
            let since = Instant::now();
            self.hub.publish(Some(session.handle.clone()));
            let end = self.watch(&mut session, &mut notices).await;
            self.hub.publish(None);
            let reason = match end {
                SessionEnd::Closed(CloseReason::Terminated { .. }) => "it was used up".to_owned(),
                SessionEnd::Closed(reason) => {
                    let error = ForwardError::from_close(&reason);
                    if error.kind == ErrorKind::DestinationUnreachable {
                        return Err(error.given_up());
                    }
                    if self.hub.clients() == 0 && since.elapsed() > LIVED {
                        // The administrator's idle limit has its way: the next session begins
                        // with the next client.
                        tracing::info!("session ended while nobody used it: {error}");
                        self.hub.wanted().await;
                    }
                    error.causes.first().unwrap_or(&error.message).clone()
                }
                SessionEnd::Lost(failure) => failure.message,
            };
            if since.elapsed() > LIVED {
                self.backoff.reset();
            }
            let old = session.id.clone();
            Started { session, notices, .. } = self.replace(&reason).await?;
            self.events.emit(Detail::Replaced {
                old_session_id: old,
                session_id: session.id.clone(),
                reason,
            });
        }
    }

    /// Reports what happens to a session until it ends.
    pub async fn watch(
        &self,
        session: &mut Session,
        notices: &mut mpsc::UnboundedReceiver<Notice>,
    ) -> SessionEnd {
        loop {
            tokio::select! {
                end = &mut session.end => {
                    return end.unwrap_or_else(|error| {
                        SessionEnd::Closed(CloseReason::Protocol(error.to_string()))
                    });
                }
                Some(notice) = notices.recv() => self.report(&session.id, notice),
            }
        }
    }

    /// Starts the next session, trying again until it works or only a person can help.
    async fn replace(&mut self, reason: &str) -> Result<Started, ForwardError> {
        let mut reason = reason.to_owned();
        let mut delay = match self.backoff.attempts() {
            0 => Duration::ZERO,
            _ => self.backoff.next_delay(),
        };
        let mut told = None;
        loop {
            self.events.emit(Detail::Reconnecting {
                reason: reason.clone(),
                attempt: self.backoff.attempts() + 1,
                retry_in_seconds: delay.as_secs_f64(),
            });
            tokio::time::sleep(delay).await;
            let failure = match self.attempt().await {
                Ok(session) => {
                    // Counts as an attempt until the session has shown that it lives.
                    let _ = self.backoff.next_delay();
                    return Ok(session);
                }
                Err(StartError::Aws(failure)) => failure,
                Err(StartError::Closed(closed)) => closed_early(&closed)?,
            };
            delay = match failure.verdict {
                Verdict::TryAgain | Verdict::SessionOver => self.backoff.next_delay(),
                Verdict::TrySlower | Verdict::SignIn => self.backoff.next_slow_delay(),
                Verdict::GiveUp => return Err(ForwardError::from(failure).given_up()),
            };
            reason = failure.message.clone();
            if told != Some(failure.kind) {
                told = Some(failure.kind);
                self.warn(failure.kind, failure.message, failure.hint);
            }
        }
    }

    fn report(&self, session_id: &str, notice: Notice) {
        match notice {
            Notice::Reconnecting { reason, attempt, retry_in } => {
                self.events.emit(Detail::Reconnecting {
                    reason,
                    attempt,
                    retry_in_seconds: retry_in.as_secs_f64(),
                });
            }
            Notice::Resumed { took, missing } => self.events.emit(Detail::Resumed {
                session_id: session_id.to_owned(),
                took_seconds: took.as_secs_f64(),
                missing: missing as u64,
            }),
            Notice::Gap { missing, heals_in } => self.warn(
                ErrorKind::Network,
                format!(
                    "{missing} messages of the agent got lost with the connection; it needs about \
                     {} s to repeat them",
                    heals_in.as_secs().max(1)
                ),
                Some("downloads stand still meanwhile; nothing is lost".to_owned()),
            ),
            Notice::Trouble(failure) => self.warn(failure.kind, failure.message, failure.hint),
        }
    }

    fn warn(&self, kind: ErrorKind, message: String, hint: Option<String>) {
        self.events.emit(Detail::Warning { kind, message, hint });
    }
}

/// A replacement that ended in its handshake: worth another attempt, unless the agent forbids it.
fn closed_early(reason: &CloseReason) -> Result<AwsFailure, ForwardError> {
    let error = ForwardError::from_close(reason);
    match reason {
        CloseReason::NotAPortSession { .. } | CloseReason::Unsupported { .. } => {
            Err(error.given_up())
        }
        _ if error.kind == ErrorKind::DestinationUnreachable => Err(error.given_up()),
        _ => {
            let hint = error.hint.unwrap_or_default();
            Ok(AwsFailure::new(error.kind, Verdict::TrySlower, error.message, hint))
        }
    }
}

/// The mode in the words of the schema.
pub fn mode(session: &Session) -> SessionMode {
    match session.ready.mode {
        Mode::Mux { .. } => SessionMode::Mux,
        Mode::Basic => SessionMode::Basic,
        Mode::SingleStream => SessionMode::SingleStream,
    }
}

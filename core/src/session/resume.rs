//! The life of one session: started, carried, resumed as often as it takes, ended.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::SinkExt;
use ssmpf_proto::{CloseReason, Config, PortSession, Ready};
use ssmpf_schema::ErrorKind;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::backoff::Backoff;
use super::driver::{Carried, Driver};
use super::heartbeat::{Heartbeat, PING_INTERVAL};
use super::notice::Notice;
use super::stream::SessionHandle;
use super::wake::{Clocks, sleep_unless_woken};
use super::websocket::{Dialer, Websocket};
use crate::aws::sign_in::Watch;
use crate::aws::ssm::{Ssm, StartedSession};
use crate::aws::{AwsContext, AwsFailure, Verdict};

/// Longest wait for the service to take note of the end of a session.
const API_TERMINATE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for a websocket to close in an orderly way.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(250);

/// What a session may be told to do differently.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Bounds and sizes of the protocol.
    pub protocol: Config,
    /// Time between pings.
    pub ping_interval: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { protocol: Config::default(), ping_interval: PING_INTERVAL }
    }
}

/// How a session ended.
#[derive(Debug)]
pub enum SessionEnd {
    /// By agreement, by the service, or by a violation of the protocol.
    Closed(CloseReason),
    /// It could not be resumed.
    Lost(AwsFailure),
}

/// A session that is ready for streams.
#[derive(Debug)]
pub struct Session {
    /// Names it.
    pub id: String,
    /// What the handshake brought.
    pub ready: Ready,
    /// Opens streams.
    pub handle: SessionHandle,
    /// Ends with the session.
    pub end: JoinHandle<SessionEnd>,
}

/// Why a session did not become ready.
#[derive(Debug)]
pub enum StartError {
    /// An AWS call or the connection failed.
    Aws(AwsFailure),
    /// The session ended during its handshake.
    Closed(CloseReason),
}

impl From<AwsFailure> for StartError {
    fn from(failure: AwsFailure) -> Self {
        Self::Aws(failure)
    }
}

/// Connects to a session that was just started and waits until it is ready.
///
/// # Errors
///
/// A [`StartError`]; the session has been ended then.
pub async fn establish(
    context: &AwsContext,
    started: StartedSession,
    tuning: &Tuning,
    notices: mpsc::UnboundedSender<Notice>,
) -> Result<Session, StartError> {
    let (commander, commands) = mpsc::unbounded_channel();
    let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let port = PortSession::new(
        tuning.protocol.clone(),
        Instant::now(),
        u64::try_from(unix_ms).unwrap_or(u64::MAX),
        rand::random(),
    );
    let mut life = Life {
        id: started.session_id.clone(),
        ssm: Ssm::new(context),
        dialer: Dialer::new(context),
        driver: Driver::new(port, commands, commander.downgrade(), notices.clone()),
        ping_interval: tuning.ping_interval,
        backoff: Backoff::new(),
        notices,
    };
    let (mut websocket, mut heartbeat) = match life.connect(&started).await {
        Ok(connected) => connected,
        Err(failure) => {
            life.tell_service().await;
            return Err(StartError::Aws(failure));
        }
    };
    match life.driver.carry(&mut websocket, &mut heartbeat, true).await {
        None => {}
        Some(Carried::Ended(reason)) => {
            life.finish(&reason, Some(websocket)).await;
            return Err(StartError::Closed(reason));
        }
        Some(Carried::Lost(reason)) => {
            life.tell_service().await;
            return Err(StartError::Aws(AwsFailure::new(
                ErrorKind::Network,
                Verdict::TryAgain,
                format!("the connection to the session was lost before it was ready: {reason}"),
                "try again; if it repeats, a proxy may be cutting websockets",
            )));
        }
    }
    let ready = life.driver.take_ready().expect("carried until ready");
    let id = life.id.clone();
    let end = tokio::spawn(life.run(websocket, heartbeat));
    Ok(Session { id, ready, handle: SessionHandle { commands: commander }, end })
}

struct Life {
    id: String,
    ssm: Ssm,
    dialer: Dialer,
    driver: Driver,
    ping_interval: Duration,
    backoff: Backoff,
    notices: mpsc::UnboundedSender<Notice>,
}

impl Life {
    async fn run(mut self, mut websocket: Websocket, mut heartbeat: Heartbeat) -> SessionEnd {
        loop {
            let carried = self.driver.carry(&mut websocket, &mut heartbeat, false).await;
            match carried.expect("only waiting for readiness ends without an outcome") {
                Carried::Ended(reason) => {
                    self.finish(&reason, Some(websocket)).await;
                    return SessionEnd::Closed(reason);
                }
                Carried::Lost(reason) => {
                    drop(websocket);
                    self.driver.disconnected();
                    if heartbeat.was_alive(Instant::now()) {
                        self.backoff.reset();
                    }
                    match self.reconnect(reason).await {
                        Ok(connected) => (websocket, heartbeat) = connected,
                        Err(end) => return end,
                    }
                }
            }
        }
    }

    /// Dials and opens the data channel.
    async fn connect(
        &mut self,
        started: &StartedSession,
    ) -> Result<(Websocket, Heartbeat), AwsFailure> {
        let websocket = self.dialer.dial(&started.stream_url).await?;
        self.open(websocket, started).await
    }

    async fn open(
        &mut self,
        mut websocket: Websocket,
        started: &StartedSession,
    ) -> Result<(Websocket, Heartbeat), AwsFailure> {
        let text = self.driver.open_data_channel(started.token.expose());
        websocket.send(Message::text(text)).await.map_err(|error| {
            AwsFailure::new(
                ErrorKind::Network,
                Verdict::TryAgain,
                "the connection to the session was lost while it was being opened",
                "",
            )
            .caused_by(&error)
        })?;
        self.driver.connected();
        let heartbeat = Heartbeat::new(self.ping_interval, Clocks::now(), Instant::now());
        Ok((websocket, heartbeat))
    }

    /// Resumes the session, trying again for as long as it may live. Clients are served
    /// meanwhile: what they send waits, and they may end the session.
    async fn reconnect(
        &mut self,
        mut reason: String,
    ) -> Result<(Websocket, Heartbeat), SessionEnd> {
        let lost_at = Instant::now();
        let mut delay = Duration::ZERO;
        let mut told = None;
        let mut watch = None;
        loop {
            // The first attempt after a connection that had worked comes at once.
            if self.backoff.attempts() > 0 && delay.is_zero() {
                delay = self.backoff.next_delay();
            }
            let attempt = self.backoff.attempts() + 1;
            self.notify(Notice::Reconnecting { reason: reason.clone(), attempt, retry_in: delay });
            let resumed = {
                let (ssm, dialer, id) = (self.ssm.clone(), self.dialer.clone(), self.id.clone());
                let sign_in = watch.take();
                let attempt = async move {
                    tokio::select! {
                        _ = sleep_unless_woken(delay) => {}
                        () = signed_in(sign_in) => {}
                    }
                    let started = ssm.resume_session(&id).await?;
                    let websocket = dialer.dial(&started.stream_url).await?;
                    Ok::<_, AwsFailure>((started, websocket))
                };
                tokio::select! {
                    resumed = attempt => resumed,
                    ended = self.driver.wait_disconnected() => {
                        self.finish(&ended, None).await;
                        return Err(SessionEnd::Closed(ended));
                    }
                }
            };
            let opened = match resumed {
                Ok((started, websocket)) => self.open(websocket, &started).await,
                Err(failure) => Err(failure),
            };
            let failure = match opened {
                Ok(connected) => {
                    let missing = self.driver.port().gap().map_or(0, |gap| gap.missing);
                    self.notify(Notice::Resumed { took: lost_at.elapsed(), missing });
                    // Counts as an attempt until the new connection has shown a sign of life.
                    let _ = self.backoff.next_delay();
                    return Ok(connected);
                }
                Err(failure) => failure,
            };
            delay = match failure.verdict {
                Verdict::TryAgain => self.backoff.next_delay(),
                Verdict::TrySlower => self.backoff.next_slow_delay(),
                // Often the policy lets a user start sessions but not resume them; a new one is
                // the way out.
                Verdict::SignIn if failure.kind == ErrorKind::Denied => {
                    self.tell_service().await;
                    return Err(SessionEnd::Lost(failure));
                }
                Verdict::SignIn => {
                    watch = Some(Watch::after(&failure));
                    self.backoff.next_slow_delay()
                }
                // Whoever says that it is over may be wrong; ending it again harms nobody.
                Verdict::SessionOver | Verdict::GiveUp => {
                    self.tell_service().await;
                    return Err(SessionEnd::Lost(failure));
                }
            };
            reason = failure.message.clone();
            if told != Some(failure.kind) {
                told = Some(failure.kind);
                self.notify(Notice::Trouble(failure));
            }
        }
    }

    /// Ends what is left of the session in an orderly way.
    async fn finish(&self, reason: &CloseReason, websocket: Option<Websocket>) {
        if let Some(mut websocket) = websocket {
            let _ = timeout(CLOSE_TIMEOUT, websocket.close(None)).await;
        }
        match reason {
            CloseReason::ByService { .. } | CloseReason::Terminated { acknowledged: true } => {
                self.ssm.note_ended(&self.id);
            }
            _ => self.tell_service().await,
        }
    }

    /// Has the service end the session, because the agent did not confirm that it has.
    async fn tell_service(&self) {
        match timeout(API_TERMINATE_TIMEOUT, self.ssm.terminate_session(&self.id)).await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => {
                self.notify(Notice::Trouble(failure));
            }
            Err(_) => tracing::debug!(session = self.id, "ending the session took too long"),
        }
    }

    fn notify(&self, notice: Notice) {
        // The forward may have stopped listening; the session does not depend on it.
        let _ = self.notices.send(notice);
    }
}

/// Completes when somebody has signed in, if that is waited for.
async fn signed_in(watch: Option<Watch>) {
    match watch {
        Some(mut watch) => watch.happens().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::stream::Command;

    #[test]
    fn a_handle_without_a_session_says_closed() {
        let (commands, receiver) = mpsc::unbounded_channel::<Command>();
        drop(receiver);
        let handle = SessionHandle { commands };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let opened = runtime.block_on(handle.open());
        assert_eq!(opened.err(), Some(ssmpf_proto::OpenError::Closed));
    }
}

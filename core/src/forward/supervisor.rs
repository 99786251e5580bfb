//! Keeps sessions behind the listener: starts them, watches them, replaces them.
//!
//! ```text
//! serving ──rotation, silence, refusals──► retiring ──successor is ready──► leaving ──last client──► ended
//! ```
//! A retiring session still takes clients, because it is better than none; a leaving one keeps those
//! it has. With `lazy`, an idle timeout or an idle limit of the administrator there may be none at
//! all until a client comes (*dormant*).

mod notices;
mod succession;
mod tend;

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ssmpf_proto::{CloseReason, Mode};
use ssmpf_schema::{Detail, ErrorKind, SessionMode};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::ForwardPlan;
use super::failure::ForwardError;
use super::hub::Hub;
use super::member::Member;
use super::starter::{Started, Starter};
use super::upkeep::{self, Upkeep};
use crate::aws::sign_in::Watch;
use crate::aws::{AwsContext, AwsFailure, Verdict};
use crate::events::EventSink;
use crate::model::{Sessions, Target};
use crate::session::{Backoff, Notice, Session, SessionEnd, StartError, sleep_unless_woken};

/// A session that lived this long was not a failed start: the next one begins without delay.
const LIVED: Duration = Duration::from_secs(30);

/// Longest time between the last client of a session that ended and the news of that end.
const MOMENT: Duration = Duration::from_secs(1);

type Start = Pin<Box<dyn Future<Output = Result<Started, StartError>> + Send>>;

/// Starts sessions for one forward and looks after them.
pub struct Supervisor<'a> {
    starter: Starter,
    upkeep: Upkeep,
    hub: &'a Hub,
    events: &'a EventSink,
    backoff: Backoff,

    kept: BTreeMap<u64, Kept>,
    /// Sessions that ended or are to be replaced, the oldest first.
    owed: VecDeque<Owed>,
    /// No session until a client comes.
    dormant: bool,
    /// Sessions wanted besides the first, because of traffic.
    extra: usize,
    started: u64,

    start: Option<Start>,
    /// When the next start may begin.
    not_before: Option<Instant>,
    /// Somebody has to sign in; notices when it happens.
    sign_in: Option<Watch>,
    /// The last trouble said, so that it is said once.
    told: Option<ErrorKind>,
    /// When a session may be replaced because of refusals, and how long until the next time.
    refresh: (Option<Instant>, Duration),

    happenings: mpsc::UnboundedReceiver<(u64, Happening)>,
    happened: mpsc::UnboundedSender<(u64, Happening)>,
    watchers: JoinSet<()>,
}

/// A session and what is planned for it.
struct Kept {
    member: Arc<Member>,
    target: Target,
    since: Instant,
    rotate_at: Instant,
    silent_since: Option<Instant>,
    /// Why it is leaving, if it is.
    leaving: Option<String>,
    told_to_end: bool,
}

/// A place that a new session has to fill.
struct Owed {
    session_id: String,
    /// The session that still serves meanwhile.
    number: Option<u64>,
    reason: String,
    /// Its clients are reset as soon as there is a successor.
    reset: bool,
}

enum Happening {
    Notice(Notice),
    Ended(SessionEnd),
}

impl<'a> Supervisor<'a> {
    /// Prepares to start sessions; nothing is called yet.
    pub fn new(
        plan: &ForwardPlan,
        context: &AwsContext,
        hub: &'a Hub,
        events: &'a EventSink,
    ) -> Self {
        let (happened, happenings) = mpsc::unbounded_channel();
        Self {
            starter: Starter::new(plan, context, events),
            upkeep: plan.upkeep,
            hub,
            events,
            backoff: Backoff::new(),
            kept: BTreeMap::new(),
            owed: VecDeque::new(),
            dormant: plan.upkeep.lazy,
            extra: 0,
            started: 0,
            start: None,
            not_before: None,
            sign_in: None,
            told: None,
            refresh: (None, upkeep::REFRESH_FIRST),
            happenings,
            happened,
            watchers: JoinSet::new(),
        }
    }

    /// Starts the first session. Clients find it once [`Supervisor::adopt`] has it.
    ///
    /// # Errors
    ///
    /// A [`ForwardError`] without another attempt: whoever started the forward is watching.
    pub async fn first(&mut self) -> Result<Started, ForwardError> {
        self.begin();
        let result = self.start.as_mut().expect("just begun").await;
        self.start = None;
        self.hub.note_starting(None);
        let started = result.map_err(|error| match error {
            StartError::Aws(failure) => failure.into(),
            StartError::Closed(reason) => ForwardError::from_close(&reason),
        })?;
        self.introduce(&started.session);
        Ok(started)
    }

    /// Lets clients into a session that is ready.
    pub fn adopt(&mut self, started: Started) {
        let Started { session, target, rotation, notices } = started;
        self.started += 1;
        let number = self.started;
        let now = Instant::now();
        let member = Arc::new(Member::new(number, session.id.clone(), session.handle.clone()));
        self.hub.add(Arc::clone(&member));
        let kept = Kept {
            member,
            target,
            since: now,
            rotate_at: now + rotation,
            silent_since: None,
            leaving: None,
            told_to_end: false,
        };
        self.kept.insert(number, kept);
        // Those that ended are let go of.
        while self.watchers.try_join_next().is_some() {}
        self.watchers.spawn(watch(number, session, notices, self.happened.clone()));
    }

    /// Keeps sessions going until nothing more can be done.
    ///
    /// # Errors
    ///
    /// A [`ForwardError`] when only a person can help.
    pub async fn keep(&mut self) -> Result<(), ForwardError> {
        loop {
            let now = Instant::now();
            self.tend(now);
            if self.start.is_none() && self.missing() > 0 && self.may_start(now) {
                self.begin();
            }
            let wait = self.next_look(now).map(|at| at.saturating_duration_since(now));
            tokio::select! {
                Some((number, happening)) = self.happenings.recv() => match happening {
                    Happening::Notice(notice) => self.handle_notice(number, notice),
                    Happening::Ended(end) => self.handle_end(number, end)?,
                },
                result = either(&mut self.start) => {
                    self.start = None;
                    self.hub.note_starting(None);
                    self.handle_start(result)?;
                }
                () = signed_in(&mut self.sign_in) => {
                    self.not_before = None;
                    self.backoff.reset();
                }
                () = self.hub.wanted() => self.dormant = false,
                () = self.hub.changed() => {}
                woken = sleep(wait) => if woken {
                    // Whatever was wrong before the sleep may be right now.
                    self.not_before = None;
                    self.backoff.reset();
                }
            }
        }
    }

    /// Reports what happens to the only session until it ends.
    pub async fn until_end(&mut self) -> SessionEnd {
        loop {
            match self.happenings.recv().await.expect("a sender is kept") {
                (number, Happening::Notice(notice)) => self.report(number, notice),
                (number, Happening::Ended(end)) => {
                    self.hub.remove(number);
                    return end;
                }
            }
        }
    }

    /// Begins to start a session. The hub knows of it meanwhile: whoever cuts this short can end
    /// it.
    fn begin(&mut self) {
        let (start, starting) = self.starter.begin();
        self.hub.note_starting(Some(starting));
        self.start = Some(Box::pin(start));
        self.not_before = None;
        self.sign_in = None;
    }

    fn may_start(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }

    /// Sessions that take clients and are to go on doing so.
    fn serving(&self) -> impl Iterator<Item = &Kept> {
        self.kept.values().filter(|kept| {
            kept.leaving.is_none()
                && !self.owed.iter().any(|owed| owed.number == Some(kept.member.number))
        })
    }

    /// Whether a client that comes now is served.
    fn takes_clients(&self) -> bool {
        self.kept.values().any(|kept| kept.member.is_open())
    }

    /// Whether there has been no client for a moment. Those of a session that ends are reset, and
    /// gone, before its end is told here.
    fn is_unused(&self) -> bool {
        self.hub.idle_since().is_some_and(|since| since.elapsed() > MOMENT)
    }

    /// Sessions that should be started.
    fn missing(&self) -> usize {
        if self.dormant {
            return 0;
        }
        let desired = match self.upkeep.sessions {
            Sessions::Auto => 1 + self.extra,
            Sessions::Count(count) => usize::from(count.get()),
        };
        desired.saturating_sub(self.serving().count())
    }

    fn handle_start(&mut self, result: Result<Started, StartError>) -> Result<(), ForwardError> {
        let failure = match result {
            Ok(started) => {
                self.welcome(started);
                return Ok(());
            }
            Err(StartError::Aws(failure)) => failure,
            Err(StartError::Closed(reason)) => closed_early(&reason)?,
        };
        if matches!(failure.kind, ErrorKind::TargetNotConnected | ErrorKind::NotFound) {
            self.give_up_silent("the node is gone");
        }
        let delay = match failure.verdict {
            Verdict::TryAgain | Verdict::SessionOver => self.backoff.next_delay(),
            Verdict::TrySlower => self.backoff.next_slow_delay(),
            Verdict::SignIn => {
                self.sign_in = Some(Watch::after(&failure));
                self.backoff.next_slow_delay()
            }
            Verdict::GiveUp if self.kept.is_empty() => {
                return Err(ForwardError::from(failure).given_up());
            }
            // There is a session still; the next may be allowed later.
            Verdict::GiveUp => upkeep::REFUSED_RETRY,
        };
        self.not_before = Some(Instant::now() + delay);
        // Where a session takes clients, be it an old one, they notice nothing of this.
        if !self.dormant && !self.takes_clients() {
            self.announce(failure.message.clone(), delay);
        }
        if self.told != Some(failure.kind) {
            self.told = Some(failure.kind);
            self.warn(failure.kind, failure.message, failure.hint);
        }
        Ok(())
    }

    fn handle_end(&mut self, number: u64, end: SessionEnd) -> Result<(), ForwardError> {
        let Some(kept) = self.kept.remove(&number) else { return Ok(()) };
        self.hub.remove(number);
        let session_id = kept.member.session_id.clone();
        if let Some(reason) = kept.leaving {
            let sessions = self.kept.len() as u64;
            self.events.emit(Detail::SessionClosed { session_id, sessions, reason });
            return Ok(());
        }
        let lived = kept.since.elapsed() > LIVED;
        let reason = match end {
            SessionEnd::Closed(CloseReason::Terminated { .. }) => "it was used up".to_owned(),
            SessionEnd::Closed(reason) => {
                let error = ForwardError::from_close(&reason);
                if error.kind == ErrorKind::DestinationUnreachable {
                    return Err(error.given_up());
                }
                // The administrator's idle limit has its way: the next session begins with the
                // next client.
                let worked = lived || kept.member.has_connected();
                self.dormant = worked && self.kept.is_empty() && self.is_unused();
                error.causes.first().unwrap_or(&error.message).clone()
            }
            SessionEnd::Lost(failure) => failure.message,
        };
        if lived {
            self.backoff.reset();
        }
        if self.dormant {
            self.owed.retain(|owed| owed.number != Some(number));
            self.events.emit(Detail::SessionClosed { session_id, sessions: 0, reason });
            return Ok(());
        }
        match self.owed.iter_mut().find(|owed| owed.number == Some(number)) {
            Some(owed) => owed.number = None,
            None => {
                let reason = reason.clone();
                self.owed.push_back(Owed { session_id, number: None, reason, reset: false });
            }
        }
        // Traffic will say whether the others are too few.
        self.extra = self.extra.min(self.serving().count().saturating_sub(1));
        if self.missing() == 0 {
            self.forgive();
            return Ok(());
        }
        if self.start.is_none() && self.not_before.is_none() {
            let delay = match self.backoff.attempts() {
                0 => Duration::ZERO,
                _ => self.backoff.next_delay(),
            };
            self.not_before = Some(Instant::now() + delay);
        }
        if !self.takes_clients() {
            let wait = self.not_before.map(|at| at.saturating_duration_since(Instant::now()));
            self.announce(reason, wait.unwrap_or_default());
        }
        Ok(())
    }
}

impl Kept {
    /// Tells the session to end, once.
    fn end(&mut self) {
        if !std::mem::replace(&mut self.told_to_end, true) {
            self.member.handle.terminate();
        }
    }
}

/// Reports what happens to a session, its end last.
async fn watch(
    number: u64,
    mut session: Session,
    mut notices: mpsc::UnboundedReceiver<Notice>,
    happened: mpsc::UnboundedSender<(u64, Happening)>,
) {
    let end = loop {
        tokio::select! {
            end = &mut session.end => break end,
            Some(notice) = notices.recv() => {
                let _ = happened.send((number, Happening::Notice(notice)));
            }
        }
    };
    let end =
        end.unwrap_or_else(|error| SessionEnd::Closed(CloseReason::Protocol(error.to_string())));
    let _ = happened.send((number, Happening::Ended(end)));
}

/// The start that is under way, if there is one.
async fn either(start: &mut Option<Start>) -> Result<Started, StartError> {
    match start {
        Some(start) => start.await,
        None => pending().await,
    }
}

/// Completes when somebody has signed in, if that is waited for.
async fn signed_in(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => watch.happens().await,
        None => pending().await,
    }
}

/// Sleeps for so long, or for ever. Returns whether it was this machine's waking that ended it.
async fn sleep(time: Option<Duration>) -> bool {
    match time {
        Some(time) => sleep_unless_woken(time).await,
        None => pending().await,
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

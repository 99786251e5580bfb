//! What the sessions of a forward say, and what is said of it to whoever listens.

use std::time::{Duration, Instant};

use ssmpf_proto::Mode;
use ssmpf_schema::{Detail, ErrorKind};

use super::super::upkeep;
use super::Supervisor;
use crate::session::{Notice, Session};

impl Supervisor<'_> {
    /// Says what is special about the first session.
    pub(super) fn introduce(&self, session: &Session) {
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
    }

    pub(super) fn handle_notice(&mut self, number: u64, notice: Notice) {
        match &notice {
            Notice::Silent(silence) => {
                let reason = "the agent stopped answering".to_owned();
                if let Some(kept) = self.kept.get_mut(&number) {
                    kept.silent_since = Instant::now().checked_sub(*silence);
                    // Whoever comes now waits for the successor rather than for nothing.
                    kept.member.close();
                }
                self.retire(number, reason, false);
            }
            Notice::Heard => {
                if let Some(kept) = self.kept.get_mut(&number) {
                    kept.silent_since = None;
                    if kept.leaving.is_none() {
                        self.hub.reopen(number);
                    }
                }
                // It need not be replaced, unless that is under way.
                if self.start.is_none() {
                    self.owed.retain(|owed| owed.number != Some(number));
                }
            }
            Notice::Reconnecting { .. } => self.hub.set_away(number, true),
            Notice::Resumed { .. } => {
                self.told = None;
                self.hub.set_away(number, false);
            }
            // Other sessions, and new ones, lack the same sign-in: it is said once.
            Notice::Trouble(failure)
                if failure.kind == ErrorKind::SignInRequired
                    && self.told.replace(failure.kind) == Some(failure.kind) =>
            {
                return;
            }
            Notice::Gap { heals_in, .. } if *heals_in >= upkeep::HOPELESS => {
                let reason = "too much got lost with the connection".to_owned();
                self.retire(number, reason, true);
            }
            _ => {}
        }
        self.report(number, notice);
    }

    pub(super) fn report(&self, number: u64, notice: Notice) {
        match notice {
            Notice::Reconnecting { reason, attempt, retry_in } => {
                self.events.emit(Detail::Reconnecting {
                    session_id: self.session_id(number),
                    reason,
                    attempt,
                    retry_in_seconds: retry_in.as_secs_f64(),
                });
            }
            Notice::Resumed { took, missing } => self.events.emit(Detail::Resumed {
                session_id: self.session_id(number).unwrap_or_default(),
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
                Some(match heals_in >= upkeep::HOPELESS {
                    true => "a new session takes over; clients of the old one are reset".to_owned(),
                    false => "downloads stand still meanwhile; nothing is lost".to_owned(),
                }),
            ),
            Notice::Silent(silence) => self.warn(
                ErrorKind::TargetNotConnected,
                format!("the agent has not answered for {} s", silence.as_secs()),
                Some(
                    "the node may be gone, or its destination may not be reading; a new session \
                     is being started for new clients"
                        .to_owned(),
                ),
            ),
            Notice::Heard => tracing::info!("the agent answers again"),
            Notice::Trouble(failure) => self.warn(failure.kind, failure.message, failure.hint),
        }
    }

    pub(super) fn warn(&self, kind: ErrorKind, message: String, hint: Option<String>) {
        self.events.emit(Detail::Warning { kind, message, hint });
    }

    fn session_id(&self, number: u64) -> Option<String> {
        self.kept.get(&number).map(|kept| kept.member.session_id.clone())
    }

    /// Says that a new session is on its way because none serves.
    pub(super) fn announce(&self, reason: String, delay: Duration) {
        self.events.emit(Detail::Reconnecting {
            session_id: None,
            reason,
            attempt: self.backoff.attempts() + 1,
            retry_in_seconds: delay.as_secs_f64(),
        });
    }
}

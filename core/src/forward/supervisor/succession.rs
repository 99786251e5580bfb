//! How one session takes the place of another.

use ssmpf_schema::Detail;

use super::super::starter::Started;
use super::{Owed, Supervisor};

impl Supervisor<'_> {
    /// Puts a new session in its place.
    pub(super) fn welcome(&mut self, started: Started) {
        self.told = None;
        // It may have been on its way when the last one ended.
        self.dormant = false;
        // Counts as an attempt until the session has shown that it lives.
        let _ = self.backoff.next_delay();
        if self.started == 0 {
            self.introduce(&started.session);
        }
        let (session_id, target) = (started.session.id.clone(), started.target.clone());
        let rotation = started.rotation;
        self.adopt(started);
        let Some(owed) = self.owed.pop_front() else {
            self.events.emit(Detail::SessionOpened {
                session_id,
                sessions: self.kept.len() as u64,
                target: Some(target.to_string()),
                rotates_in_seconds: Some(rotation.as_secs_f64()),
            });
            return;
        };
        let old = owed.number.and_then(|number| self.kept.get(&number));
        // One that says nothing while another node has taken its place will say nothing more.
        let gone = old.is_none_or(|old| old.silent_since.is_some() && old.target != target);
        let at_once = owed.reset || gone;
        self.events.emit(Detail::Replaced {
            old_session_id: owed.session_id,
            session_id,
            reason: owed.reason.clone(),
            clients_stay: !at_once,
            target: Some(target.to_string()),
            rotates_in_seconds: Some(rotation.as_secs_f64()),
        });
        if let Some(number) = owed.number {
            self.release(number, &owed.reason, at_once);
        }
    }

    /// Lets a session go: at once, or when its last client has left.
    pub(super) fn release(&mut self, number: u64, reason: &str, at_once: bool) {
        if let Some(kept) = self.kept.get_mut(&number) {
            kept.member.close();
            kept.leaving = Some(reason.to_owned());
            if at_once {
                kept.end();
            }
        }
    }

    /// Has a session replaced while it still serves.
    pub(super) fn retire(&mut self, number: u64, reason: String, reset: bool) {
        let Some(kept) = self.kept.get(&number) else { return };
        if let Some(owed) = self.owed.iter_mut().find(|owed| owed.number == Some(number)) {
            owed.reset |= reset;
        } else if kept.leaving.is_none() {
            let session_id = kept.member.session_id.clone();
            self.owed.push_back(Owed { session_id, number: Some(number), reason, reset });
        } else if reset && let Some(kept) = self.kept.get_mut(&number) {
            kept.end();
        }
    }

    /// Forgets ended sessions that need no successor.
    pub(super) fn forgive(&mut self) {
        let sessions = self.kept.len() as u64;
        self.owed.retain(|owed| {
            if owed.number.is_none() {
                let (session_id, reason) = (owed.session_id.clone(), owed.reason.clone());
                self.events.emit(Detail::SessionClosed { session_id, sessions, reason });
            }
            owed.number.is_some()
        });
    }
}

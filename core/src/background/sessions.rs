//! The sessions behind a forward, as its events tell of them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use ssmpf_schema::{Detail, Event};

use crate::events::rfc3339;

/// Which sessions there are, and whether clients are served by them.
#[derive(Debug, Default)]
pub struct Sessions {
    known: BTreeMap<String, Seen>,
    /// A session is being started because there is none.
    starting_anew: bool,
}

#[derive(Debug, Default)]
struct Seen {
    /// Its connection is lost and is being restored.
    away: bool,
    /// It has the clients it has, and takes no others.
    leaving: bool,
    /// When a fresh one takes its place.
    rotates: Option<Timestamp>,
}

impl Sessions {
    /// Takes note of what happened.
    pub fn note(&mut self, event: &Event) {
        match &event.detail {
            Detail::Ready { session_id: Some(id), rotates_in_seconds, .. }
            | Detail::SessionOpened { session_id: id, rotates_in_seconds, .. } => {
                self.open(id, &event.time, *rotates_in_seconds);
            }
            Detail::Replaced {
                old_session_id,
                session_id,
                clients_stay,
                rotates_in_seconds,
                ..
            } => {
                match self.known.get_mut(old_session_id) {
                    Some(old) if *clients_stay => old.leaving = true,
                    _ => _ = self.known.remove(old_session_id),
                }
                self.open(session_id, &event.time, *rotates_in_seconds);
            }
            Detail::Reconnecting { session_id: Some(id), .. } => self.set_away(id, true),
            Detail::Reconnecting { session_id: None, .. } => self.starting_anew = true,
            Detail::Resumed { session_id: id, .. } => self.set_away(id, false),
            Detail::SessionClosed { session_id: id, .. } => _ = self.known.remove(id),
            _ => {}
        }
    }

    /// Whether a client that comes now is served: by a session, or by one that begins with it.
    pub fn serve(&self) -> bool {
        let mut serving = self.known.values().filter(|seen| !seen.leaving).peekable();
        match serving.peek() {
            Some(_) => serving.any(|seen| !seen.away),
            None => !self.starting_anew,
        }
    }

    /// When the next session is replaced by a fresh one, RFC 3339.
    pub fn next_rotation(&self) -> Option<String> {
        let serving = self.known.values().filter(|seen| !seen.leaving);
        serving.filter_map(|seen| seen.rotates).min().map(rfc3339)
    }

    fn open(&mut self, id: &str, time: &str, rotates_in: Option<f64>) {
        let seen = Seen { rotates: rotation(time, rotates_in), ..Seen::default() };
        self.known.insert(id.to_owned(), seen);
        self.starting_anew = false;
    }

    fn set_away(&mut self, id: &str, away: bool) {
        if let Some(seen) = self.known.get_mut(id) {
            seen.away = away;
        }
    }
}

/// When a session is replaced, so many seconds after `time`.
fn rotation(time: &str, in_seconds: Option<f64>) -> Option<Timestamp> {
    let time: Timestamp = time.parse().ok()?;
    time.checked_add(SignedDuration::try_from_secs_f64(in_seconds?).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(details: Vec<Detail>) -> Sessions {
        let mut sessions = Sessions::default();
        for detail in details {
            sessions.note(&Event::new("2026-11-21T12:00:00.000Z".to_owned(), None, detail));
        }
        sessions
    }

    fn opened(id: &str, rotates_in: f64) -> Detail {
        let (session_id, sessions) = (id.to_owned(), 1);
        let target = "i-0123456789abcdef0".to_owned();
        Detail::SessionOpened {
            session_id,
            sessions,
            target: Some(target),
            rotates_in_seconds: Some(rotates_in),
        }
    }

    fn lost(id: Option<&str>) -> Detail {
        Detail::Reconnecting {
            session_id: id.map(str::to_owned),
            reason: "the connection ended".to_owned(),
            attempt: 1,
            retry_in_seconds: 0.0,
        }
    }

    fn closed(id: &str) -> Detail {
        let reason = "nobody uses it".to_owned();
        Detail::SessionClosed { session_id: id.to_owned(), sessions: 0, reason }
    }

    #[test]
    fn one_session_of_two_serves_while_the_other_is_away() {
        let both = || vec![opened("a", 60.0), opened("b", 30.0)];
        assert!(after([both(), vec![lost(Some("a"))]].concat()).serve());
        assert!(!after([both(), vec![lost(Some("a")), lost(Some("b"))]].concat()).serve());
        let ended = vec![lost(Some("a")), lost(Some("b")), closed("a"), closed("b")];
        assert!(after([both(), ended].concat()).serve(), "the next begins with the next client");
    }

    #[test]
    fn nobody_is_served_while_there_is_no_session_and_one_is_wanted() {
        assert!(!after(vec![opened("a", 60.0), closed("a"), lost(None)]).serve());
        assert!(after(vec![lost(None), opened("a", 60.0)]).serve());
    }

    #[test]
    fn the_next_rotation_is_that_of_the_oldest_that_serves() {
        let rotation = |details| after(details).next_rotation();
        let both = || vec![opened("a", 60.0), opened("b", 30.0)];
        assert_eq!(rotation(both()).as_deref(), Some("2026-11-21T12:00:30.000Z"));
        let replaced = Detail::Replaced {
            old_session_id: "b".to_owned(),
            session_id: "c".to_owned(),
            reason: "it is old".to_owned(),
            clients_stay: true,
            target: None,
            rotates_in_seconds: Some(90.0),
        };
        let later = rotation([both(), vec![replaced]].concat());
        assert_eq!(later.as_deref(), Some("2026-11-21T12:01:00.000Z"));
        assert_eq!(rotation(vec![opened("a", 60.0), closed("a")]), None);
    }
}

//! Events of a forward, for people on stderr or for programs on stdout.

use std::collections::HashSet;
use std::sync::Mutex;

use ssmpf_schema::{Detail, Event};

use super::{Lines, Style};
use crate::events::EventSink;

/// Attempts to reconnect that are shown one by one; after these, every tenth.
const ATTEMPTS_SHOWN: u32 = 3;

/// How events of a forward look.
#[derive(Clone, Debug)]
pub struct ForwardOutput {
    /// One JSON object per event on stdout.
    pub json_lines: bool,
    /// The address alone on stdout, once.
    pub print_address: bool,
    /// For people: nothing but warnings.
    pub quiet: bool,
    /// For people: every client too.
    pub verbose: bool,
    /// Colours on stderr.
    pub style: Style,
}

impl ForwardOutput {
    /// Makes the sink that a forward reports to.
    pub fn sink(self, stdout: Lines, stderr: Lines) -> EventSink {
        // The same account is worth a line once, however many connections use it.
        let shown = Mutex::new(HashSet::new());
        EventSink::new(move |event| {
            if let Detail::SignedInAs { arn, region, .. } = &event.detail
                && !self.json_lines
                && !shown
                    .lock()
                    .unwrap_or_else(|broken| broken.into_inner())
                    .insert((arn.clone(), region.clone()))
            {
                return;
            }
            if self.json_lines {
                stdout.write(json_line(&event));
                return;
            }
            if self.print_address
                && let Detail::Ready { address, .. } = &event.detail
            {
                stdout.write(format!("{address}\n").into_bytes());
            }
            if let Some(text) = self.for_people(&event) {
                stderr.write(format!("{text}\n").into_bytes());
            }
        })
    }

    /// Returns what a person is told about an event, if anything.
    pub(super) fn for_people(&self, event: &Event) -> Option<String> {
        let style = self.style;
        if let Detail::Warning { message, hint, .. } = &event.detail {
            let hint = hint.as_ref().map(|hint| format!("\n{}: {hint}", style.hint("hint")));
            return Some(format!(
                "{}: {message}{}",
                style.warning("warning"),
                hint.unwrap_or_default()
            ));
        }
        if self.quiet {
            return None;
        }
        let name = event.connection.as_ref().map(|name| format!("{name}  ")).unwrap_or_default();
        let text = match &event.detail {
            Detail::Ready {
                address, addresses, destination, target, lazy, took_seconds, ..
            } => {
                let others = addresses.len().saturating_sub(1);
                let others = if others > 0 && self.verbose {
                    style.faint(format!(" (also {})", addresses[1..].join(", ")))
                } else {
                    String::new()
                };
                let how = match lazy {
                    true => "ready, a session starts with the first client".to_owned(),
                    false => format!("ready in {}", seconds(*took_seconds)),
                };
                format!(
                    "{}{others} → {destination}  {}",
                    style.strong(address),
                    style.faint(format!("via {target}  {how}"))
                )
            }
            Detail::SignedInAs { account, role, profile, region, .. } => {
                let profile = profile.as_ref().map(|name| format!("profile {name}, "));
                let place = format!("({}{region})", profile.unwrap_or_default());
                return Some(format!("account {account} as {role}  {}", style.faint(place)));
            }
            Detail::Reconnecting { reason, attempt, retry_in_seconds, .. }
                if *attempt <= ATTEMPTS_SHOWN || attempt % 10 == 0 =>
            {
                format!("{reason}; attempt {attempt} in {retry_in_seconds:.1} s")
            }
            Detail::Resumed { took_seconds, .. } => format!("resumed after {took_seconds:.1} s"),
            Detail::Replaced { reason, clients_stay, .. } => {
                let clients = match clients_stay {
                    true => "open connections keep the old one",
                    false => "open connections were reset",
                };
                format!("a new session took over ({reason}); {clients}")
            }
            Detail::SessionOpened { sessions: 1, .. } if self.verbose => {
                "one session carries the clients".to_owned()
            }
            Detail::SessionOpened { sessions, .. } if self.verbose => {
                format!("{sessions} sessions carry the clients")
            }
            Detail::SessionClosed { reason, .. } if self.verbose => {
                format!("a session ended: {reason}")
            }
            Detail::ClientOpened { client, peer } if self.verbose => {
                format!("client {client} connected from {peer}")
            }
            Detail::ClientClosed { client, bytes_sent, bytes_received, reason } if self.verbose => {
                let reason = reason.as_ref().map(|reason| format!(": {reason}"));
                format!(
                    "client {client} closed, {bytes_sent} bytes sent, {bytes_received} received{}",
                    reason.unwrap_or_default()
                )
            }
            // A destination that cannot be reached looks like a working tunnel otherwise.
            Detail::ClientClosed { client, reason: Some(reason), .. } => {
                format!("client {client}: {reason}")
            }
            _ => return None,
        };
        Some(format!("{name}{text}"))
    }
}

/// Writes a duration with one decimal, or two where one would say nothing.
fn seconds(duration: f64) -> String {
    if duration < 0.1 { format!("{duration:.2} s") } else { format!("{duration:.1} s") }
}

fn json_line(event: &Event) -> Vec<u8> {
    // Every field is a string, a number or a list of strings, so this cannot fail.
    let mut line = serde_json::to_vec(event).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use ssmpf_schema::ErrorKind;

    use super::*;
    use crate::output::lines::captured;

    fn ready() -> Detail {
        Detail::Ready {
            address: "127.0.0.1:15432".to_owned(),
            addresses: vec!["127.0.0.1:15432".to_owned(), "[::1]:15432".to_owned()],
            destination: "db.internal:5432".to_owned(),
            target: "i-0123456789abcdef0".to_owned(),
            session_id: None,
            agent_version: None,
            mode: None,
            lazy: false,
            rotates_in_seconds: None,
            took_seconds: 0.91,
        }
    }

    fn plain() -> ForwardOutput {
        ForwardOutput {
            json_lines: false,
            print_address: false,
            quiet: false,
            verbose: false,
            style: Style::default(),
        }
    }

    /// What `details` lead to on stdout and on stderr.
    fn shown(output: ForwardOutput, details: &[Detail]) -> (String, String) {
        let mut stderr_text = String::new();
        let stdout_text = captured(|stdout| {
            stderr_text = captured(|stderr| {
                let sink = output.sink(stdout.clone(), stderr.clone());
                for detail in details {
                    sink.emit(detail.clone());
                }
            });
        });
        (stdout_text, stderr_text)
    }

    #[test]
    fn a_person_sees_one_line_when_it_is_ready() {
        let opened = Detail::ClientOpened { client: 1, peer: "127.0.0.1:50000".to_owned() };
        let (stdout, stderr) = shown(plain(), &[ready(), opened]);
        assert_eq!(stdout, "");
        assert_eq!(
            stderr,
            "127.0.0.1:15432 → db.internal:5432  via i-0123456789abcdef0  ready in 0.9 s\n"
        );
    }

    #[test]
    fn the_address_alone_goes_to_stdout() {
        let output = ForwardOutput { print_address: true, quiet: true, ..plain() };
        let (stdout, stderr) = shown(output, &[ready()]);
        assert_eq!(stdout, "127.0.0.1:15432\n");
        assert_eq!(stderr, "");
    }

    #[test]
    fn programs_get_one_object_per_line() {
        let output = ForwardOutput { json_lines: true, ..plain() };
        let (stdout, stderr) = shown(output, &[ready(), ready()]);
        assert_eq!(stdout.lines().count(), 2);
        let event: Event =
            serde_json::from_str(stdout.lines().next().expect("a line")).expect("it parses");
        assert_eq!(event.detail, ready());
        assert_eq!(stderr, "");
    }

    #[test]
    fn warnings_are_shown_even_when_it_should_be_quiet() {
        let output = ForwardOutput { quiet: true, ..plain() };
        let warning = Detail::Warning {
            kind: ErrorKind::ClockSkew,
            message: "the clock is wrong".to_owned(),
            hint: Some("set it".to_owned()),
        };
        let (_, stderr) = shown(output, &[ready(), warning]);
        assert_eq!(stderr, "warning: the clock is wrong\nhint: set it\n");
    }

    #[test]
    fn a_long_outage_does_not_fill_the_screen() {
        let attempts: Vec<Detail> = (1..=40)
            .map(|attempt| Detail::Reconnecting {
                session_id: None,
                reason: "connection lost".to_owned(),
                attempt,
                retry_in_seconds: 1.0,
            })
            .collect();
        let (_, stderr) = shown(plain(), &attempts);
        assert_eq!(stderr.lines().count(), 3 + 4);
    }
}

//! The events of long-running commands, one JSON object per line.

use serde::{Deserialize, Serialize};

use crate::{ErrorKind, SCHEMA};

/// One thing that happened to a forward.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// When it happened, RFC 3339 in UTC.
    pub time: String,
    /// Name of the connection; `null` for an ad-hoc forward.
    pub connection: Option<String>,
    /// What happened; its name is in the field `event`.
    #[serde(flatten)]
    pub detail: Detail,
}

impl Event {
    /// Makes an event of `detail` at `time`, which is RFC 3339.
    pub fn new(time: String, connection: Option<String>, detail: Detail) -> Self {
        Self { schema: SCHEMA.to_owned(), time, connection, detail }
    }
}

/// What happened, with the fields that belong to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Detail {
    /// The node is being looked up.
    Resolving {
        /// The target as the user wrote it.
        target: String,
    },
    /// The local port is bound and a session is being started.
    Starting {
        /// The target as AWS takes it.
        target: String,
        /// What the agent will dial.
        destination: String,
        /// The session document.
        document: String,
    },
    /// Who one is in AWS. It comes before or soon after `ready`, or not at all when AWS does not say.
    SignedInAs {
        /// Number of the account.
        account: String,
        /// The role, or the user.
        role: String,
        /// The ARN of the user or of the role session.
        arn: String,
        /// The profile; `null` means whichever is in force.
        profile: Option<String>,
        /// The region.
        region: String,
    },
    /// Clients can connect.
    Ready {
        /// The first of `addresses`, as `host:port`.
        address: String,
        /// Every address that is listened on.
        addresses: Vec<String>,
        /// What the agent dials.
        destination: String,
        /// The target as AWS takes it.
        target: String,
        /// The session; `null` when another program holds it.
        session_id: Option<String>,
        /// Version of the agent; `null` when it is not known.
        agent_version: Option<String>,
        /// How streams are carried; `null` when it is not known.
        mode: Option<SessionMode>,
        /// Whether the first session starts only with the first client.
        lazy: bool,
        /// Seconds until the session is replaced by a fresh one, if it is used; `null` without one.
        rotates_in_seconds: Option<f64>,
        /// Seconds since the command was started.
        took_seconds: f64,
    },
    /// A local program connected.
    ClientOpened {
        /// Number of the client within this forward, from 1.
        client: u64,
        /// Where it connects from.
        peer: String,
    },
    /// A local program is gone.
    ClientClosed {
        /// Number of the client within this forward.
        client: u64,
        /// Bytes it sent towards the destination.
        bytes_sent: u64,
        /// Bytes it received.
        bytes_received: u64,
        /// Why; `null` when both sides simply ended.
        reason: Option<String>,
    },
    /// The connection to the session was lost and is being restored.
    Reconnecting {
        /// The session that is to be resumed; `null` when another is being started.
        session_id: Option<String>,
        /// What was noticed.
        reason: String,
        /// Number of the attempt that comes next, from 1.
        attempt: u32,
        /// Seconds until that attempt.
        retry_in_seconds: f64,
    },
    /// The same session goes on.
    Resumed {
        /// The session.
        session_id: String,
        /// Seconds since the connection was lost.
        took_seconds: f64,
        /// Messages still missing before what already arrived, if any.
        missing: u64,
    },
    /// A new session took the place of the old one.
    Replaced {
        /// The session whose place it took.
        old_session_id: String,
        /// The session now in use.
        session_id: String,
        /// Why.
        reason: String,
        /// Whether the old session lives until the last of its clients has left; if not, they were
        /// reset.
        clients_stay: bool,
        /// The node that the new session goes to, as AWS takes it; `null` when it is not known.
        target: Option<String>,
        /// Seconds until the new session is replaced in its turn, if it is used.
        rotates_in_seconds: Option<f64>,
    },
    /// A further session carries clients.
    SessionOpened {
        /// The session.
        session_id: String,
        /// Sessions there are now.
        sessions: u64,
        /// The node that it goes to, as AWS takes it; `null` when it is not known.
        target: Option<String>,
        /// Seconds until it is replaced by a fresh one, if it is used; `null` when not known.
        rotates_in_seconds: Option<f64>,
    },
    /// A session that is needed no more has ended, or was ended.
    SessionClosed {
        /// The session.
        session_id: String,
        /// Sessions there are now.
        sessions: u64,
        /// Why.
        reason: String,
    },
    /// Something a person should know while the forward goes on.
    Warning {
        /// The stable word for it.
        kind: ErrorKind,
        /// One sentence.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The forward has ended. Always the last event.
    Stopped {
        /// Why.
        reason: String,
        /// The exit code the command is about to return.
        exit_code: u8,
        /// Bytes all clients sent towards the destination.
        bytes_sent: u64,
        /// Bytes all clients received.
        bytes_received: u64,
    },
}

impl Detail {
    /// Returns the name of the event, as in the field `event`.
    pub const fn name(&self) -> &'static str {
        match self {
            Detail::Resolving { .. } => "resolving",
            Detail::Starting { .. } => "starting",
            Detail::SignedInAs { .. } => "signed_in_as",
            Detail::Ready { .. } => "ready",
            Detail::ClientOpened { .. } => "client_opened",
            Detail::ClientClosed { .. } => "client_closed",
            Detail::Reconnecting { .. } => "reconnecting",
            Detail::Resumed { .. } => "resumed",
            Detail::Replaced { .. } => "replaced",
            Detail::SessionOpened { .. } => "session_opened",
            Detail::SessionClosed { .. } => "session_closed",
            Detail::Warning { .. } => "warning",
            Detail::Stopped { .. } => "stopped",
        }
    }
}

/// How a session carries the streams of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SessionMode {
    /// Many streams at once.
    Mux,
    /// One client at a time: the agent is too old for more.
    Basic,
    /// A single client for the life of the session (ssh).
    SingleStream,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_noon(detail: Detail) -> Event {
        Event::new("2026-11-21T12:00:00Z".to_owned(), None, detail)
    }

    #[test]
    fn an_event_is_one_flat_object() {
        let event = at_noon(Detail::ClientClosed {
            client: 3,
            bytes_sent: u64::MAX,
            bytes_received: 0,
            reason: None,
        });
        assert_eq!(
            serde_json::to_string(&event).expect("it serializes"),
            "{\"schema\":\"ssmpf/1\",\"time\":\"2026-11-21T12:00:00Z\",\"connection\":null,\
             \"event\":\"client_closed\",\"client\":3,\"bytes_sent\":18446744073709551615,\
             \"bytes_received\":0,\"reason\":null}"
        );
    }

    #[test]
    fn an_event_survives_the_way_to_json_and_back() {
        let event = at_noon(Detail::Ready {
            address: "127.0.0.1:15432".to_owned(),
            addresses: vec!["127.0.0.1:15432".to_owned(), "[::1]:15432".to_owned()],
            destination: "db.internal:5432".to_owned(),
            target: "i-0123456789abcdef0".to_owned(),
            session_id: Some("alice-1".to_owned()),
            agent_version: Some("3.3.1142.0".to_owned()),
            mode: Some(SessionMode::Mux),
            lazy: false,
            rotates_in_seconds: Some(3300.0),
            took_seconds: 0.9,
        });
        let json = serde_json::to_string(&event).expect("it serializes");
        let back: Event = serde_json::from_str(&json).expect("it parses");
        assert_eq!(back, event);
        assert!(json.contains("\"event\":\"ready\""), "{json}");
        assert_eq!(event.detail.name(), "ready");
    }

    #[test]
    fn fields_of_a_later_version_are_ignored() {
        let json = r#"{"schema":"ssmpf/1","time":"2026-11-21T12:00:00Z","connection":"db",
            "event":"resolving","target":"bastion","colour":"red"}"#;
        let event: Event = serde_json::from_str(json).expect("it parses");
        assert_eq!(event.connection.as_deref(), Some("db"));
    }
}

//! The documents about forwards that run in the background.

use serde::{Deserialize, Serialize};

use crate::{ErrorKind, SCHEMA};

/// What `status`, `up`, `restart` and `wait` print.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct StatusDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The forwards in the order of their names.
    pub forwards: Vec<ForwardStatus>,
}

impl StatusDocument {
    /// Wraps forwards with the schema they belong to.
    pub fn new(forwards: Vec<ForwardStatus>) -> Self {
        Self { schema: SCHEMA.to_owned(), forwards }
    }
}

/// Where a forward is in its life.
///
/// Starting ──► Ready ◄──► Reconnecting      any ──► Stopping      any ──► Unresponsive | Dead
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ForwardState {
    /// Its first session is being started.
    #[default]
    Starting,
    /// Clients can connect.
    Ready,
    /// The listener is there; the connection behind it is being restored.
    Reconnecting,
    /// It is being ended.
    Stopping,
    /// Its process lives and does not answer.
    Unresponsive,
    /// Its process is gone without having said goodbye.
    Dead,
    /// A state that a newer version has and this one does not know.
    #[serde(other)]
    Unknown,
}

impl ForwardState {
    /// Returns the word that stands for the state in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            ForwardState::Starting => "starting",
            ForwardState::Ready => "ready",
            ForwardState::Reconnecting => "reconnecting",
            ForwardState::Stopping => "stopping",
            ForwardState::Unresponsive => "unresponsive",
            ForwardState::Dead => "dead",
            ForwardState::Unknown => "unknown",
        }
    }
}

/// A forward that runs in the background, at one moment.
///
/// Forwards and those who ask them may be of different versions, so a missing field is read as not
/// known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ForwardStatus {
    /// Name of the connection.
    pub name: String,
    /// Where it is in its life.
    pub state: ForwardState,
    /// The first of `addresses`; `null` until the local port is bound.
    pub address: Option<String>,
    /// Every address that is listened on, as `host:port`.
    pub addresses: Vec<String>,
    /// What the agent dials.
    pub destination: Option<String>,
    /// How the node is found, as the user wrote it.
    pub target: Option<String>,
    /// The node that it is at the moment.
    pub node: Option<String>,
    /// The AWS profile; `null` means whichever was in force.
    pub profile: Option<String>,
    /// The region; `null` means the profile's.
    pub region: Option<String>,
    /// Tags of the connection when it was brought up, without the `@`.
    pub tags: Vec<String>,
    /// The sessions behind it.
    pub session_ids: Vec<String>,
    /// Clients connected now.
    pub clients: u64,
    /// Clients that ever connected.
    pub clients_total: u64,
    /// Bytes that clients sent towards the destination.
    pub bytes_sent: u64,
    /// Bytes that clients received.
    pub bytes_received: u64,
    /// Bytes sent per second, over the last second or more.
    pub sent_per_second: f64,
    /// Bytes received per second, over the last second or more.
    pub received_per_second: f64,
    /// When it was started, RFC 3339.
    pub started: Option<String>,
    /// Since when clients can connect without a break, RFC 3339; `null` while they cannot.
    pub up_since: Option<String>,
    /// Connections that were lost and restored, or replaced by a new session.
    pub reconnects: u64,
    /// The last thing that went wrong.
    pub last_problem: Option<Problem>,
    /// When a fresh session takes over before the service cuts the old one, RFC 3339.
    pub next_rotation: Option<String>,
    /// When it closes itself, RFC 3339.
    pub closes_at: Option<String>,
    /// Version of the program that runs it.
    pub version: Option<String>,
    /// Its process. For people only: a process id says nothing about whether it still lives.
    pub pid: Option<u32>,
    /// Where its log lies.
    pub log: Option<String>,
}

/// Something that went wrong while a forward went on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// When, RFC 3339.
    pub time: String,
    /// The stable word for it; `null` when the connection was merely lost.
    #[serde(default, deserialize_with = "known_kind")]
    pub kind: Option<ErrorKind>,
    /// One sentence.
    pub message: String,
}

/// Reads a kind; one that a newer version has and this one does not know is none.
fn known_kind<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<ErrorKind>, D::Error> {
    let word = Option::<std::borrow::Cow<'de, str>>::deserialize(from)?;
    Ok(word.and_then(|word| ErrorKind::ALL.into_iter().find(|kind| kind.as_str() == word)))
}

/// What `down` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DownDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Names of the forwards that were ended.
    pub stopped: Vec<String>,
    /// Names of connections that were not up.
    pub not_up: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_in_a_document_is_the_word_of_as_str() {
        for state in [
            ForwardState::Starting,
            ForwardState::Ready,
            ForwardState::Reconnecting,
            ForwardState::Stopping,
            ForwardState::Unresponsive,
            ForwardState::Dead,
        ] {
            let json = serde_json::to_string(&state).expect("a unit variant serializes");
            assert_eq!(json, format!("\"{}\"", state.as_str()));
        }
    }

    #[test]
    fn a_status_of_another_version_is_read_as_far_as_it_goes() {
        let newer = r#"{"name":"db","state":"hibernating","colour":"red"}"#;
        let status: ForwardStatus = serde_json::from_str(newer).expect("it parses");
        assert_eq!((status.name.as_str(), status.state), ("db", ForwardState::Unknown));
        assert_eq!(status.session_ids, Vec::<String>::new());
    }
}

//! A connection: a saved, named entry of the catalogue.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    BindAddress, Destination, DocumentName, InvalidInput, Kind, Port, ProfileName, Region, Seconds,
    Tag, TargetSpec, UnknownFields,
};

/// What is kept under a name. How it lies in JSON is in `connection_json.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// A line for people.
    pub description: Option<String>,
    /// Free words; `@word` stands for all connections that bear it.
    pub tags: BTreeSet<Tag>,
    /// The AWS profile; none means whichever is in force.
    pub profile: Option<ProfileName>,
    /// The region; none means the profile's.
    pub region: Option<Region>,
    /// How the node is found.
    pub target: TargetSpec,
    /// What the agent dials.
    pub destination: Destination,
    /// What listens there.
    pub kind: Kind,
    /// The port to listen on here: the same from day to day.
    pub local_port: Port,
    /// The address to listen on here.
    pub bind: BindAddress,
    /// The SSM document; none means whichever fits.
    pub document: Option<DocumentName>,
    /// What goes to CloudTrail as the reason of a session.
    pub reason: Option<String>,
    /// Start a session at the first client instead of at once.
    pub lazy: bool,
    /// How long without a client until a lazy connection's session is ended.
    pub idle_timeout: Option<Seconds>,
    /// How long until the forward closes itself.
    pub max_age: Option<Seconds>,
    /// Ask before opening, and want a reason: for production.
    pub guard: bool,
    /// Keep idle sessions open, whatever idle limit the administrator has set.
    pub keep_alive: bool,
    /// How many sessions carry the traffic.
    pub sessions: Sessions,
    /// How to sign in to the database behind it.
    pub database: Option<Database>,
    /// When it was added.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// When it was last opened.
    pub last_used: Option<Timestamp>,
    /// How often it was opened. Those from before this was counted begin at 0.
    pub uses: u32,
    /// What a newer version stored with it.
    pub unknown: UnknownFields,
}

impl Connection {
    /// Makes a connection with everything else left at its default, added `now`.
    ///
    /// The kind is guessed from the destination.
    pub fn new(
        target: TargetSpec,
        destination: Destination,
        local_port: Port,
        now: Timestamp,
    ) -> Self {
        let host = destination.host.as_ref().map(|host| host.as_str());
        Self {
            description: None,
            tags: BTreeSet::new(),
            profile: None,
            region: None,
            target,
            kind: Kind::guess(host, destination.port),
            destination,
            local_port,
            bind: BindAddress::default(),
            document: None,
            reason: None,
            lazy: false,
            idle_timeout: None,
            max_age: None,
            guard: false,
            keep_alive: false,
            sessions: Sessions::default(),
            database: None,
            created: now,
            updated: now,
            last_used: None,
            uses: 0,
            unknown: UnknownFields::default(),
        }
    }

    /// Returns whether it bears the tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.contains(tag)
    }
}

/// How many sessions carry the traffic of a forward: a session is capped by the agent, several are
/// not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Sessions {
    /// As many as the traffic needs.
    #[default]
    Auto,
    /// This many.
    Count(NonZeroU16),
}

impl TryFrom<String> for Sessions {
    type Error = InvalidInput;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Sessions> for String {
    fn from(sessions: Sessions) -> Self {
        sessions.to_string()
    }
}

impl FromStr for Sessions {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        /// More would only meet AWS's limits on StartSession and on the agent.
        const MAX: u16 = 32;
        if text == "auto" {
            return Ok(Sessions::Auto);
        }
        let number = text.parse::<NonZeroU16>().ok().filter(|number| number.get() <= MAX);
        number.map(Sessions::Count).ok_or_else(|| {
            InvalidInput::new(
                format!("`{text}` is not a number of sessions"),
                format!("give a number from 1 to {MAX}, or `auto`"),
            )
        })
    }
}

impl fmt::Display for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sessions::Auto => f.write_str("auto"),
            Sessions::Count(number) => number.fmt(f),
        }
    }
}

/// How to sign in to the database behind a connection. Never a password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// The database user.
    pub user: Option<String>,
    /// The database.
    pub name: Option<String>,
    /// How the user proves who they are.
    pub auth: Auth,
    /// What a newer version stored with it.
    pub unknown: UnknownFields,
}

/// How a database user proves who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// By a password, which is not kept here.
    #[default]
    Password,
    /// By a token that IAM signs for the true endpoint.
    Iam,
}

impl Auth {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Auth::Password => "password",
            Auth::Iam => "iam",
        }
    }
}

impl FromStr for Auth {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "password" => Ok(Auth::Password),
            "iam" => Ok(Auth::Iam),
            _ => Err(InvalidInput::new(
                format!("`{text}` is not a way to sign in to a database"),
                "write `password` or `iam`",
            )),
        }
    }
}

impl fmt::Display for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_counted_or_automatic() {
        assert_eq!("auto".parse(), Ok(Sessions::Auto));
        assert_eq!("4".parse::<Sessions>().expect("valid").to_string(), "4");
        for text in ["", "0", "33", "-1", "many"] {
            assert!(text.parse::<Sessions>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_new_connection_guesses_its_kind() {
        let destination = Destination {
            host: Some("db.internal".parse().expect("a host")),
            port: Port::new(5432).expect("not 0"),
        };
        let connection = Connection::new(
            "bastion".parse().expect("a target"),
            destination,
            Port::new(20_000).expect("not 0"),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(connection.kind, Kind::Postgres);
    }
}

//! How a connection lies in JSON: one flat object, defaults left out, unknown fields kept.
//!
//! Written by hand rather than derived: a derived reader that keeps unknown fields holds every value
//! twice, which shows with ten thousand connections.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::{
    Auth, BindAddress, Connection, Database, Destination, DocumentName, Host, InvalidInput, Kind,
    Port, ProfileName, Region, Seconds, Sessions, StoredTime, Tag, TargetSpec, UnknownFields,
};

impl Serialize for Connection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut text = |name: &'static str, value: Option<&str>| match value {
            Some(value) => map.serialize_entry(name, value),
            None => Ok(()),
        };
        text("description", self.description.as_deref())?;
        text("profile", self.profile.as_ref().map(|profile| profile.as_str()))?;
        text("region", self.region.as_ref().map(|region| region.as_str()))?;
        text("target", Some(self.target.as_str()))?;
        text("host", self.destination.host.as_ref().map(|host| host.as_str()))?;
        text("kind", Some(self.kind.as_str()))?;
        text("document", self.document.as_ref().map(|document| document.as_str()))?;
        text("reason", self.reason.as_deref())?;
        map.serialize_entry("port", &self.destination.port.number())?;
        map.serialize_entry("local_port", &self.local_port.number())?;
        if self.bind != BindAddress::default() {
            map.serialize_entry("bind", &self.bind.to_string())?;
        }
        if !self.tags.is_empty() {
            let tags: Vec<&str> = self.tags.iter().map(Tag::as_str).collect();
            map.serialize_entry("tags", &tags)?;
        }
        let switches =
            [("lazy", self.lazy), ("guard", self.guard), ("keep_alive", self.keep_alive)];
        for (name, on) in switches {
            if on {
                map.serialize_entry(name, &true)?;
            }
        }
        for (name, span) in [("idle_timeout", self.idle_timeout), ("max_age", self.max_age)] {
            if let Some(span) = span {
                map.serialize_entry(name, &span)?;
            }
        }
        match self.sessions {
            Sessions::Auto => {}
            Sessions::Count(number) => map.serialize_entry("sessions", &number)?,
        }
        if let Some(database) = &self.database {
            map.serialize_entry("database", database)?;
        }
        map.serialize_entry("created", &self.created)?;
        map.serialize_entry("updated", &self.updated)?;
        if let Some(last_used) = &self.last_used {
            map.serialize_entry("last_used", last_used)?;
        }
        if self.uses > 0 {
            map.serialize_entry("uses", &self.uses)?;
        }
        for (name, value) in self.unknown.raw() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A connection as it lies in JSON: the words in it are borrowed and not looked into yet.
///
/// A listing shows ten thousand of them; making a [`Connection`] of each takes longer than to read
/// and write them all.
#[derive(Clone, Debug)]
pub struct StoredConnection<'a> {
    /// As in [`Connection`], like all that follow.
    pub description: Option<Cow<'a, str>>,
    /// In alphabetical order and each once after [`StoredConnection::check`].
    pub tags: Vec<Cow<'a, str>>,
    /// The AWS profile.
    pub profile: Option<Cow<'a, str>>,
    /// The region.
    pub region: Option<Cow<'a, str>>,
    /// How the node is found.
    pub target: Cow<'a, str>,
    /// The host that the agent dials.
    pub host: Option<Cow<'a, str>>,
    /// The port that the agent dials.
    pub port: Port,
    /// What listens there.
    pub kind: Kind,
    /// The port here.
    pub local_port: Port,
    /// The address here.
    pub bind: BindAddress,
    /// The SSM document.
    pub document: Option<Cow<'a, str>>,
    /// The reason for CloudTrail.
    pub reason: Option<Cow<'a, str>>,
    /// Start a session at the first client.
    pub lazy: bool,
    /// When a lazy session ends.
    pub idle_timeout: Option<Seconds>,
    /// When the forward closes itself.
    pub max_age: Option<Seconds>,
    /// Ask before opening.
    pub guard: bool,
    /// Keep idle sessions open.
    pub keep_alive: bool,
    /// How many sessions.
    pub sessions: Sessions,
    /// How to sign in to the database.
    pub database: Option<Database>,
    /// When it was added.
    pub created: StoredTime<'a>,
    /// When it was last changed.
    pub updated: StoredTime<'a>,
    /// When it was last opened.
    pub last_used: Option<StoredTime<'a>>,
    /// How often it was opened.
    pub uses: u32,
    /// What a newer version stored with it.
    pub unknown: UnknownFields,
}

/// The words that were found right in the connection before. Neighbours share most of theirs, and to
/// look into a word takes longer than to compare it.
#[derive(Clone, Debug, Default)]
pub struct KnownWords {
    target: String,
    profile: String,
    region: String,
    document: String,
    tag: String,
}

impl StoredConnection<'_> {
    /// Checks that a [`Connection`] can be made of it, and spells every word as that would.
    pub fn check(&mut self, known: &mut KnownWords) -> Result<(), InvalidInput> {
        settle([&mut self.target], TargetSpec::as_str, Some(&mut known.target))?;
        settle(&mut self.profile, ProfileName::as_str, Some(&mut known.profile))?;
        settle(&mut self.region, Region::as_str, Some(&mut known.region))?;
        // Each has its own host.
        settle(&mut self.host, Host::as_str, None)?;
        settle(&mut self.document, DocumentName::as_str, Some(&mut known.document))?;
        settle(&mut self.tags, Tag::as_str, Some(&mut known.tag))?;
        self.tags.sort_unstable();
        self.tags.dedup();
        Ok(())
    }

    /// Makes a connection of it.
    ///
    /// # Errors
    ///
    /// Those of [`StoredConnection::check`].
    pub fn into_connection(self) -> Result<Connection, InvalidInput> {
        Ok(Connection {
            tags: self.tags.iter().map(|tag| parsed(tag)).collect::<Result<_, _>>()?,
            profile: optional(&self.profile)?,
            region: optional(&self.region)?,
            target: parsed(&self.target)?,
            destination: Destination { host: optional(&self.host)?, port: self.port },
            document: optional(&self.document)?,
            description: self.description.map(Cow::into_owned),
            reason: self.reason.map(Cow::into_owned),
            kind: self.kind,
            local_port: self.local_port,
            bind: self.bind,
            lazy: self.lazy,
            idle_timeout: self.idle_timeout,
            max_age: self.max_age,
            guard: self.guard,
            keep_alive: self.keep_alive,
            sessions: self.sessions,
            database: self.database,
            created: self.created.timestamp(),
            updated: self.updated.timestamp(),
            last_used: self.last_used.map(|time| time.timestamp()),
            uses: self.uses,
            unknown: self.unknown,
        })
    }
}

/// Checks words that stand for a `T`, and spells them as it does. The last one becomes the known one.
fn settle<'w, 'a: 'w, T: FromStr<Err = InvalidInput>>(
    words: impl IntoIterator<Item = &'w mut Cow<'a, str>>,
    spelling: impl Fn(&T) -> &str,
    mut known: Option<&mut String>,
) -> Result<(), InvalidInput> {
    for word in words {
        // No `T` is an empty word: nothing is known at first.
        if known.as_ref().is_some_and(|known| !known.is_empty() && word.as_ref() == **known) {
            continue;
        }
        let value: T = word.parse()?;
        let spelled = spelling(&value);
        if spelled != word.as_ref() {
            *word = Cow::Owned(spelled.to_owned());
        }
        if let Some(known) = &mut known {
            known.clear();
            known.push_str(word);
        }
    }
    Ok(())
}

fn parsed<T: FromStr<Err = InvalidInput>>(word: &str) -> Result<T, InvalidInput> {
    word.parse()
}

fn optional<T: FromStr<Err = InvalidInput>>(
    word: &Option<Cow<'_, str>>,
) -> Result<Option<T>, InvalidInput> {
    word.as_deref().map(str::parse).transpose()
}

impl<'de> Deserialize<'de> for Connection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = StoredConnection::deserialize(deserializer)?;
        stored.into_connection().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for StoredConnection<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ConnectionVisitor)
    }
}

struct ConnectionVisitor;

impl<'de> Visitor<'de> for ConnectionVisitor {
    type Value = StoredConnection<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a connection")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut target, mut host, mut port, mut local_port) = (None, None, None, None);
        let (mut created, mut updated, mut last_used) = (None, None, None);
        let (mut description, mut profile, mut region) = (None, None, None);
        let (mut kind, mut document, mut reason) = (None, None, None);
        let (mut lazy, mut guard, mut keep_alive) = (false, false, false);
        let (mut idle_timeout, mut max_age, mut uses) = (None, None, 0);
        let (mut bind, mut sessions, mut database) = (BindAddress::default(), None, None);
        let mut tags: Vec<Cow<'de, str>> = Vec::new();
        let mut unknown = UnknownFields::default();
        while let Some(Word(name)) = map.next_key()? {
            match name.as_ref() {
                "description" => description = map.next_value::<OptionalWord>()?.0,
                "reason" => reason = map.next_value::<OptionalWord>()?.0,
                "profile" => profile = map.next_value::<OptionalWord>()?.0,
                "region" => region = map.next_value::<OptionalWord>()?.0,
                "document" => document = map.next_value::<OptionalWord>()?.0,
                "host" => host = map.next_value::<OptionalWord>()?.0,
                "target" => target = map.next_value::<OptionalWord>()?.0,
                "bind" => bind = map.next_value::<StoredBind>()?.0,
                "kind" => kind = Some(map.next_value::<StoredKind>()?.0),
                "port" => port = Some(map.next_value::<StoredPort>()?.0),
                "local_port" => local_port = Some(map.next_value::<StoredPort>()?.0),
                "tags" => {
                    tags = map.next_value::<Vec<Word>>()?.into_iter().map(|word| word.0).collect();
                }
                "lazy" => lazy = map.next_value()?,
                "guard" => guard = map.next_value()?,
                "keep_alive" => keep_alive = map.next_value()?,
                "idle_timeout" => idle_timeout = map.next_value()?,
                "max_age" => max_age = map.next_value()?,
                "sessions" => sessions = Some(map.next_value::<StoredSessions>()?.0),
                "database" => database = map.next_value()?,
                "created" => created = map.next_value::<OptionalTime>()?.0,
                "updated" => updated = map.next_value::<OptionalTime>()?.0,
                "uses" => uses = map.next_value()?,
                "last_used" => last_used = map.next_value::<OptionalTime>()?.0,
                _ => {
                    let value: Box<RawValue> = map.next_value()?;
                    unknown.keep(name.into_owned(), value);
                }
            }
        }
        let created = created.unwrap_or_else(|| Timestamp::UNIX_EPOCH.into());
        let port: Port = port.ok_or_else(|| A::Error::missing_field("port"))?;
        Ok(StoredConnection {
            kind: kind.unwrap_or_else(|| Kind::guess(host.as_deref(), port)),
            description,
            tags,
            profile,
            region,
            target: target.ok_or_else(|| A::Error::missing_field("target"))?,
            host,
            port,
            local_port: local_port.ok_or_else(|| A::Error::missing_field("local_port"))?,
            bind,
            document,
            reason,
            lazy,
            guard,
            keep_alive,
            idle_timeout,
            max_age,
            sessions: sessions.unwrap_or_default(),
            database,
            updated: updated.unwrap_or_else(|| created.clone()),
            created,
            last_used,
            uses,
            unknown,
        })
    }
}

impl Serialize for Database {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in [("user", &self.user), ("name", &self.name)] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        if self.auth != Auth::default() {
            map.serialize_entry("auth", &self.auth)?;
        }
        for (name, value) in self.unknown.raw() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Database {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Database;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a database's user, name and sign-in")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Database, A::Error> {
                let mut database = Database::default();
                while let Some(Word(name)) = map.next_key()? {
                    match name.as_ref() {
                        "user" => database.user = map.next_value()?,
                        "name" => database.name = map.next_value()?,
                        "auth" => database.auth = map.next_value()?,
                        _ => {
                            let value: Box<RawValue> = map.next_value()?;
                            database.unknown.keep(name.into_owned(), value);
                        }
                    }
                }
                Ok(database)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A word, borrowed from the input where that is possible.
struct Word<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Word<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer).map(Self)
    }
}

/// The same, or `null`.
struct OptionalWord<'a>(Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for OptionalWord<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word: Option<Word<'de>> = Option::deserialize(deserializer)?;
        Ok(Self(word.map(|word| word.0)))
    }
}

/// The same, as a time.
struct OptionalTime<'a>(Option<StoredTime<'a>>);

impl<'de> Deserialize<'de> for OptionalTime<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let OptionalWord(word) = OptionalWord::deserialize(deserializer)?;
        word.map(StoredTime::new).transpose().map(Self).map_err(D::Error::custom)
    }
}

struct StoredBind(BindAddress);

impl<'de> Deserialize<'de> for StoredBind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let OptionalWord(word) = OptionalWord::deserialize(deserializer)?;
        let bind = word.map_or_else(|| Ok(BindAddress::default()), |word| word.parse());
        bind.map(Self).map_err(D::Error::custom)
    }
}

struct StoredKind(Kind);

impl<'de> Deserialize<'de> for StoredKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = text(deserializer)?;
        let kind = Kind::stored(&word);
        kind.map(Self).ok_or_else(|| D::Error::custom(format!("`{word}` is not a kind")))
    }
}

struct StoredPort(Port);

impl<'de> Deserialize<'de> for StoredPort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let port = Port::new(u16::deserialize(deserializer)?);
        port.map(Self).ok_or_else(|| D::Error::custom("0 is not a port"))
    }
}

/// A number, or the word `auto`.
struct StoredSessions(Sessions);

impl<'de> Deserialize<'de> for StoredSessions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Sessions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of sessions, or \"auto\"")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Sessions, E> {
                number.to_string().parse().map_err(E::custom)
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Sessions, E> {
                word.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Either).map(Self)
    }
}

/// Reads a string without copying it, unless it contains escapes.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    struct Text<'a>(PhantomData<&'a ()>);
    impl<'de> Visitor<'de> for Text<'de> {
        type Value = Cow<'de, str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(text))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Cow::Owned(text.to_owned()))
        }
    }
    deserializer.deserialize_str(Text(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"{"description":"orders \"prod\"","profile":"prod","region":"eu-west-1","target":"tag:Role=bastion","host":"db.internal","kind":"postgres","document":"acme-db","reason":"on call","port":5432,"local_port":15432,"bind":"*","tags":["db","prod"],"lazy":true,"guard":true,"keep_alive":true,"idle_timeout":600,"max_age":28800,"sessions":4,"database":{"user":"app","name":"orders","auth":"iam"},"created":"2026-11-21T12:00:00Z","updated":"2026-11-21T12:00:01Z","last_used":"2026-11-21T12:00:02Z","uses":7,"colour":{"r":1.10,"big":123456789012345678901234567890}}"#;

    #[test]
    fn everything_survives_the_way_to_json_and_back() {
        let connection: Connection = serde_json::from_str(FULL).expect("it parses");
        assert_eq!(serde_json::to_string(&connection).expect("it serializes"), FULL);
        assert_eq!(connection.sessions.to_string(), "4");
        assert!(connection.has_tag("prod"));
        assert_eq!(
            connection.database,
            Some(Database {
                user: Some("app".to_owned()),
                name: Some("orders".to_owned()),
                auth: Auth::Iam,
                ..Database::default()
            })
        );
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        let json = r#"{"target":"bastion","port":443,"local_port":20000,"host":null}"#;
        let connection: Connection = serde_json::from_str(json).expect("it parses");
        assert_eq!(connection.kind, Kind::Https);
        assert_eq!(connection.bind, BindAddress::Loopback);
        assert_eq!(connection.sessions, Sessions::default());
        assert_eq!(connection.destination.host, None);
    }

    #[test]
    fn fields_of_a_newer_version_come_out_as_they_went_in() {
        let connection: Connection = serde_json::from_str(FULL).expect("it parses");
        let unknown: Vec<_> = connection.unknown.iter().collect();
        assert_eq!(unknown, [("colour", r#"{"r":1.10,"big":123456789012345678901234567890}"#)]);
    }

    #[test]
    fn unknown_fields_of_the_database_are_kept_too() {
        let json = r#"{"target":"b","kind":"tcp","port":1,"local_port":1,"database":{"user":"app","tls":{"ca":"x"}},"created":"2026-11-21T12:00:00Z","updated":"2026-11-21T12:00:00Z"}"#;
        let connection: Connection = serde_json::from_str(json).expect("it parses");
        assert_eq!(serde_json::to_string(&connection).expect("it serializes"), json);
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_reason() {
        for (json, words) in [
            (r#"{"port":1,"local_port":1}"#, "missing field `target`"),
            (r#"{"target":"i-1","port":1,"local_port":1}"#, "not an instance id"),
            (r#"{"target":"b","port":0,"local_port":1}"#, "0 is not a port"),
            (r#"{"target":"b","port":70000,"local_port":1}"#, "70000"),
            (r#"{"target":"b","port":1,"local_port":1,"tags":["a b"]}"#, "cannot name a tag"),
            (r#"{"target":"b","port":1,"local_port":1,"sessions":0}"#, "number of sessions"),
            (r#"{"target":"b","port":1,"local_port":1,"max_age":0}"#, "at least one second"),
        ] {
            let error = serde_json::from_str::<Connection>(json).expect_err(json).to_string();
            assert!(error.contains(words), "{json}: {error}");
        }
    }
}

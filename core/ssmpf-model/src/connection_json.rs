//! How a connection lies in JSON: one flat object, defaults left out, unknown fields kept.
//!
//! Written by hand rather than derived: a derived reader that keeps unknown fields holds every value
//! twice, which shows with ten thousand connections.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::{
    Auth, BindAddress, Connection, Database, Destination, InvalidInput, Kind, Port, Sessions, Tag,
    UnknownFields,
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
        for (name, on) in [("lazy", self.lazy), ("guard", self.guard)] {
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
        for (name, value) in self.unknown.raw() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Connection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ConnectionVisitor)
    }
}

struct ConnectionVisitor;

impl<'de> Visitor<'de> for ConnectionVisitor {
    type Value = Connection;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a connection")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Connection, A::Error> {
        let (mut target, mut host, mut port, mut local_port) = (None, None, None, None);
        let (mut created, mut updated, mut last_used) = (None, None, None);
        let (mut description, mut profile, mut region) = (None, None, None);
        let (mut kind, mut document, mut reason) = (None, None, None);
        let (mut lazy, mut guard, mut idle_timeout, mut max_age) = (false, false, None, None);
        let (mut bind, mut sessions, mut database) = (BindAddress::default(), None, None);
        let mut tags = BTreeSet::new();
        let mut unknown = UnknownFields::default();
        while let Some(Key(name)) = map.next_key()? {
            match name.as_ref() {
                "description" => description = map.next_value()?,
                "reason" => reason = map.next_value()?,
                "profile" => profile = map.next_value::<Optional<_>>()?.0,
                "region" => region = map.next_value::<Optional<_>>()?.0,
                "document" => document = map.next_value::<Optional<_>>()?.0,
                "host" => host = map.next_value::<Optional<_>>()?.0,
                "target" => target = map.next_value::<Optional<_>>()?.0,
                "bind" => bind = map.next_value::<Optional<_>>()?.0.unwrap_or_default(),
                "kind" => kind = Some(map.next_value::<StoredKind>()?.0),
                "port" => port = Some(map.next_value::<StoredPort>()?.0),
                "local_port" => local_port = Some(map.next_value::<StoredPort>()?.0),
                "tags" => {
                    for tag in map.next_value::<Vec<Parsed<Tag>>>()? {
                        tags.insert(tag.0);
                    }
                }
                "lazy" => lazy = map.next_value()?,
                "guard" => guard = map.next_value()?,
                "idle_timeout" => idle_timeout = map.next_value()?,
                "max_age" => max_age = map.next_value()?,
                "sessions" => sessions = Some(map.next_value::<StoredSessions>()?.0),
                "database" => database = map.next_value()?,
                "created" => created = map.next_value()?,
                "updated" => updated = map.next_value()?,
                "last_used" => last_used = map.next_value()?,
                _ => {
                    let value: Box<RawValue> = map.next_value()?;
                    unknown.keep(name.into_owned(), value);
                }
            }
        }
        let created = created.unwrap_or(Timestamp::UNIX_EPOCH);
        let port: Port = port.ok_or_else(|| A::Error::missing_field("port"))?;
        let destination = Destination { host, port };
        let guess = || {
            let host = destination.host.as_ref().map(|host| host.as_str());
            Kind::guess(host, port)
        };
        Ok(Connection {
            description,
            tags,
            profile,
            region,
            target: target.ok_or_else(|| A::Error::missing_field("target"))?,
            kind: kind.unwrap_or_else(guess),
            destination,
            local_port: local_port.ok_or_else(|| A::Error::missing_field("local_port"))?,
            bind,
            document,
            reason,
            lazy,
            idle_timeout,
            max_age,
            guard,
            sessions: sessions.unwrap_or_default(),
            database,
            created,
            updated: updated.unwrap_or(created),
            last_used,
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
                while let Some(Key(name)) = map.next_key()? {
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

/// The name of a field, borrowed from the input where that is possible.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer).map(Key)
    }
}

/// A value written as text that is parsed the way the command line parses it.
struct Parsed<T>(T);

impl<'de, T: FromStr<Err = InvalidInput>> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}

/// The same, or `null`.
struct Optional<T>(Option<T>);

impl<'de, T: FromStr<Err = InvalidInput>> Deserialize<'de> for Optional<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value: Option<Parsed<T>> = Option::deserialize(deserializer)?;
        Ok(Self(value.map(|parsed| parsed.0)))
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

    const FULL: &str = r#"{"description":"orders \"prod\"","profile":"prod","region":"eu-west-1","target":"tag:Role=bastion","host":"db.internal","kind":"postgres","document":"acme-db","reason":"on call","port":5432,"local_port":15432,"bind":"*","tags":["db","prod"],"lazy":true,"guard":true,"idle_timeout":600,"max_age":28800,"sessions":4,"database":{"user":"app","name":"orders","auth":"iam"},"created":"2026-11-21T12:00:00Z","updated":"2026-11-21T12:00:01Z","last_used":"2026-11-21T12:00:02Z","colour":{"r":1.10,"big":123456789012345678901234567890}}"#;

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

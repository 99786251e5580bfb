//! What is inside the store: connections by name, as versioned JSON.
//!
//! The order is always that of the names, so that two stores with the same connections have the same
//! text. What a newer version added inside the same version number is kept; a newer version *number*
//! is an error, so that a store is never overwritten by a program that does not understand it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use ssmpf_model::{
    Connection, ConnectionName, Port, Redacted, Timestamp, UnknownFields, near, stable_port,
};
use ssmpf_schema::ErrorKind;

use crate::lines;
use crate::seal::Recipient;

/// The version of the JSON inside that this program writes.
pub const VERSION: u64 = 1;

/// All that the store keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The connections by name.
    pub connections: BTreeMap<ConnectionName, Connection>,
    /// Whom the store is sealed to besides the identity that writes it. They lie inside, where only
    /// who can read the store can change them.
    pub recipients: Vec<Recipient>,
    /// What a newer version stored beside them.
    pub unknown: UnknownFields,
}

/// Why bytes are not contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentsError {
    /// They are of a version that this program does not know.
    #[error("it was written by a newer version (format {found}; this program knows {VERSION})")]
    Newer {
        /// The version found.
        found: u64,
    },
    /// They are JSON, but not a store.
    #[error("what is inside is not a store of connections: {0}")]
    Foreign(String),
}

impl Contents {
    /// Reads contents from JSON.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ContentsError> {
        let parsed = serde_json::from_slice::<Versioned>(bytes);
        known_version(bytes, parsed.map(|it| (it.version, it.contents)))
    }

    /// Returns the JSON, to be sealed: each connection in a line of its own.
    pub fn to_json(&self) -> Redacted<Vec<u8>> {
        Redacted::new(lines::write(self))
    }

    /// Returns the connection called `name`.
    pub fn get(&self, name: &str) -> Result<(&ConnectionName, &Connection), CatalogueError> {
        self.connections.get_key_value(name).ok_or_else(|| self.no_connection(name))
    }

    /// Returns the connection called `name`, to change it.
    pub fn get_mut(&mut self, name: &str) -> Result<&mut Connection, CatalogueError> {
        if !self.connections.contains_key(name) {
            return Err(self.no_connection(name));
        }
        self.connections.get_mut(name).ok_or_else(|| CatalogueError::no_connection(name, None))
    }

    /// Returns what `words` stand for: names, and `@tag` for all that bear the tag.
    ///
    /// Each connection comes once, where it was first named.
    pub fn select<T: AsRef<str>>(
        &self,
        words: &[T],
    ) -> Result<Vec<(&ConnectionName, &Connection)>, CatalogueError> {
        let mut chosen: Vec<(&ConnectionName, &Connection)> = Vec::new();
        for word in words {
            let word = word.as_ref();
            let found = match word.strip_prefix('@') {
                Some(tag) => self.tagged(tag)?,
                None => vec![self.get(word)?],
            };
            for (name, connection) in found {
                if !chosen.iter().any(|(known, _)| *known == name) {
                    chosen.push((name, connection));
                }
            }
        }
        Ok(chosen)
    }

    /// Returns all connections that bear the tag, of which there is at least one.
    pub fn tagged(&self, tag: &str) -> Result<Vec<(&ConnectionName, &Connection)>, CatalogueError> {
        let found: Vec<_> =
            self.connections.iter().filter(|(_, connection)| connection.has_tag(tag)).collect();
        if found.is_empty() {
            let tags = self.connections.values().flat_map(|connection| &connection.tags);
            let near = near::closest(tag, tags.map(|tag| tag.as_str())).map(str::to_owned);
            return Err(CatalogueError::NoTag { tag: tag.to_owned(), near });
        }
        Ok(found)
    }

    /// Adds a connection under a name that is still free.
    pub fn add(
        &mut self,
        name: ConnectionName,
        connection: Connection,
    ) -> Result<(), CatalogueError> {
        if self.connections.contains_key(&name) {
            return Err(CatalogueError::Taken { name });
        }
        self.connections.insert(name, connection);
        Ok(())
    }

    /// Takes a connection out.
    pub fn remove(&mut self, name: &str) -> Result<Connection, CatalogueError> {
        self.connections.remove(name).ok_or_else(|| self.no_connection(name))
    }

    /// Gives a connection another name. Its local port stays.
    pub fn rename(
        &mut self,
        from: &str,
        to: ConnectionName,
        now: Timestamp,
    ) -> Result<(), CatalogueError> {
        self.get(from)?;
        if to.as_str() == from {
            return Ok(());
        }
        if self.connections.contains_key(&to) {
            return Err(CatalogueError::Taken { name: to });
        }
        let mut connection = self.remove(from)?;
        connection.updated = now;
        self.connections.insert(to, connection);
        Ok(())
    }

    /// Copies a connection to another name, with a local port of its own.
    pub fn copy(
        &mut self,
        from: &str,
        to: ConnectionName,
        now: Timestamp,
    ) -> Result<(), CatalogueError> {
        let (_, original) = self.get(from)?;
        let mut connection = original.clone();
        connection.local_port = self.free_port(&to);
        (connection.created, connection.updated, connection.last_used) = (now, now, None);
        connection.uses = 0;
        self.add(to, connection)
    }

    /// Returns the local port for a new connection called `name`: its own, or the next one that no
    /// other connection here holds.
    pub fn free_port(&self, name: &ConnectionName) -> Port {
        // All at once: asking for each port who holds it would be slow with thousands.
        let mut held = vec![false; usize::from(u16::MAX) + 1];
        for (other, connection) in &self.connections {
            let port = usize::from(connection.local_port.number());
            held[port] |= !held[port] && other != name;
        }
        stable_port(name, |port| held[usize::from(port.number())])
    }

    /// Returns the connection other than `except` that has this local port.
    pub fn holder_of(&self, port: Port, except: &ConnectionName) -> Option<&ConnectionName> {
        let mut all = self.connections.iter();
        let (name, _) =
            all.find(|(name, connection)| connection.local_port == port && *name != except)?;
        Some(name)
    }

    fn no_connection(&self, name: &str) -> CatalogueError {
        let near = ConnectionName::suggestion(name, self.connections.keys());
        CatalogueError::no_connection(name, near.map(str::to_owned))
    }
}

/// Why a word does not lead to a connection, or cannot name a new one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// There is no such connection.
    #[error("no connection named `{name}`")]
    NoConnection {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        near: Option<String>,
    },
    /// No connection bears the tag.
    #[error("no connection is tagged `@{tag}`")]
    NoTag {
        /// What was asked for, without the `@`.
        tag: String,
        /// What may have been meant.
        near: Option<String>,
    },
    /// There is a connection of this name already.
    #[error("there is a connection named `{name}` already")]
    Taken {
        /// The name.
        name: ConnectionName,
    },
}

impl CatalogueError {
    /// There is no connection called `name`; perhaps `near` was meant.
    pub fn no_connection(name: &str, near: Option<String>) -> Self {
        CatalogueError::NoConnection { name: name.to_owned(), near }
    }

    /// Returns the stable word for it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            CatalogueError::NoConnection { .. } | CatalogueError::NoTag { .. } => {
                ErrorKind::NotFound
            }
            CatalogueError::Taken { .. } => ErrorKind::Usage,
        }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        match self {
            CatalogueError::NoConnection { near: Some(near), .. } => {
                format!("did you mean `{near}`? `ssmpf ls` shows all of them")
            }
            CatalogueError::NoTag { near: Some(near), .. } => {
                format!("did you mean `@{near}`? `ssmpf ls` shows the tags of all connections")
            }
            CatalogueError::NoConnection { .. } => {
                "`ssmpf ls` shows all connections, `ssmpf add` makes a new one".to_owned()
            }
            CatalogueError::NoTag { .. } => {
                "`ssmpf ls` shows the tags of all connections".to_owned()
            }
            CatalogueError::Taken { name } => {
                format!("choose another name, or change it with `ssmpf edit {name}`")
            }
        }
    }
}

struct Versioned {
    version: u64,
    contents: Contents,
}

impl<'de> Deserialize<'de> for Versioned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Versioned;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a store of connections")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Versioned, A::Error> {
                let (mut version, mut connections) = (None, None);
                let mut contents = Contents::default();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "version" => version = Some(map.next_value()?),
                        "connections" => connections = Some(map.next_value::<ByName>()?.0),
                        "recipients" => {
                            for text in map.next_value::<Vec<String>>()? {
                                let recipient = text.parse().map_err(A::Error::custom)?;
                                contents.recipients.push(recipient);
                            }
                        }
                        _ => {
                            let value: Box<RawValue> = map.next_value()?;
                            contents.unknown.keep(name, value);
                        }
                    }
                }
                contents.connections =
                    connections.ok_or_else(|| A::Error::missing_field("connections"))?;
                let version = version.ok_or_else(|| A::Error::missing_field("version"))?;
                Ok(Versioned { version, contents })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// The connections as a JSON object; an error inside names the connection.
struct ByName(BTreeMap<ConnectionName, Connection>);

impl<'de> Deserialize<'de> for ByName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = ByName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("connections by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByName, A::Error> {
                let mut connections = BTreeMap::new();
                while let Some(Word(text)) = map.next_key()? {
                    let name: ConnectionName = text.parse().map_err(A::Error::custom)?;
                    let connection = map.next_value::<Connection>().map_err(|error| {
                        A::Error::custom(format_args!("connection `{name}`: {error}"))
                    })?;
                    if connections.insert(name, connection).is_some() {
                        return Err(A::Error::custom(format_args!("`{text}` is there twice")));
                    }
                }
                Ok(ByName(connections))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// A name, borrowed from the input where that is possible.
#[derive(serde::Deserialize)]
pub(crate) struct Word<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Takes what was read if its version is ours, and says what it is if not.
pub(crate) fn known_version<T>(
    bytes: &[u8],
    parsed: Result<(u64, T), serde_json::Error>,
) -> Result<T, ContentsError> {
    match parsed {
        Ok((VERSION, contents)) => Ok(contents),
        Ok((found, _)) => Err(ContentsError::Newer { found }),
        // A newer format may well be one that our reader stumbles over.
        Err(error) => match version_of(bytes) {
            Some(found) if found > VERSION => Err(ContentsError::Newer { found }),
            _ => Err(ContentsError::Foreign(error.to_string())),
        },
    }
}

fn version_of(bytes: &[u8]) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct OnlyVersion {
        version: u64,
    }
    serde_json::from_slice::<OnlyVersion>(bytes).ok().map(|only| only.version)
}

#[cfg(test)]
#[path = "contents_tests.rs"]
mod tests;

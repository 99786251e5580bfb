//! An opened store, read in part: one connection, or all of them as they lie.
//!
//! Commands that only show something need no [`Contents`](crate::Contents). With ten thousand
//! connections, most of the time would go into values that are dropped unseen.
//!
//! A connection that is damaged in itself, as only another program can write it, is named when it is
//! asked for or listed. [`Opened::find`] does not look into the others; `ssmpf store verify` does.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use ssmpf_model::{Connection, ConnectionName, Redacted, StoredConnection, near};

use crate::contents::{CatalogueError, ContentsError, Word, known_version};
use crate::error::StoreError;
use crate::file::SafeFile;
use crate::lines;

/// The JSON of an opened store; wiped from memory when dropped.
#[derive(Debug)]
pub struct Opened {
    json: Redacted<Vec<u8>>,
    file: SafeFile,
}

impl Opened {
    pub(crate) fn new(json: Redacted<Vec<u8>>, file: SafeFile) -> Self {
        Self { json, file }
    }

    /// Goes through all connections in the order of their names, each checked, and returns what
    /// `take` made of `start()`.
    ///
    /// They are not kept meanwhile: ten thousand take longer to store away than to read. Several
    /// threads may do it, each beginning with a `start()`; `merge` puts what comes later behind.
    pub fn fold<'a, T: Send>(
        &'a self,
        start: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, Cow<'a, str>, StoredConnection<'a>) + Sync,
        merge: impl Fn(&mut T, T),
    ) -> Result<T, StoreError> {
        if let Some(result) = lines::fold(self.text()?, &start, &take, merge) {
            return Ok(result);
        }
        // Not as we write it: one after another, and put in order.
        let mut all = Vec::new();
        self.read(Each(|name, stored| all.push((name, stored))))?;
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        if let Some(twice) = all.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let why = format!("`{}` is there twice", twice[0].0);
            return Err(self.damaged(ContentsError::Foreign(why)));
        }
        let mut result = start();
        for (name, stored) in all {
            take(&mut result, name, stored);
        }
        Ok(result)
    }

    /// Returns the connection called `name`.
    pub fn find(&self, name: &str) -> Result<(ConnectionName, Connection), StoreError> {
        if let Some(found) = self.read(One(name))? {
            return Ok(found);
        }
        let names = self.read(Names)?;
        let near = near::closest(name, names.iter().map(AsRef::as_ref)).map(str::to_owned);
        Err(CatalogueError::no_connection(name, near).into())
    }

    fn read<'a, S: DeserializeSeed<'a>>(&'a self, connections: S) -> Result<S::Value, StoreError> {
        let text = self.text()?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let parsed = Top(connections)
            .deserialize(&mut deserializer)
            .and_then(|found| deserializer.end().map(|()| found));
        known_version(text.as_bytes(), parsed).map_err(|error| self.damaged(error))
    }

    /// Checked at once rather than string by string.
    fn text(&self) -> Result<&str, StoreError> {
        std::str::from_utf8(self.json.expose())
            .map_err(|error| self.damaged(ContentsError::Foreign(error.to_string())))
    }

    fn damaged(&self, error: ContentsError) -> StoreError {
        StoreError::damaged(&self.file, error.into())
    }
}

/// Reads the version, and the connections as `S` does.
pub(crate) struct Top<S>(pub(crate) S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Top<S> {
    type Value = (u64, S::Value);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Top<S> {
    type Value = (u64, S::Value);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a store of connections")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut version, mut connections, mut seed) = (None, None, Some(self.0));
        while let Some(Word(name)) = map.next_key()? {
            match (name.as_ref(), &seed) {
                ("version", _) => version = Some(map.next_value()?),
                ("connections", None) => return Err(A::Error::duplicate_field("connections")),
                ("connections", Some(_)) => {
                    connections = seed.take().map(|seed| map.next_value_seed(seed)).transpose()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let connections = connections.ok_or_else(|| A::Error::missing_field("connections"))?;
        Ok((version.ok_or_else(|| A::Error::missing_field("version"))?, connections))
    }
}

/// Expects that there are no connections.
pub(crate) struct Nothing;

impl<'de> DeserializeSeed<'de> for Nothing {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match Names.deserialize(deserializer)?.is_empty() {
            true => Ok(()),
            false => Err(D::Error::custom("there are connections")),
        }
    }
}

/// Hands on every connection as it lies.
struct Each<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, StoredConnection<'de>)> DeserializeSeed<'de> for Each<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(Cow<'de, str>, StoredConnection<'de>)> Visitor<'de> for Each<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connections by name")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Word(name)) = map.next_key()? {
            let damaged = |why: &dyn fmt::Display| {
                A::Error::custom(format_args!("connection `{name}`: {why}"))
            };
            name.parse::<ConnectionName>().map_err(A::Error::custom)?;
            let mut stored: StoredConnection = map.next_value().map_err(|error| damaged(&error))?;
            stored.check().map_err(|error| damaged(&error))?;
            (self.0)(name, stored);
        }
        Ok(())
    }
}

/// Reads the connection of this name and skips the others.
struct One<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = Option<(ConnectionName, Connection)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = Option<(ConnectionName, Connection)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connections by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(Word(name)) = map.next_key()? {
            if name != self.0 {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let connection = map
                .next_value()
                .map_err(|error| A::Error::custom(format_args!("connection `{name}`: {error}")))?;
            let name = name.parse().map_err(A::Error::custom)?;
            if found.replace((name, connection)).is_some() {
                return Err(A::Error::custom(format_args!("`{}` is there twice", self.0)));
            }
        }
        Ok(found)
    }
}

/// Reads the names alone.
struct Names;

impl<'de> DeserializeSeed<'de> for Names {
    type Value = Vec<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Names {
    type Value = Vec<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connections by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while let Some(Word(name)) = map.next_key()? {
            map.next_value::<IgnoredAny>()?;
            names.push(name);
        }
        Ok(names)
    }
}

#[cfg(test)]
#[path = "opened_tests.rs"]
mod tests;

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
use serde_json::value::RawValue;
use ssmpf_model::{Connection, ConnectionName, KnownWords, Redacted, StoredConnection, near};

use crate::contents::{CatalogueError, ContentsError, Word, known_version};
use crate::error::StoreError;
use crate::file::SafeFile;
use crate::lines;
use crate::parts;
use crate::seal::Payload;

/// A store whose key was found. Its contents are wiped from memory when they were read.
#[derive(Debug)]
pub struct Opened {
    payload: Payload<'static>,
    file: SafeFile,
}

impl Opened {
    /// Bytes of JSON that [`Opened::fold`] has read by one `start()`, about.
    pub const PART: usize = parts::PART;

    pub(crate) fn new(payload: Payload<'static>, file: SafeFile) -> Self {
        Self { payload, file }
    }

    /// Goes through all connections in the order of their names, each checked, and returns what
    /// `take` made of `start()`.
    ///
    /// They are not kept meanwhile: ten thousand take longer to store away than to read. Several
    /// threads may do it, each beginning with a `start()`; `merge` puts what comes later behind. A
    /// store that turns out to be damaged at its end gives an error, whatever came before.
    pub fn fold<T: Send>(
        &mut self,
        start: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, Cow<'_, str>, StoredConnection<'_>) + Sync,
        merge: impl Fn(&mut T, T),
    ) -> Result<T, StoreError> {
        let lines = self.fold_lines(
            || (start(), KnownWords::default()),
            |(result, known), name, value| {
                let mut stored: StoredConnection = serde_json::from_str(value).ok()?;
                stored.check(known).ok()?;
                take(result, Cow::Borrowed(name), stored);
                Some(())
            },
            |(all, _), (more, _)| merge(all, more),
        )?;
        match lines {
            Some((result, _)) => Ok(result),
            None => self.fold_one_by_one(start(), take),
        }
    }

    /// The same for those who need little of each: `take` gets the name of a connection and its JSON,
    /// which nobody has looked into. The order is that of the file.
    pub fn skim<T: Send>(
        &mut self,
        start: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, &str, &str) + Sync,
        merge: impl Fn(&mut T, T),
    ) -> Result<T, StoreError> {
        let take_line = |result: &mut T, name: &str, value: &str| {
            take(result, name, value);
            Some(())
        };
        if let Some(result) = self.fold_lines(&start, take_line, merge)? {
            return Ok(result);
        }
        let mut result = start();
        let json = self.json()?;
        self.read(&json, Raw(|name: &str, value: &RawValue| take(&mut result, name, value.get())))?;
        Ok(result)
    }

    fn fold_lines<T: Send>(
        &mut self,
        start: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, &str, &str) -> Option<()> + Sync,
        merge: impl Fn(&mut T, T),
    ) -> Result<Option<T>, StoreError> {
        let length = self.payload.length();
        let folded = lines::fold(&mut self.payload, length, start, take, merge);
        folded.map_err(|error| StoreError::damaged(&self.file, self.payload.damage(&error)))
    }

    /// Not as we write it: one after another, and put in order.
    fn fold_one_by_one<T>(
        &mut self,
        mut result: T,
        take: impl Fn(&mut T, Cow<'_, str>, StoredConnection<'_>),
    ) -> Result<T, StoreError> {
        let json = self.json()?;
        let mut all = Vec::new();
        self.read(&json, Each(|name, stored| all.push((name, stored))))?;
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        if let Some(twice) = all.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let why = format!("`{}` is there twice", twice[0].0);
            return Err(self.damaged(ContentsError::Foreign(why)));
        }
        for (name, stored) in all {
            take(&mut result, name, stored);
        }
        Ok(result)
    }

    /// Returns the connection called `name`.
    pub fn find(&mut self, name: &str) -> Result<(ConnectionName, Connection), StoreError> {
        let json = self.json()?;
        if let Some(found) = self.read(&json, One(name))? {
            return Ok(found);
        }
        let names = self.read(&json, Names)?;
        let near = near::closest(name, names.iter().map(AsRef::as_ref)).map(str::to_owned);
        Err(CatalogueError::no_connection(name, near).into())
    }

    fn read<'a, S: DeserializeSeed<'a>>(
        &self,
        json: &'a Redacted<Vec<u8>>,
        connections: S,
    ) -> Result<S::Value, StoreError> {
        // Checked at once rather than string by string.
        let text = std::str::from_utf8(json.expose())
            .map_err(|error| self.damaged(ContentsError::Foreign(error.to_string())))?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let parsed = Top(connections)
            .deserialize(&mut deserializer)
            .and_then(|found| deserializer.end().map(|()| found));
        known_version(text.as_bytes(), parsed).map_err(|error| self.damaged(error))
    }

    /// Returns all that is inside.
    fn json(&mut self) -> Result<Redacted<Vec<u8>>, StoreError> {
        self.payload.all().map_err(|damage| StoreError::damaged(&self.file, damage))
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
        let mut known = KnownWords::default();
        while let Some(Word(name)) = map.next_key()? {
            let damaged = |why: &dyn fmt::Display| {
                A::Error::custom(format_args!("connection `{name}`: {why}"))
            };
            name.parse::<ConnectionName>().map_err(A::Error::custom)?;
            let mut stored: StoredConnection = map.next_value().map_err(|error| damaged(&error))?;
            stored.check(&mut known).map_err(|error| damaged(&error))?;
            (self.0)(name, stored);
        }
        Ok(())
    }
}

/// Hands on every connection as text, with a name that is one.
struct Raw<F>(F);

impl<'de, F: FnMut(&str, &RawValue)> DeserializeSeed<'de> for Raw<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(&str, &RawValue)> Visitor<'de> for Raw<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connections by name")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Word(name)) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            if ConnectionName::is_name(&name) {
                (self.0)(&name, value);
            }
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

//! The contents as text with one connection per line, and the reading of such text in parts.
//!
//! It is JSON like any other. That each connection has its line makes two versions of an opened store
//! easy to compare, and lets several threads read a large one: no line break is inside a JSON string,
//! so the lines can be told apart without reading them.

use std::io::{self, Read};
use std::thread;

use serde::de::DeserializeSeed;
use ssmpf_model::ConnectionName;

use crate::contents::{Contents, VERSION};
use crate::opened::{Nothing, Top};
use crate::parts;
use crate::seal::Recipient;

/// Bytes from which on a second thread is worth its start.
const LARGE: usize = 256 * 1024;
/// More threads than this have little left to do with any store that people have.
const MOST_THREADS: usize = 4;

/// What the line in front of the connections ends with.
const HEAD_END: &str = "\"connections\":{";

/// Writes contents, each connection in a line of its own.
pub(crate) fn write(contents: &Contents) -> Vec<u8> {
    let mut text = Vec::new();
    // The version in front, where a reader of a later version finds it first.
    text.extend_from_slice(format!("{{\"version\":{VERSION},").as_bytes());
    // Here and below: text, numbers, and maps with text as keys always serialize.
    if !contents.recipients.is_empty() {
        let recipients: Vec<&str> = contents.recipients.iter().map(Recipient::as_str).collect();
        text.extend_from_slice(b"\"recipients\":");
        let _ = serde_json::to_writer(&mut text, &recipients);
        text.push(b',');
    }
    text.extend_from_slice(HEAD_END.as_bytes());
    let mut before = "\n";
    for (name, connection) in &contents.connections {
        // Names need no escapes.
        text.extend_from_slice(format!("{before}\"{name}\":").as_bytes());
        let _ = serde_json::to_writer(&mut text, connection);
        before = ",\n";
    }
    text.extend_from_slice(if contents.connections.is_empty() { b"}" } else { b"\n}" });
    for (name, value) in contents.unknown.raw() {
        text.push(b',');
        let _ = serde_json::to_writer(&mut text, name);
        text.push(b':');
        text.extend_from_slice(value.get().as_bytes());
    }
    text.extend_from_slice(b"}\n");
    text
}

/// Goes through the connections of text as [`write`] makes it, by several threads if it is large.
///
/// What was made of its parts is merged in order. `None` if the text is not of that form, or wrong in
/// any way: then it has to be read as JSON, which knows what to say. `length` is about that of the
/// text.
pub(crate) fn fold<T: Send>(
    text: impl Read + Send,
    length: usize,
    start: impl Fn() -> T + Sync,
    take: impl Fn(&mut T, &str, &str) -> Option<()> + Sync,
    merge: impl Fn(&mut T, T),
) -> io::Result<Option<T>> {
    let threads = if length < LARGE { 1 } else { threads() };
    let parts = parts::each(text, threads, |number, lines| {
        let mut result = start();
        let seen = Seen::of(number, lines, |name, value| take(&mut result, name, value))?;
        Some((result, seen))
    });
    Ok(parts?.and_then(|parts| {
        let mut results = Vec::with_capacity(parts.len());
        let mut whole = Seen::default();
        for (result, seen) in parts {
            whole = whole.followed_by(seen)?;
            results.push(result);
        }
        whole.is_a_store()?;
        let mut results = results.into_iter();
        let mut all = results.next()?;
        results.for_each(|more| merge(&mut all, more));
        Some(all)
    }))
}

/// What the lines around the connections say, and whether the connections follow each other.
#[derive(Debug, Default)]
struct Seen {
    /// The line in front of the connections.
    head: Option<String>,
    /// The names of the first and the last connection.
    names: Option<(String, String)>,
    /// Whether the last connection has a comma behind it, so that another has to come.
    open: bool,
    /// The line behind the connections.
    tail: Option<String>,
}

impl Seen {
    /// Reads the lines of one part and hands every connection to `take`: its name, and its JSON.
    fn of(
        number: usize,
        lines: &str,
        mut take: impl FnMut(&str, &str) -> Option<()>,
    ) -> Option<Self> {
        let mut seen = Self::default();
        let mut names: Option<(&str, &str)> = None;
        let mut lines = lines.strip_suffix('\n').unwrap_or(lines).split('\n');
        if number == 0 {
            let head = lines.next().filter(|head| head.ends_with(HEAD_END))?;
            seen.head = Some(head.to_owned());
        }
        for line in lines {
            if seen.tail.is_some() {
                return None;
            }
            let Some(line) = line.strip_prefix('"') else {
                seen.tail = Some(line.to_owned()).filter(|line| line.starts_with('}'));
                seen.tail.as_ref()?;
                continue;
            };
            // No name has a quote in it.
            let (name, value) = line.split_at_checked(line.find('"')?)?;
            let value = value.strip_prefix("\":")?;
            let (first, last) = names.unwrap_or((name, name));
            if names.is_some() && !(seen.open && last < name) {
                return None;
            }
            names = Some((first, name));
            let value = match value.strip_suffix(',') {
                Some(value) => {
                    seen.open = true;
                    value
                }
                None => {
                    seen.open = false;
                    value
                }
            };
            if !ConnectionName::is_name(name) {
                return None;
            }
            take(name, value)?;
        }
        seen.names = names.map(|(first, last)| (first.to_owned(), last.to_owned()));
        Some(seen)
    }

    /// Joins what the next part says, if it continues this one.
    fn followed_by(self, next: Self) -> Option<Self> {
        if self.tail.is_some() {
            return None;
        }
        let (names, open) = match (self.names, next.names) {
            (None, names) => (names, next.open),
            (names, None) => (names, self.open),
            (Some((first, before)), Some((after, last))) => {
                if !self.open || before >= after {
                    return None;
                }
                (Some((first, last)), next.open)
            }
        };
        Some(Self { head: self.head.or(next.head), names, open, tail: next.tail })
    }

    /// Without its connections it has to be a store still, of this version.
    fn is_a_store(&self) -> Option<()> {
        let frame = format!("{}{}", self.head.as_ref()?, self.tail.as_ref()?);
        let mut deserializer = serde_json::Deserializer::from_str(&frame);
        let (version, ()) = Top(Nothing).deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        (version == VERSION && !self.open).then_some(())
    }
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().min(MOST_THREADS))
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;

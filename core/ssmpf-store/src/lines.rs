//! The contents as text with one connection per line, and the reading of such text in parts.
//!
//! It is JSON like any other. That each connection has its line makes two versions of an opened store
//! easy to compare, and lets several threads read a large one: no line break is inside a JSON string,
//! so the lines can be told apart without reading them.

use std::borrow::Cow;
use std::thread;

use serde::de::DeserializeSeed;
use ssmpf_model::{ConnectionName, StoredConnection};

use crate::contents::{Contents, VERSION};
use crate::opened::{Nothing, Top};
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
/// What the threads made is merged in order. `None` if the text is not of that form, or wrong in any
/// way: then it has to be read as JSON, which knows what to say.
pub(crate) fn fold<'a, T: Send>(
    text: &'a str,
    start: impl Fn() -> T + Sync,
    take: impl Fn(&mut T, Cow<'a, str>, StoredConnection<'a>) + Sync,
    merge: impl Fn(&mut T, T),
) -> Option<T> {
    let (head, rest) = text.split_once('\n')?;
    let (body, tail) = rest.rsplit_once("\n}")?;
    if !head.ends_with(HEAD_END) {
        return None;
    }
    // Without its connections it has to be a store still, of this version.
    let frame = format!("{head}}}{tail}");
    let mut deserializer = serde_json::Deserializer::from_str(&frame);
    let (version, ()) = Top(Nothing).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok().filter(|()| version == VERSION)?;

    let parts = split(body, if body.len() < LARGE { 1 } else { threads() });
    let (first, others) = parts.split_first()?;
    thread::scope(|scope| {
        let others: Vec<_> =
            others.iter().map(|part| scope.spawn(|| fold_part(part, &start, &take))).collect();
        let (mut result, mut last) = fold_part(first, &start, &take)?;
        for other in others {
            let (more, last_of_more) = other.join().ok().flatten()?;
            merge(&mut result, more);
            last = last_of_more.follows(last)?;
        }
        last.ends.then_some(result)
    })
}

/// What is known about a part once it was read.
struct Edges<'a> {
    first: &'a str,
    last: &'a str,
    /// Whether its last line is the last of all: the only one without a comma behind it.
    ends: bool,
}

impl Edges<'_> {
    /// Checks that this part continues the one before.
    fn follows(self, before: Edges<'_>) -> Option<Self> {
        (before.last < self.first && !before.ends).then_some(self)
    }
}

fn fold_part<'a, T>(
    part: &'a str,
    start: &impl Fn() -> T,
    take: &impl Fn(&mut T, Cow<'a, str>, StoredConnection<'a>),
) -> Option<(T, Edges<'a>)> {
    let mut result = start();
    let mut edges: Option<Edges> = None;
    for line in part.split('\n') {
        let (name, rest) = line.strip_prefix('"')?.split_once("\":")?;
        let (value, ends) = match rest.strip_suffix(',') {
            Some(value) => (value, false),
            None => (rest, true),
        };
        name.parse::<ConnectionName>().ok()?;
        let mut stored: StoredConnection = serde_json::from_str(value).ok()?;
        stored.check().ok()?;
        take(&mut result, Cow::Borrowed(name), stored);
        let this = Edges { first: name, last: name, ends };
        edges = Some(match edges {
            None => this,
            Some(before) => Edges { first: before.first, ..this.follows(before)? },
        });
    }
    edges.map(|edges| (result, edges))
}

/// Splits text into parts of about the same length, between lines.
fn split(text: &str, count: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    for left in (2..=count).rev() {
        let middle = rest.floor_char_boundary(rest.len() / left);
        let Some(end) = rest[middle..].find('\n') else { break };
        let (part, behind) = rest.split_at(middle + end);
        parts.push(part);
        rest = &behind[1..];
    }
    parts.push(rest);
    parts
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().min(MOST_THREADS))
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;

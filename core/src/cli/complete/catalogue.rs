//! What the store holds, if it opens without anybody being asked.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use ssmpf_store::keys::PassphraseSources;
use ssmpf_store::{KeySettings, hygiene};

use super::super::env::Environment;
use super::super::places;
use super::line::Line;
use crate::commands::context::{Context, ContextSettings};

/// Longest time that a keyring may take to give the key. A person is waiting for TAB. Reading with the
/// key has no limit: it takes milliseconds, and more only where everything does.
const LIMIT: Duration = Duration::from_secs(1);

/// Candidates, each with a line about it.
pub(super) type Found = Vec<(String, String)>;

/// A connection as TAB looks at it: no more of it is read than is asked for. One that is damaged in
/// itself may be offered; whoever then opens it is told.
pub(super) struct Glimpse<'a> {
    pub(super) name: &'a str,
    json: &'a str,
}

/// The parts of a connection that candidates are made of.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Parts {
    pub(super) description: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) profile: Option<String>,
    pub(super) target: String,
    pub(super) host: Option<String>,
    pub(super) port: u16,
}

impl Glimpse<'_> {
    /// Its description and profile, if they stand in front, where we write them. All parts take
    /// several times as long to read, and a person waits for ten thousand of them.
    pub(super) fn front(&self) -> Option<(&str, &str)> {
        let (description, rest) = plain_string(self.json.strip_prefix("{\"description\":")?)?;
        let (profile, _) = plain_string(rest.strip_prefix(",\"profile\":")?)?;
        Some((description, profile))
    }

    pub(super) fn parts(&self) -> Parts {
        serde_json::from_str(self.json).unwrap_or_default()
    }
}

/// Takes a JSON string without escapes off the beginning.
fn plain_string(json: &str) -> Option<(&str, &str)> {
    let text = json.strip_prefix('"')?;
    let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
    (text.as_bytes()[end] == b'"').then(|| (&text[..end], &text[end + 1..]))
}

/// Goes through all connections and returns what `take` found in them, in the order of their names.
///
/// A store that is locked, damaged or not there gives nothing.
pub(super) fn read(take: impl Fn(&mut Found, Glimpse<'_>) + Send + Sync + 'static) -> Found {
    let (opens, opened) = mpsc::channel();
    let reading = thread::spawn(move || {
        let mut context = context()?;
        let mut store = context.store.open().ok().flatten()?;
        // Nobody listens after the time limit.
        opens.send(()).ok()?;
        let found = store.skim(
            Found::new,
            |found, name, json| take(found, Glimpse { name, json }),
            |found, mut more| found.append(&mut more),
        );
        found.ok()
    });
    // An error is the end of the thread without a store that opens, or the time limit.
    match opened.recv_timeout(LIMIT) {
        Ok(()) => reading.join().ok().flatten().unwrap_or_default(),
        Err(_) => Found::new(),
    }
}

/// Each value once, in their order.
pub(super) fn distinct(found: Found) -> Found {
    found.into_iter().collect::<BTreeMap<String, String>>().into_iter().collect()
}

/// The store that the line and the environment mean, with keys that lie ready only: a passphrase
/// takes a second of work even where it need not be asked for.
fn context() -> Option<Context> {
    hygiene::forbid_core_files();
    let environment = Environment::of_process();
    let settings = Line::settings()?;
    let keys = KeySettings::from_env(|name| {
        std::env::var_os(name).filter(|_| !name.contains("PASSPHRASE"))
    });
    Some(Context::new(ContextSettings {
        data_folder: places::data_folder(&environment).ok()?,
        store: settings.store,
        keys: KeySettings { quiet: true, passphrases: PassphraseSources::default(), ..keys.ok()? },
        prompt: None,
        person: None,
        finder: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_front_is_what_all_parts_say() {
        for (json, expected) in [
            (r#"{"description":"größe","profile":"p","target":"b"}"#, Some(("größe", "p"))),
            (r#"{"description":"","profile":"p"}"#, Some(("", "p"))),
            (r#"{"description":"a \"b\"","profile":"p"}"#, None),
            (r#"{"description":"a","profile":"\u0070"}"#, None),
            (r#"{"description":null,"profile":"p"}"#, None),
            (r#"{"description":"a","target":"b","profile":"p"}"#, None),
            (r#"{"description":"x"#, None),
            (r#"{ "description" : "x" }"#, None),
        ] {
            let glimpse = Glimpse { name: "a", json };
            assert_eq!(glimpse.front(), expected, "{json}");
            let parts = glimpse.parts();
            let all = parts.description.as_deref().zip(parts.profile.as_deref());
            assert!(expected.is_none() || all == expected, "{json}");
        }
    }
}

//! What the store holds, if it opens without anybody being asked.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ssmpf_schema::ConnectionRecord;
use ssmpf_store::keys::PassphraseSources;
use ssmpf_store::{KeySettings, hygiene};

use super::super::env::Environment;
use super::super::{args, places, settings};
use super::line::Line;
use crate::commands::context::{Context, ContextSettings};
use crate::commands::ls;

/// Longest time that a keyring may take to give the key. A person is waiting for TAB.
const LIMIT: Duration = Duration::from_secs(1);

/// Candidates in the order of their values, each with a line about it.
pub(super) type Found = Vec<(String, String)>;

/// Goes through all connections and returns what `take` found in them.
///
/// A store that is locked, damaged or not there gives nothing.
pub(super) fn read(
    take: impl Fn(&mut Found, &ConnectionRecord<std::borrow::Cow<'_, str>>) + Send + Sync + 'static,
) -> Found {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let found = context().and_then(|mut context| {
            let found = ls::run(
                &ls::Request::default(),
                &mut context,
                Found::new,
                |found, record| take(found, &record),
                |found, mut more| found.append(&mut more),
            );
            found.ok()
        });
        // Nobody listens after the time limit.
        let _ = sender.send(found);
    });
    receiver.recv_timeout(LIMIT).ok().flatten().unwrap_or_default()
}

/// The same, each value once.
pub(super) fn distinct(
    take: impl Fn(&mut Found, &ConnectionRecord<std::borrow::Cow<'_, str>>) + Send + Sync + 'static,
) -> Found {
    let all: BTreeMap<String, String> = read(take).into_iter().collect();
    all.into_iter().collect()
}

/// The store that the line and the environment mean, with keys that lie ready only: a passphrase
/// takes a second of work even where it need not be asked for.
fn context() -> Option<Context> {
    hygiene::forbid_core_files();
    let environment = Environment::of_process();
    let global = args::Global {
        store: Line::value("--store"),
        config: Line::value("--config"),
        ..args::Global::default()
    };
    let settings = settings::resolve(&global, &environment, false).ok()?;
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

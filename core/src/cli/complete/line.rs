//! The command line that is being completed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::args::Global;
use super::super::env::Environment;
use super::super::settings::{self, Settings};

static WORDS: OnceLock<Vec<String>> = OnceLock::new();
static SHOWS_HELP: AtomicBool = AtomicBool::new(false);

/// The words before the one that is completed, without those that are not Unicode.
///
/// A completer is only told the current word; what else was typed decides about store and region.
pub(super) struct Line;

impl Line {
    /// Keeps the words for the completers of this process.
    pub(super) fn remember(words: &[OsString]) {
        let before = words.split_last().map(|(_, before)| before).unwrap_or_default();
        let text = before.iter().filter_map(|word| word.to_str().map(str::to_owned));
        // Only one line is completed by a process.
        let _ = WORDS.set(text.collect());
    }

    /// Notes that the shell shows a line about each candidate.
    pub(super) fn show_help() {
        SHOWS_HELP.store(true, Ordering::Relaxed);
    }

    /// Returns whether the shell shows a line about each candidate. To others it need not be made.
    pub(super) fn shows_help() -> bool {
        SHOWS_HELP.load(Ordering::Relaxed)
    }

    /// Returns whether this word stands on the line already.
    pub(super) fn has(word: &str) -> bool {
        words().iter().any(|it| it == word)
    }

    /// Returns what flags, environment and configuration file mean together on this line.
    pub(super) fn settings() -> Option<Settings> {
        let of = |flag| value(words(), flag).map(str::to_owned);
        let global = Global {
            store: of("--store").map(PathBuf::from),
            config: of("--config").map(PathBuf::from),
            profile: of("--profile").into_iter().collect(),
            region: of("--region").into_iter().collect(),
            ..Global::default()
        };
        settings::resolve(&global, &Environment::of_process(), false).ok()
    }
}

fn words() -> &'static [String] {
    WORDS.get().map(Vec::as_slice).unwrap_or_default()
}

/// The last one counts, as for clap.
fn value<'a>(words: &'a [String], flag: &str) -> Option<&'a str> {
    (0..words.len()).rev().find_map(|at| {
        let rest = words[at].strip_prefix(flag)?;
        if rest.is_empty() { words.get(at + 1).map(String::as_str) } else { rest.strip_prefix('=') }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_flag_are_found() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(value(&words("ssmpf --store a ls"), "--store"), Some("a"));
        assert_eq!(value(&words("ssmpf ls --store=a=b"), "--store"), Some("a=b"));
        assert_eq!(value(&words("ssmpf ls --stores=a"), "--store"), None);
        assert_eq!(value(&words("ssmpf ls --store"), "--store"), None);
    }
}

//! `ssmpf status`: which forwards run in the background, and how they are.

use std::collections::BTreeSet;

use ssmpf_schema::{ErrorKind, ForwardState, ForwardStatus, StatusDocument};
use tokio::task::JoinSet;

use super::{CommandError, Refusal};
use crate::aws::AwsSettings;
use crate::background::reaper::{self, Reaped};
use crate::background::registry::{self, Found, Record};
use crate::background::{BackgroundError, RuntimeDir, client};
use crate::model::ConnectionName;
use crate::near;

/// What becomes of forwards that died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dead {
    /// They are left as they are.
    Leave,
    /// Their sessions are ended; if that is impossible now, the next command tries again.
    Reap,
    /// The same, and they are forgotten at any rate.
    Forget,
}

/// The forwards that live, and those that died.
#[derive(Debug, Default)]
pub struct Swept {
    /// Records of those that live.
    pub running: Vec<Record>,
    /// Records of those that died.
    pub dead: Vec<Record>,
    /// What a person should know about the dead.
    pub notes: Vec<String>,
}

/// Returns how the chosen forwards are, or all if none is named, and what to tell a person.
pub async fn run(
    names: &[String],
    folder: &RuntimeDir,
    aws: &AwsSettings,
    dead: Dead,
) -> Result<(StatusDocument, Vec<String>), CommandError> {
    let swept = sweep(folder, aws, dead).await?;
    let known: Vec<&Record> = swept.running.iter().chain(&swept.dead).collect();
    let chosen = match names.is_empty() {
        true => known.iter().map(|record| record.name.clone()).collect(),
        false => {
            let selection = select(names, &known);
            if let Some(name) = selection.not_up.first() {
                return Err(not_up(name, &known));
            }
            selection.chosen
        }
    };
    let is_chosen = |record: &Record| chosen.contains(&record.name);
    let dead = swept.dead.iter().filter(|record| is_chosen(record));
    let mut forwards: Vec<ForwardStatus> =
        dead.map(|record| record.status(ForwardState::Dead)).collect();
    let running = swept.running.iter().filter(|record| is_chosen(record)).cloned().collect();
    forwards.extend(client::statuses(folder, running).await);
    forwards.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((StatusDocument::new(forwards), swept.notes))
}

/// Says that a name is not that of a running forward.
pub(super) fn not_up(name: &str, known: &[&Record]) -> CommandError {
    let what = match name.strip_prefix('@') {
        Some(_) => format!("no forward with the tag `{name}` is up"),
        None => format!("`{name}` is not up"),
    };
    let names = known.iter().map(|record| record.name.as_str());
    let hint = match near::closest(name, names) {
        Some(near) => format!("did you mean `{near}`? `ssmpf status` shows what is up"),
        None => "`ssmpf status` shows what is up".to_owned(),
    };
    Refusal::new(ErrorKind::NotFound, what, hint).into()
}

/// What words stand for among forwards that are known.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub chosen: BTreeSet<String>,
    pub not_up: Vec<String>,
}

/// Finds what names and `@tags` stand for. The store is not needed for that.
pub(super) fn select(words: &[String], known: &[&Record]) -> Selection {
    let mut selection = Selection::default();
    for word in words {
        let fits = |record: &Record| match word.strip_prefix('@') {
            Some(tag) => record.tags.iter().any(|known| known == tag),
            None => record.name == *word,
        };
        let before = selection.chosen.len();
        let found: Vec<_> = known.iter().filter(|record| fits(record)).collect();
        selection.chosen.extend(found.iter().map(|record| record.name.clone()));
        if found.is_empty() && before == selection.chosen.len() {
            selection.not_up.push(word.clone());
        }
    }
    selection
}

/// Returns the names whose forwards live. Asks nobody and cleans up nothing.
pub fn running_names(folder: &RuntimeDir) -> Result<BTreeSet<ConnectionName>, BackgroundError> {
    let found = registry::look(folder)?;
    let running = found.iter().filter_map(|found| match found {
        Found::Running(record) => record.name.parse().ok(),
        Found::Dead(..) => None,
    });
    Ok(running.collect())
}

/// Looks who lives, and ends what the dead have left behind, if that is wanted.
pub async fn sweep(
    folder: &RuntimeDir,
    aws: &AwsSettings,
    dead: Dead,
) -> Result<Swept, BackgroundError> {
    let mut swept = Swept::default();
    let mut reaping = JoinSet::new();
    for found in registry::look(folder)? {
        match found {
            Found::Running(record) => swept.running.push(record),
            Found::Dead(record, claim) => {
                if !record.went_down {
                    swept.dead.push(record.clone());
                }
                if dead == Dead::Leave {
                    continue;
                }
                let (aws, at_any_rate) = (aws.clone(), dead == Dead::Forget);
                reaping.spawn(async move {
                    let (died, sessions) = (how_it_died(&record), record.session_ids.len());
                    let reaped = reaper::reap(record, claim, &aws, at_any_rate).await;
                    note(died, sessions, reaped, at_any_rate)
                });
            }
        }
    }
    swept.notes = reaping.join_all().await;
    swept.notes.sort();
    Ok(swept)
}

fn how_it_died(Record { name, problem, went_down, .. }: &Record) -> String {
    match problem {
        Some(problem) => format!("`{name}` gave up: {}", problem.message),
        None if *went_down => format!("`{name}` went down while AWS could not be told"),
        None => format!("`{name}` had died without a word"),
    }
}

/// Says what became of a dead forward.
fn note(died: String, sessions: usize, reaped: Reaped, at_any_rate: bool) -> String {
    match reaped {
        Reaped::Clean if sessions == 0 => died,
        Reaped::Clean => format!("{died}; its session was ended"),
        Reaped::Later(why) if at_any_rate => {
            format!("{died}; its session could not be ended and is left to the service: {why}")
        }
        Reaped::Later(why) => {
            format!("{died}; its session could not be ended yet, the next command tries: {why}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, tags: &[&str]) -> Record {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        Record { name: name.to_owned(), tags, ..Record::default() }
    }

    #[test]
    fn names_and_tags_choose_each_forward_once() {
        let (a, b) = (record("a", &["prod"]), record("b", &["prod"]));
        let words = ["@prod", "a", "x", "@none"].map(str::to_owned);
        let selection = select(&words, &[&a, &b]);
        assert_eq!(Vec::from_iter(selection.chosen), ["a", "b"]);
        assert_eq!(selection.not_up, ["x", "@none"]);
    }
}

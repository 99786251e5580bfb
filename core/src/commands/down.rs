//! `ssmpf down`: ends forwards in the background, and waits until they are gone.

use std::time::Duration;

use ssmpf_schema::{DownDocument, SCHEMA};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::status::{self, Dead, Swept};
use super::{CommandError, Refusal};
use crate::aws::AwsSettings;
use crate::background::reaper::{self, Reaped};
use crate::background::registry::{self, Claim, Record};
use crate::background::{RuntimeDir, client};
use crate::model::ConnectionName;

/// Longest wait for an orderly end: the agent's word, the service's, and the clients.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longest wait for a process that was killed to be gone.
const KILLED: Duration = Duration::from_secs(5);
/// Pause between looks whether it is.
const PAUSE: Duration = Duration::from_millis(10);

/// Which forwards to end.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Names and `@tags`.
    pub names: Vec<String>,
    /// All that run, instead.
    pub all: bool,
}

/// Ends forwards; returns which, which of the words stood for none, and what to tell a person.
pub async fn run(
    request: &Request,
    folder: &RuntimeDir,
    aws: &AwsSettings,
) -> Result<(DownDocument, Vec<String>), CommandError> {
    let Swept { running, dead, mut notes } = status::sweep(folder, aws, Dead::Forget).await?;
    let known: Vec<&Record> = running.iter().chain(&dead).collect();
    let (chosen, not_up) = match request.all {
        true => (known.iter().map(|record| record.name.clone()).collect(), Vec::new()),
        false => {
            let selection = status::select(&request.names, &known);
            (selection.chosen, selection.not_up)
        }
    };
    let mut stopped: Vec<String> =
        dead.into_iter().map(|record| record.name).filter(|name| chosen.contains(name)).collect();
    let mut ending = JoinSet::new();
    for record in running.into_iter().filter(|record| chosen.contains(&record.name)) {
        let (folder, aws) = (folder.clone(), aws.clone());
        ending.spawn(async move { (record.name.clone(), end(record, &folder, &aws).await) });
    }
    let mut failure = None;
    for (name, ended) in ending.join_all().await {
        match ended {
            Ok(note) => {
                notes.extend(note);
                stopped.push(name);
            }
            Err(error) => failure = Some(error),
        }
    }
    stopped.sort();
    match failure {
        Some(error) => Err(error),
        None => Ok((DownDocument { schema: SCHEMA.to_owned(), stopped, not_up }, notes)),
    }
}

/// Ends one forward, in an orderly way if it listens; returns what to tell a person about it.
async fn end(
    record: Record,
    folder: &RuntimeDir,
    aws: &AwsSettings,
) -> Result<Option<String>, CommandError> {
    let name: ConnectionName = record.name.parse()?;
    let mut process = None;
    let orderly = async {
        let mut conversation = client::Conversation::open(folder, &name).await.ok()?;
        process = conversation.process();
        conversation.ask("stop").await.ok()?;
        // The system hangs up when the process ends.
        conversation.hung_up().await;
        Some(())
    };
    let orderly = timeout(PATIENCE, orderly).await.ok().flatten();
    if orderly.is_none() {
        // Where nobody can be asked who it is, the record says so, if the system agrees.
        process =
            process.or(Some(record.pid).filter(|pid| registry::is_holder(folder, &name, *pid)));
        process.into_iter().for_each(kill);
    }
    let Some(claim) = gone(folder, &name).await? else {
        return Err(Refusal::failure(format!("the process of `{name}` does not end")).into());
    };
    // What it knew last: sessions come and go.
    let left = registry::record(folder, &name);
    let (what, record) = match (orderly, left, process) {
        (Some(()), Some(left), _) if !left.session_ids.is_empty() => {
            (format!("`{name}` is down"), left)
        }
        (Some(()), ..) => {
            claim.finish();
            return Ok(None);
        }
        (None, left, Some(_)) => {
            (format!("`{name}` did not answer and was killed"), left.unwrap_or(record))
        }
        // It died while we looked.
        (None, left, None) => {
            let what = format!("`{name}` had died without a word; its session was ended");
            (what, left.unwrap_or(record))
        }
    };
    Ok(match reaper::reap(record, claim, aws, true).await {
        Reaped::Clean if orderly.is_some() => None,
        Reaped::Clean => Some(what),
        Reaped::Later(why) => Some(format!("{what}; its session is left to the service: {why}")),
    })
}

/// Waits until the process of a forward has let go of its name.
async fn gone(folder: &RuntimeDir, name: &ConnectionName) -> Result<Option<Claim>, CommandError> {
    let waiting = async {
        loop {
            if let Some(claim) = Claim::take(folder, name)? {
                return Ok::<_, CommandError>(claim);
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    timeout(KILLED, waiting).await.ok().transpose()
}

/// Kills a process that the system has just said to be the forward's.
#[cfg(unix)]
fn kill(process: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(Err(error)) = pid.map(|pid| kill_process(pid, Signal::KILL)) {
        tracing::debug!(%error, process, "kill");
    }
}

#[cfg(not(unix))]
fn kill(_: u32) {}

//! `ssmpf wait`: returns when forwards in the background are ready.

use std::time::Duration;

use ssmpf_schema::{ErrorKind, ForwardState, StatusDocument};
use tokio::time::timeout;

use super::status::{self, Dead, Swept};
use super::{CommandError, Refusal};
use crate::aws::AwsSettings;
use crate::background::Record;
use crate::background::{RuntimeDir, client};

/// Pause between looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until all of them are ready; those that are not up yet may still come up.
pub async fn run(
    names: &[String],
    patience: Duration,
    folder: &RuntimeDir,
    aws: &AwsSettings,
) -> Result<StatusDocument, CommandError> {
    let mut missing = String::new();
    let mut dead = Dead::Reap;
    let ready = async {
        loop {
            match look(names, folder, aws, dead).await? {
                Ok(document) => return Ok::<_, CommandError>(document),
                Err(why) => missing = why,
            }
            // Once is enough: it may need AWS.
            dead = Dead::Leave;
            tokio::time::sleep(PAUSE).await;
        }
    };
    match timeout(patience, ready).await {
        Ok(result) => result,
        Err(_) => Err(Refusal::new(
            ErrorKind::NotReady,
            format!("not ready within {} s: {missing}", patience.as_secs()),
            "`ssmpf status` shows what is up, `ssmpf logs NAME` what happened to it",
        )
        .into()),
    }
}

/// Returns the words that stand for no forward at present.
pub async fn not_up(
    names: &[String],
    folder: &RuntimeDir,
    aws: &AwsSettings,
) -> Result<Vec<String>, CommandError> {
    let Swept { running, dead, .. } = status::sweep(folder, aws, Dead::Leave).await?;
    Ok(status::select(names, &running.iter().chain(&dead).collect::<Vec<_>>()).not_up)
}

/// Returns the state if all are ready, else what is missing.
async fn look(
    names: &[String],
    folder: &RuntimeDir,
    aws: &AwsSettings,
    dead: Dead,
) -> Result<Result<StatusDocument, String>, CommandError> {
    let Swept { running, dead, .. } = status::sweep(folder, aws, dead).await?;
    if let Some(error) = gave_up(names, &dead) {
        // It has been told now.
        status::sweep(folder, aws, Dead::Reap).await?;
        return Err(error);
    }
    let selection = status::select(names, &running.iter().collect::<Vec<_>>());
    if let Some(word) = selection.not_up.first() {
        return Ok(Err(format!("`{word}` is not up")));
    }
    let chosen = running.into_iter().filter(|it| selection.chosen.contains(&it.name));
    let forwards = client::statuses(folder, chosen.collect::<Vec<Record>>()).await;
    Ok(match forwards.iter().find(|forward| forward.state != ForwardState::Ready) {
        Some(forward) => Err(format!("`{}` is {}", forward.name, forward.state.as_str())),
        None => Ok(StatusDocument::new(forwards)),
    })
}

/// The failure of one that will not come up any more.
fn gave_up(names: &[String], dead: &[Record]) -> Option<CommandError> {
    let selection = status::select(names, &dead.iter().collect::<Vec<_>>());
    let mut chosen = dead.iter().filter(|record| selection.chosen.contains(&record.name));
    chosen.find_map(|record| {
        let Record { name, problem, .. } = record;
        let problem = problem.as_ref()?;
        let kind = problem.kind.unwrap_or(ErrorKind::Failure);
        let message = format!("`{name}` gave up: {}", problem.message);
        Some(Refusal::new(kind, message, format!("`ssmpf logs {name}` has what happened")).into())
    })
}

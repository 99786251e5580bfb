//! `ssmpf sessions`: live sessions in the account, whichever program started them.

use std::ops::ControlFlow;
use std::sync::Arc;

use ssmpf_schema::{DoneDocument, SCHEMA, SessionRecord, SessionsDocument};

use super::CommandError;
use super::find::{Outcome, Step, gather};
use crate::aws::nodes::{ListedSession, Nodes};
use crate::aws::{AwsContext, AwsFailure, AwsSettings, Ssm, identity};
use crate::discovery::sweep::{Look, Plan};
use crate::discovery::{Findings, time};
use crate::model::InvalidInput;

/// Longest session id, in characters [ResumeSession: SessionId].
const MAX_ID: usize = 96;

/// Returns the live sessions everywhere: one's own, or everybody's.
pub async fn run(
    plan: Plan,
    everybody: bool,
    tell: impl FnMut(Step<'_, SessionRecord>) -> ControlFlow<()>,
) -> Result<SessionsDocument, CommandError> {
    let look: Look<SessionRecord> =
        Arc::new(move |context| Box::pin(async move { in_place(&context, everybody).await }));
    let Outcome { mut records, places, failures } = gather(plan, look, tell).await?;
    records.sort_by(|a, b| b.started.cmp(&a.started));
    Ok(SessionsDocument { schema: SCHEMA.to_owned(), sessions: records, places, failures })
}

/// Ends sessions. One that ended already counts as ended.
///
/// # Errors
///
/// The failure of the first that could not be ended, once all were tried.
pub async fn end(ids: &[String], settings: &AwsSettings) -> Result<DoneDocument, CommandError> {
    for id in ids {
        check(id)?;
    }
    let context = AwsContext::load(settings).await?;
    let ssm = Ssm::new(&context);
    let mut failed = None;
    for id in ids {
        if let Err(failure) = ssm.terminate_session(id).await {
            tracing::debug!(id, %failure, "not ended");
            failed = failed.or(Some(failure));
        }
    }
    match failed {
        Some(failure) => Err(failure.into()),
        None => Ok(DoneDocument {
            schema: SCHEMA.to_owned(),
            message: format!("ended {}", ids.join(", ")),
            changed: true,
        }),
    }
}

fn check(id: &str) -> Result<(), InvalidInput> {
    let valid = |c: char| c.is_ascii_alphanumeric() || "-_.@+=,".contains(c);
    if (1..=MAX_ID).contains(&id.len()) && id.chars().all(valid) {
        return Ok(());
    }
    Err(InvalidInput::new(
        format!("`{}` is not the id of a session", id.escape_debug()),
        "`ssmpf sessions` shows those of live sessions",
    ))
}

async fn in_place(context: &AwsContext, everybody: bool) -> Findings<SessionRecord> {
    match sessions(context, everybody).await {
        Ok(sessions) => Findings {
            records: sessions.into_iter().map(|it| record(it, context)).collect(),
            failures: Vec::new(),
            is_dark: false,
        },
        Err(failure) => Findings { records: Vec::new(), failures: vec![failure], is_dark: true },
    }
}

async fn sessions(context: &AwsContext, everybody: bool) -> Result<Vec<ListedSession>, AwsFailure> {
    // First of all, so that a person can sign in.
    context.credentials().await?;
    let owner = match everybody {
        true => None,
        false => Some(identity::caller(context).await?.arn),
    };
    Nodes::new(context).live_sessions(owner.as_deref()).await
}

fn record(it: ListedSession, context: &AwsContext) -> SessionRecord {
    SessionRecord {
        session_id: it.id,
        target: it.target,
        status: it.status,
        started: it.started.and_then(time),
        owner: it.owner,
        document: it.document,
        reason: it.reason,
        max_duration_seconds: it.max_minutes.and_then(|minutes| minutes.checked_mul(60)),
        profile: context.profile().map(str::to_owned),
        region: context.region().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_session_id_is_sent() {
        for id in ["alice@example.com-0123456789abcdef0", "ecs-execute-command-0a1b"] {
            assert!(check(id).is_ok(), "{id}");
        }
        for id in ["", "a b", "a/../b", &"a".repeat(97)] {
            assert!(check(id).is_err(), "{id}");
        }
    }
}

//! StartSession, ResumeSession, TerminateSession and DescribeSessions.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{ApiError, authorize, epoch, page};
use crate::credentials::ACCOUNT;
use crate::documents::{self, Parameters};
use crate::fleet::Ping;
use crate::lock;
use crate::session::{Session, count};
use crate::state::State;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StartSession {
    target: String,
    #[serde(default)]
    document_name: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    parameters: Option<Parameters>,
}

/// Starts a session on a node that is connected.
pub(super) fn start(
    input: StartSession,
    region: &str,
    state: &Arc<State>,
) -> Result<Value, ApiError> {
    let invalid = |text: String| ApiError::new("ValidationException", text);
    if input.target.is_empty() || input.target.len() > 400 || !is_target(&input.target) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{}' at 'target' failed to satisfy constraint",
            input.target
        )));
    }
    if input.reason.as_ref().is_some_and(|reason| !(1..=256).contains(&reason.chars().count())) {
        return Err(invalid("Value at 'reason' must have length between 1 and 256".into()));
    }
    if let Some(name) = &input.document_name
        && !(3..=128).contains(&name.len())
    {
        return Err(invalid(format!(
            "Value '{name}' at 'documentName' failed to satisfy constraint"
        )));
    }
    let resource = match input.target.strip_prefix("i-") {
        Some(_) => format!("arn:aws:ec2:{region}:{ACCOUNT}:instance/{}", input.target),
        None if input.target.starts_with("ecs:") => task_arn(&input.target, region),
        None => format!("arn:aws:ssm:{region}:{ACCOUNT}:managed-instance/{}", input.target),
    };
    authorize("ssm:StartSession", &resource, state)?;
    let (node, plan) = {
        let fleet = state.fleet.read().unwrap_or_else(|broken| broken.into_inner());
        let gone = lock(&state.gone).contains(&input.target);
        let node = fleet
            .node(&input.target)
            .filter(|node| node.ping == Ping::Online && !gone)
            .filter(|node| node.is_ecs() || node.is_listed())
            .filter(|node| fleet.is_in(node.region.as_deref(), region))
            .cloned()
            .ok_or_else(|| {
                let text = format!("{} is not connected.", input.target);
                ApiError::new("TargetNotConnected", text)
            })?;
        let parameters = input.parameters.clone().unwrap_or_default();
        let document = input.document_name.as_deref();
        (node, documents::plan(document, &parameters, &fleet.documents)?)
    };
    let parameters = input.parameters.unwrap_or_default();
    let session = state.start_session(node, input.document_name, input.reason, parameters, plan);
    Ok(access(&session, state))
}

/// `i-`, `mi-` and hexadecimal digits, or `ecs:cluster_task_runtime`.
fn is_target(target: &str) -> bool {
    let digits = |text: &str| {
        (8..=17).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    match (target.strip_prefix("i-"), target.strip_prefix("mi-"), target.strip_prefix("ecs:")) {
        (Some(rest), ..) | (_, Some(rest), _) => digits(rest),
        (_, _, Some(rest)) => rest.split('_').filter(|part| !part.is_empty()).count() >= 3,
        _ => false,
    }
}

/// Cluster names may contain `_`, so the parts are counted from the right.
fn task_arn(target: &str, region: &str) -> String {
    let mut parts = target.trim_start_matches("ecs:").rsplitn(3, '_');
    let (_, task, cluster) = (parts.next(), parts.next(), parts.next());
    format!(
        "arn:aws:ecs:{region}:{ACCOUNT}:task/{}/{}",
        cluster.unwrap_or_default(),
        task.unwrap_or_default()
    )
}

/// Returns what one needs to connect once.
fn access(session: &Session, state: &State) -> Value {
    json!({
        "SessionId": session.id,
        "StreamUrl": state.stream_url(&session.id),
        "TokenValue": state.issue_token(&session.id),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SessionInput {
    session_id: String,
}

fn session_arn(id: &str, state: &State) -> String {
    format!("arn:aws:ssm:{}:{ACCOUNT}:session/{id}", state.config.region)
}

/// Returns a new token and URL for a session that is not over.
pub(super) fn resume(input: SessionInput, state: &State) -> Result<Value, ApiError> {
    authorize("ssm:ResumeSession", &session_arn(&input.session_id, state), state)?;
    let missing = || {
        let text = format!("Session {} does not exist or has ended.", input.session_id);
        ApiError::new("DoesNotExistException", text)
    };
    let session = state.session(&input.session_id).ok_or_else(missing)?;
    let tokenless = json!({ "SessionId": session.id, "StreamUrl": "", "TokenValue": "" });
    if session.state().is_over() {
        let lenient = state.config.ended_gives_empty_token;
        return if lenient { Ok(tokenless) } else { Err(missing()) };
    }
    if lock(&state.service_faults).resume_without_token {
        return Ok(tokenless);
    }
    count(&session.counters.resumes, 1);
    Ok(access(&session, state))
}

/// Ends a session; ending it again is not an error.
pub(super) fn terminate(input: SessionInput, state: &State) -> Result<Value, ApiError> {
    authorize("ssm:TerminateSession", &session_arn(&input.session_id, state), state)?;
    if let Some(session) = state.session(&input.session_id) {
        session.terminate_by_api();
    }
    Ok(json!({ "SessionId": input.session_id }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeSessions {
    state: String,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
    #[serde(default)]
    filters: Option<Vec<Filter>>,
}

/// The member names of this filter are lower-case.
#[derive(Deserialize)]
struct Filter {
    key: String,
    value: String,
}

/// Lists sessions, the newest first.
pub(super) fn describe(
    input: DescribeSessions,
    region: &str,
    state: &State,
) -> Result<Value, ApiError> {
    authorize("ssm:DescribeSessions", "*", state)?;
    let active = match input.state.as_str() {
        "Active" => true,
        "History" => false,
        other => {
            let text = format!("Value '{other}' at 'state' failed to satisfy constraint");
            return Err(ApiError::new("ValidationException", text));
        }
    };
    let mut found = Vec::new();
    let fleet = state.fleet.read().unwrap_or_else(|broken| broken.into_inner());
    let here = |target: &str| {
        let node = fleet.node(target);
        fleet.is_in(node.and_then(|node| node.region.as_deref()), region)
    };
    for session in state.sessions().iter().rev().filter(|session| here(&session.target)) {
        if session.state().is_over() != active && matches_all(session, input.filters.as_deref())? {
            found.push(describe_one(session));
        }
    }
    let most = input.max_results.unwrap_or(200);
    if !(1..=200).contains(&most) {
        let text = format!("Value '{most}' at 'maxResults' must be between 1 and 200");
        return Err(ApiError::new("ValidationException", text));
    }
    let (sessions, next) = page(found, most, input.next_token.as_deref())?;
    Ok(json!({ "Sessions": sessions, "NextToken": next }))
}

fn matches_all(session: &Session, filters: Option<&[Filter]>) -> Result<bool, ApiError> {
    for filter in filters.unwrap_or_default() {
        let invoked = |value: &str| value.parse::<jiff::Timestamp>().ok();
        let matches = match filter.key.as_str() {
            "Target" => session.target == filter.value,
            "Owner" => session.owner == filter.value,
            "SessionId" => session.id == filter.value,
            "Status" => session.state().as_str() == filter.value,
            "AccessType" => filter.value == "Standard",
            "InvokedAfter" => invoked(&filter.value).is_none_or(|time| session.started >= time),
            "InvokedBefore" => invoked(&filter.value).is_none_or(|time| session.started <= time),
            other => {
                let text = format!("{other} is not a valid filter key.");
                return Err(ApiError::new("InvalidFilterKey", text));
            }
        };
        if !matches {
            return Ok(false);
        }
    }
    Ok(true)
}

fn describe_one(session: &Session) -> Value {
    let dead = session.gone.load(Ordering::Relaxed);
    let mut entry = Map::new();
    let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
    put("SessionId", session.id.as_str().into());
    put("Target", session.target.as_str().into());
    put("Status", session.state().as_str().into());
    put("StartDate", epoch(session.started));
    put("Owner", session.owner.as_str().into());
    put("AccessType", "Standard".into());
    let document = session.document.as_deref().unwrap_or("SSM-SessionManagerRunShell");
    put("DocumentName", document.into());
    if let Some(reason) = &session.reason {
        put("Reason", reason.as_str().into());
    }
    if let Some(ended) = session.ended() {
        put("EndDate", epoch(ended));
    }
    if dead {
        put("Details", "agent is not connected".into());
    }
    Value::Object(entry)
}

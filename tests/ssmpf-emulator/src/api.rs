//! The API: who calls, whether they may, and the answers.

use http::request::Parts;
use http_body_util::Full;
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

use crate::lock;
use crate::server::Reply;
use crate::sigv4::{self, Authorization, SignatureError};
use crate::state::State;

mod ec2;
mod ecs;
mod elasticache;
mod nodes;
mod query;
mod rds;
mod readers;
mod rest;
mod sessions;
mod signin;
mod sso;
mod sso_oidc;
mod sts;

/// A call that the API has seen, answered or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The operation, without service.
    pub operation: String,
    /// The access key of the signature.
    pub access_key: Option<String>,
    /// The caller's User-Agent.
    pub user_agent: String,
    /// The error code of the answer, if it was one.
    pub error: Option<String>,
}

/// An error as the services give them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl ApiError {
    /// Returns an error with a code and a text.
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    fn status(&self) -> StatusCode {
        match self.code.as_str() {
            "InternalServerError" | "InternalFailure" => StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceUnavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// Answers a request that is not a websocket.
pub(crate) fn answer(head: &Parts, body: &[u8], state: &Arc<State>) -> Reply {
    if let Some(service) = readers::Service::of(head) {
        return readers::answer(service, head, body, state);
    }
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(reply) = sign_in(head, body, state) {
        return reply;
    }
    let target = text("x-amz-target").and_then(|target| target.strip_prefix("AmazonSSM."));
    let action = sts::action(body);
    let operation = target.map(str::to_owned).or(action.clone());
    let is_ssm = target.is_some();
    let access_key = Authorization::of(&head.headers)
        .and_then(Result::ok)
        .map(|authorization| authorization.access_key);
    let result = match &operation {
        Some(operation) => admit(head, body, is_ssm, operation, state).and_then(|()| {
            let region = region(head, state);
            match is_ssm {
                true => dispatch(operation, body, &region, state),
                false => sts::dispatch(operation, body, access_key.as_deref(), state),
            }
        }),
        None => Err(ApiError::new("UnknownOperationException", "")),
    };
    let error = result.as_ref().err().map(|error| error.code.clone());
    let call = Call {
        operation: operation.unwrap_or_default(),
        access_key,
        user_agent: text("user-agent").unwrap_or_default().to_owned(),
        error,
    };
    tracing::info!(operation = %call.operation, error = ?call.error, "call");
    lock(&state.calls).push(call);
    match action {
        Some(action) if !is_ssm => sts::reply(&action, result),
        _ => json_reply(result),
    }
}

/// Answers what belongs to signing in: it goes by the path and is not signed with keys.
fn sign_in(head: &Parts, body: &[u8], state: &Arc<State>) -> Option<Reply> {
    let oidc = sso_oidc::operation(head);
    let console = signin::operation(head);
    let operation = oidc.or(console).or_else(|| sso::operation(head))?;
    let fault = prepared_failure(head, operation, state);
    let reply = match &fault {
        Some(code) => rest::reply(Err(rest::RestError::injected(code))),
        None if console.is_some() => signin::answer(head, body, state),
        None if oidc.is_some() => sso_oidc::answer(operation, head, body, state),
        None => sso::answer(operation, head, state),
    };
    let text = |value: Option<&http::HeaderValue>| {
        value.and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let call = Call {
        operation: operation.to_owned(),
        access_key: None,
        user_agent: text(head.headers.get("user-agent")).unwrap_or_default(),
        error: text(reply.headers().get("x-amzn-errortype")),
    };
    tracing::info!(operation = %call.operation, error = ?call.error, "call");
    lock(&state.calls).push(call);
    Some(reply)
}

/// Returns the Region that a request is meant for.
fn region(head: &Parts, state: &State) -> String {
    let authorization = Authorization::of(&head.headers).and_then(Result::ok);
    let region = authorization.map(|authorization| authorization.region);
    state.known_region(&region.unwrap_or_default())
}

/// Returns how long the answer to a request is to take.
pub(crate) fn latency(head: &Parts, state: &State) -> Duration {
    let authorization = Authorization::of(&head.headers).and_then(Result::ok);
    let service = authorization.map(|authorization| authorization.service);
    let region = region(head, state);
    lock(&state.service_faults).latency(&service.unwrap_or_default(), &region)
}

/// Takes the next failure prepared for an operation.
fn prepared_failure(head: &Parts, operation: &str, state: &State) -> Option<String> {
    let region = region(head, state);
    lock(&state.service_faults).take(operation, &region)
}

fn admit(
    head: &Parts,
    body: &[u8],
    is_ssm: bool,
    operation: &str,
    state: &State,
) -> Result<(), ApiError> {
    if let Some(code) = prepared_failure(head, operation, state) {
        let message = match code.as_str() {
            "ThrottlingException" => "Rate exceeded".to_owned(),
            "ExpiredTokenException" => {
                "The security token included in the request is expired".into()
            }
            "AccessDeniedException" => denied(&format!("ssm:{operation}"), "*", state),
            _ => format!("{operation} failed."),
        };
        return Err(ApiError::new(code, message));
    }
    if !is_ssm && sts::is_unsigned(operation) {
        return Ok(());
    }
    let request = sigv4::Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body,
    };
    authenticate(&request, if is_ssm { "ssm" } else { "sts" }, state)
}

/// Checks who signed a request.
pub(crate) fn authenticate(
    request: &sigv4::Request<'_>,
    service: &str,
    state: &State,
) -> Result<(), ApiError> {
    let authorization = Authorization::of(request.headers).ok_or_else(|| {
        ApiError::new("MissingAuthenticationTokenException", "Missing Authentication Token")
    })?;
    let incomplete = |error: SignatureError| {
        let code = match error {
            SignatureError::Incomplete => "IncompleteSignature",
            _ => "InvalidSignatureException",
        };
        ApiError::new(code, error.to_string())
    };
    let authorization = authorization.map_err(incomplete)?;
    let unrecognized = || {
        let text = "The security token included in the request is invalid.";
        ApiError::new("UnrecognizedClientException", text)
    };
    let key = state.key(&authorization.access_key).ok_or_else(unrecognized)?;
    authorization
        .verify(
            request,
            &key.secret_key,
            &state.known_region(&authorization.region),
            service,
            state.now(),
        )
        .map_err(incomplete)?;
    let token = request.headers.get("x-amz-security-token");
    let token = token.and_then(|token| token.to_str().ok());
    if token != key.session_token.as_deref() {
        return Err(unrecognized());
    }
    if key.expired {
        let text = "The security token included in the request is expired";
        return Err(ApiError::new("ExpiredTokenException", text));
    }
    Ok(())
}

/// Checks whether an action is allowed.
pub(crate) fn authorize(action: &str, resource: &str, state: &State) -> Result<(), ApiError> {
    if state.config.denied_actions.iter().any(|denied| denied == action) {
        return Err(ApiError::new("AccessDeniedException", denied(action, resource, state)));
    }
    Ok(())
}

fn denied(action: &str, resource: &str, state: &State) -> String {
    format!(
        "User: {} is not authorized to perform: {action} on resource: {resource} because no \
         identity-based policy allows the {action} action",
        state.config.credentials.arn()
    )
}

fn dispatch(
    operation: &str,
    body: &[u8],
    region: &str,
    state: &Arc<State>,
) -> Result<Value, ApiError> {
    match operation {
        "StartSession" => sessions::start(input(body)?, region, state),
        "ResumeSession" => sessions::resume(input(body)?, state),
        "TerminateSession" => sessions::terminate(input(body)?, state),
        "DescribeSessions" => sessions::describe(input(body)?, region, state),
        "DescribeInstanceInformation" => nodes::describe(input(body)?, region, state),
        "GetConnectionStatus" => nodes::connection_status(input(body)?, state),
        _ => Err(ApiError::new("UnknownOperationException", "")),
    }
}

fn input<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_syntax() || error.is_eof() {
            ApiError::new("SerializationException", "")
        } else {
            ApiError::new("ValidationException", error.to_string())
        }
    })
}

fn json_reply(result: Result<Value, ApiError>) -> Reply {
    let (status, body) = match result {
        Ok(value) => (StatusCode::OK, value),
        Err(error) => {
            let body = serde_json::json!({ "__type": error.code, "message": error.message });
            (error.status(), body)
        }
    };
    reply(status, "application/x-amz-json-1.1", body.to_string())
}

fn reply(status: StatusCode, content_type: &'static str, body: String) -> Reply {
    let request_id = Uuid::new_v4().to_string();
    Response::builder()
        .status(status)
        .header("content-type", content_type)
        .header("x-amzn-requestid", request_id)
        .body(Full::from(body))
        .expect("these headers are valid")
}

/// Returns a time as JSON 1.1 has it: seconds since 1970.
fn epoch(time: Timestamp) -> Value {
    Value::from(time.as_millisecond() as f64 / 1000.0)
}

/// Returns one page of `all` and the token of the next.
fn page<T>(
    all: Vec<T>,
    most: usize,
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let start = match token {
        None | Some("") => 0,
        Some(token) => token
            .parse::<usize>()
            .map_err(|_| ApiError::new("InvalidNextToken", "The specified token is not valid."))?,
    };
    let total = all.len();
    let items: Vec<T> = all.into_iter().skip(start).take(most).collect();
    let end = start + items.len();
    Ok((items, (end < total).then(|| end.to_string())))
}

#[cfg(test)]
mod sign_in_tests;
#[cfg(test)]
mod tests;

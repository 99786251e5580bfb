//! The services that are only read from: EC2, ECS, RDS and ElastiCache. Admission and errors.

use http::request::Parts;
use hyper::StatusCode;
use std::sync::Arc;

use super::query::{Form, Protocol};
use super::{ApiError, Call, authenticate, denied, json_reply, prepared_failure, region, reply};
use super::{ec2, ecs, elasticache, rds};
use crate::lock;
use crate::server::Reply;
use crate::sigv4::{self, Authorization};
use crate::state::State;

/// Beginning of the `X-Amz-Target` of ECS.
const ECS_TARGET: &str = "AmazonEC2ContainerServiceV20141113.";

/// A service, as the signature names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Ec2,
    Ecs,
    Rds,
    ElastiCache,
}

impl Service {
    /// Returns the service that a request is signed for, if it is one of these.
    pub(super) fn of(head: &Parts) -> Option<Self> {
        match Authorization::of(&head.headers)?.ok()?.service.as_str() {
            "ec2" => Some(Self::Ec2),
            "ecs" => Some(Self::Ecs),
            "rds" => Some(Self::Rds),
            "elasticache" => Some(Self::ElastiCache),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Ecs => "ecs",
            Self::Rds => "rds",
            Self::ElastiCache => "elasticache",
        }
    }

    fn protocol(self) -> Option<Protocol> {
        match self {
            Self::Ec2 => Some(Protocol::Ec2),
            Self::Ecs => None,
            Self::Rds => Some(Protocol::Query("http://rds.amazonaws.com/doc/2014-10-31/")),
            Self::ElastiCache => {
                Some(Protocol::Query("http://elasticache.amazonaws.com/doc/2015-02-02/"))
            }
        }
    }
}

/// Answers a call of one of these services.
pub(super) fn answer(service: Service, head: &Parts, body: &[u8], state: &Arc<State>) -> Reply {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let form = Form::parse(body);
    let operation = match service {
        Service::Ecs => text("x-amz-target").and_then(|target| target.strip_prefix(ECS_TARGET)),
        _ => form.get("Action"),
    };
    let operation = operation.unwrap_or_default().to_owned();
    let region = region(head, state);
    let admitted = admit(service, head, body, &operation, state);
    let (reply, error) = match service.protocol() {
        None => {
            let result = admitted.and_then(|()| ecs::dispatch(&operation, body, &region, state));
            let error = result.as_ref().err().map(|error| error.code.clone());
            (json_reply(result), error)
        }
        Some(protocol) => {
            let result = admitted.and_then(|()| match service {
                Service::Ec2 => ec2::dispatch(&operation, &form, &region, state),
                Service::Rds => rds::dispatch(&operation, &form, &region, state),
                _ => elasticache::dispatch(&operation, &form, &region, state),
            });
            let error = result.as_ref().err().map(|error| error.code.clone());
            let (status, body) = match &result {
                Ok(content) => (StatusCode::OK, protocol.success(&operation, content)),
                Err(error) => protocol.failure(error),
            };
            (reply(status, "text/xml", body), error)
        }
    };
    let call = Call {
        operation,
        access_key: Authorization::of(&head.headers)
            .and_then(Result::ok)
            .map(|authorization| authorization.access_key),
        user_agent: text("user-agent").unwrap_or_default().to_owned(),
        error,
    };
    tracing::info!(operation = %call.operation, region, error = ?call.error, "call");
    lock(&state.calls).push(call);
    reply
}

fn admit(
    service: Service,
    head: &Parts,
    body: &[u8],
    operation: &str,
    state: &State,
) -> Result<(), ApiError> {
    let action = format!("{}:{operation}", service.name());
    if let Some(code) = prepared_failure(head, operation, state) {
        let message = match code.as_str() {
            "ThrottlingException" => "Rate exceeded".to_owned(),
            "AccessDeniedException" => denied(&action, "*", state),
            _ => format!("{operation} failed."),
        };
        return Err(ApiError::new(code, message));
    }
    let request = sigv4::Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body,
    };
    authenticate(&request, service.name(), state)?;
    super::authorize(&action, "*", state)
}

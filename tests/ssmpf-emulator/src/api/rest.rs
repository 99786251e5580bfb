//! Answers of the services that speak REST with JSON.

use http::HeaderValue;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::reply as respond;
use crate::server::Reply;

/// An error as these services give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RestError {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

impl RestError {
    /// Returns an error with an HTTP status, a code and a text.
    pub(super) fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned() }
    }

    /// Returns the error that a test asked for.
    pub(super) fn injected(code: &str) -> Self {
        let status = match code {
            "UnauthorizedException" | "InvalidClientException" => 401,
            "ForbiddenException" => 403,
            "ResourceNotFoundException" => 404,
            "TooManyRequestsException" => 429,
            "InternalServerException" => 500,
            _ => 400,
        };
        Self::new(status, code, "a test wants it so")
    }
}

/// Writes an answer or an error.
pub(super) fn reply(result: Result<Value, RestError>) -> Reply {
    match result {
        Ok(Value::Null) => respond(StatusCode::OK, "application/json", String::new()),
        Ok(value) => respond(StatusCode::OK, "application/json", value.to_string()),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            // OAuth has its own words for the same; clients of AWS read the header.
            let body = json!({
                "error": error.code.trim_end_matches("Exception"),
                "error_description": error.message,
                "message": error.message,
            });
            let mut reply = respond(status, "application/json", body.to_string());
            if let Ok(code) = HeaderValue::from_str(&error.code) {
                reply.headers_mut().insert("x-amzn-errortype", code);
            }
            reply
        }
    }
}

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
    /// The word in the body, where it is another one.
    word: Option<String>,
}

impl RestError {
    /// Returns an error with an HTTP status, a code and a text.
    pub(super) fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned(), word: None }
    }

    /// The same with a word of its own in the body.
    pub(super) fn worded(mut self, word: &str) -> Self {
        self.word = Some(word.to_owned());
        self
    }

    /// Returns the error that a test asked for.
    pub(super) fn injected(code: &str) -> Self {
        // AWS Sign-In has one code for all refusals, and a word that tells them apart.
        if code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
            let text = "a test wants it so";
            return Self::new(403, "AccessDeniedException", text).worded(code);
        }
        let status = match code {
            "UnauthorizedException" | "InvalidClientException" => 401,
            "ForbiddenException" | "AccessDeniedException" => 403,
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
                "error": error.word.as_deref().unwrap_or(error.code.trim_end_matches("Exception")),
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

//! STS, which speaks the query protocol: a form in, XML out.

use hyper::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ApiError, reply as respond};
use crate::credentials::ACCOUNT;
use crate::server::Reply;
use crate::sigv4;
use crate::state::State;

/// Returns the action of a form.
pub(super) fn action(body: &[u8]) -> Option<String> {
    let body = std::str::from_utf8(body).ok()?;
    body.split('&').find_map(|pair| {
        let value = pair.strip_prefix("Action=")?;
        String::from_utf8(sigv4::decode(value, true)).ok()
    })
}

/// Answers an action.
pub(super) fn dispatch(action: &str, state: &State) -> Result<Value, ApiError> {
    match action {
        "GetCallerIdentity" => Ok(json!({
            "Arn": state.config.credentials.arn(),
            "UserId": format!("AROAEMULATOR000000001:{}", state.config.credentials.session_name),
            "Account": ACCOUNT,
        })),
        _ => {
            let text = format!("Could not find operation {action} for version 2011-06-15");
            Err(ApiError::new("InvalidAction", text))
        }
    }
}

/// Writes the answer of GetCallerIdentity, or an error.
pub(super) fn reply(result: Result<Value, ApiError>) -> Reply {
    let id = Uuid::new_v4();
    const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
    match result {
        Ok(value) => {
            let field = |name: &str| escape(value[name].as_str().unwrap_or_default());
            let body = format!(
                "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\"><GetCallerIdentityResult>\
                 <Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account></GetCallerIdentityResult>\
                 <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>\
                 </GetCallerIdentityResponse>",
                field("Arn"),
                field("UserId"),
                field("Account")
            );
            respond(StatusCode::OK, "text/xml", body)
        }
        Err(error) => {
            // The query services have their own names for the same failures.
            let code = match error.code.as_str() {
                "UnrecognizedClientException" => "InvalidClientTokenId",
                "InvalidSignatureException" => "SignatureDoesNotMatch",
                "ExpiredTokenException" => "ExpiredToken",
                "AccessDeniedException" => "AccessDenied",
                "ThrottlingException" => "Throttling",
                "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
                other => other,
            };
            let status = match code {
                "InvalidAction" | "IncompleteSignature" | "Throttling" => StatusCode::BAD_REQUEST,
                "InternalFailure" | "InternalServerError" => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::FORBIDDEN,
            };
            let body = format!(
                "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{}</Code>\
                 <Message>{}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>",
                escape(code),
                escape(&error.message)
            );
            respond(status, "text/xml", body)
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

//! STS, which speaks the query protocol: a form in, XML out.

use std::collections::BTreeMap;

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ApiError, reply as respond};
use crate::credentials::ACCOUNT;
use crate::directory::Issued;
use crate::lock;
use crate::server::Reply;
use crate::sigv4;
use crate::state::State;

/// The fields of a form.
pub(super) type Form = BTreeMap<String, String>;

/// Reads a form.
pub(super) fn form(body: &[u8]) -> Form {
    let body = std::str::from_utf8(body).unwrap_or_default();
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    let text = |part: &str| String::from_utf8(sigv4::decode(part, true)).ok();
    pairs.filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect()
}

/// Returns the action of a form.
pub(super) fn action(body: &[u8]) -> Option<String> {
    form(body).remove("Action")
}

/// Whether an action is asked for without a signature: its token says who asks.
pub(super) fn is_unsigned(action: &str) -> bool {
    action == "AssumeRoleWithWebIdentity"
}

/// Answers an action for the owner of an access key.
pub(super) fn dispatch(
    action: &str,
    body: &[u8],
    access_key: Option<&str>,
    state: &State,
) -> Result<Value, ApiError> {
    let form = form(body);
    match action {
        "GetCallerIdentity" => Ok(caller(access_key, state)),
        "AssumeRole" => assume_role(&form, state),
        "AssumeRoleWithWebIdentity" => assume_role_with_web_identity(&form, state),
        "GetSessionToken" => {
            check_code(&form, state)?;
            let seconds = duration(&form, 43_200, 129_600)?;
            let arn = state.config.credentials.arn();
            let issued = lock(&state.given).issue(arn, seconds, state.now());
            Ok(json!({ "Credentials": credentials(&issued) }))
        }
        _ => {
            let text = format!("Could not find operation {action} for version 2011-06-15");
            Err(ApiError::new("InvalidAction", text))
        }
    }
}

fn caller(access_key: Option<&str>, state: &State) -> Value {
    let given = lock(&state.given);
    match access_key.and_then(|key| given.find(key)) {
        Some(issued) => json!({
            "Arn": issued.arn,
            "UserId": issued.user_id,
            "Account": issued.arn.split(':').nth(4),
        }),
        None => json!({
            "Arn": state.config.credentials.arn(),
            "UserId": format!("AROAEMULATOR000000001:{}", state.config.credentials.session_name),
            "Account": ACCOUNT,
        }),
    }
}

fn assume_role(form: &Form, state: &State) -> Result<Value, ApiError> {
    let arn = required(form, "RoleArn")?;
    let name = session_name(form)?;
    let refused = || {
        let caller = state.config.credentials.arn();
        let text = format!(
            "User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}"
        );
        ApiError::new("AccessDenied", text)
    };
    super::authorize("sts:AssumeRole", arn, state).map_err(|_| refused())?;
    let role = state.config.directory.roles.iter().find(|role| role.arn == *arn);
    let role = role.ok_or_else(refused)?;
    if role.external_id.as_deref() != form.get("ExternalId").map(String::as_str) {
        return Err(refused());
    }
    let has_code = check_code(form, state)?;
    if role.mfa && !has_code {
        return Err(refused());
    }
    let seconds = duration(form, 3600, role.max_seconds)?;
    Ok(assumed(arn, name, seconds, state))
}

fn assume_role_with_web_identity(form: &Form, state: &State) -> Result<Value, ApiError> {
    let arn = required(form, "RoleArn")?;
    let name = session_name(form)?;
    let token = required(form, "WebIdentityToken")?;
    if !state.config.directory.web_identity_tokens.contains(token) {
        let text = "No OpenIDConnect provider found in your account for this token";
        return Err(ApiError::new("InvalidIdentityToken", text));
    }
    let role = state.config.directory.roles.iter().find(|role| role.arn == *arn);
    let role = role.ok_or_else(|| {
        let text = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        ApiError::new("AccessDenied", text)
    })?;
    Ok(assumed(arn, name, duration(form, 3600, role.max_seconds)?, state))
}

fn assumed(arn: &str, name: &str, seconds: i64, state: &State) -> Value {
    let account = arn.split(':').nth(4).unwrap_or_default();
    let role = arn.rsplit('/').next().unwrap_or_default();
    let partition = arn.split(':').nth(1).unwrap_or("aws");
    let session = format!("arn:{partition}:sts::{account}:assumed-role/{role}/{name}");
    let issued = lock(&state.given).issue(session, seconds, state.now());
    json!({
        "AssumedRoleUser": { "AssumedRoleId": issued.user_id, "Arn": issued.arn },
        "Credentials": credentials(&issued),
    })
}

fn credentials(issued: &Issued) -> Value {
    json!({
        "AccessKeyId": issued.key.access_key,
        "SecretAccessKey": issued.key.secret_key,
        "SessionToken": issued.key.session_token,
        "Expiration": time(issued.expires),
    })
}

/// Writes a time as XML has it.
fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Checks the code of a device and returns whether there was one. Each code is good once.
fn check_code(form: &Form, state: &State) -> Result<bool, ApiError> {
    let denied = |text: &str| Err(ApiError::new("AccessDenied", text));
    let (serial, code) = match (form.get("SerialNumber"), form.get("TokenCode")) {
        (None, None) => return Ok(false),
        (Some(serial), Some(code)) => (serial, code),
        _ => {
            return denied(
                "MultiFactorAuthentication failed, must provide both MFA serial number and one \
                 time pass code.",
            );
        }
    };
    let device = state.config.directory.devices.iter().find(|(name, _)| name == serial);
    let Some((_, codes)) = device else {
        return denied(
            "MultiFactorAuthentication failed, unable to validate MFA code. Please verify your \
             MFA serial number is valid and associated with this user.",
        );
    };
    let used = &mut lock(&state.given).used_codes;
    if !codes.contains(code) || used.contains(code) {
        return denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ");
    }
    used.push(code.clone());
    Ok(true)
}

fn required<'a>(form: &'a Form, name: &str) -> Result<&'a String, ApiError> {
    form.get(name).ok_or_else(|| {
        let text = format!("1 validation error detected: Value null at '{name}' failed to satisfy");
        ApiError::new("ValidationError", text)
    })
}

fn session_name(form: &Form) -> Result<&str, ApiError> {
    let name = required(form, "RoleSessionName")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    if (2..=64).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(name);
    }
    let text = "Value at 'roleSessionName' failed to satisfy constraint: [\\w+=,.@-]*";
    Err(ApiError::new("ValidationError", text))
}

fn duration(form: &Form, default: i64, most: i64) -> Result<i64, ApiError> {
    let Some(text) = form.get("DurationSeconds") else { return Ok(default.min(most)) };
    match text.parse() {
        Ok(seconds) if (900..=most).contains(&seconds) => Ok(seconds),
        Ok(seconds) if seconds > most => Err(ApiError::new(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )),
        _ => Err(ApiError::new("ValidationError", "DurationSeconds must be at least 900")),
    }
}

/// Writes an answer or an error.
pub(super) fn reply(action: &str, result: Result<Value, ApiError>) -> Reply {
    let id = Uuid::new_v4();
    const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
    match result {
        Ok(value) => {
            let body = format!(
                "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{}</{action}Result>\
                 <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>\
                 </{action}Response>",
                elements(&value)
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
                "InvalidAction"
                | "IncompleteSignature"
                | "Throttling"
                | "ValidationError"
                | "InvalidIdentityToken" => StatusCode::BAD_REQUEST,
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

/// Writes the fields of an object as elements.
fn elements(value: &Value) -> String {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| format!("<{name}>{}</{name}>", elements(value)))
            .collect(),
        Value::String(text) => escape(text),
        Value::Null => String::new(),
        other => escape(&other.to_string()),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

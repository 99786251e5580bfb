//! AWS Sign-In: renews what `aws login` left, for whoever proves to have its key (DPoP, RFC 9449).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use hyper::Method;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};

use super::rest::{self, RestError};
use crate::credentials::ACCOUNT;
use crate::directory::secret;
use crate::lock;
use crate::server::Reply;
use crate::state::State;

/// Seconds that credentials last.
const SECONDS: i64 = 900;

/// How far the time of a proof may be off, in seconds.
const MAX_SKEW: i64 = 300;

/// Returns the operation that a request to this service asks for.
pub(super) fn operation(head: &Parts) -> Option<&'static str> {
    let is_ours = head.method == Method::POST && head.uri.path() == "/v1/token";
    is_ours.then_some("CreateOAuth2Token")
}

/// Answers a request.
pub(super) fn answer(head: &Parts, body: &[u8], state: &State) -> Reply {
    let proof = head.headers.get("dpop").and_then(|value| value.to_str().ok());
    let now = state.now().as_second();
    let proven = proof.and_then(|proof| check(proof, now)).ok_or_else(|| {
        RestError::new(400, "ValidationException", "the DPoP proof is missing or wrong")
            .worded("INVALID_REQUEST")
    });
    rest::reply(proven.and_then(|()| renew(body, state)))
}

fn renew(body: &[u8], state: &State) -> Result<Value, RestError> {
    let input: Value = serde_json::from_slice(body).unwrap_or_default();
    if input["grantType"] != "refresh_token" {
        let error = RestError::new(400, "ValidationException", "the grant is not supported");
        return Err(error.worded("INVALID_REQUEST"));
    }
    let token = input["refreshToken"].as_str().unwrap_or_default();
    let given = &mut lock(&state.given);
    let configured = state.config.directory.console_tokens.iter().any(|it| it == token);
    let is_first = configured && !given.used_codes.iter().any(|used| used == token);
    let renewed = given.console_tokens.iter().position(|it| it == token);
    match (is_first, renewed) {
        (true, _) => given.used_codes.push(token.to_owned()),
        (false, Some(at)) => {
            given.console_tokens.remove(at);
        }
        (false, None) => {
            let error = RestError::new(403, "AccessDeniedException", "the session is over");
            return Err(error.worded("TOKEN_EXPIRED"));
        }
    }
    let next = secret(80);
    given.console_tokens.push(next.clone());
    let issued = given.issue(format!("arn:aws:iam::{ACCOUNT}:user/me"), SECONDS, state.now());
    Ok(json!({
        "accessToken": {
            "accessKeyId": issued.key.access_key,
            "secretAccessKey": issued.key.secret_key,
            "sessionToken": issued.key.session_token,
        },
        "tokenType": "aws_sigv4",
        "expiresIn": SECONDS,
        "refreshToken": next,
    }))
}

/// Checks a proof: its signature with the key it carries, what it is for, and when it was made.
fn check(proof: &str, now: i64) -> Option<()> {
    let (signed, signature) = proof.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let json = |text: &str| serde_json::from_slice::<Value>(&bytes(text)?).ok();
    let (header, payload) = (json(header)?, json(payload)?);
    let point =
        [&[4][..], &bytes(header["jwk"]["x"].as_str()?)?, &bytes(header["jwk"]["y"].as_str()?)?]
            .concat();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    key.verify(signed.as_bytes(), &bytes(signature)?).ok()?;
    let is_fresh = (payload["iat"].as_i64()? - now).abs() <= MAX_SKEW;
    let is_meant = payload["htm"] == "POST" && payload["htu"].as_str()?.ends_with("/v1/token");
    (header["typ"] == "dpop+jwt" && is_fresh && is_meant && payload["jti"].is_string())
        .then_some(())
}

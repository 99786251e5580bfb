//! SSO-OIDC: registering clients, device codes, authorization codes with PKCE, and their pages.
//!
//! No request is signed. The pages need no person: `/authorize` redirects back at once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use http_body_util::Full;
use hyper::{Method, Response, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::net::Ipv4Addr;

use super::rest::{self, RestError};
use super::sts::{self, Form};
use crate::directory::{AuthorizationCode, Client, Device, Portal, secret, user_code};
use crate::lock;
use crate::server::Reply;
use crate::state::State;

/// Seconds a client registration lasts: 90 days.
const REGISTRATION_SECONDS: i64 = 90 * 24 * 3600;

/// Seconds a device code lasts.
const DEVICE_SECONDS: i64 = 600;

/// Seconds between two questions of a device; the service says 5.
const INTERVAL: i64 = 1;

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Returns the operation that a request to this service asks for.
pub(super) fn operation(head: &Parts) -> Option<&'static str> {
    match (&head.method, head.uri.path()) {
        (&Method::POST, "/client/register") => Some("RegisterClient"),
        (&Method::POST, "/device_authorization") => Some("StartDeviceAuthorization"),
        (&Method::POST, "/token") => Some("CreateToken"),
        (&Method::GET, "/authorize") => Some("Authorize"),
        (&Method::GET, "/device") => Some("ApproveDevice"),
        _ => None,
    }
}

/// Answers a request.
pub(super) fn answer(operation: &str, head: &Parts, body: &[u8], state: &State) -> Reply {
    let query = sts::form(head.uri.query().unwrap_or_default().as_bytes());
    let portal = state.config.directory.portal.as_ref();
    let portal = portal.ok_or_else(|| invalid("there is no portal here"));
    match operation {
        "Authorize" => match portal.and_then(|_| authorize(&query, state)) {
            Ok(location) => redirect(&location),
            Err(error) => page(StatusCode::BAD_REQUEST, &error.message),
        },
        "ApproveDevice" => approve(&query, state),
        _ => rest::reply(portal.and_then(|portal| {
            let input = serde_json::from_slice(body)
                .map_err(|_| RestError::new(400, "InvalidRequestException", "not JSON"))?;
            match operation {
                "RegisterClient" => register(&input, state),
                "StartDeviceAuthorization" => start_device(&input, portal, state),
                _ => create_token(&input, portal, state),
            }
        })),
    }
}

fn invalid(text: &str) -> RestError {
    RestError::new(400, "InvalidRequestException", text)
}

fn text<'a>(input: &'a Value, name: &str) -> Result<&'a str, RestError> {
    input[name].as_str().ok_or_else(|| invalid(&format!("{name} is missing")))
}

fn list(input: &Value, name: &str) -> Vec<String> {
    let values = input[name].as_array().into_iter().flatten();
    values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

fn register(input: &Value, state: &State) -> Result<Value, RestError> {
    if text(input, "clientType")? != "public" {
        let text = "only public clients can be registered";
        return Err(RestError::new(400, "InvalidClientMetadataException", text));
    }
    text(input, "clientName")?;
    let grant_types = list(input, "grantTypes");
    let redirect_uris = list(input, "redirectUris");
    if grant_types.iter().any(|grant| grant == "authorization_code") {
        text(input, "issuerUrl")?;
        let loopback = |uri: &String| uri.starts_with("http://127.0.0.1/");
        if redirect_uris.is_empty() || !redirect_uris.iter().all(loopback) {
            let text = "redirectUris must name loopback, without a port";
            return Err(RestError::new(400, "InvalidRedirectUriException", text));
        }
    }
    let (id, client_secret) = (secret(22), secret(60));
    let client = Client {
        secret: client_secret.clone(),
        grant_types,
        redirect_uris,
        scopes: list(input, "scopes"),
    };
    lock(&state.given).clients.insert(id.clone(), client);
    let now = state.now().as_second();
    Ok(json!({
        "clientId": id,
        "clientSecret": client_secret,
        "clientIdIssuedAt": now,
        "clientSecretExpiresAt": now + REGISTRATION_SECONDS,
    }))
}

/// Returns the client that asks, if its secret is right.
fn client(input: &Value, state: &State) -> Result<(String, Client), RestError> {
    let unknown = || RestError::new(401, "InvalidClientException", "Invalid client provided");
    let id = text(input, "clientId")?;
    let client = lock(&state.given).clients.get(id).cloned().ok_or_else(unknown)?;
    match client.secret == text(input, "clientSecret")? {
        true => Ok((id.to_owned(), client)),
        false => Err(unknown()),
    }
}

fn start_device(input: &Value, portal: &Portal, state: &State) -> Result<Value, RestError> {
    let (client_id, _) = client(input, state)?;
    if text(input, "startUrl")?.trim_end_matches('/') != portal.start_url.trim_end_matches('/') {
        return Err(invalid("the start URL belongs to another portal"));
    }
    let (device_code, user_code) = (secret(60), user_code());
    let page = format!("{}/device", state.origin());
    let complete = format!("{page}?user_code={user_code}");
    let device = Device { client_id, user_code: user_code.clone(), approved: false, polls: 0 };
    lock(&state.given).devices.insert(device_code.clone(), device);
    Ok(json!({
        "deviceCode": device_code,
        "userCode": user_code,
        "verificationUri": page,
        "verificationUriComplete": complete,
        "expiresIn": DEVICE_SECONDS,
        "interval": INTERVAL,
    }))
}

fn create_token(input: &Value, portal: &Portal, state: &State) -> Result<Value, RestError> {
    let (client_id, client) = client(input, state)?;
    let grant = |text: &str| RestError::new(400, "InvalidGrantException", text);
    match text(input, "grantType")? {
        DEVICE_GRANT => {
            let given = &mut lock(&state.given);
            let denies = given.denies;
            let code = text(input, "deviceCode")?;
            let device = given.devices.get_mut(code).filter(|it| it.client_id == client_id);
            let device = device.ok_or_else(|| grant("the device code is unknown"))?;
            device.polls += 1;
            if denies {
                return Err(RestError::new(400, "AccessDeniedException", "Access denied"));
            }
            // The first question always comes too early, as it does for a person.
            if !(device.approved || portal.approves_codes && device.polls > 1) {
                let text = "authorization is pending";
                return Err(RestError::new(400, "AuthorizationPendingException", text));
            }
            given.devices.remove(code);
        }
        "authorization_code" => {
            let code = lock(&state.given).codes.remove(text(input, "code")?);
            let code = code.filter(|code| code.client_id == client_id);
            let code = code.ok_or_else(|| grant("the code is unknown or was used"))?;
            if code.redirect_uri != text(input, "redirectUri")? {
                return Err(grant("the redirect URI is another one"));
            }
            let verifier = text(input, "codeVerifier")?;
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
            if !(43..=128).contains(&verifier.len()) || challenge != code.challenge {
                return Err(grant("the verifier does not belong to the challenge"));
            }
        }
        "refresh_token" => {
            // Each is good once, so that a client that keeps the old one is noticed.
            let owner = lock(&state.given).refresh_tokens.remove(text(input, "refreshToken")?);
            if owner.as_deref() != Some(client_id.as_str()) {
                return Err(grant("the refresh token is unknown or was used"));
            }
        }
        _ => {
            let text = "the grant is not supported";
            return Err(RestError::new(400, "UnsupportedGrantTypeException", text));
        }
    }
    let given = &mut lock(&state.given);
    let token = secret(120);
    let life = SignedDuration::from_secs(portal.token_seconds);
    given.tokens.insert(token.clone(), state.now() + life);
    let mut answer = json!({
        "accessToken": token,
        "tokenType": "Bearer",
        "expiresIn": portal.token_seconds,
    });
    if !client.scopes.is_empty() {
        let refresh = secret(120);
        given.refresh_tokens.insert(refresh.clone(), client_id);
        answer["refreshToken"] = refresh.into();
    }
    Ok(answer)
}

/// Returns where the page sends the browser.
fn authorize(query: &Form, state: &State) -> Result<String, RestError> {
    let value = |name: &str| {
        query.get(name).filter(|it| !it.is_empty()).ok_or_else(|| invalid(&format!("no {name}")))
    };
    for (name, wanted) in [("response_type", "code"), ("code_challenge_method", "S256")] {
        if value(name)? != wanted {
            return Err(invalid(&format!("{name} must be {wanted}")));
        }
    }
    let given = &mut lock(&state.given);
    let client_id = value("client_id")?;
    let client = given.clients.get(client_id).ok_or_else(|| invalid("the client is unknown"))?;
    if !client.grant_types.iter().any(|grant| grant == "authorization_code") {
        return Err(invalid("the client is not registered for this"));
    }
    let redirect_uri = value("redirect_uri")?;
    if !client.redirect_uris.iter().any(|registered| is_same_but_port(registered, redirect_uri)) {
        return Err(invalid("the redirect URI is not registered"));
    }
    if !value("scopes")?.split(' ').all(|scope| client.scopes.iter().any(|it| it == scope)) {
        return Err(invalid("the scopes are not registered"));
    }
    let (challenge, state_value) = (value("code_challenge")?, value("state")?);
    if given.denies {
        return Ok(format!(
            "{redirect_uri}?error=access_denied&error_description=The+user+said+no\
             &state={state_value}"
        ));
    }
    let code = secret(40);
    let entry = AuthorizationCode {
        client_id: client_id.clone(),
        redirect_uri: redirect_uri.clone(),
        challenge: challenge.clone(),
    };
    given.codes.insert(code.clone(), entry);
    Ok(format!("{redirect_uri}?code={code}&state={state_value}"))
}

/// Clients listen on a port that they do not know when they register.
fn is_same_but_port(registered: &str, given: &str) -> bool {
    let uri = |text: &str| text.parse::<http::Uri>().ok();
    let (Some(registered), Some(given)) = (uri(registered), uri(given)) else { return false };
    let loopback = Ipv4Addr::LOCALHOST.to_string();
    given.port_u16().is_some()
        && given.host() == Some(loopback.as_str())
        && given.scheme_str() == registered.scheme_str()
        && given.path() == registered.path()
}

fn approve(query: &Form, state: &State) -> Reply {
    let code = query.get("user_code").cloned().unwrap_or_default();
    let given = &mut lock(&state.given);
    match given.devices.values_mut().find(|device| device.user_code == code) {
        Some(device) => {
            device.approved = true;
            page(StatusCode::OK, "The request was approved.")
        }
        None => page(StatusCode::NOT_FOUND, "No device waits with this code."),
    }
}

fn redirect(location: &str) -> Reply {
    let response = Response::builder().status(StatusCode::FOUND).header("location", location);
    response
        .body(Full::default())
        .unwrap_or_else(|_| crate::server::status(StatusCode::BAD_REQUEST))
}

fn page(status: StatusCode, text: &str) -> Reply {
    super::reply(status, "text/html; charset=utf-8", format!("<!doctype html><p>{text}</p>\n"))
}

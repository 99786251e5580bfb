//! The message gateway: admits websockets and hands them to the relay of their session.

use futures_util::StreamExt;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

use crate::api::{self, ApiError};
use crate::lock;
use crate::server::{Reply, Stream, status};
use crate::session::{Command, count};
use crate::sigv4;
use crate::state::State;

mod alarm;
mod passage;
pub(crate) mod relay;
mod wire;

#[cfg(test)]
mod tests;

/// Where data channels are.
pub(crate) const PATH: &str = "/v1/data-channel/";

/// How long a new websocket may take until OpenDataChannel.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// A client whose token was good.
pub(crate) struct Client {
    pub(crate) websocket: WebSocketStream<Stream>,
}

/// The first message on a websocket.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OpenDataChannel {
    message_schema_version: String,
    request_id: String,
    token_value: String,
    #[serde(default)]
    client_instance_id: Option<String>,
}

/// Answers a websocket upgrade and serves the websocket afterwards.
pub(crate) fn upgrade(request: Request<Incoming>, state: Arc<State>) -> Reply {
    if let Some(code) = lock(&state.service_faults).refused_upgrades.pop_front() {
        tracing::info!(code, "websocket upgrade refused");
        return status(StatusCode::from_u16(code).unwrap_or(StatusCode::FORBIDDEN));
    }
    let encoded = request.uri().path()[PATH.len()..].to_owned();
    let id = String::from_utf8(sigv4::decode(&encoded, false)).unwrap_or_default();
    let signed = request.headers().contains_key(header::AUTHORIZATION);
    if let Err(error) = check_signature(&request, &id, &state) {
        tracing::info!(code = error.code, message = error.message, "websocket upgrade refused");
        return json(StatusCode::FORBIDDEN, &error.message);
    }
    let Some(key) = websocket_key(request.headers()) else {
        return status(StatusCode::BAD_REQUEST);
    };
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = reply.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(value) = HeaderValue::from_str(&key) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, value);
    }
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else {
            return;
        };
        let Ok(parts) = upgraded.downcast::<TokioIo<Stream>>() else {
            return;
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(64 * 1024)
            .write_buffer_size(64 * 1024)
            .max_write_buffer_size(1024 * 1024);
        let websocket = WebSocketStream::from_partially_read(
            parts.io.into_inner(),
            parts.read_buf.to_vec(),
            Role::Server,
            Some(config),
        )
        .await;
        admit(websocket, &id, signed, &state).await;
    });
    reply
}

fn json(code: StatusCode, message: &str) -> Reply {
    let text = serde_json::json!({ "message": message }).to_string();
    let mut reply = Response::new(Full::from(text));
    *reply.status_mut() = code;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// Checks a signature if there is one, or if there has to be one.
fn check_signature(request: &Request<Incoming>, id: &str, state: &State) -> Result<(), ApiError> {
    let signed = request.headers().contains_key(header::AUTHORIZATION);
    if !signed && !state.config.require_signed_upgrade {
        return Ok(());
    }
    let target = sigv4::Request {
        method: "GET",
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        headers: request.headers(),
        body: b"",
    };
    api::authenticate(&target, "ssmmessages", state)?;
    let region = &state.config.region;
    let resource = format!("arn:aws:ssm:{region}:{}:session/{id}", crate::credentials::ACCOUNT);
    api::authorize("ssmmessages:OpenDataChannel", &resource, state)
}

/// Returns the answer to the client's key if the request is a proper websocket upgrade.
fn websocket_key(headers: &HeaderMap) -> Option<String> {
    let has = |name: header::HeaderName, word: &str| {
        headers.get_all(name).iter().any(|value| {
            let value = value.to_str().unwrap_or_default();
            value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
        })
    };
    let proper = has(header::CONNECTION, "upgrade")
        && has(header::UPGRADE, "websocket")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    proper.then(|| derive_accept_key(key.as_bytes()))
}

/// Waits for OpenDataChannel and hands the websocket to the session, or closes it.
async fn admit(mut websocket: WebSocketStream<Stream>, id: &str, signed: bool, state: &State) {
    let text = tokio::time::timeout(OPEN_TIMEOUT, first_text(&mut websocket)).await;
    let refusal = match text {
        Ok(Some(text)) => check_open(&text, id, state).err(),
        _ => Some("no OpenDataChannel"),
    };
    if let (None, Some(session)) = (refusal, state.session(id)) {
        if signed {
            count(&session.counters.signed_connects, 1);
        }
        session.command(Command::Attach(Box::new(Client { websocket })));
        return;
    }
    let reason = refusal.unwrap_or("no such session");
    tracing::info!(session = id, reason, "websocket closed");
    let frame = CloseFrame { code: 1008.into(), reason: reason.into() };
    let _ = websocket.close(Some(frame)).await;
    let goodbye = async { while let Some(Ok(_)) = websocket.next().await {} };
    let _ = tokio::time::timeout(Duration::from_secs(1), goodbye).await;
}

/// Returns the first data message if it is a text.
async fn first_text(websocket: &mut WebSocketStream<Stream>) -> Option<String> {
    while let Some(Ok(message)) = websocket.next().await {
        match message {
            Message::Text(text) => return Some(text.as_str().to_owned()),
            Message::Ping(_) | Message::Pong(_) => {}
            _ => return None,
        }
    }
    None
}

fn check_open(text: &str, id: &str, state: &State) -> Result<(), &'static str> {
    let open: OpenDataChannel =
        serde_json::from_str(text).map_err(|_| "OpenDataChannel is not understood")?;
    if open.message_schema_version != "1.0" || open.request_id.is_empty() {
        return Err("OpenDataChannel is not understood");
    }
    if open.client_instance_id.is_some() {
        return Err("agents do not connect from outside");
    }
    if state.redeem_token(&open.token_value, id) { Ok(()) } else { Err("token is invalid") }
}

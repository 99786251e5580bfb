//! From a stream URL to a websocket: address checked, proxy passed, TLS spoken, upgrade signed.
//!
//! Uncompressed, without subprotocol, over HTTP/1.1: as Amazon's own client dials. Messages are sent
//! unfragmented.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use http::{Request, Response, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use ssmpf_schema::ErrorKind;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WebsocketError, error::TlsError};

use super::proxy::{self, ConnectError};
use super::stream_url::StreamUrl;
use super::transport::{self, Transport};
use crate::aws::error::{CLOCK_HINT, Peer, clock_complaint};
use crate::aws::{AwsContext, AwsFailure, Verdict, sigv4};
use crate::model::Redacted;

/// Longest wait for the TCP connection. Shorter than the agent's patience, which is 15 seconds.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for a usable websocket, everything included: what Amazon's own client allows.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(45);

/// Largest message taken from the gateway, in bytes.
///
/// Agents send about 1.2 KB; the control channel's documented most is 142,000.
pub const MAX_MESSAGE: usize = 1024 * 1024;

/// Bytes read from the socket at once: some fifty messages of an agent.
const READ_BUFFER: usize = 64 * 1024;

/// Bytes gathered before they are written even without a flush.
const WRITE_BUFFER: usize = 64 * 1024;

/// Most bytes that wait for a socket that takes none. One message beyond the buffer must fit.
const MAX_WRITE_BUFFER: usize = WRITE_BUFFER + 2 * MAX_MESSAGE;

/// Most bytes of a refusal that are quoted: a whole sentence of IAM, not a whole page of a proxy.
const MAX_QUOTED: usize = 500;

/// What the other end is called in sentences.
const GATEWAY: &str = "the message gateway";

/// A websocket to the message gateway.
pub type Websocket = WebSocketStream<Transport>;

/// Why no websocket came about. Its verdict says whether dialling again may help; after most failures
/// the token is used up, so that "again" means ResumeSession first.
pub type DialError = AwsFailure;

/// Dials stream URLs. Cheap to clone.
#[derive(Clone)]
pub struct Dialer {
    context: AwsContext,
    proxies: Arc<Matcher>,
}

impl Dialer {
    /// Makes a dialer for sessions of `context`; proxies come from the environment, as for the SDK.
    pub fn new(context: &AwsContext) -> Self {
        Self::with_proxies(context, Matcher::from_env())
    }

    fn with_proxies(context: &AwsContext, proxies: Matcher) -> Self {
        Self { context: context.clone(), proxies: Arc::new(proxies) }
    }

    /// Connects to `stream_url`, which StartSession or ResumeSession just returned.
    pub async fn dial(&self, stream_url: &Redacted<String>) -> Result<Websocket, DialError> {
        let url = StreamUrl::parse(stream_url.expose(), self.context.ssm_endpoint())?;
        timeout(DIAL_TIMEOUT, self.dial_checked(&url))
            .await
            .unwrap_or_else(|_| Err(timed_out(GATEWAY, &url.host)))
    }

    async fn dial_checked(&self, url: &StreamUrl) -> Result<Websocket, DialError> {
        // The signature may need the network (credentials), so it is made while the socket connects.
        let (transport, request) = tokio::join!(self.transport(url), self.request(&url.uri));
        let (transport, request) = (transport?, request?);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(MAX_WRITE_BUFFER)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let upgraded =
            tokio_tungstenite::client_async_with_config(request, transport, Some(config)).await;
        match upgraded {
            Ok((websocket, _response)) => Ok(websocket),
            Err(WebsocketError::Http(response)) => Err(self.refused(&response, &url.host).await),
            Err(error) => Err(upgrade_failed(&error, &url.host)),
        }
    }

    async fn transport(&self, url: &StreamUrl) -> Result<Transport, DialError> {
        let proxy = url.for_proxy().and_then(|uri| self.proxies.intercept(&uri));
        let transport = match proxy {
            Some(proxy) => self.through(&proxy, url).await?,
            None => connected(GATEWAY, &url.host, url.port).await?,
        };
        if url.tls { self.with_tls(transport, GATEWAY, &url.host).await } else { Ok(transport) }
    }

    async fn through(&self, proxy: &Intercept, url: &StreamUrl) -> Result<Transport, DialError> {
        const PROXY: &str = "the proxy";
        let tls = match proxy.uri().scheme_str() {
            Some("http") => false,
            Some("https") => true,
            scheme => {
                return Err(AwsFailure::usage(
                    format!("proxies of the kind `{}` are not supported", scheme.unwrap_or("?")),
                    "HTTPS_PROXY takes http://… and https://… proxies",
                ));
            }
        };
        let host = proxy.uri().host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = proxy.uri().port_u16().unwrap_or(if tls { 443 } else { 80 });
        tracing::debug!(host, port, "connecting through a proxy");
        let mut transport = connected(PROXY, host, port).await?;
        if tls {
            transport = self.with_tls(transport, PROXY, host).await?;
        }
        let authority = url.authority();
        proxy::connect(&mut transport, &authority, proxy.basic_auth())
            .await
            .map_err(|error| proxy_failed(error, host, &authority))?;
        Ok(transport)
    }

    async fn with_tls(
        &self,
        transport: Transport,
        what: &str,
        host: &str,
    ) -> Result<Transport, DialError> {
        let failed = |error: &(dyn std::error::Error + 'static)| failed(error, what, host);
        let roots = self.context.trust().roots().await;
        let roots = roots.map_err(|error| failed(&error))?;
        let tls = transport.with_tls(host, Arc::clone(&roots.websocket)).await;
        tls.map_err(|error| failed(&error))
    }

    /// Builds the upgrade, signed unless the URL already is or there are no credentials.
    async fn request(&self, uri: &Uri) -> Result<Request<()>, DialError> {
        let mut request = uri.into_client_request().map_err(|error| {
            AwsFailure::new(ErrorKind::SessionFailed, Verdict::GiveUp, error.to_string(), "")
        })?;
        if sigv4::is_presigned(uri) {
            return Ok(request);
        }
        match self.context.credentials().await {
            Ok(credentials) => {
                let now = self.context.clock().now();
                let region = self.context.region();
                let headers = sigv4::websocket_headers(uri, region, &credentials, now);
                let headers = headers.map_err(|error| {
                    let text = error.to_string();
                    AwsFailure::new(ErrorKind::SessionFailed, Verdict::GiveUp, text, "")
                })?;
                request.headers_mut().extend(headers);
            }
            // The token alone was enough for years; whether it still is, the gateway decides.
            Err(failure) => tracing::warn!(%failure, "connecting without a signature"),
        }
        Ok(request)
    }

    async fn refused(&self, response: &Response<Option<Vec<u8>>>, host: &str) -> DialError {
        let date = response.headers().get("date").and_then(|date| date.to_str().ok());
        let date = date.and_then(|text| DateTime::from_str(text, Format::HttpDate).ok());
        if let Some(theirs) = date.and_then(|date| SystemTime::try_from(date).ok()) {
            self.context.clock().observe(theirs, SystemTime::now());
        }
        let failure = explain_status(response, host, self.context.clock().complaint());
        if failure.verdict == Verdict::SignIn {
            self.context.forget_credentials(failure.kind).await;
        }
        failure
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("region", &self.context.region()).finish_non_exhaustive()
    }
}

async fn connected(what: &str, host: &str, port: u16) -> Result<Transport, DialError> {
    match timeout(CONNECT_TIMEOUT, transport::connect(host, port)).await {
        Ok(Ok(tcp)) => Ok(Transport::Plain(tcp)),
        Ok(Err(error)) => Err(failed(&error, what, host)),
        Err(_) => Err(timed_out(what, host)),
    }
}

fn failed(error: &(dyn std::error::Error + 'static), what: &str, host: &str) -> DialError {
    let host = Some(host);
    AwsFailure::from_transport(error, &Peer { what, host })
}

fn timed_out(what: &str, host: &str) -> DialError {
    failed(&std::io::Error::from(std::io::ErrorKind::TimedOut), what, host)
}

fn proxy_failed(error: ConnectError, host: &str, authority: &str) -> DialError {
    match error {
        ConnectError::Refused(status) => {
            let hint = if status == http::StatusCode::PROXY_AUTHENTICATION_REQUIRED {
                "put user name and password into HTTPS_PROXY: http://user:password@proxy:port"
            } else {
                "the proxy must allow CONNECT to `ssmmessages` endpoints; NO_PROXY names hosts that \
                 are reached without it"
            };
            AwsFailure::new(
                ErrorKind::Network,
                Verdict::TryAgain,
                format!("the proxy at {host} refused to connect to {authority}: {status}"),
                hint,
            )
        }
        ConnectError::NotHttp => AwsFailure::new(
            ErrorKind::Network,
            Verdict::TryAgain,
            format!("the proxy at {host} does not speak HTTP"),
            "check HTTPS_PROXY",
        ),
        ConnectError::Io(error) => failed(&error, "the proxy", host),
    }
}

fn upgrade_failed(error: &WebsocketError, host: &str) -> DialError {
    match error {
        WebsocketError::Io(error) => failed(error, GATEWAY, host),
        WebsocketError::Tls(TlsError::Rustls(error)) => failed(&**error, GATEWAY, host),
        error => AwsFailure::new(
            ErrorKind::Network,
            Verdict::TryAgain,
            format!("{GATEWAY} at {host} did not answer with a websocket"),
            "a proxy or firewall on the way may not let websockets through",
        )
        .caused_by(error),
    }
}

/// Explains an answer other than "101 Switching Protocols".
fn explain_status(
    response: &Response<Option<Vec<u8>>>,
    host: &str,
    clock: Option<String>,
) -> DialError {
    let status = response.status();
    let body = response.body().as_deref().unwrap_or_default();
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_QUOTED)]);
    let text = text.trim();
    let clock = clock.or_else(|| clock_complaint(text).map(str::to_owned));
    let answered = format!("{GATEWAY} at {host} answered {status}");
    let failure = match (status.as_u16(), clock) {
        (401 | 403, Some(complaint)) => AwsFailure::new(
            ErrorKind::ClockSkew,
            Verdict::TryAgain,
            format!("{answered}: the clock of this machine is {complaint}"),
            CLOCK_HINT,
        ),
        (401 | 403, None) => AwsFailure::new(
            ErrorKind::Denied,
            Verdict::SignIn,
            format!("{answered} to the signed connection"),
            "most likely the policy lacks `ssmmessages:OpenDataChannel` on the session; a clock that \
             is more than five minutes off, or a proxy, can cause it too",
        ),
        (404 | 410, _) => AwsFailure::new(
            ErrorKind::SessionFailed,
            Verdict::SessionOver,
            format!("{answered}: the session is gone"),
            "start it again",
        ),
        (429, _) => AwsFailure::new(
            ErrorKind::Throttled,
            Verdict::TrySlower,
            answered,
            "wait a moment and try again",
        ),
        _ => AwsFailure::new(
            ErrorKind::Network,
            Verdict::TryAgain,
            format!("{answered} instead of opening a websocket"),
            "a proxy or firewall on the way may not let websockets through",
        ),
    };
    AwsFailure { causes: if text.is_empty() { vec![] } else { vec![text.to_owned()] }, ..failure }
}

#[cfg(test)]
#[path = "websocket_tests.rs"]
mod tests;

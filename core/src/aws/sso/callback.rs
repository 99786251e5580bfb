//! The little server on loopback to which the browser brings the authorization code.
//!
//! It answers one request for good: the first that knows the state of this attempt. Others, such as
//! for a favicon or from somebody who guesses, get an error page and change nothing.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

use crate::model::Redacted;

/// Where the answer arrives; registered with the client, without a port.
pub(super) const PATH: &str = "/oauth/callback";

/// Connections at the same time: a browser may open several.
const CONNECTIONS: usize = 16;

/// Longest wait for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What the page said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The person signed in.
    Code(Redacted<String>),
    /// The person, or the service, said no.
    Refused {
        /// The word for it, such as `access_denied`.
        error: String,
        /// A sentence, perhaps.
        description: String,
    },
}

/// A server that waits for one answer.
#[derive(Debug)]
pub(super) struct Callback {
    listener: TcpListener,
    port: u16,
}

impl Callback {
    /// Listens on a free port of loopback.
    pub(super) async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// Returns the port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the answer that knows `state`. Ends with it, and never by itself.
    pub(super) async fn answer(self, state: &str) -> io::Result<Answer> {
        let (found, mut answer) = oneshot::channel();
        let wanted = Arc::new(Wanted { state: state.to_owned(), found: Mutex::new(Some(found)) });
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let (stream, _) = tokio::select! {
                answer = &mut answer => {
                    return answer.map_err(|_| io::ErrorKind::BrokenPipe.into());
                }
                accepted = self.listener.accept() => accepted?,
            };
            // Too many at once: whoever it is, the browser tries again.
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
            let wanted = Arc::clone(&wanted);
            // Lives on for a moment after the answer, so that the browser gets its page.
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let reply = wanted.reply(&request);
                    async { Ok::<_, Infallible>(reply) }
                });
                let served = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_TIMEOUT)
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
                if let Err(error) = served {
                    tracing::debug!(%error, "a request to the sign-in page broke off");
                }
                drop(permit);
            });
        }
    }
}

struct Wanted {
    state: String,
    found: Mutex<Option<oneshot::Sender<Answer>>>,
}

impl Wanted {
    fn reply(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET || request.uri().path() != PATH {
            return page(StatusCode::NOT_FOUND, "Nothing here", "This is not the page you want.");
        }
        match self.check(request.uri().query().unwrap_or_default()) {
            Err(why) => page(StatusCode::BAD_REQUEST, "Not this sign-in", why),
            Ok(answer) => {
                let reply = match &answer {
                    Answer::Code(_) => page(
                        StatusCode::OK,
                        "Signed in",
                        "You can close this window and go back to the terminal.",
                    ),
                    Answer::Refused { .. } => page(
                        StatusCode::OK,
                        "Not signed in",
                        "The sign-in was refused. The terminal says more.",
                    ),
                };
                let found = self.found.lock().unwrap_or_else(|broken| broken.into_inner()).take();
                match found {
                    Some(found) => {
                        // Nobody waits any more when the command was cut short.
                        let _ = found.send(answer);
                        reply
                    }
                    None => page(StatusCode::GONE, "Too late", "This sign-in is over already."),
                }
            }
        }
    }

    fn check(&self, query: &str) -> Result<Answer, &'static str> {
        let mut values: BTreeMap<_, _> = url::form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if values.get("state") != Some(&self.state) {
            return Err("The answer belongs to another sign-in. Start again from the terminal.");
        }
        if let Some(error) = values.remove("error") {
            let description = values.remove("error_description").unwrap_or_default();
            return Ok(Answer::Refused { error, description });
        }
        match values.remove("code").filter(|code| !code.is_empty()) {
            Some(code) => Ok(Answer::Code(code.into())),
            None => Err("The answer has no code. Start again from the terminal."),
        }
    }
}

/// Returns a page. None of its texts come from the request.
fn page(status: StatusCode, title: &str, text: &str) -> Response<Full<Bytes>> {
    let body = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>ssmpf: {title}</title>\n<style>\n\
         :root {{ color-scheme: light dark; font: 18px/1.5 system-ui, sans-serif }}\n\
         main {{ max-width: 30rem; margin: 20vh auto; padding: 0 1.5rem }}\n\
         h1 {{ font-size: 1.5rem }}\n</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n<p>{text}</p>\n<p><small>ssmpf on this machine</small></p>\n\
         </main>\n</body>\n</html>\n"
    );
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        // The address of the page has the code in it.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn get(port: u16, path: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("closed after one answer");
        answer
    }

    #[tokio::test]
    async fn only_the_answer_with_the_right_state_counts() {
        let callback = Callback::bind().await.expect("a free port");
        let port = callback.port();
        let waiting = tokio::spawn(callback.answer("right"));
        assert!(get(port, "/favicon.ico").await.starts_with("HTTP/1.1 404"));
        let wrong = get(port, "/oauth/callback?code=stolen&state=wrong").await;
        assert!(wrong.starts_with("HTTP/1.1 400"), "{wrong}");
        assert!(!wrong.contains("stolen"));
        assert!(get(port, "/oauth/callback?state=right").await.starts_with("HTTP/1.1 400"));
        let right = get(port, "/oauth/callback?code=the%2Bcode&state=right").await;
        assert!(right.starts_with("HTTP/1.1 200") && right.contains("Signed in"), "{right}");
        assert!(right.contains("no-store"), "{right}");
        let answer = waiting.await.expect("no panic").expect("an answer");
        assert_eq!(answer, Answer::Code("the+code".to_owned().into()));
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err(), "it has closed");
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer() {
        let callback = Callback::bind().await.expect("a free port");
        let port = callback.port();
        let waiting = tokio::spawn(callback.answer("s"));
        let page = get(port, "/oauth/callback?error=access_denied&error_description=no&state=s");
        assert!(page.await.contains("Not signed in"));
        let answer = waiting.await.expect("no panic").expect("an answer");
        let Answer::Refused { error, description } = answer else { panic!("{answer:?}") };
        assert_eq!((error.as_str(), description.as_str()), ("access_denied", "no"));
    }

    #[tokio::test]
    async fn garbage_does_not_end_it() {
        let callback = Callback::bind().await.expect("a free port");
        let port = callback.port();
        let waiting = tokio::spawn(callback.answer("s"));
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("it listens");
        stream.write_all(&[0xff; 2000]).await.expect("sent");
        let _ = stream.read_to_end(&mut Vec::new()).await;
        get(port, "/oauth/callback?code=c&state=s").await;
        assert!(matches!(waiting.await.expect("no panic"), Ok(Answer::Code(_))));
    }
}

//! Through an HTTP proxy to the gateway: one `CONNECT`, then bytes.

use http::{HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest answer to a `CONNECT` that is read, in bytes. Real ones have a few hundred.
const MAX_ANSWER: usize = 16 * 1024;

/// Why the proxy did not let us through.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// It answered with something other than 200.
    #[error("the proxy answered {0}")]
    Refused(StatusCode),
    /// It answered with something other than HTTP.
    #[error("the proxy did not answer with HTTP")]
    NotHttp,
    /// The connection to it failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Asks the proxy at the other end of `stream` for a connection to `authority` (`host:port`).
pub(super) async fn connect<S>(
    stream: &mut S,
    authority: &str,
    authorization: Option<&HeaderValue>,
) -> Result<(), ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    if let Some(value) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await?;
    stream.flush().await?;

    // Byte by byte: what follows the empty line belongs to the gateway and must stay in the socket.
    let mut answer = Vec::with_capacity(256);
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= MAX_ANSWER {
            return Err(ConnectError::NotHttp);
        }
        answer.push(stream.read_u8().await?);
        if !answer.starts_with(&b"HTTP/1."[..answer.len().min(7)]) {
            return Err(ConnectError::NotHttp);
        }
    }
    match status(&answer) {
        Some(StatusCode::OK) => Ok(()),
        Some(status) => Err(ConnectError::Refused(status)),
        None => Err(ConnectError::NotHttp),
    }
}

/// Reads the status out of `HTTP/1.x NNN …`.
fn status(answer: &[u8]) -> Option<StatusCode> {
    let line = answer.split(|&byte| byte == b'\r').next()?;
    let mut words = line.split(|&byte| byte == b' ');
    let _version = words.next()?;
    StatusCode::from_bytes(words.next()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answered(answer: &[u8]) -> (Result<(), ConnectError>, String, Vec<u8>) {
        let (mut near, mut far) = tokio::io::duplex(64 * 1024);
        far.write_all(answer).await.expect("room");
        let secret = HeaderValue::from_static("Basic eDp5");
        let result = connect(&mut near, "gateway.example:443", Some(&secret)).await;
        let mut left = Vec::new();
        far.shutdown().await.expect("open");
        near.read_to_end(&mut left).await.expect("readable");
        drop(near);
        let mut asked = String::new();
        far.read_to_string(&mut asked).await.expect("text");
        (result, asked, left)
    }

    #[tokio::test]
    async fn a_proxy_that_agrees_leaves_the_rest_of_the_bytes_alone() {
        let (result, asked, left) = answered(b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\nhello").await;
        result.expect("let through");
        assert_eq!(
            asked,
            "CONNECT gateway.example:443 HTTP/1.1\r\nHost: gateway.example:443\r\n\
             Proxy-Authorization: Basic eDp5\r\n\r\n"
        );
        assert_eq!(left, b"hello");
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_is_quoted_with_its_status() {
        let (result, ..) = answered(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
        assert!(matches!(result, Err(ConnectError::Refused(status)) if status == 407));
    }

    #[tokio::test]
    async fn anything_but_http_is_refused_at_once() {
        let (result, ..) = answered(b"SSH-2.0-OpenSSH_9.6\r\n").await;
        assert!(matches!(result, Err(ConnectError::NotHttp)));
    }

    #[tokio::test]
    async fn an_endless_answer_is_given_up() {
        let mut answer = b"HTTP/1.1 200 OK\r\n".to_vec();
        answer.resize(MAX_ANSWER + 100, b'x');
        let (result, ..) = answered(&answer).await;
        assert!(matches!(result, Err(ConnectError::NotHttp)));
    }
}

//! The dialer against sockets of this machine.

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::aws::AwsSettings;

async fn context(endpoint: &str) -> AwsContext {
    let config = format!(
        "[profile test]\nregion = eu-west-1\nendpoint_url = {endpoint}\n\
         aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n"
    );
    let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, config).build();
    let settings = AwsSettings {
        profile: Some("test".to_owned()),
        files: Some(files),
        ..AwsSettings::default()
    };
    AwsContext::load(&settings).await.expect("complete settings")
}

async fn dialer(proxies: Matcher) -> Dialer {
    Dialer::with_proxies(&context("http://127.0.0.1:1").await, proxies)
}

fn no_proxy() -> Matcher {
    Matcher::builder().build()
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

/// Answers one connection with `answer` and returns what was asked.
async fn answering(answer: &'static str) -> (u16, tokio::task::JoinHandle<String>) {
    let (listener, port) = listener().await;
    let task = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a client");
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(socket.read_u8().await.expect("a request"));
        }
        socket.write_all(answer.as_bytes()).await.expect("open");
        socket.shutdown().await.expect("open");
        String::from_utf8(asked).expect("text")
    });
    (port, task)
}

fn url(port: u16) -> Redacted<String> {
    Redacted::new(format!("ws://127.0.0.1:{port}/v1/data-channel/a?role=publish_subscribe"))
}

#[tokio::test]
async fn a_signed_upgrade_opens_a_websocket() {
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.expect("a client");
        let mut websocket = tokio_tungstenite::accept_async(socket).await.expect("an upgrade");
        while let Some(Ok(message)) = websocket.next().await {
            websocket.send(message).await.expect("open");
        }
    });
    let dialer = dialer(no_proxy()).await;
    let mut websocket = dialer.dial(&url(port)).await.expect("connected");
    let message = Message::binary(vec![7; 1000]);
    websocket.send(message.clone()).await.expect("open");
    assert_eq!(websocket.next().await.expect("open").expect("a message"), message);
}

#[tokio::test]
async fn the_upgrade_asks_for_nothing_but_a_plain_signed_websocket() {
    let (port, asked) = answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
    let error = dialer(no_proxy()).await.dial(&url(port)).await.expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.hint.expect("a hint").contains("ssmmessages:OpenDataChannel"));
    let asked = asked.await.expect("answered").to_lowercase();
    assert!(asked.contains("authorization: aws4-hmac-sha256 credential=akidexample/"), "{asked}");
    assert!(asked.contains("/eu-west-1/ssmmessages/aws4_request"), "{asked}");
    assert!(asked.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{asked}");
    assert!(!asked.contains("sec-websocket-extensions"), "{asked}");
    assert!(!asked.contains("sec-websocket-protocol"), "{asked}");
}

#[tokio::test]
async fn a_wrong_clock_is_named_when_the_gateway_shows_its_own() {
    let (port, _asked) = answering(
        "HTTP/1.1 403 Forbidden\r\nDate: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    let error = dialer(no_proxy()).await.dial(&url(port)).await.expect_err("refused");
    assert_eq!(error.kind, ErrorKind::ClockSkew);
    assert!(error.message.contains("minutes ahead"), "{error}");
}

#[tokio::test]
async fn garbage_and_proxy_pages_are_told_from_refusals() {
    let (port, _asked) = answering("SSH-2.0-OpenSSH\r\n\r\n").await;
    let error = dialer(no_proxy()).await.dial(&url(port)).await.expect_err("garbage");
    assert!(error.message.contains("did not answer with a websocket"), "{error}");
    let (port, _asked) =
        answering("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nsquid").await;
    let error = dialer(no_proxy()).await.dial(&url(port)).await.expect_err("a proxy's page");
    assert!(error.message.contains("502 Bad Gateway"), "{error}");
    assert_eq!(error.verdict, Verdict::TryAgain);
}

#[tokio::test]
async fn a_refusing_proxy_is_quoted() {
    let (port, asked) = answering("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let proxies = Matcher::builder().all(format!("http://user:pass@127.0.0.1:{port}")).build();
    let error = dialer(proxies).await.dial(&url(9)).await.expect_err("refused");
    assert!(error.message.contains("407 Proxy Authentication Required"), "{error}");
    assert!(error.hint.expect("a hint").contains("HTTPS_PROXY"));
    let asked = asked.await.expect("answered");
    assert!(asked.starts_with("CONNECT 127.0.0.1:9 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"), "{asked}");
}

#[tokio::test]
async fn a_dead_gateway_is_refused_with_its_host() {
    let (listener, port) = listener().await;
    drop(listener);
    let error = dialer(no_proxy()).await.dial(&url(port)).await.expect_err("nobody there");
    assert_eq!(error.message, "the message gateway at 127.0.0.1 refused the connection");
}

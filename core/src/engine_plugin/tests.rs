//! The hand-over, with shell scripts in place of the plugin and a few canned answers in place of AWS.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use ssmpf_schema::Event;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::aws::{AwsSettings, SessionDocument};
use crate::model::{BindAddress, Destination, LocalPort, Port};
use crate::shutdown::Cause;

/// Answers every call the way Systems Manager would, and remembers the calls.
async fn aws() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 16 * 1024];
            let mut length = 0;
            // A request is complete with its body, which ends with a brace.
            while !request[..length].ends_with(b"}") {
                let read = socket.read(&mut request[length..]).await.expect("a request");
                assert!(read > 0, "the client left in the middle of a request");
                length += read;
            }
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            seen.lock().expect("not poisoned").push(request);
            let body = r#"{"SessionId":"alice-1","TokenValue":"secret","StreamUrl":"wss://x"}"#;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n\
                 Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            socket.write_all(answer.as_bytes()).await.expect("open");
        }
    });
    (endpoint, calls)
}

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

fn plan() -> ForwardPlan {
    let destination = Destination { host: None, port: Port::new(5432).expect("not 0") };
    ForwardPlan {
        target: "i-0123456789abcdef0".parse().expect("valid"),
        document: SessionDocument::for_destination(&destination, None).expect("fits"),
        destination,
        reason: None,
        bind: vec![BindAddress::Loopback],
        local_port: LocalPort::Auto,
        stdio: false,
        max_payload: None,
        upkeep: crate::forward::Upkeep::default(),
        ping_interval: None,
        since: Instant::now(),
        traffic: std::sync::Arc::default(),
    }
}

/// Writes a plugin of version 1.2.764.0 that runs `body` for a session.
fn fake_plugin(directory: &Path, body: &str) -> PathBuf {
    let (source, path) = (directory.join("source"), directory.join("plugin"));
    let script =
        format!("#!/bin/sh\nif [ \"$1\" = --version ]; then echo 1.2.764.0; exit; fi\n{body}");
    std::fs::write(&source, script).expect("writable");
    std::fs::set_permissions(&source, std::fs::Permissions::from_mode(0o755)).expect("ours");
    // Copied by another process: were it open for writing here while a test beside this one forks,
    // Linux would refuse to run it ("text file busy").
    let copied = std::process::Command::new("cp").args([&source, &path]).status();
    assert!(copied.expect("cp runs").success());
    path
}

fn collector() -> (EventSink, Arc<Mutex<Vec<Event>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&events);
    (EventSink::new(move |event| into.lock().expect("not poisoned").push(event)), events)
}

#[tokio::test]
async fn the_session_is_handed_over_in_the_environment_and_ended_afterwards() {
    let directory = TempDir::new().expect("a temporary directory");
    let record = directory.path().join("record");
    let plugin = fake_plugin(
        directory.path(),
        &format!(
            "echo \"$@\" > {0}\necho \"$AWS_SSM_START_SESSION_RESPONSE\" >> {0}\n\
             echo \"Port 15432 opened for sessionId alice-1.\"\nexec sleep 60\n",
            record.display()
        ),
    );
    let (endpoint, calls) = aws().await;
    let ctx = context(&endpoint).await;
    let (trigger, shutdown) = Shutdown::manual();
    let (all, events) = collector();
    // Ends the forward as soon as it is ready.
    let sink = EventSink::new(move |event| {
        if matches!(event.detail, Detail::Ready { .. }) {
            trigger.request(Cause::Interrupt);
        }
        all.emit(event.detail);
    });

    let outcome = run_with(plugin.as_os_str(), plan(), &ctx, &sink, &shutdown).await;

    assert_eq!(outcome.expect("ended in order").reason, "Ctrl-C");
    let record = std::fs::read_to_string(record).expect("the plugin ran");
    let (arguments, environment) = record.split_once('\n').expect("two lines");
    assert_eq!(
        arguments,
        format!(
            "AWS_SSM_START_SESSION_RESPONSE eu-west-1 StartSession test \
             {{\"Target\":\"i-0123456789abcdef0\"}} {endpoint}"
        )
    );
    assert_eq!(
        environment.trim(),
        r#"{"SessionId":"alice-1","TokenValue":"secret","StreamUrl":"wss://x"}"#
    );
    let calls = calls.lock().expect("not poisoned");
    assert!(calls[0].contains("AmazonSSM.StartSession"), "{}", calls[0]);
    assert!(!calls[0].contains(r#""localPortNumber":["0"]"#), "{}", calls[0]);
    assert!(calls[1].contains("AmazonSSM.TerminateSession"), "{}", calls[1]);
    let events = events.lock().expect("not poisoned");
    assert!(
        matches!(&events[1].detail, Detail::Ready { address, .. } if address == "127.0.0.1:15432"),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_plugin_that_gives_up_early_fails_the_session_with_its_last_words() {
    let directory = TempDir::new().expect("a temporary directory");
    let plugin = fake_plugin(directory.path(), "echo 'Cannot perform start session: EOF'\n");
    let (endpoint, _calls) = aws().await;
    let ctx = context(&endpoint).await;
    let (_trigger, shutdown) = Shutdown::manual();

    let error = run_with(plugin.as_os_str(), plan(), &ctx, &EventSink::silent(), &shutdown)
        .await
        .expect_err("the plugin ended");

    assert_eq!(error.kind, ErrorKind::SessionFailed);
    assert_eq!(error.causes, ["Cannot perform start session: EOF"]);
}

#[tokio::test]
async fn a_missing_plugin_is_found_before_anything_is_started() {
    let (endpoint, calls) = aws().await;
    let ctx = context(&endpoint).await;
    let (_trigger, shutdown) = Shutdown::manual();
    let nowhere = OsStr::new("/nowhere/session-manager-plugin");

    let error = run_with(nowhere, plan(), &ctx, &EventSink::silent(), &shutdown)
        .await
        .expect_err("there is none");

    assert!(error.message.contains("was not found"), "{error}");
    assert!(calls.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn a_busy_port_is_found_before_anything_is_started() {
    let directory = TempDir::new().expect("a temporary directory");
    let plugin = fake_plugin(directory.path(), "exit 0\n");
    let (endpoint, calls) = aws().await;
    let ctx = context(&endpoint).await;
    let (_trigger, shutdown) = Shutdown::manual();
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = Port::new(taken.local_addr().expect("bound").port()).expect("not 0");
    let mut plan = plan();
    plan.local_port = LocalPort::Fixed(port);

    let error = run_with(plugin.as_os_str(), plan, &ctx, &EventSink::silent(), &shutdown)
        .await
        .expect_err("it is taken");

    assert_eq!(error.kind, ErrorKind::PortBusy);
    assert!(calls.lock().expect("not poisoned").is_empty());
}

#[test]
fn versions_are_compared_by_number() {
    assert_eq!(version("1.2.764.0\n"), Some([1, 2, 764, 0]));
    assert!(version("1.2.1000.0").expect("a version") > WITHOUT_VARIABLE);
    assert_eq!(version("unknown"), None);
}

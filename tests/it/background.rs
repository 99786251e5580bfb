//! Forwards in the background: up, asked, ended, killed, found again.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use serde_json::Value;
use ssmpf_tests::{BASTION, TestEnv, process, servers};

use crate::catalogue::{env, json, ok};

/// Saves a connection to this port of the bastion, with a local port that is free.
pub(crate) fn save(env: &TestEnv, name: &str, port: u16, more: &[&str]) -> u16 {
    let local = servers::closed_port();
    let (port, text) = (port.to_string(), local.to_string());
    let mut arguments =
        vec!["add", name, "--target", BASTION, "--port", &port, "--local-port", &text];
    arguments.extend_from_slice(more);
    ok(env, &arguments);
    local
}

/// Ends whatever a test left running, also when it fails.
pub(crate) struct Cleanup<'a>(pub &'a TestEnv);

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        let _ = self.0.ssmpf(&["down", "--all"]).output();
    }
}

#[track_caller]
fn round_trip(port: u16) {
    let mut client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    client.set_read_timeout(Some(ssmpf_tests::PATIENCE)).unwrap();
    client.write_all(b"hello").unwrap();
    let mut back = [0; 5];
    client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"hello");
}

#[track_caller]
fn forward(env: &TestEnv, name: &str) -> Value {
    json(env, &["status", name])["forwards"][0].clone()
}

/// The files of running forwards; the slots of StartSession are not theirs.
fn runtime_files(env: &TestEnv) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(env.home().join("run")).unwrap();
    let paths = entries.flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_none_or(|it| it != "slots")).collect()
}

/// Whether a process is there and not only waiting to be noticed by its parent.
fn is_alive(pid: &Value) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn what_is_up_carries_bytes_and_what_is_down_leaves_nothing() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let local = save(&env, "web", servers::echo().port(), &[]);
    let up = ok(&env, &["up", "web"]);
    let line = format!("web  127.0.0.1:{local} → ");
    assert!(up.stderr.starts_with(&line), "{up:#?}");
    assert!(up.stderr.contains("ready in"), "{up:#?}");
    round_trip(local);

    let status = forward(&env, "web");
    assert_eq!(status["state"], "ready");
    assert_eq!(status["address"], format!("127.0.0.1:{local}"));
    assert_eq!((&status["clients_total"], &status["bytes_sent"]), (&1.into(), &5.into()));
    assert_eq!(status["session_ids"][0], env.emulator.sessions()[0].id);
    assert!(is_alive(&status["pid"]));
    assert!(json(&env, &["show", "web"])["connection"]["last_used"].is_string());

    let down = ok(&env, &["down", "web"]);
    assert!(down.stderr.contains("ended web"), "{down:#?}");
    assert!(!is_alive(&status["pid"]));
    assert_eq!(env.emulator.open_sessions(), 0);
    assert!(TcpStream::connect(("127.0.0.1", local)).is_err());
    assert_eq!(runtime_files(&env), Vec::<PathBuf>::new());
    assert_eq!(json(&env, &["status"])["forwards"], Value::Array(vec![]));
    process::run(env.ssmpf(&["status", "web"])).fails_with(3, &["`web` is not up"]);
}

//! What is said on stdout and stderr.

use std::io::Read;
use std::process::Stdio;

use ssmpf_tests::{BASTION, PATIENCE, TestEnv, process, servers};

#[test]
fn events_have_the_documented_fields() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::source());
    let mut client = tunnel.connect();
    std::io::Write::write_all(&mut client, b"1000\n").unwrap();
    servers::check_pattern(&mut client, 1000).unwrap();
    tunnel.wait_for("client_closed");
    let events = tunnel.events();
    for event in &events {
        assert_eq!(event["schema"], "ssmpf/1");
        assert!(event["connection"].is_null(), "an ad-hoc forward has no name: {event}");
        assert!(event["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{event}");
    }
    let ready = tunnel.wait_for("ready");
    assert_eq!(ready["target"], BASTION);
    assert_eq!(ready["session_id"], env.emulator.sessions()[0].id.as_str());
    assert!(ready["took_seconds"].as_f64().unwrap() < PATIENCE.as_secs_f64());
    let finished = tunnel.stop();
    let last = finished.stdout.lines().last().unwrap();
    let last: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["event"], "stopped");
    assert_eq!(last["exit_code"], 0);
}

#[test]
fn print_address_writes_the_address_alone() {
    let env = TestEnv::new();
    let port = servers::echo().port().to_string();
    let mut command =
        env.ssmpf(&["forward", "--target", BASTION, "--port", &port, "--print-address"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let line = servers::read_line(&mut stdout);
    let address: std::net::SocketAddr = line.trim_end().parse().unwrap();
    assert!(address.ip().is_loopback());
    process::signal(child.id(), "INT");
    assert!(process::wait(&mut child, PATIENCE).unwrap().success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "nothing else");
}

#[test]
fn a_person_gets_the_account_and_one_line_on_stderr() {
    let env = TestEnv::new();
    let port = servers::echo().port().to_string();
    let mut command = env.ssmpf(&["forward", "--target", BASTION, "--port", &port]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    // Which of them is first is decided by AWS: nobody waits for the account.
    let mut lines = [servers::read_line(&mut stderr), servers::read_line(&mut stderr)];
    lines.sort_by_key(|line| line.starts_with("account"));
    let [line, account] = lines;
    assert!(account.starts_with("account 123456789012 as Developer"), "{account}");
    for part in ["127.0.0.1:", "→", BASTION, "ready in"] {
        assert!(line.contains(part), "{part} is missing: {line}");
    }
    process::signal(child.id(), "TERM");
    assert!(process::wait(&mut child, PATIENCE).unwrap().success());
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(stdout, "");
}

#[test]
fn exit_codes_are_documented_in_the_program() {
    let help = TestEnv::new().run(&["help", "exit-codes"]);
    assert_eq!(help.code, Some(0));
    for code in ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "130"] {
        let listed = help.stdout.lines().any(|line| line.split_whitespace().next() == Some(code));
        assert!(listed, "{code} is missing: {}", help.stdout);
    }
}

#[test]
fn secrets_are_in_no_log() {
    let env = TestEnv::new();
    let port = servers::echo().port().to_string();
    let mut command = env.ssmpf(&["-vv", "forward", "--target", BASTION, "--port", &port]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        text
    });
    assert!(
        env.emulator.wait_until(PATIENCE, |e| e.sessions().iter().any(|s| s.messages_to_agent > 2))
    );
    env.emulator.faults().cut_all_clients();
    assert!(env.emulator.wait_until(PATIENCE, |e| e.sessions()[0].resumes > 0));
    process::signal(child.id(), "INT");
    process::wait(&mut child, PATIENCE).unwrap();
    let log = reader.join().unwrap();
    assert!(log.len() > 200, "it does log: {log}");
    for secret in ["cell-number", ssmpf_emulator::DEFAULT_SECRET_KEY, "TokenValue", "Signature="] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}

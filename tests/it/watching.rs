//! What follows forwards in the background: `status --watch`, `logs -f`, `wait`.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;
use ssmpf_tests::{process, servers};

use crate::background::{Cleanup, forward, round_trip, runtime_files, save, wait_until};
use crate::catalogue::{env, ok};

#[test]
fn wait_returns_when_it_is_ready_and_not_later_than_asked() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    env.run(&["wait", "web", "--timeout", "1s"]).fails_with(9, &["`web` is not up"]);
    env.run(&["wait", "wbe"]).fails_with(3, &["no connection named `wbe`", "`web`"]);
    let waited = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ok(&env, &["wait", "web", "--json"]));
        ok(&env, &["up", "web", "--no-wait"]);
        waiting.join().unwrap()
    });
    let document: Value = serde_json::from_str(&waited.stdout).unwrap();
    assert_eq!(document["forwards"][0]["state"], "ready");
}

#[test]
fn logs_are_shown_and_followed() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let local = save(&env, "web", servers::echo().port(), &[]);
    env.run(&["logs", "web"]).fails_with(3, &["no log of `web`"]);
    ok(&env, &["up", "web"]);
    let mut follower = env.ssmpf(&["logs", "web", "-f"]);
    let mut follower = follower.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let (send, seen) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        lines.map_while(Result::ok).for_each(|line| send.send(line).unwrap())
    });
    let wait_for = |text: &str| {
        while !seen.recv_timeout(ssmpf_tests::PATIENCE).expect(text).contains(text) {}
    };
    wait_for("ready in");
    round_trip(local);
    wait_for("client 1 closed, 5 bytes sent, 5 received");
    ok(&env, &["down", "web"]);
    wait_for("stopped: ssmpf down");
    process::signal(follower.id(), "INT");
    let ended = process::wait(&mut follower, ssmpf_tests::PATIENCE).expect("it ends");
    assert_eq!(ended.code(), Some(0));
    let last = ok(&env, &["logs", "web", "-n", "1", "--json"]).stdout;
    let event: Value = serde_json::from_str(&last).unwrap();
    assert_eq!((&event["event"], &event["connection"]), (&"stopped".into(), &"web".into()));
}

#[test]
fn a_watched_status_is_one_document_per_change() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    let mut watcher = env.ssmpf(&["status", "--watch", "--format", "jsonl"]);
    let mut watcher = watcher.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["forwards"], Value::Array(vec![]));
    ok(&env, &["up", "web"]);
    assert_eq!(next()["forwards"][0]["state"], "ready");
    ok(&env, &["down", "web"]);
    while next()["forwards"] != Value::Array(vec![]) {}
    process::signal(watcher.id(), "INT");
    let ended = process::wait(&mut watcher, ssmpf_tests::PATIENCE).expect("it ends");
    assert_eq!(ended.code(), Some(0));
}

/// Starts a command that follows something, and waits for its first line.
fn follower(env: &ssmpf_tests::TestEnv, arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut follower = env.ssmpf(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap());
    lines.read_line(&mut String::new()).unwrap();
    (follower, lines)
}

#[test]
fn who_follows_ends_with_its_reader_though_nothing_happens() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    for arguments in [&["status", "--watch", "--format", "jsonl"][..], &["logs", "web", "-f"]] {
        let (mut follower, reader) = follower(&env, arguments);
        drop(reader);
        let ended = process::wait(&mut follower, ssmpf_tests::PATIENCE);
        let _ = follower.kill();
        assert_eq!(ended.expect("it ends").code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn a_lazy_forward_at_rest_is_ready_and_has_no_session_to_show() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let local = save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web", "--lazy", "--idle-timeout", "1s"]);
    let at_rest = |status: &Value| {
        status["session_ids"] == Value::Array(vec![])
            && status["next_rotation"].is_null()
            && status["state"] == "ready"
            && status["up_since"].is_string()
    };
    assert!(at_rest(&forward(&env, "web")), "before its first client");
    round_trip(local);
    assert!(forward(&env, "web")["next_rotation"].is_string());
    assert!(env.emulator.wait_until(ssmpf_tests::PATIENCE, |it| it.open_sessions() == 0));
    assert!(wait_until(|| at_rest(&forward(&env, "web"))), "{}", forward(&env, "web"));
}

#[test]
fn a_session_that_the_service_ended_while_nobody_used_it_is_not_shown_any_more() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let local = save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    round_trip(local);
    assert!(wait_until(|| forward(&env, "web")["clients"] == 0));
    // The disuse itself: a client that leaves at the same moment was reset by that end.
    std::thread::sleep(std::time::Duration::from_millis(1200));
    env.emulator.faults().end_sessions("");
    let gone = |status: &Value| status["session_ids"] == Value::Array(vec![]);
    assert!(wait_until(|| gone(&forward(&env, "web"))), "{}", forward(&env, "web"));
    let status = forward(&env, "web");
    assert_eq!((&status["state"], &status["next_rotation"]), (&"ready".into(), &Value::Null));
    assert_eq!(env.emulator.call_count("StartSession"), 1, "the next client brings the next");
    round_trip(local);
    let status = forward(&env, "web");
    assert_eq!((&status["state"], &status["reconnects"]), (&"ready".into(), &0.into()));
}

#[test]
fn a_rotation_that_was_refused_at_first_leaves_no_trace_in_the_state() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let local = save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web", "--rotate-after", "2s"]);
    env.emulator.faults().start_fails("TargetNotConnected", 1);
    round_trip(local);
    let replaced = || ok(&env, &["logs", "web"]).stdout.contains("a new session took over");
    assert!(wait_until(replaced));
    assert_eq!(forward(&env, "web")["state"], "ready");
    let log = ok(&env, &["logs", "web"]).stdout;
    assert!(!log.contains("attempt 1"), "the old session served all the time: {log}");
}

#[test]
fn wait_says_why_what_was_not_waited_for_failed() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    env.emulator.faults().start_fails("AccessDeniedException", 1);
    ok(&env, &["up", "web", "--no-wait"]);
    env.run(&["wait", "web"]).fails_with(5, &["IAM does not allow"]);
    assert_eq!(runtime_files(&env), Vec::<std::path::PathBuf>::new());
}

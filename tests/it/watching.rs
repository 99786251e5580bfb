//! What follows forwards in the background: `status --watch`, `logs -f`, `wait`.

use serde_json::Value;
use ssmpf_tests::{process, servers};

use crate::background::{Cleanup, round_trip, save};
use crate::catalogue::{env, ok};

#[test]
fn wait_returns_when_it_is_ready_and_not_later_than_asked() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    env.run(&["wait", "web", "--timeout", "1s"]).fails_with(9, &["`web` is not up"]);
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
    use std::io::BufRead;
    let env = env();
    let _cleanup = Cleanup(&env);
    let local = save(&env, "web", servers::echo().port(), &[]);
    env.run(&["logs", "web"]).fails_with(3, &["no log of `web`"]);
    ok(&env, &["up", "web"]);
    let mut follower = env.ssmpf(&["logs", "web", "-f"]);
    let mut follower = follower.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let lines = std::io::BufReader::new(follower.stdout.take().unwrap()).lines();
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
    use std::io::BufRead;
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    let mut watcher = env.ssmpf(&["status", "--watch", "--format", "jsonl"]);
    let mut watcher = watcher.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(watcher.stdout.take().unwrap()).lines();
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

//! Live sessions listed and ended.

use serde_json::Value;
use ssmpf_tests::{BASTION, PATIENCE, TestEnv, servers};

use crate::finding::ok;

#[test]
fn own_sessions_are_listed_and_ended() {
    let env = TestEnv::new();
    let server = servers::echo();
    env.emulator.sessions_belong_to(Some("arn:aws:sts::123456789012:assumed-role/Ops/bob"));
    let other = env.forward_to(server);
    env.emulator.sessions_belong_to(None);
    let own = env.forward(&[
        "--target",
        BASTION,
        "--port",
        &server.port().to_string(),
        "--reason",
        "ticket 7",
    ]);
    let listed = |more: &[&str]| -> Vec<Value> {
        let mut arguments = vec!["sessions", "--json"];
        arguments.extend_from_slice(more);
        let document: Value = serde_json::from_str(&ok(env.run(&arguments)).stdout).unwrap();
        document["sessions"].as_array().unwrap().clone()
    };
    let id = own.wait_for("ready")["session_id"].as_str().unwrap().to_owned();

    let mine = listed(&[]);
    assert_eq!(mine.len(), 1, "{mine:?}");
    assert_eq!(mine[0]["session_id"], id.as_str());
    assert_eq!(mine[0]["target"], BASTION);
    assert_eq!(mine[0]["reason"], "ticket 7");
    assert_eq!(listed(&["--all"]).len(), 2);

    ok(env.run(&["sessions", "end", &id]));
    let ended = env.emulator.wait_until(PATIENCE, |emulator| {
        emulator.session(&id).is_some_and(|session| session.state.is_over())
    });
    assert!(ended);
    env.run(&["sessions", "end", "not an id"]).fails_with(2, &["not an id"]);
    drop((own, other));
}

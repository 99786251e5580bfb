//! Agents of every version and mode.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use ssmpf_emulator::{AckOrder, Node};
use ssmpf_tests::{BASTION, TestEnv, Tunnel, servers};

fn with_agent(version: &str) -> TestEnv {
    let node = Node::new(BASTION).online().agent(version);
    TestEnv::with_node(node, |builder| builder)
}

fn exchange(tunnel: &Tunnel, text: &[u8]) {
    let mut stream = tunnel.connect();
    stream.write_all(text).unwrap();
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, text);
}

#[test]
fn every_version_with_the_mux_carries_many_clients_at_once() {
    for version in
        ["3.0.222.0", "3.1.1511.0", "3.1.1575.0", "3.2.1041.0", "3.3.987.0", "3.3.4851.0"]
    {
        let env = with_agent(version);
        let tunnel = env.forward_to(servers::echo());
        let ready = tunnel.wait_for("ready");
        assert_eq!(ready["agent_version"], version);
        assert_eq!(ready["mode"], "mux");
        let held: Vec<_> = (0..5).map(|_| tunnel.connect()).collect();
        for (number, mut stream) in held.into_iter().enumerate() {
            stream.write_all(&[number as u8]).unwrap();
            let mut answer = [0];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer, [number as u8]);
        }
        assert_eq!(tunnel.stop().code, Some(0), "{version}");
    }
}

#[test]
fn an_agent_without_the_mux_serves_clients_in_turn() {
    for version in ["2.3.722.0", "2.3.756.0", "3.0.196.0"] {
        let env = with_agent(version);
        let tunnel = env.forward_to(servers::echo());
        assert_eq!(tunnel.wait_for("ready")["mode"], "basic");
        tunnel.wait_for("warning");
        for text in [&b"first"[..], b"second\n", b"\n", b"third"] {
            exchange(&tunnel, text);
        }
        assert_eq!(tunnel.stop().code, Some(0), "{version}");
        assert!(
            env.emulator.wait_until(Duration::from_secs(5), |e| e.open_sessions() == 0),
            "{version}"
        );
    }
}

#[test]
fn an_old_mux_agent_does_not_give_up_an_idle_session() {
    // Such an agent closes a mux that is silent for half a minute, here for twelve seconds;
    // keepalive frames, ten seconds apart, prevent it.
    let node = Node::new(BASTION).online().agent("3.0.222.0");
    let env = TestEnv::with_node(node, |builder| {
        builder.agents(|agents| agents.keepalive_timeout = Duration::from_secs(12))
    });
    let tunnel = env.forward_to(servers::echo());
    let mut stream = tunnel.connect();
    thread::sleep(Duration::from_secs(26));
    stream.write_all(b"still there?").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(tunnel.events_named("reconnecting").len(), 0);
}

#[test]
fn data_sent_before_the_agent_is_ready_is_not_lost() {
    let env = TestEnv::with(|builder| {
        builder.agents(|agents| agents.ready_after = Duration::from_millis(700))
    });
    exchange(&env.forward_to(servers::echo()), b"early");
}

#[test]
fn the_order_of_the_agents_last_handshake_messages_does_not_matter() {
    for order in [AckOrder::BeforeComplete, AckOrder::AfterComplete] {
        let env = TestEnv::with(|builder| builder.agents(|agents| agents.ack_order = order));
        exchange(&env.forward_to(servers::echo()), b"hello");
    }
}

#[test]
fn a_forbidden_destination_ends_the_forward_with_its_exit_code() {
    let env = TestEnv::new();
    let tunnel =
        env.start_forward(&["--target", BASTION, "--host", "169.254.169.254", "--port", "80"]);
    let finished = tunnel.wait();
    assert_eq!(finished.code, Some(7), "{finished:?}");
    assert!(finished.stderr.contains("forbids this destination"), "{finished:?}");
}

#[test]
fn an_agent_that_never_answers_is_given_up_in_time() {
    let env = TestEnv::new();
    env.emulator.faults().black_hole(true);
    let finished = env.start_forward(&["--target", BASTION, "--port", "80"]).wait();
    assert_eq!(finished.code, Some(9), "{finished:?}");
}

#[test]
fn a_task_is_a_target_like_any_other() {
    let target =
        "ecs:my_apps_0123456789abcdef0123456789abcdef_0123456789abcdef0123456789abcdef-1234567890";
    let env = TestEnv::with_node(Node::new(target).online(), |builder| builder);
    let port = servers::echo().port().to_string();
    let tunnel = env.forward(&["--target", target, "--port", &port]);
    exchange(&tunnel, b"hello");
    env.emulator.faults().cut_all_clients();
    tunnel.wait_for("resumed");
    exchange(&tunnel, b"again");
    assert_eq!(env.emulator.sessions()[0].target, target);
}

#[test]
fn a_refused_ssh_connection_fails_with_its_exit_code() {
    let env = TestEnv::new();
    let port = servers::closed_port().to_string();
    let finished = env.run(&[
        "forward",
        "--target",
        BASTION,
        "--port",
        &port,
        "--document",
        "AWS-StartSSHSession",
        "--stdio",
    ]);
    finished.fails_with(7, &["could not connect", "hint:"]);
}

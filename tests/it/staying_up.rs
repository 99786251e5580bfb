//! A forward outlives its sessions, its node and its user's sleep.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use ssmpf_emulator::{Emulator, Host, Node, REAL_PACE, SessionState};
use ssmpf_tests::{BASTION, PATIENCE, TestEnv, Tunnel, servers};

/// An environment whose bastion reaches the destination `db.internal:5432`, served here.
fn env_with_database(server: std::net::SocketAddr) -> TestEnv {
    TestEnv::with(|builder| builder.host("db.internal", 5432, server))
}

fn forward_to_database(env: &TestEnv, more: &[&str]) -> Tunnel {
    let mut arguments = vec!["--target", BASTION, "--host", "db.internal", "--port", "5432"];
    arguments.extend_from_slice(more);
    env.forward(&arguments)
}

#[track_caller]
fn echoes(stream: &mut TcpStream) {
    stream.write_all(b"hello").expect("the stream lives");
    let mut back = [0; 5];
    stream.read_exact(&mut back).expect("the stream lives");
    assert_eq!(&back, b"hello");
}

fn open_sessions(emulator: &Emulator) -> Vec<String> {
    let open = |state| !matches!(state, SessionState::Terminated | SessionState::Failed);
    let sessions = emulator.sessions().into_iter().filter(|session| open(session.state));
    sessions.map(|session| session.id).collect()
}

/// A client that downloads so many bytes and checks them.
fn download(tunnel: &Tunnel, bytes: u64) -> JoinHandle<Result<(), String>> {
    let mut stream = tunnel.connect();
    thread::spawn(move || {
        writeln!(stream, "{bytes}").map_err(|error| error.to_string())?;
        servers::check_pattern(&mut stream, bytes)
    })
}

fn paced() -> TestEnv {
    TestEnv::with(|builder| builder.agents(|agents| agents.pace = Some(REAL_PACE)))
}

fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field].as_str().unwrap_or_else(|| panic!("{field} in {event}"))
}

#[test]
fn a_session_is_replaced_before_it_is_cut_and_its_clients_stay() {
    let env = env_with_database(servers::echo());
    let tunnel = forward_to_database(&env, &["--rotate-after", "2s"]);
    let mut old = tunnel.connect();
    echoes(&mut old);
    let replaced = tunnel.wait_for("replaced");
    assert_eq!(replaced["clients_stay"], true, "{replaced}");
    echoes(&mut old);
    let mut new = tunnel.connect();
    echoes(&mut new);
    assert_eq!(open_sessions(&env.emulator).len(), 2, "the old one drains");
    drop(old);
    let closed = tunnel.wait_for("session_closed");
    assert_eq!(closed["session_id"], replaced["old_session_id"]);
    echoes(&mut new);
    assert_eq!(tunnel.stop().code, Some(0));
    assert!(env.emulator.wait_until(PATIENCE, |e| open_sessions(e).is_empty()));
}

#[test]
fn a_failover_is_followed_after_repeated_refusals() {
    let nobody = (std::net::Ipv4Addr::LOCALHOST, servers::closed_port()).into();
    let env = env_with_database(nobody);
    let tunnel = forward_to_database(&env, &[]);
    let replacement = servers::echo();
    env.emulator.change_fleet(|fleet| fleet.map(Host::new("db.internal", 5432, replacement)));
    for _ in 0..3 {
        let refused = tunnel.connect().read(&mut [0]);
        assert!(refused.is_err(), "the agent still knows the old address");
    }
    let replaced = tunnel.wait_for("replaced");
    assert!(text(&replaced, "reason").contains("refused 3 connections"), "{replaced}");
    echoes(&mut tunnel.connect());
}

#[test]
fn a_node_that_dies_resets_its_clients_and_its_successor_is_found() {
    let env = env_with_database(servers::echo());
    let tunnel = forward_to_database(&env, &["--silent-after", "1s"]);
    let mut client = tunnel.connect();
    echoes(&mut client);
    env.emulator.faults().agent_gone(BASTION);
    // It only waits: the probe that follows its traffic finds out.
    let lost = client.read(&mut [0]).expect_err("nobody will ever answer");
    assert_eq!(lost.kind(), ErrorKind::ConnectionReset);
    let told = tunnel.events_named("warning");
    assert!(told.iter().any(|event| text(event, "message").contains("not answered")), "{told:?}");
    let mut waiting = tunnel.connect();
    env.emulator.faults().agent_back(BASTION);
    echoes(&mut waiting);
}

#[test]
fn a_lazy_forward_has_a_session_only_while_it_is_used() {
    let env = env_with_database(servers::echo());
    let tunnel = forward_to_database(&env, &["--lazy", "--idle-timeout", "1s"]);
    let ready = tunnel.wait_for("ready");
    assert_eq!((&ready["lazy"], &ready["session_id"]), (&true.into(), &Value::Null));
    assert_eq!(env.emulator.call_count("StartSession"), 0);
    for round in 1..=2 {
        echoes(&mut tunnel.connect());
        let closed = tunnel.wait_for_count("session_closed", round);
        assert!(text(&closed[round - 1], "reason").contains("nobody uses it"));
        assert!(env.emulator.wait_until(PATIENCE, |e| open_sessions(e).is_empty()));
        assert_eq!(env.emulator.call_count("StartSession"), round);
    }
}

#[test]
fn several_sessions_share_the_clients() {
    let env = paced();
    let port = servers::source().port().to_string();
    let tunnel = env.forward(&["--target", BASTION, "--port", &port, "--sessions", "4"]);
    tunnel.wait_for_count("session_opened", 3);
    let downloads: Vec<_> = (0..4).map(|_| download(&tunnel, 200_000)).collect();
    for download in downloads {
        assert_eq!(download.join().expect("no panic"), Ok(()));
    }
    let sessions = env.emulator.sessions();
    let carried = sessions.iter().filter(|session| session.bytes_to_client > 200_000);
    assert_eq!(carried.count(), 4, "each carried one of them");
}

#[test]
fn a_download_that_takes_all_of_a_session_gets_it_for_itself() {
    let env = paced();
    let tunnel = env.forward_to(servers::source());
    let bulk = download(&tunnel, 6_000_000);
    tunnel.wait_for("session_opened");
    let before = env.emulator.sessions();
    assert_eq!(download(&tunnel, 1000).join().expect("no panic"), Ok(()));
    let after = env.emulator.sessions();
    let dials = |sessions: &[ssmpf_emulator::SessionInfo]| {
        sessions.iter().map(|session| session.dials).collect::<Vec<_>>()
    };
    assert_eq!((dials(&before), dials(&after)), (vec![1, 0], vec![1, 1]));
    assert_eq!(bulk.join().expect("no panic"), Ok(()));
}

#[test]
fn a_further_session_that_is_refused_disturbs_nobody() {
    let env = paced();
    let port = servers::echo().port().to_string();
    let tunnel = env.start_forward(&["--target", BASTION, "--port", &port, "--sessions", "2"]);
    tunnel.wait_for("ready");
    let mut client = tunnel.connect();
    env.emulator.faults().start_fails("AccessDeniedException", 100);
    tunnel.wait_for("ready");
    echoes(&mut client);
    echoes(&mut tunnel.connect());
    assert_eq!(tunnel.stop().code, Some(0));
}

#[test]
fn clients_are_held_until_somebody_signs_in() {
    let env = env_with_database(servers::echo());
    let tunnel = forward_to_database(&env, &[]);
    env.emulator.faults().start_fails("ExpiredTokenException", 1).end_sessions("");
    let warning = tunnel.wait_for("warning");
    assert_eq!(text(&warning, "kind"), "sign-in-required", "{warning}");
    let mut waiting = tunnel.connect();
    std::fs::create_dir_all(env.home().join(".aws")).expect("created");
    std::fs::write(env.home().join(".aws/credentials"), "[default]\n").expect("written");
    echoes(&mut waiting);
    let warnings = tunnel.events_named("warning");
    assert_eq!(warnings.len(), 1, "one notice is enough: {warnings:?}");
}

#[test]
fn a_forward_that_was_stopped_for_a_while_notices_at_once() {
    let env = env_with_database(servers::echo());
    let tunnel = forward_to_database(&env, &[]);
    echoes(&mut tunnel.connect());
    env.emulator.faults().black_hole(true);
    tunnel.signal("STOP");
    // The absence itself: shorter ones are taken for a busy machine.
    thread::sleep(Duration::from_secs(8));
    tunnel.signal("CONT");
    let woken = Instant::now();
    let event = tunnel.wait_for("reconnecting");
    // Pings alone would need 50 to 75 seconds.
    assert!(woken.elapsed() < Duration::from_secs(20), "{event}");
    env.emulator.faults().black_hole(false);
    tunnel.wait_for("resumed");
    echoes(&mut tunnel.connect());
}

#[test]
fn what_the_agent_would_repeat_for_minutes_is_not_waited_for() {
    let env = paced();
    let tunnel = env.forward_to(servers::source());
    let bulk = download(&tunnel, 100_000_000);
    let flows = |e: &Emulator| e.sessions()[0].bytes_to_client > 100_000;
    assert!(env.emulator.wait_until(PATIENCE, flows));
    // At the agent's pace 1,500 messages get lost meanwhile, and it repeats ten a second.
    env.emulator.faults().cut_agents(Duration::from_secs(2));
    let replaced = tunnel.wait_for("replaced");
    assert!(text(&replaced, "reason").contains("too much got lost"), "{replaced}");
    assert!(bulk.join().expect("no panic").is_err(), "reset, not left hanging");
    assert_eq!(download(&tunnel, 100_000).join().expect("no panic"), Ok(()));
}

#[test]
fn newcomers_keep_away_from_a_session_that_has_lost_its_connection() {
    let env = TestEnv::new();
    let port = servers::echo().port().to_string();
    let tunnel = env.forward(&["--target", BASTION, "--port", &port, "--sessions", "2"]);
    tunnel.wait_for("session_opened");
    env.emulator.faults().resume_fails("ThrottlingException", 1000);
    let first = env.emulator.sessions()[0].id.clone();
    env.emulator.session_faults(&first).expect("it is open").cut_all_clients();
    tunnel.wait_for("reconnecting");
    for _ in 0..10 {
        let mut client = tunnel.connect();
        client.set_read_timeout(Some(Duration::from_secs(5))).expect("not zero");
        echoes(&mut client);
    }
}

#[test]
fn an_interrupt_while_the_node_is_looked_for_is_followed_at_once() {
    let env = TestEnv::new();
    env.emulator.faults().api_latency_of("ec2", Duration::from_secs(60));
    let port = servers::echo().port().to_string();
    let tunnel = env.start_forward(&["--target", "tag:Name=bastion", "--port", &port]);
    tunnel.wait_for("resolving");
    let asked = Instant::now();
    assert_eq!(tunnel.stop().code, Some(0));
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    assert_eq!(env.emulator.sessions().len(), 0);
}

#[test]
fn a_node_that_is_replaced_behind_its_name_is_found_again() {
    const NEW: &str = "i-0fedcba9876543210";
    let env = TestEnv::with_node(Node::new(BASTION).named("bastion").online(), |it| it);
    let port = servers::echo().port().to_string();
    let more = ["--silent-after", "1s"];
    let arguments = ["--target", "tag:Name=bastion", "--port", &port, more[0], more[1]];
    let tunnel = env.forward(&arguments);
    let mut client = tunnel.connect();
    echoes(&mut client);
    // The group has put another instance in its place.
    env.emulator.change_fleet(|fleet| {
        fleet.nodes.retain(|node| node.id != BASTION);
        fleet.nodes.push(Node::new(NEW).named("bastion").online());
    });
    env.emulator.faults().agent_gone(BASTION);
    let lost = client.read(&mut [0]).expect_err("nobody will ever answer");
    assert_eq!(lost.kind(), ErrorKind::ConnectionReset);
    echoes(&mut tunnel.connect());
    let sessions = env.emulator.sessions();
    assert_eq!(sessions.last().map(|session| session.target.as_str()), Some(NEW));
}

#[test]
fn a_gateway_that_is_gone_for_a_minute_costs_an_open_client_nothing_but_time() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    let mut client = tunnel.connect();
    echoes(&mut client);
    // Of the attempts that a minute has room for, those with short delays.
    env.emulator.faults().refuse_upgrade(503, 6).cut_all_clients();
    tunnel.wait_for("reconnecting");
    client.write_all(b"meanwhile").expect("it is taken");
    let attempts = tunnel.wait_for_count("reconnecting", 7);
    let resumes = |event: &Value| event["session_id"] == env.emulator.sessions()[0].id;
    assert!(attempts.iter().all(resumes), "{attempts:#?}");
    tunnel.wait_for("resumed");
    let mut back = [0; 9];
    client.read_exact(&mut back).expect("nothing was lost");
    assert_eq!(&back, b"meanwhile");
    assert_eq!(env.emulator.call_count("StartSession"), 1);
}

#[test]
fn five_hundred_clients_are_served_at_once() {
    let env = TestEnv::new();
    let echo = servers::echo().port().to_string();
    // The limit that many systems set for a start, and two descriptors for each client here.
    let mut shell = env.command("sh");
    shell.args(["-c", "ulimit -Sn 256; exec \"$@\"", "sh"]).arg(ssmpf_tests::program("ssmpf"));
    shell.args(["forward", "--format", "jsonl", "--target", BASTION, "--port", &echo]);
    let tunnel = Tunnel::start(shell);
    let mut clients: Vec<TcpStream> = (0..500).map(|_| tunnel.connect()).collect();
    for _ in 0..2 {
        clients.iter_mut().for_each(|client| client.write_all(b"hello").expect("it is connected"));
        for client in &mut clients {
            let mut back = [0; 5];
            client.read_exact(&mut back).expect("each has its answer");
            assert_eq!(&back, b"hello");
        }
    }
    drop(clients);
    let closed = tunnel.wait_for_count("client_closed", 500);
    assert!(closed.iter().all(|event| event["bytes_received"] == 10));
    assert_eq!(tunnel.stop().code, Some(0));
}

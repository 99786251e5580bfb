//! Signals, the end of the session, and what is left behind.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ssmpf_emulator::{Node, TerminatedBy};
use ssmpf_tests::{BASTION, TestEnv, process, servers};

#[test]
fn every_polite_signal_ends_the_remote_session_and_exits_with_zero() {
    for signal in ["INT", "TERM", "HUP"] {
        let env = TestEnv::new();
        let tunnel = env.forward_to(servers::echo());
        let mut client = tunnel.connect();
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        let address = tunnel.address();
        let started = Instant::now();
        tunnel.signal(signal);
        let finished = tunnel.wait();
        assert_eq!(finished.code, Some(0), "{signal}: {finished:?}");
        assert!(started.elapsed() < Duration::from_secs(4), "{signal}");
        assert!(finished.stdout.contains("\"stopped\""), "{finished:?}");
        let session = &env.emulator.sessions()[0];
        assert_eq!(session.terminated_by, Some(TerminatedBy::Flag), "{signal}");
        let error = TcpStream::connect(address).expect_err("nobody listens any more");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn whoever_started_it_can_end_it_by_closing_its_stdin() {
    let env = TestEnv::new();
    let port = servers::echo().port().to_string();
    let mut command = env.ssmpf(&["forward", "--target", BASTION, "--port", &port]);
    command.args(["--format=jsonl", "--end-with-stdin"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(events.any(|event| event.contains("\"ready\"")), "it comes up and stays up");
    drop(child.stdin.take());
    let last = events.last().expect("it says that it ends");
    assert!(last.contains("\"stopped\"") && last.contains("input closed"), "{last}");
    let ended = process::wait(&mut child, ssmpf_tests::PATIENCE).expect("it ends");
    assert_eq!(ended.code(), Some(0));
    assert_eq!(env.emulator.sessions()[0].terminated_by, Some(TerminatedBy::Flag));
}

#[test]
fn an_agent_too_old_for_the_flag_is_ended_by_the_service() {
    let node = Node::new(BASTION).online().agent("2.3.722.0");
    let env = TestEnv::with_node(node, |builder| builder);
    let tunnel = env.forward_to(servers::echo());
    assert_eq!(tunnel.stop().code, Some(0));
    assert_eq!(env.emulator.sessions()[0].terminated_by, Some(TerminatedBy::Api));
}

#[test]
fn an_agent_that_does_not_confirm_is_ended_by_the_service() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    env.emulator.faults().black_hole(true);
    assert_eq!(tunnel.stop().code, Some(0));
    assert_eq!(env.emulator.call_count("TerminateSession"), 1);
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    env.emulator.faults().black_hole(true);
    tunnel.signal("INT");
    std::thread::sleep(Duration::from_millis(200));
    let started = Instant::now();
    tunnel.signal("INT");
    let finished = tunnel.wait();
    assert_eq!(finished.code, Some(130), "{finished:?}");
    assert!(finished.stdout.contains("\"stopped\""), "the last event: {finished:?}");
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[test]
fn an_interrupt_before_it_is_ready_leaves_no_session() {
    let env = TestEnv::new();
    // The gateway swallows the handshake, so the forward never becomes ready.
    env.emulator.faults().black_hole(true);
    let tunnel = env.start_forward(&["--target", BASTION, "--port", "80"]);
    tunnel.wait_for("starting");
    assert!(env.emulator.wait_until(Duration::from_secs(10), |e| !e.sessions().is_empty()));
    assert_eq!(tunnel.stop().code, Some(0));
    assert!(env.emulator.wait_until(Duration::from_secs(5), |e| e.open_sessions() == 0));
}

#[test]
fn a_reader_that_goes_away_ends_the_forward() {
    let env = TestEnv::new();
    let server = servers::echo().port().to_string();
    let mut command =
        env.ssmpf(&["forward", "--format", "jsonl", "--target", BASTION, "--port", &server]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    // The first event, then nobody reads.
    assert!(ssmpf_tests::servers::read_line(&mut stdout).contains("starting"));
    drop(stdout);
    let ended = ssmpf_tests::process::wait(&mut child, ssmpf_tests::PATIENCE);
    assert!(ended.is_some(), "a closed pipe is noticed");
    assert!(env.emulator.wait_until(Duration::from_secs(5), |e| e.open_sessions() == 0));
}

#[test]
fn a_forward_out_of_descriptors_waits_and_goes_on() {
    let env = TestEnv::new();
    let port = servers::echo().port().to_string();
    let mut shell = env.command("sh");
    // Enough to start, not enough for many clients.
    shell.arg("-c").arg("ulimit -n 40; exec \"$0\" \"$@\"").arg(ssmpf_tests::program("ssmpf"));
    shell.args(["forward", "--format", "jsonl", "--target", BASTION, "--port", &port]);
    let tunnel = ssmpf_tests::Tunnel::start(shell);
    let crowd: Vec<_> = (0..60).map(|_| tunnel.connect()).collect();
    std::thread::sleep(Duration::from_millis(500));
    let busy = cpu_ticks(tunnel.id());
    std::thread::sleep(Duration::from_secs(1));
    assert!(cpu_ticks(tunnel.id()) - busy < 30, "it waits instead of spinning");
    for client in &crowd {
        client.shutdown(std::net::Shutdown::Both).unwrap();
    }
    drop(crowd);
    let mut client = tunnel.connect();
    client.write_all(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    assert_eq!(tunnel.stop().code, Some(0));
}

/// CPU time of a process in hundredths of a second.
fn cpu_ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1.split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn a_killed_forward_keeps_no_port() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    let address = tunnel.address();
    tunnel.signal("KILL");
    assert_eq!(tunnel.wait().code, None);
    let error = TcpStream::connect(address).expect_err("nobody listens any more");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

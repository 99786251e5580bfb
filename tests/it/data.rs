//! Bytes arrive, once and in order, whatever the clients do.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use ssmpf_tests::{PATIENCE, TestEnv, Tunnel, servers};

const MIB: u64 = 1024 * 1024;

/// Downloads so many bytes of the pattern and compares them.
fn download(tunnel: &Tunnel, count: u64) {
    let mut stream = tunnel.connect();
    writeln!(stream, "{count}").unwrap();
    servers::check_pattern(&mut stream, count).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the server has closed");
}

/// Uploads so many bytes of the pattern; the server compares them.
fn upload(tunnel: &Tunnel, count: u64) {
    let mut stream = tunnel.connect();
    writeln!(stream, "{count}").unwrap();
    servers::send_pattern(&mut stream, count).unwrap();
    assert_eq!(servers::read_line(&mut stream), "ok\n");
}

#[test]
fn an_echo_comes_back() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    let mut stream = tunnel.connect();
    stream.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
}

#[test]
fn large_downloads_and_uploads_arrive_unchanged() {
    let env = TestEnv::new();
    download(&env.forward_to(servers::source()), 48 * MIB);
    upload(&env.forward_to(servers::checker()), 48 * MIB);
}

#[test]
fn a_paced_agent_is_served_just_as_well() {
    let env = TestEnv::with(|builder| {
        builder.agents(|agents| agents.pace = Some(ssmpf_emulator::REAL_PACE))
    });
    download(&env.forward_to(servers::source()), MIB);
    upload(&env.forward_to(servers::checker()), 4 * MIB);
}

#[test]
fn line_feeds_at_message_boundaries_stay_line_feeds() {
    // Amazon's client turns a message of a single line feed into a carriage return; these
    // lengths leave one at the end of its messages.
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    for length in [1_usize, 1016, 1017, 1024, 1025, 2033, 2041, 2049, 5000] {
        let mut stream = tunnel.connect();
        let line = [vec![b'x'; length - 1], vec![b'\n']].concat();
        stream.write_all(&line).unwrap();
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, line, "{length}");
    }
}

#[test]
fn a_client_that_half_closes_still_gets_its_answer() {
    let env = TestEnv::new();
    let server = servers::start(|mut stream| {
        let mut request = [0; 7];
        stream.read_exact(&mut request).unwrap();
        thread::sleep(Duration::from_millis(100));
        servers::send_pattern(&mut stream, 300_000).unwrap();
    });
    let tunnel = env.forward_to(server);
    let mut stream = tunnel.connect();
    stream.write_all(b"request").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    servers::check_pattern(&mut stream, 300_000).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_browser_sized_burst_of_requests_is_answered() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::source());
    let address = tunnel.address();
    let clients: Vec<_> = (0..120_u64)
        .map(|number| {
            thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let count = 1000 + number * 701;
                writeln!(stream, "{count}").unwrap();
                servers::check_pattern(&mut stream, count).unwrap();
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    tunnel.wait_for_count("client_closed", 120);
    let finished = tunnel.stop();
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn a_client_that_never_reads_does_not_hold_up_another() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::source());
    let mut stuck = tunnel.connect();
    writeln!(stuck, "{}", 1024 * MIB).unwrap();
    // The stuck client's buffers are full when the forward slows its reading down.
    let mut other = tunnel.connect();
    writeln!(other, "{}", 4 * MIB).unwrap();
    servers::check_pattern(&mut other, 4 * MIB).unwrap();
    for _ in 0..20 {
        let started = Instant::now();
        let mut ping = tunnel.connect();
        writeln!(ping, "10").unwrap();
        servers::check_pattern(&mut ping, 10).unwrap();
        assert!(started.elapsed() < PATIENCE / 3, "{:?}", started.elapsed());
    }
    let memory = resident_memory(tunnel.id());
    assert!(memory < 200 * MIB, "{} MiB", memory / MIB);
}

#[test]
fn a_slow_reader_that_is_alone_gets_everything() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::source());
    let mut stream = tunnel.connect();
    let total = 96 * MIB;
    writeln!(stream, "{total}").unwrap();
    // Longer than the buffers last; the agent has to be slowed down meanwhile.
    thread::sleep(Duration::from_secs(2));
    assert!(resident_memory(tunnel.id()) < 100 * MIB);
    servers::check_pattern(&mut stream, total).unwrap();
}

#[test]
fn a_server_that_does_not_read_does_not_hold_up_other_forwards() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::deaf());
    let mut stuck = tunnel.connect();
    stuck.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut sent = 0_u64;
    let blocked = loop {
        match stuck.write(&[0; 65536]) {
            Ok(count) => sent += count as u64,
            Err(error) => break error,
        }
    };
    assert!(matches!(blocked.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{blocked}");
    assert!(sent < 64 * MIB, "what the server does not read is bounded: {sent}");
    assert!(resident_memory(tunnel.id()) < 100 * MIB);
    download(&env.forward_to(servers::source()), MIB);
}

#[test]
fn a_refused_destination_resets_its_client_and_says_why() {
    let env = TestEnv::new();
    let port = servers::closed_port().to_string();
    let tunnel = env.forward(&["--target", ssmpf_tests::BASTION, "--port", &port]);
    let mut stream = tunnel.connect();
    stream.write_all(b"anyone?").ok();
    let error = stream.read(&mut [0]).expect_err("no orderly end");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let closed = tunnel.wait_for("client_closed");
    assert!(closed["reason"].as_str().unwrap().contains("could not connect"), "{closed}");
}

/// Resident memory of a process in bytes.
fn resident_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn an_answer_with_a_long_pause_in_it_reaches_a_half_closed_client_whole() {
    let env = TestEnv::new();
    let server = servers::start(|mut stream| {
        stream.write_all(b"first").unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
        thread::sleep(Duration::from_secs(20));
        stream.write_all(b"second").unwrap();
    });
    let tunnel = env.forward_to(server);
    let mut stream = tunnel.connect();
    stream.write_all(b"query").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "firstsecond");
}

#[test]
fn the_server_of_a_client_that_is_gone_is_told_soon() {
    let env = TestEnv::new();
    let (told, wait) = std::sync::mpsc::channel();
    let server = servers::start(move |mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        told.send(all).unwrap();
    });
    let tunnel = env.forward_to(server);
    let mut stream = tunnel.connect();
    stream.write_all(b"good bye").unwrap();
    drop(stream);
    assert_eq!(wait.recv_timeout(PATIENCE).unwrap(), b"good bye");
    tunnel.wait_for("client_closed");
}

//! TLS, proxies, signatures.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ssmpf_tests::{BASTION, TestEnv, Tunnel, servers};

fn forward_arguments() -> [&'static str; 5] {
    ["forward", "--target", BASTION, "--port", "80"]
}

fn works(tunnel: &Tunnel) {
    let mut stream = tunnel.connect();
    stream.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
}

/// A proxy that knows CONNECT only; counts what it lets through.
fn proxy(answer: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let passed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&passed);
    let address = servers::start(move |mut client| {
        let mut head = String::new();
        loop {
            let line = servers::read_line(&mut client);
            head.push_str(&line);
            if line.trim().is_empty() {
                break;
            }
        }
        let target = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
        client.write_all(answer.as_bytes()).unwrap();
        if !answer.contains(" 200 ") || !head.starts_with("CONNECT ") {
            return;
        }
        count.fetch_add(1, Ordering::Relaxed);
        let Ok(server) = TcpStream::connect(&target) else { return };
        let (mut from_client, mut to_server) =
            (client.try_clone().unwrap(), server.try_clone().unwrap());
        let up = thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
        let _ = std::io::copy(&mut &server, &mut client);
        let _ = client.shutdown(std::net::Shutdown::Both);
        let _ = up.join();
    });
    (address, passed)
}

#[test]
fn tls_with_a_private_authority_works_when_its_bundle_is_named() {
    let env = TestEnv::with(ssmpf_emulator::Builder::tls);
    works(&env.forward_to(servers::echo()));
}

#[test]
fn an_untrusted_certificate_is_said_as_such() {
    let mut env = TestEnv::with(ssmpf_emulator::Builder::tls);
    env.set("AWS_CA_BUNDLE", "");
    env.run(&forward_arguments()).fails_with(1, &["trust", "AWS_CA_BUNDLE"]);
}

#[test]
fn a_bundle_that_is_missing_or_no_bundle_is_named() {
    let mut env = TestEnv::new();
    env.set("AWS_CA_BUNDLE", "/no/such/file");
    env.run(&forward_arguments()).fails_with(2, &["/no/such/file"]);
}

#[test]
fn both_the_calls_and_the_websocket_go_through_the_proxy() {
    let (address, passed) = proxy("HTTP/1.1 200 OK\r\n\r\n");
    let mut env = TestEnv::with(ssmpf_emulator::Builder::tls);
    env.set("HTTPS_PROXY", &format!("http://{address}")).set("NO_PROXY", "");
    let tunnel = env.forward_to(servers::echo());
    works(&tunnel);
    assert!(passed.load(Ordering::Relaxed) >= 2, "calls and websocket");
}

#[test]
fn no_proxy_is_honoured() {
    let (address, passed) = proxy("HTTP/1.1 200 OK\r\n\r\n");
    let mut env = TestEnv::with(ssmpf_emulator::Builder::tls);
    env.set("HTTPS_PROXY", &format!("http://{address}")).set("NO_PROXY", "127.0.0.1,localhost");
    works(&env.forward_to(servers::echo()));
    assert_eq!(passed.load(Ordering::Relaxed), 0);
}

#[test]
fn a_proxy_that_refuses_is_named() {
    let (address, _) = proxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    let mut env = TestEnv::with(ssmpf_emulator::Builder::tls);
    env.set("HTTPS_PROXY", &format!("http://{address}")).set("NO_PROXY", "");
    env.run(&forward_arguments()).fails_with(1, &["proxy", "hint:"]);
}

#[test]
fn the_websocket_is_signed_and_the_signature_is_right() {
    let env = TestEnv::with(ssmpf_emulator::Builder::require_signed_websocket);
    let tunnel = env.forward_to(servers::echo());
    works(&tunnel);
    env.emulator.faults().cut_all_clients();
    tunnel.wait_for("resumed");
    works(&tunnel);
    let session = &env.emulator.sessions()[0];
    assert_eq!(session.client_connects, session.signed_connects);
}

#[test]
fn a_clock_that_is_an_hour_wrong_is_measured_and_corrected_or_said() {
    for offset in [3600, -3600] {
        let env = TestEnv::with(ssmpf_emulator::Builder::require_signed_websocket);
        env.emulator.faults().clock_offset(offset);
        // The service's own clock is an hour off ours: the first answer tells, and both the
        // calls and the websocket are signed with its time from then on.
        works(&env.forward_to(servers::echo()));
    }
}

#[test]
fn a_refused_upgrade_names_the_permission() {
    let env = TestEnv::new();
    env.emulator.faults().refuse_upgrade(403, 1000);
    env.run(&forward_arguments()).fails_with(5, &["ssmmessages:OpenDataChannel"]);
    assert_eq!(env.emulator.open_sessions(), 0, "the session that was started is ended");
}

#[test]
fn an_endpoint_that_is_not_aws_is_said_as_such() {
    let nonsense = servers::start(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    });
    let mut env = TestEnv::new();
    env.set("AWS_ENDPOINT_URL", &format!("http://{nonsense}"));
    let finished = env.run(&forward_arguments());
    finished.fails_with(1, &["hint:"]);

    let mut env = TestEnv::new();
    env.set("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{}", servers::closed_port()));
    env.run(&forward_arguments()).fails_with(1, &["hint:"]);
}

#[test]
fn both_loopback_families_are_listened_on() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    let port = tunnel.address().port();
    for address in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let listed = tunnel.wait_for("ready")["addresses"].to_string().contains(&address);
        if listed {
            TcpStream::connect(&address).unwrap();
        } else {
            assert!(address.starts_with('['), "only IPv6 may be missing on a machine");
        }
    }
}

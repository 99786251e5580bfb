//! `ssmpf connect`: saved connections opened, one or several.

use std::io::{Read, Write};

use ssmpf_tests::{BASTION, Tunnel, servers};

use crate::catalogue::{add, env, json, ok, store_of};

#[test]
fn connect_moves_bytes_and_remembers_that_it_was_used() {
    let env = env();
    let echo = servers::echo().port().to_string();
    let local = servers::closed_port().to_string();
    ok(&env, &["add", "web", "--target", BASTION, "--port", &echo, "--local-port", &local]);
    let tunnel = Tunnel::start(env.ssmpf(&["connect", "web", "--format", "jsonl"]));
    assert_eq!(tunnel.wait_for("ready")["connection"], "web");
    assert_eq!(tunnel.address().port().to_string(), local);
    let mut client = tunnel.connect();
    client.write_all(b"hello").unwrap();
    let mut back = [0; 5];
    client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"hello");
    assert_eq!(tunnel.stop().code, Some(0));
    assert!(json(&env, &["show", "web"])["connection"]["last_used"].is_string());
}

#[test]
fn a_store_that_cannot_be_written_meanwhile_holds_up_no_client() {
    let env = env();
    let echo = servers::echo().port().to_string();
    for name in ["a", "b"] {
        ok(&env, &["add", name, "--target", BASTION, "--port", &echo, "--local-port", "auto"]);
    }
    let lock = std::fs::File::open(store_of(&env).with_file_name(".store.age.lock")).unwrap();
    lock.lock().unwrap();
    let tunnel = Tunnel::start(env.ssmpf(&["connect", "a", "b", "--format", "jsonl"]));
    for event in tunnel.wait_for_count("ready", 2) {
        let mut client = std::net::TcpStream::connect(event["address"].as_str().unwrap()).unwrap();
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
    let last_used = |name| json(&env, &["show", name])["connection"]["last_used"].clone();
    assert!(last_used("a").is_null() && last_used("b").is_null());
    lock.unlock().unwrap();
    assert_eq!(tunnel.stop().code, Some(0));
    assert!(last_used("a").is_string() && last_used("b").is_string());
}

#[test]
fn several_connect_at_once_and_one_that_fails_does_not_end_the_others() {
    let env = env();
    let echo = servers::echo().port().to_string();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = busy.local_addr().unwrap().port().to_string();
    for (name, port) in [("a", "auto"), ("b", "auto"), ("c", taken.as_str())] {
        let arguments = [
            "add",
            name,
            "--target",
            BASTION,
            "--port",
            &echo,
            "--tag",
            "all",
            "--local-port",
            port,
        ];
        ok(&env, &arguments);
    }
    let tunnel = Tunnel::start(env.ssmpf(&["connect", "@all", "--format", "jsonl"]));
    let ready = tunnel.wait_for_count("ready", 2);
    let warning = tunnel.wait_for("warning");
    assert_eq!(warning["connection"], "c");
    assert_eq!(warning["kind"], "port-busy");
    for event in ready {
        let mut client = std::net::TcpStream::connect(event["address"].as_str().unwrap()).unwrap();
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
    tunnel.signal("INT");
    tunnel.wait().fails_with(8, &["1 of 3 connections failed: c", "\"causes\":[\"`c`: "]);
}

#[test]
fn what_connect_cannot_do_is_said_before_aws_is_called() {
    let env = env();
    add(&env, "other", &["--tag", "all"]);
    add(&env, "guarded", &["--guard", "--tag", "all"]);
    env.run(&["connect", "guarded"]).fails_with(2, &["guarded", "-y"]);
    env.run(&["connect", "guarded", "-y"]).fails_with(2, &["reason"]);
    env.run(&["connect", "@all", "--local-port", "1"]).fails_with(2, &["--local-port"]);
    assert_eq!(env.emulator.calls().len(), 0);
}

#[test]
fn a_connection_closes_itself_at_its_greatest_age() {
    let env = env();
    add(&env, "short", &["--max-age", "1s", "--guard", "--local-port", "auto"]);
    let arguments = ["connect", "short", "-y", "--reason", "why", "--format", "jsonl"];
    let finished = Tunnel::start(env.ssmpf(&arguments)).wait();
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("maximum age"), "{finished:#?}");
}

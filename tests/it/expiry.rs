//! Sign-ins that end, or are missing, while forwards run or are started.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use ssmpf_tests::{BASTION, PATIENCE, Terminal, TestEnv, Tunnel, keys, servers};

use crate::background::{Cleanup, save};
use crate::catalogue::{json, ok};
use crate::sign_in::with_mfa;
use crate::sso::{change_token, env_with, portal, with_browser};

/// An environment with a store and a browser, in which each call asks the portal for credentials:
/// those it gives last no longer than what is too short to be used again.
fn env() -> TestEnv {
    let mut env = env_with(portal().role_lasts(60)).with_store_key();
    with_browser(&mut env);
    env
}

/// Ends the sign-in, as time does.
fn expire(env: &TestEnv) {
    change_token(env, |token| {
        token["expiresAt"] = "2020-01-01T00:00:00Z".into();
        token.as_object_mut().unwrap().remove("refreshToken");
    });
}

#[track_caller]
fn login(env: &TestEnv) {
    let login = env.run(&["login", "--profile", "dev"]);
    assert_eq!(login.code, Some(0), "{login:#?}");
}

#[track_caller]
fn echoes(stream: &mut TcpStream) {
    stream.write_all(b"hello").expect("the stream lives");
    hears(stream);
}

#[track_caller]
fn hears(stream: &mut TcpStream) {
    let mut back = [0; 5];
    stream.read_exact(&mut back).expect("the stream lives");
    assert_eq!(&back, b"hello");
}

fn notices(tunnel: &Tunnel) -> Vec<Value> {
    let warnings = tunnel.events_named("warning").into_iter();
    warnings.filter(|event| event["kind"] == "sign-in-required").collect()
}

/// Whether nothing has been said to a client yet, nor its connection cut.
fn is_held(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn a_sign_in_that_expires_is_told_once_and_the_next_one_revives_every_session() {
    let env = env();
    login(&env);
    let server = servers::echo().port().to_string();
    let tunnel = env.forward(&[
        "--profile",
        "dev",
        "--target",
        BASTION,
        "--port",
        &server,
        "--sessions",
        "2",
    ]);
    tunnel.wait_for("session_opened");
    let mut old = tunnel.connect();
    echoes(&mut old);

    expire(&env);
    env.emulator.faults().cut_all_clients();
    let notice = tunnel.wait_for("warning");
    assert_eq!(notice["kind"], "sign-in-required", "{notice}");
    let hint = notice["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("ssmpf login --profile dev"), "{notice}");
    // Each of the two has noticed.
    tunnel.wait_for_count("reconnecting", 4);
    let mut new = tunnel.connect();
    new.write_all(b"hello").unwrap();
    assert_eq!(env.emulator.call_count("ResumeSession"), 0, "there is nothing to call with");
    assert!(is_held(&new) && is_held(&old));

    login(&env);
    tunnel.wait_for_count("resumed", 2);
    hears(&mut new);
    echoes(&mut old);
    assert_eq!(notices(&tunnel).len(), 1, "{:#?}", tunnel.events());
    assert_eq!(env.emulator.call_count("StartSession"), 2);
    assert_eq!(tunnel.stop().code, Some(0));
}

#[test]
fn a_session_that_ends_without_a_sign_in_is_replaced_after_the_next_one() {
    let env = env();
    login(&env);
    save(&env, "web", servers::echo().port(), &["--profile", "dev"]);
    let tunnel = Tunnel::start(env.ssmpf(&["connect", "web", "--format", "jsonl"]));
    echoes(&mut tunnel.connect());

    expire(&env);
    env.emulator.faults().end_sessions("");
    assert_eq!(tunnel.wait_for("warning")["kind"], "sign-in-required");
    let mut client = tunnel.connect();
    client.write_all(b"hello").unwrap();
    assert!(is_held(&client));

    login(&env);
    tunnel.wait_for("replaced");
    hears(&mut client);
    assert_eq!(notices(&tunnel).len(), 1, "{:#?}", tunnel.events());
    assert_eq!(tunnel.stop().code, Some(0));
}

#[test]
fn one_sign_in_revives_every_forward_in_the_background() {
    let env = env();
    let _cleanup = Cleanup(&env);
    login(&env);
    let server = servers::echo().port();
    let ports = ["a", "b"].map(|name| save(&env, name, server, &["--profile", "dev"]));
    ok(&env, &["up", "a", "b"]);
    let states = || -> Vec<String> {
        let status = json(&env, &["status"]);
        let forwards = status["forwards"].as_array().unwrap().iter();
        forwards.map(|it| format!("{} {}", it["state"], it["last_problem"]["kind"])).collect()
    };
    let wait_for = |what: &str, fits: &dyn Fn(&str) -> bool| {
        let fit = env.emulator.wait_until(PATIENCE, |_| states().iter().all(|it| fits(it)));
        assert!(fit, "waited in vain for {what}: {:?}", states());
    };

    expire(&env);
    env.emulator.faults().cut_all_clients();
    wait_for("the problem", &|state| state.contains("sign-in-required"));
    let mut clients = ports.map(|port| TcpStream::connect(("127.0.0.1", port)).unwrap());
    for client in &mut clients {
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(b"hello").unwrap();
    }
    login(&env);
    clients.iter_mut().for_each(hears);
    wait_for("both to be ready", &|state| state.contains("ready"));
    for name in ["a", "b"] {
        let log = ok(&env, &["logs", name]).stdout;
        assert_eq!(log.matches("ssmpf login").count(), 1, "{log}");
    }
}

#[test]
fn up_signs_in_on_a_terminal_once_for_all_and_goes_on() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let server = servers::echo().port();
    for (name, profile) in [("a", "dev"), ("b", "ops"), ("c", "dev")] {
        save(&env, name, server, &["--profile", profile]);
    }
    let up = ["up", "a", "b", "c", "--timeout", "20s"];
    env.run(&up).fails_with(4, &["there is no sign-in", "ssmpf login"]);
    let (code, shown) = Terminal::start(&env.ssmpf(&up)).finish();
    assert_eq!(code, Some(0), "{shown}");
    assert_eq!(shown.matches("ready in").count(), 3, "{shown}");
    assert_eq!(shown.matches("Sign in to").count(), 1, "{shown}");
    assert_eq!(env.emulator.call_count("Authorize"), 1);
    // Without waiting there would be nobody to ask later.
    ok(&env, &["down", "--all"]);
    assert_eq!(env.run(&["logout"]).code, Some(0));
    let (code, shown) = Terminal::start(&env.ssmpf(&["up", "a", "--no-wait"])).finish();
    assert_eq!(code, Some(0), "{shown}");
    assert_eq!(env.emulator.call_count("Authorize"), 2);
    ok(&env, &["wait", "a"]);
}

#[test]
fn a_sign_in_that_is_declined_costs_no_forward_that_runs() {
    let env = env();
    let _cleanup = Cleanup(&env);
    login(&env);
    let local = save(&env, "web", servers::echo().port(), &["--profile", "dev"]);
    ok(&env, &["up", "web"]);
    let pid = json(&env, &["status", "web"])["forwards"][0]["pid"].clone();

    expire(&env);
    env.emulator.deny_sign_ins(true);
    env.run(&["restart", "web"]).fails_with(4, &["has expired", "`web` was left as it is"]);
    let (code, shown) = Terminal::start(&env.ssmpf(&["restart", "web"])).finish();
    assert_eq!(code, Some(4), "{shown}");
    assert!(shown.contains("was refused") && shown.contains("left as it is"), "{shown}");
    assert_eq!(json(&env, &["status", "web"])["forwards"][0]["pid"], pid);
    let mut client = TcpStream::connect(("127.0.0.1", local)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    echoes(&mut client);

    env.emulator.deny_sign_ins(false);
    let (code, shown) = Terminal::start(&env.ssmpf(&["restart", "web"])).finish();
    assert_eq!(code, Some(0), "{shown}");
    assert_ne!(json(&env, &["status", "web"])["forwards"][0]["pid"], pid);
}

#[test]
fn the_time_a_person_takes_to_find_the_code_does_not_count_as_waiting() {
    let env = with_mfa().with_store_key();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &["--profile", "admin"]);
    let mut terminal = Terminal::start(&env.ssmpf(&["up", "web", "--timeout", "3s"]));
    terminal.wait_for_times("Enter MFA code", 1);
    // The limit itself has to pass.
    std::thread::sleep(std::time::Duration::from_secs(3));
    terminal.type_line("111111");
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("ready in"), "{shown}");
}

#[test]
fn a_question_has_the_line_of_the_progress_for_itself() {
    let env = with_mfa();
    let config = env.home().join(".aws/config");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}[profile base]\nregion = eu-west-1\n")).unwrap();
    let all = ["targets", "--profile", "base", "--profile", "admin"];
    let mut terminal = Terminal::start(&env.ssmpf(&all));
    terminal.wait_for_times("Enter MFA code", 1);
    let line =
        |text: &str, shown: &str| shown.lines().any(|line| line.trim_end().starts_with(text));
    let alone = |shown: &str| line("Enter MFA code", shown) && !shown.contains("places");
    terminal.wait_until("a question without progress", alone);
    terminal.type_line("111111");
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("of 2 places"), "{shown}");
}

#[test]
fn who_declines_is_asked_once_for_all_profiles_of_the_session() {
    let env = env();
    env.emulator.deny_sign_ins(true);
    let all = ["targets", "--profile", "dev", "--profile", "ops"];
    let (code, shown) = Terminal::start(&env.ssmpf(&all)).finish();
    assert_eq!(code, Some(4), "{shown}");
    assert_eq!(shown.matches("Sign in to").count(), 1, "{shown}");
    assert_eq!(env.emulator.call_count("Authorize"), 1);
}

#[test]
fn no_code_of_a_device_is_an_answer_for_all_its_roles() {
    let env = with_mfa();
    let config = env.home().join(".aws/config");
    let text = std::fs::read_to_string(&config).unwrap();
    let other = text.replace("[profile admin]", "[profile reader]").replace("/Admin", "/Reader");
    std::fs::write(&config, format!("{text}{other}")).unwrap();
    let all = ["targets", "--profile", "admin", "--profile", "reader"];
    let mut terminal = Terminal::start(&env.ssmpf(&all));
    terminal.wait_for_times("Enter MFA code", 1);
    terminal.send(keys::CTRL_D);
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(4), "{shown}");
    assert_eq!(shown.matches("Enter MFA code").count(), 1, "{shown}");
}

#[test]
fn an_interrupt_ends_the_wait_for_a_person_at_once() {
    let env = env_with(portal().waits_for_the_page()).with_store_key();
    let _cleanup = Cleanup(&env);
    save(&env, "web", 80, &["--profile", "dev"]);
    for (arguments, expected) in [
        (&["connect", "web"][..], 0),
        (&["up", "web"], 130),
        (&["restart", "web"], 130),
        (&["login", "--profile", "dev"], 130),
        (&["targets", "--profile", "dev"], 130),
    ] {
        let asked = env.emulator.call_count("CreateToken");
        let mut terminal = Terminal::start(&env.ssmpf(arguments));
        terminal.wait_for("The code is");
        terminal.send(keys::CTRL_C);
        let code = terminal.wait_for_end();
        assert_eq!(code, expected, "{arguments:?}: {}", terminal.screen());
        // It has a line of its own, where the progress was.
        let cut = |line: &str| line.trim_start_matches("^C").starts_with("error: cut short");
        let screen = terminal.screen();
        assert_eq!(screen.lines().any(cut), expected == 130, "{arguments:?}: {screen}");
        // Once a second it asks whether the person is done.
        let asked = env.emulator.call_count("CreateToken") - asked;
        assert!(asked <= 2, "{arguments:?} went on asking: {asked}");
    }
}

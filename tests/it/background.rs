//! Forwards in the background: up, asked, ended, killed, found again.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use ssmpf_tests::{BASTION, TestEnv, process, servers};

use crate::catalogue::{env, json, ok};
use crate::other_versions::hash;

/// Saves a connection to this port of the bastion, with a local port that is free.
pub(crate) fn save(env: &TestEnv, name: &str, port: u16, more: &[&str]) -> u16 {
    let local = servers::closed_port();
    let (port, text) = (port.to_string(), local.to_string());
    let mut arguments =
        vec!["add", name, "--target", BASTION, "--port", &port, "--local-port", &text];
    arguments.extend_from_slice(more);
    ok(env, &arguments);
    local
}

/// Ends whatever a test left running, also when it fails.
pub(crate) struct Cleanup<'a>(pub &'a TestEnv);

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        let _ = self.0.ssmpf(&["down", "--all"]).output();
    }
}

#[track_caller]
pub(crate) fn round_trip(port: u16) {
    let mut client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    client.set_read_timeout(Some(ssmpf_tests::PATIENCE)).unwrap();
    client.write_all(b"hello").unwrap();
    let mut back = [0; 5];
    client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"hello");
}

#[track_caller]
pub(crate) fn forward(env: &TestEnv, name: &str) -> Value {
    json(env, &["status", name])["forwards"][0].clone()
}

/// The files of running forwards; the slots of StartSession are not theirs.
pub(crate) fn runtime_files(env: &TestEnv) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(env.home().join("run")).unwrap();
    let paths = entries.flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_none_or(|it| it != "slots")).collect()
}

/// Whether a process is there and not only waiting to be noticed by its parent.
pub(crate) fn is_alive(pid: &Value) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    // Its files stay open until the last thread is gone.
    threads > 1 || stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn what_is_up_carries_bytes_and_what_is_down_leaves_nothing() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let local = save(&env, "web", servers::echo().port(), &[]);
    let up = ok(&env, &["up", "web"]);
    let line = format!("web  127.0.0.1:{local} → ");
    assert!(up.stderr.lines().any(|shown| shown.starts_with(&line)), "{up:#?}");
    assert!(up.stderr.contains("ready in"), "{up:#?}");
    round_trip(local);

    let status = forward(&env, "web");
    assert_eq!(status["state"], "ready");
    assert_eq!(status["address"], format!("127.0.0.1:{local}"));
    assert_eq!((&status["clients_total"], &status["bytes_sent"]), (&1.into(), &5.into()));
    assert_eq!(status["session_ids"][0], env.emulator.sessions()[0].id);
    assert!(is_alive(&status["pid"]));
    assert!(json(&env, &["show", "web"])["connection"]["last_used"].is_string());

    let down = ok(&env, &["down", "web"]);
    assert!(down.stderr.contains("ended web"), "{down:#?}");
    assert_eq!(json(&env, &["show", "web"])["connection"]["up"], false);
    assert!(wait_until(|| !is_alive(&status["pid"])));
    assert_eq!(env.emulator.open_sessions(), 0);
    assert!(TcpStream::connect(("127.0.0.1", local)).is_err());
    assert_eq!(runtime_files(&env), Vec::<PathBuf>::new());
    assert_eq!(json(&env, &["status"])["forwards"], Value::Array(vec![]));
    env.run(&["status", "web"]).fails_with(3, &["`web` is not up"]);
    assert!(ok(&env, &["down", "web"]).stderr.contains("`web` is not up"));
    env.run(&["down", "wbe"]).fails_with(3, &["`wbe`", "hint:"]);
}

#[test]
fn up_of_what_is_up_says_so_and_is_a_success() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    let again = ok(&env, &["up", "web"]);
    assert!(again.stderr.contains("is already up"), "{again:#?}");
    let document = json(&env, &["up", "web"]);
    assert_eq!(document["forwards"][0]["state"], "ready");
    assert_eq!(env.emulator.call_count("StartSession"), 1);
    ok(&env, &["wait", "web"]);
    assert_eq!(json(&env, &["ls"])["connections"][0]["up"], true);
    env.run(&["connect", "web"]).fails_with(8, &["`web` is up in the background", "ssmpf down"]);
}

#[test]
fn of_two_that_bring_up_the_same_exactly_one_wins() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    let both: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..2).map(|_| scope.spawn(|| ok(&env, &["up", "web"]))).collect();
        starts.into_iter().map(|start| start.join().unwrap().stderr).collect()
    });
    let ready = both.iter().filter(|text| text.contains("ready in")).count();
    let already = both.iter().filter(|text| text.contains("already")).count();
    assert_eq!((ready, already), (1, 1), "{both:#?}");
    assert_eq!(env.emulator.open_sessions(), 1);
}

#[test]
fn why_it_did_not_come_up_is_said_with_the_right_code_and_nothing_is_left() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let local = save(&env, "web", servers::echo().port(), &[]);
    let failing = |code: i32, texts: &[&str]| {
        env.run(&["up", "web"]).fails_with(code, texts);
        assert_eq!(runtime_files(&env), Vec::<PathBuf>::new());
        assert_eq!(env.emulator.open_sessions(), 0);
    };
    let busy = std::net::TcpListener::bind(("127.0.0.1", local)).unwrap();
    failing(8, &["in use by", &format!("pid {}", std::process::id())]);
    drop(busy);
    env.emulator.faults().start_fails("AccessDeniedException", 1);
    failing(5, &["IAM does not allow"]);
    env.emulator.faults().start_fails("TargetNotConnected", 1);
    failing(6, &["not connected"]);
    let error = env.run(&["up", "nothing", "--json"]);
    assert_eq!(error.code, Some(3), "{error:#?}");
    env.emulator.faults().black_hole(true);
    env.run(&["up", "web", "--timeout", "1s"]).fails_with(9, &["not ready within 1 s"]);
    assert_eq!(env.emulator.open_sessions(), 0);
    assert_eq!(runtime_files(&env), Vec::<PathBuf>::new());
}

#[test]
fn one_that_fails_does_not_keep_the_others_from_coming_up() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let echo = servers::echo().port();
    let local = save(&env, "a", echo, &["--tag", "all"]);
    let taken = save(&env, "b", echo, &["--tag", "all"]);
    let _busy = std::net::TcpListener::bind(("127.0.0.1", taken)).unwrap();
    env.run(&["up", "@all"]).fails_with(8, &["1 of 2 connections failed: b", "in use"]);
    round_trip(local);
    assert_eq!(ok(&env, &["status", "--format", "plain"]).stdout, "a\n");
    assert!(ok(&env, &["down", "@all"]).stderr.contains("ended a"));
}

#[test]
fn a_locked_store_without_a_terminal_is_code_10() {
    let mut env = env();
    save(&env, "web", servers::echo().port(), &[]);
    env.set("SSMPF_IDENTITY_FILE", "");
    env.run(&["up", "web"]).fails_with(10, &["hint:"]);
    assert_eq!(env.emulator.calls().len(), 0);
    // What runs needs no store.
    ok(&env, &["status"]);
    ok(&env, &["down", "web"]);
}

#[test]
fn a_guarded_connection_wants_to_be_meant_and_keeps_its_reason() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "prod", servers::echo().port(), &["--guard"]);
    env.run(&["up", "prod"]).fails_with(2, &["guarded", "-y"]);
    ok(&env, &["up", "prod", "-y", "--reason", "incident 7"]);
    ok(&env, &["restart", "prod", "-y"]);
    let reasons: Vec<_> = env.emulator.sessions().into_iter().map(|it| it.reason).collect();
    assert_eq!(reasons, [Some("incident 7".to_owned()), Some("incident 7".to_owned())]);
}

#[test]
fn restart_takes_a_new_session_and_the_same_port() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let local = save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    let before = forward(&env, "web");
    ok(&env, &["restart", "web"]);
    let after = forward(&env, "web");
    assert_eq!(before["address"], after["address"]);
    assert_ne!(before["session_ids"], after["session_ids"]);
    assert!(wait_until(|| !is_alive(&before["pid"])));
    round_trip(local);
    assert_eq!(env.emulator.open_sessions(), 1);
}

#[test]
fn a_forward_survives_its_terminal() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let local = save(&env, "web", servers::echo().port(), &[]);
    // A terminal of its own for the shell, which is hung up as soon as the forward is up.
    let program = ssmpf_tests::program("ssmpf");
    let line = format!("'{}' up web; kill -HUP $$", program.display());
    let mut terminal = env.command("script");
    terminal.args(["-q", "-c", &line, "/dev/null"]);
    let _ = process::run(terminal);
    let pid = forward(&env, "web")["pid"].clone();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split_whitespace().collect();
    assert_eq!(fields[3], pid.to_string(), "it leads a session of its own");
    assert_eq!(fields[4], "0", "which has no terminal");
    round_trip(local);
    for descriptor in 0..3 {
        let open = std::fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).unwrap();
        assert_eq!(open, PathBuf::from("/dev/null"), "{descriptor}");
    }
}

#[test]
fn an_interrupted_up_leaves_nothing_half_up() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    env.emulator.faults().black_hole(true);
    let mut up = env.ssmpf(&["up", "web"]);
    let mut up = up.stderr(std::process::Stdio::null()).spawn().unwrap();
    assert!(wait_until(|| env.emulator.open_sessions() == 1));
    process::signal(up.id(), "INT");
    let ended = process::wait(&mut up, ssmpf_tests::PATIENCE).expect("it ends");
    assert_eq!(ended.code(), Some(130));
    assert_eq!(env.emulator.open_sessions(), 0);
    assert_eq!(runtime_files(&env), Vec::<PathBuf>::new());
}

#[test]
fn a_port_that_another_forward_has_is_named_with_that_forward() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let echo = servers::echo().port();
    let local = save(&env, "one", echo, &[]).to_string();
    save(&env, "two", echo, &[]);
    ok(&env, &["edit", "two", "--local-port", &local]);
    ok(&env, &["up", "one"]);
    env.run(&["up", "two"]).fails_with(8, &["in use", "`one`, which is up", "ssmpf down one"]);
}

#[test]
fn a_runtime_folder_that_is_not_ours_alone_is_repaired_or_refused() {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    let mut env = env();
    let run = env.home().join("run");
    std::fs::create_dir(&run).unwrap();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o777)).unwrap();
    ok(&env, &["status"]);
    assert_eq!(std::fs::metadata(&run).unwrap().permissions().mode() & 0o777, 0o700);

    symlink(&run, env.home().join("link")).unwrap();
    let link = env.home().join("link").display().to_string();
    env.set("SSMPF_RUNTIME_DIR", &link);
    env.run(&["status"]).fails_with(1, &["is a link", "SSMPF_RUNTIME_DIR"]);

    let foreign = env.home().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    // Only root can give folders away; elsewhere there is nothing to try.
    if chown(&foreign, Some(1), None).is_ok() {
        env.set("SSMPF_RUNTIME_DIR", &foreign.display().to_string());
        env.run(&["status"]).fails_with(1, &["belongs to another user"]);
    }
}

#[test]
fn what_lies_on_disk_is_for_this_user_alone_and_has_no_secret() {
    use std::os::unix::fs::PermissionsExt;
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    let logs = env.home().join(".local/state/ssmpf/log");
    let log = logs.join("web.log");
    for path in runtime_files(&env).iter().chain([&log]) {
        let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
        let text = std::fs::read(path).map(|it| String::from_utf8_lossy(&it).into_owned());
        let text = text.unwrap_or_default();
        for secret in ["wss://", "ws://", "token", "AGE-SECRET"] {
            assert!(!text.contains(secret), "{secret} is in {}: {text}", path.display());
        }
    }
    let pid = &forward(&env, "web")["pid"];
    let of_process = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap();
    let line = String::from_utf8_lossy(&of_process("cmdline")).into_owned();
    assert!(!line.contains("web") && !line.contains(BASTION), "{line}");
    let environment = String::from_utf8_lossy(&of_process("environ")).into_owned();
    assert!(!environment.contains("SSMPF_IDENTITY_FILE"), "the store is of no use to it");
}

#[test]
fn throttled_sessions_come_up_all_the_same() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let echo = servers::echo().port();
    for name in ["a", "b", "c"] {
        save(&env, name, echo, &["--tag", "all"]);
    }
    env.emulator.faults().start_fails("ThrottlingException", 2);
    let up = json(&env, &["up", "@all"]);
    assert_eq!(up["forwards"].as_array().unwrap().len(), 3);
    assert_eq!(env.emulator.open_sessions(), 3);
}

#[test]
fn fifty_come_up_at_once_no_faster_than_the_service_allows_and_go_down_at_once() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let echo = servers::echo().port();
    let locals: Vec<u16> =
        (0..50).map(|number| save(&env, &format!("c{number}"), echo, &[])).collect();
    let started = std::time::Instant::now();
    ok(&env, &["up", "--all"]);
    assert!(started.elapsed().as_secs() >= 15, "three sessions a second");
    assert_eq!(env.emulator.open_sessions(), 50);
    assert_eq!(env.emulator.call_count("StartSession"), 50);
    locals.into_iter().for_each(round_trip);
    let forwards = json(&env, &["status"])["forwards"].clone();
    let forwards = forwards.as_array().unwrap();
    assert!(forwards.len() == 50 && forwards.iter().all(|it| it["state"] == "ready"));
    let down = ok(&env, &["down", "--all"]);
    assert!(wait_until(|| forwards.iter().all(|it| !is_alive(&it["pid"]))), "{down:#?}");
    assert_eq!(env.emulator.open_sessions(), 0);
    assert_eq!(runtime_files(&env), Vec::<PathBuf>::new());
}

#[test]
fn forwards_of_the_moment_take_their_turn_too() {
    let env = env();
    let port = servers::echo().port().to_string();
    let began = std::time::Instant::now();
    let tunnels: Vec<_> =
        (0..4).map(|_| env.start_forward(&["--target", BASTION, "--port", &port])).collect();
    tunnels.iter().for_each(|tunnel| _ = tunnel.wait_for("ready"));
    assert!(began.elapsed() >= Duration::from_secs(1), "three sessions a second");
}

#[test]
fn the_service_is_one_that_systemd_takes() {
    let mut env = env();
    // systemd-analyze wants a program that is there, and an absolute path.
    let shown = ok(&env, &["service", "show"]).stdout;
    assert!(shown.contains("up @autostart"), "{shown}");
    ok(&env, &["service", "install"]);
    let unit = env.home().join(".config/systemd/user/ssmpf.service");
    assert_eq!(std::fs::read_to_string(&unit).unwrap(), shown);
    env.set("XDG_RUNTIME_DIR", &env.home().display().to_string());
    let mut verify = env.command("systemd-analyze");
    verify.args(["--user", "verify", "--man=no"]).arg(&unit);
    let verified = process::run(verify);
    assert_eq!(verified.code, Some(0), "{verified:#?}");
    assert!(!verified.stderr.contains("ssmpf.service"), "{verified:#?}");
    ok(&env, &["service", "uninstall"]);
    assert!(!unit.exists());
}

pub(crate) fn wait_until(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = std::time::Instant::now() + ssmpf_tests::PATIENCE;
    while std::time::Instant::now() < deadline {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

#[test]
fn an_interrupted_up_takes_its_process_along_whatever_that_waits_for() {
    let env = env();
    let local = save(&env, "web", servers::echo().port(), &[]);
    std::fs::create_dir_all(env.home().join("run")).unwrap();
    // Somebody cleans up under this name: the process of the forward waits until that is done.
    let lock = std::fs::File::create(env.home().join("run").join(format!("{}.lock", hash("web"))));
    let lock = lock.unwrap();
    lock.lock().unwrap();
    let mut up = env.ssmpf(&["up", "web"]);
    let mut up = up.stderr(std::process::Stdio::null()).spawn().unwrap();
    let children = format!("/proc/{0}/task/{0}/children", up.id());
    let child = || std::fs::read_to_string(&children).unwrap_or_default().trim().to_owned();
    let is_itself = |pid: &str| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("__keep")
    };
    assert!(wait_until(|| is_itself(&child())));
    let pid: Value = child().parse::<u32>().unwrap().into();
    process::signal(up.id(), "INT");
    let ended = process::wait(&mut up, ssmpf_tests::PATIENCE).expect("it ends");
    assert_eq!(ended.code(), Some(130));
    assert!(!is_alive(&pid), "it would come up as soon as it can");
    drop(lock);
    assert!(TcpStream::connect(("127.0.0.1", local)).is_err());
    assert_eq!(env.emulator.call_count("StartSession"), 0);
}

#[test]
fn a_forward_holds_nothing_open_that_its_starter_had_open() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    let held = env.home().join("held");
    let mut shell = env.command("sh");
    shell.args(["-c", "exec \"$0\" up web 9>\"$1\""]);
    shell.arg(ssmpf_tests::program("ssmpf")).arg(&held);
    assert_eq!(process::run(shell).code, Some(0));
    let pid = forward(&env, "web")["pid"].clone();
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let open: Vec<_> = open.filter_map(|it| std::fs::read_link(it.path()).ok()).collect();
    assert!(!open.contains(&held), "whoever waits for its end waits for ever: {open:?}");
}

#[test]
fn those_who_ask_and_stay_do_not_keep_others_from_asking() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    let path = env.home().join("run").join(format!("{}.sock", hash("web")));
    let staying: Vec<_> = (0..64)
        .map(|_| {
            let mut socket = std::os::unix::net::UnixStream::connect(&path).unwrap();
            let _ = socket.write_all(b"{\"request\":\"hello\"}\n");
            socket
        })
        .collect();
    assert_eq!(forward(&env, "web")["state"], "ready");
    drop(staying);
}

#[test]
fn a_forward_that_waits_for_its_turn_is_down_at_once() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let echo = servers::echo().port();
    (0..40).for_each(|number| _ = save(&env, &format!("c{number}"), echo, &[]));
    ok(&env, &["up", "--all", "--no-wait"]);
    let began = std::time::Instant::now();
    ok(&env, &["down", "--all"]);
    // The last would have had its turn after thirteen seconds, and was given up after five.
    assert!(began.elapsed().as_secs() < 4, "{:?}", began.elapsed());
    assert!(env.emulator.call_count("StartSession") < 40);
    assert_eq!(env.emulator.open_sessions(), 0);
    assert_eq!(runtime_files(&env), Vec::<PathBuf>::new());
}

#[test]
fn a_forward_that_is_coming_up_is_down_without_a_trace() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let local = save(&env, "web", servers::echo().port(), &[]);
    let comes_down = || {
        let pid = forward(&env, "web")["pid"].clone();
        let down = json(&env, &["down", "web"]);
        assert_eq!(down["stopped"], serde_json::json!(["web"]), "{down}");
        assert!(wait_until(|| !is_alive(&pid)));
        assert_eq!(runtime_files(&env), Vec::<PathBuf>::new());
        assert!(env.emulator.wait_until(ssmpf_tests::PATIENCE, |it| it.open_sessions() == 0));
    };
    // The gateway swallows the handshake.
    env.emulator.faults().black_hole(true);
    ok(&env, &["up", "web", "--no-wait"]);
    assert!(wait_until(|| env.emulator.open_sessions() == 1));
    comes_down();
    // The session is there, and the answer that names it under way.
    env.emulator.faults().black_hole(false).api_latency_of("ssm", Duration::from_secs(2));
    let calls = env.emulator.call_count("StartSession");
    ok(&env, &["up", "web", "--no-wait"]);
    assert!(wait_until(|| env.emulator.call_count("StartSession") > calls));
    comes_down();
    env.emulator.faults().api_latency_of("ssm", Duration::ZERO);
    ok(&env, &["up", "web"]);
    round_trip(local);
}

#[test]
fn several_are_restarted_each_with_the_reason_it_had() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let echo = servers::echo().port();
    for name in ["a", "b"] {
        save(&env, name, echo, &["--guard"]);
        ok(&env, &["up", name, "-y", "--reason", &format!("because of {name}")]);
    }
    ok(&env, &["restart", "--all", "-y"]);
    let sessions = env.emulator.sessions();
    let mut reasons: Vec<_> = sessions[2..].iter().map(|it| it.reason.clone().unwrap()).collect();
    reasons.sort();
    assert_eq!(reasons, ["because of a", "because of b"]);
}

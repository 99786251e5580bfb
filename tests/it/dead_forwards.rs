//! Forwards that were killed, gave up or stand still: shown as that, and nothing is left of them.

use std::net::TcpStream;
use std::path::PathBuf;

use serde_json::Value;
use ssmpf_tests::{process, servers};

use crate::background::{Cleanup, forward, is_alive, round_trip, runtime_files, save, wait_until};
use crate::catalogue::{env, json, ok};
use crate::other_versions::hash;

#[test]
fn the_session_of_a_killed_forward_is_ended_by_the_next_command() {
    for next in ["status", "down", "up"] {
        let env = env();
        let _cleanup = Cleanup(&env);
        let local = save(&env, "web", servers::echo().port(), &[]);
        ok(&env, &["up", "web"]);
        let status = forward(&env, "web");
        process::signal(status["pid"].as_u64().unwrap() as u32, "KILL");
        assert!(wait_until(|| !is_alive(&status["pid"])));
        assert_eq!(env.emulator.open_sessions(), 1);
        let said = match next {
            "status" => {
                let shown = env.run(&["status", "--json"]);
                let document: Value = serde_json::from_str(&shown.stdout).unwrap();
                assert_eq!(document["forwards"][0]["state"], "dead");
                shown.stderr
            }
            command => ok(&env, &[command, "web"]).stderr,
        };
        assert!(said.contains("`web` had died without a word; its session was ended"), "{said}");
        let open = env.emulator.open_sessions();
        assert_eq!(open, usize::from(next == "up"), "{next}");
        match next {
            "up" => round_trip(local),
            _ => {
                assert_eq!(runtime_files(&env), Vec::<PathBuf>::new());
                assert_eq!(json(&env, &["status"])["forwards"], Value::Array(vec![]), "once");
            }
        }
    }
}

#[test]
fn a_session_that_cannot_be_ended_now_is_tried_again_by_the_next_command() {
    let env = env();
    save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    let status = forward(&env, "web");
    process::signal(status["pid"].as_u64().unwrap() as u32, "KILL");
    assert!(wait_until(|| !is_alive(&status["pid"])));
    env.emulator.faults().fails("TerminateSession", "ExpiredTokenException", 1);
    let first = ok(&env, &["status"]);
    assert!(first.stderr.contains("the next command tries"), "{first:#?}");
    assert_eq!(env.emulator.open_sessions(), 1);
    let second = ok(&env, &["status"]);
    assert!(second.stderr.contains("its session was ended"), "{second:#?}");
    assert_eq!(env.emulator.open_sessions(), 0);
}

#[test]
fn a_forward_killed_before_it_was_ready_leaves_no_session_either() {
    let env = env();
    save(&env, "web", servers::echo().port(), &[]);
    // The gateway swallows the handshake, so the session is started and never becomes ready.
    env.emulator.faults().black_hole(true);
    ok(&env, &["up", "web", "--no-wait"]);
    let started =
        |status: &Value| status["session_ids"].as_array().is_some_and(|it| !it.is_empty());
    assert!(wait_until(|| started(&forward(&env, "web"))));
    let status = forward(&env, "web");
    assert_eq!(status["state"], "starting");
    process::signal(status["pid"].as_u64().unwrap() as u32, "KILL");
    assert!(wait_until(|| !is_alive(&status["pid"])));
    ok(&env, &["status"]);
    assert_eq!(env.emulator.open_sessions(), 0);
}

#[test]
fn a_forward_that_nobody_could_find_any_more_ends_itself() {
    let env = env();
    let local = save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    let pid = forward(&env, "web")["pid"].clone();
    std::fs::remove_dir_all(env.home().join("run")).unwrap();
    assert!(wait_until(|| !is_alive(&pid)));
    assert_eq!(env.emulator.open_sessions(), 0);
    assert!(TcpStream::connect(("127.0.0.1", local)).is_err());
    assert!(ok(&env, &["logs", "web"]).stdout.contains("runtime folder is gone"));
}

#[test]
fn a_forward_that_stands_still_is_named_and_can_be_ended() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    let status = forward(&env, "web");
    process::signal(status["pid"].as_u64().unwrap() as u32, "STOP");
    assert_eq!(forward(&env, "web")["state"], "unresponsive");
    let down = ok(&env, &["down", "web"]);
    assert!(down.stderr.contains("did not answer and was killed"), "{down:#?}");
    assert!(wait_until(|| !is_alive(&status["pid"])));
    assert_eq!(env.emulator.open_sessions(), 0);
    assert_eq!(runtime_files(&env), Vec::<PathBuf>::new());
}

#[test]
fn a_tunnel_that_was_given_up_is_shown_once_with_its_reason() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    let pid = forward(&env, "web")["pid"].clone();
    env.emulator.faults().end_sessions("Forwarding to IP address 169.254.169.254 is forbidden.");
    assert!(wait_until(|| !is_alive(&pid)));
    let dead = forward(&env, "web");
    assert_eq!(
        (&dead["state"], dead["session_ids"].as_array().map(Vec::len)),
        (&"dead".into(), Some(0))
    );
    assert_eq!(dead["last_problem"]["kind"], "destination-unreachable");
    env.run(&["status", "web"]).fails_with(3, &["not up"]);
    assert!(ok(&env, &["logs", "web"]).stdout.contains("stopped: "));
}

#[test]
fn garbage_in_the_runtime_folder_is_no_forward() {
    let env = env();
    let run = env.home().join("run");
    std::fs::create_dir(&run).unwrap();
    std::fs::write(run.join("0123456789abcdef.json"), b"\xff{{{").unwrap();
    std::fs::write(run.join("0123456789abcdef.sock"), b"").unwrap();
    std::fs::write(run.join("fedcba9876543210.json"), b"[1,2]").unwrap();
    let shown = ok(&env, &["status"]);
    assert!(shown.stderr.contains("nothing is up"), "{shown:#?}");
    let _cleanup = Cleanup(&env);
    let local = save(&env, "web", servers::echo().port(), &[]);
    // A socket of a killed forward lies where the new one belongs.
    std::fs::write(run.join(format!("{}.sock", hash("web"))), b"").unwrap();
    ok(&env, &["up", "web"]);
    round_trip(local);
}

#[test]
fn a_session_that_could_not_be_ended_is_ended_by_the_forward_that_follows() {
    let env = env();
    let _cleanup = Cleanup(&env);
    let local = save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    let status = forward(&env, "web");
    process::signal(status["pid"].as_u64().unwrap() as u32, "KILL");
    assert!(wait_until(|| !is_alive(&status["pid"])));
    env.emulator.faults().fails("TerminateSession", "ExpiredTokenException", 1);
    let up = ok(&env, &["up", "web"]);
    assert!(up.stderr.contains("the next command tries"), "{up:#?}");
    round_trip(local);
    assert!(wait_until(|| env.emulator.open_sessions() == 1));
    let own = serde_json::json!([env.emulator.sessions()[1].id]);
    assert!(wait_until(|| forward(&env, "web")["session_ids"] == own));
}

#[test]
fn a_forward_that_cannot_end_its_session_leaves_word_of_it() {
    for by_command in [true, false] {
        let env = env();
        save(&env, "web", servers::echo().port(), &[]);
        ok(&env, &["up", "web"]);
        let pid = forward(&env, "web")["pid"].clone();
        // Neither the agent nor the service hears of the end.
        env.emulator.faults().black_hole(true).fails(
            "TerminateSession",
            "ExpiredTokenException",
            1 + usize::from(by_command),
        );
        match by_command {
            true => {
                let down = ok(&env, &["down", "web"]);
                assert!(down.stderr.contains("left to the service"), "{down:#?}");
                assert_eq!(runtime_files(&env), Vec::<PathBuf>::new());
            }
            false => {
                process::signal(pid.as_u64().unwrap() as u32, "TERM");
                assert!(wait_until(|| !is_alive(&pid)));
                assert_eq!(env.emulator.open_sessions(), 1);
                let next = ok(&env, &["status"]);
                assert!(next.stderr.contains("its session was ended"), "{next:#?}");
                assert_eq!(env.emulator.open_sessions(), 0);
                assert_eq!(runtime_files(&env), Vec::<PathBuf>::new());
            }
        }
    }
}

#[test]
fn a_forward_that_stands_still_can_be_ended_however_often_it_was_asked() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    let status = forward(&env, "web");
    process::signal(status["pid"].as_u64().unwrap() as u32, "STOP");
    let path = env.home().join("run").join(format!("{}.sock", hash("web")));
    let taken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = std::sync::Arc::clone(&taken);
    // Waits in `connect` when the queue is full, until the process is gone.
    let asking = std::thread::spawn(move || {
        while std::os::unix::net::UnixStream::connect(&path).is_ok() {
            seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    let is_full = || {
        let before = taken.load(std::sync::atomic::Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(50));
        before > 0 && before == taken.load(std::sync::atomic::Ordering::SeqCst)
    };
    assert!(wait_until(is_full));
    assert_eq!(forward(&env, "web")["state"], "unresponsive");
    let down = ok(&env, &["down", "web"]);
    assert!(down.stderr.contains("did not answer and was killed"), "{down:#?}");
    assert!(wait_until(|| !is_alive(&status["pid"])));
    assert_eq!(env.emulator.open_sessions(), 0);
    asking.join().unwrap();
}

#[test]
fn files_of_a_forward_never_look_forgotten() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    // Folders for temporary files are cleared of what nobody has touched for days.
    let days_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(9 * 86_400);
    let files = runtime_files(&env);
    let times = std::fs::FileTimes::new().set_modified(days_ago).set_accessed(days_ago);
    for path in files.iter().filter(|path| path.extension().is_some_and(|it| it != "sock")) {
        std::fs::File::options().write(true).open(path).unwrap().set_times(times).unwrap();
    }
    let is_fresh = |path: &PathBuf| {
        let modified = std::fs::metadata(path).unwrap().modified().unwrap();
        modified.elapsed().is_ok_and(|age| age.as_secs() < 3600)
    };
    assert!(wait_until(|| files.iter().all(is_fresh)));
}

#[test]
fn a_record_that_cannot_be_read_is_left_alone_while_its_forward_lives() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    let record = env.home().join("run").join(format!("{}.json", hash("web")));
    let text = std::fs::read(&record).unwrap();
    std::fs::write(&record, br#"{"name":{"of a version to come":"web"}}"#).unwrap();
    ok(&env, &["status"]);
    assert!(record.exists(), "a forward whose record is gone ends itself");
    std::fs::write(&record, text).unwrap();
    assert_eq!(forward(&env, "web")["state"], "ready");
}

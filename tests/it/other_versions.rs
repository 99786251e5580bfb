//! Forwards of other versions, and programs of other versions that ask: played by hand.

use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;
use ssmpf_tests::{TestEnv, servers};

use crate::background::{Cleanup, forward, runtime_files, save};
use crate::catalogue::{env, json, ok};

/// A forward of another version, played by hand: lock, record and socket as documented.
struct Stranger {
    lock: std::fs::File,
    listener: std::os::unix::net::UnixListener,
}

impl Stranger {
    fn new(env: &TestEnv, name: &str) -> Self {
        let path = |ending: &str| env.home().join("run").join(format!("{}.{ending}", hash(name)));
        std::fs::create_dir_all(env.home().join("run")).unwrap();
        let lock = std::fs::File::create(path("lock")).unwrap();
        lock.lock().unwrap();
        std::fs::write(path("json"), format!(r#"{{"name":"{name}","shape":"round"}}"#)).unwrap();
        let listener = std::os::unix::net::UnixListener::bind(path("sock")).unwrap();
        Self { lock, listener }
    }

    /// Answers one client after another until one has said `stop`.
    fn serve(self, answers: impl Fn(&Value) -> String) {
        for stream in self.listener.incoming() {
            let mut stream = stream.unwrap();
            loop {
                let line = servers::read_line(&mut stream);
                if line.is_empty() {
                    break;
                }
                let request: Value = serde_json::from_str(&line).unwrap();
                writeln!(stream, "{}", answers(&request)).unwrap();
                if request["request"] == "stop" {
                    self.lock.unlock().unwrap();
                    return;
                }
            }
        }
    }
}

/// What stands for a name in the runtime folder.
pub(crate) fn hash(name: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(name).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn forwards_of_other_versions_are_listed_and_ended() {
    let env = env();
    let older = r#"{"protocol":1,"forward":{"name":"older","state":"ready"}}"#;
    let newer = r#"{"protocol":7,"version":"9.0.0","forward":{"name":"newer","state":"dreaming",
        "mood":{"good":true},"last_problem":{"time":"t","kind":"rain","message":"it rains"}}}"#;
    let newer = newer.replace('\n', " ");
    let strangers = [("older", older.to_owned()), ("newer", newer)];
    let serving: Vec<_> = strangers
        .into_iter()
        .map(|(name, answer)| {
            let stranger = Stranger::new(&env, name);
            std::thread::spawn(move || stranger.serve(|_| answer.clone()))
        })
        .collect();
    let forwards = json(&env, &["status"])["forwards"].clone();
    let states: Vec<_> = forwards.as_array().unwrap().iter().map(|it| &it["state"]).collect();
    assert_eq!(states, ["unknown", "ready"]);
    assert_eq!(forwards[0]["last_problem"]["message"], "it rains");
    ok(&env, &["down", "--all"]);
    serving.into_iter().for_each(|it| it.join().unwrap());
    assert_eq!(runtime_files(&env), Vec::<PathBuf>::new());
}

#[test]
fn a_forward_answers_programs_of_other_versions() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "web", servers::echo().port(), &[]);
    ok(&env, &["up", "web"]);
    let path = env.home().join("run").join(format!("{}.sock", hash("web")));
    let mut socket = std::os::unix::net::UnixStream::connect(&path).unwrap();
    socket.set_read_timeout(Some(ssmpf_tests::PATIENCE)).unwrap();
    let mut ask = |line: &str| {
        writeln!(socket, "{line}").unwrap();
        serde_json::from_str::<Value>(&servers::read_line(&mut socket)).unwrap()
    };
    assert_eq!(ask(r#"{"request":"hello","i_am":"9.0.0"}"#)["protocol"], 1);
    let unknown = ask(r#"{"request":"levitate"}"#);
    assert!(unknown["error"]["message"].as_str().unwrap().contains("`levitate`"), "{unknown}");
    assert!(ask("not even JSON")["error"].is_object());
    assert_eq!(ask(r#"{"request":"status"}"#)["forward"]["state"], "ready");
    // Endless lines and many who say nothing do no harm.
    let mut flood = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let _ = flood.write_all(&[b'x'; 100_000]);
    let idle: Vec<_> =
        (0..10).map(|_| std::os::unix::net::UnixStream::connect(&path).unwrap()).collect();
    assert_eq!(forward(&env, "web")["state"], "ready");
    drop(idle);
}

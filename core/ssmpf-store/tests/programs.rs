//! The store against programs that are not ours: Debian's `age`, and a real keyring daemon.
//!
//! They have to be there: `tests/run` installs them. A missing one fails the test and is named.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use ssmpf_model::{Connection, Destination, Port, Redacted, Timestamp};
use ssmpf_store::keys::{KeySettings, KeySource, Keys, NoPlace, WorkFactor};
use ssmpf_store::{Places, Store, StoreError};

/// Says to this binary, started inside a session, what to do and where.
const TASK: &str = "SSMPF_STORE_TEST_TASK";

fn program(name: &str) -> Command {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|folder| folder.join(name).is_file());
    assert!(found, "`{name}` is not installed; tests/run installs it");
    Command::new(name)
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stderr}", output.status);
    output
}

fn add(store: &mut Store, name: &str) -> Result<(), StoreError> {
    let port = Port::new(5432).expect("not 0");
    let target = "bastion".parse()?;
    let connection =
        Connection::new(target, Destination { host: None, port }, port, Timestamp::UNIX_EPOCH);
    let name = name.parse()?;
    store.update(|contents| Ok(contents.add(name, connection)?))
}

fn store_with_passphrase(folder: &Path, passphrase: &str) -> Store {
    let places = Places::new(folder, None);
    let mut settings = KeySettings { work: WorkFactor::WEAK_FOR_TESTS, ..KeySettings::default() };
    settings.passphrases.value = Some(Redacted::new(passphrase.to_owned()));
    let nowhere = || Box::new(NoPlace("the OS keyring"));
    let keys = Keys::new(settings, places.identity).with_places(nowhere(), nowhere());
    Store::new(places.store, keys)
}

#[test]
fn the_age_program_opens_the_store_with_the_exported_identity() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store_with_passphrase(folder.path(), "pass");
    add(&mut store, "prod-db").expect("added");
    let key = folder.path().join("key.txt");
    fs::write(&key, store.export_identity().expect("an identity").expose()).expect("written");
    let output = run(program("age").args(["-d", "-i"]).arg(&key).arg(store.path()));
    let json = String::from_utf8(output.stdout).expect("JSON");
    assert!(json.starts_with("{\"version\":1,\"connections\":{\n\"prod-db\":{"), "{json}");
}

#[test]
fn a_store_with_many_connections_opens_with_the_age_program_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store_with_passphrase(folder.path(), "pass");
    store
        .update(|contents| {
            for number in 0..2_000 {
                let name = format!("connection-{number}").parse()?;
                let port = Port::new(5432).expect("not 0");
                let target = "bastion".parse()?;
                let destination = Destination { host: None, port };
                contents
                    .add(name, Connection::new(target, destination, port, Timestamp::UNIX_EPOCH))?;
            }
            Ok::<_, StoreError>(())
        })
        .expect("written");
    let key = folder.path().join("key.txt");
    fs::write(&key, store.export_identity().expect("an identity").expose()).expect("written");
    let output = run(program("age").args(["-d", "-i"]).arg(&key).arg(store.path()));
    let expected = store.read().expect("it opens").to_json();
    assert_eq!(&output.stdout, expected.expose());
}

#[test]
fn what_the_age_program_sealed_opens_here() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store_with_passphrase(folder.path(), "pass");
    add(&mut store, "prod-db").expect("added");
    let recipient = store.own_recipients().expect("a key").remove(0);
    let json = store.read().expect("it opens").to_json();
    let mut age = program("age")
        .args(["-r", recipient.as_str(), "-o"])
        .arg(store.path())
        .stdin(Stdio::piped())
        .spawn()
        .expect("started");
    age.stdin.take().expect("piped").write_all(json.expose()).expect("written");
    assert!(age.wait().expect("it ended").success());
    assert_eq!(store.read().expect("it opens").connections.len(), 1);
}

#[test]
fn keys_that_ssh_keygen_made_open_a_store_too() {
    for (kind, passphrase) in [("ed25519", ""), ("ed25519", "pass"), ("rsa", "")] {
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("id");
        run(program("ssh-keygen").args(["-q", "-t", kind, "-N", passphrase, "-f"]).arg(&key));
        let store = |passphrase: &str| {
            let places = Places::new(&folder.path().join("data"), None);
            let mut settings = KeySettings {
                identity_file: Some(key.clone()),
                without_keyring: true,
                ..KeySettings::default()
            };
            let given = (!passphrase.is_empty()).then(|| Redacted::new(passphrase.to_owned()));
            settings.passphrases.value = given;
            Store::new(places.store, Keys::new(settings, places.identity))
        };
        add(&mut store(passphrase), "prod-db").expect("added");
        let mut again = store(passphrase);
        assert_eq!(again.read().expect("it opens").connections.len(), 1, "{kind}");
        assert!(again.export_identity().is_err(), "an SSH key is not copied");
        if passphrase.is_empty() {
            let output = run(program("age").args(["-d", "-i"]).arg(&key).arg(again.path()));
            assert!(output.stdout.starts_with(b"{\"version\":1"));
        } else {
            let error = store("wrong").read().expect_err("a wrong passphrase");
            assert_eq!(error.to_string(), "the passphrase from SSMPF_PASSPHRASE is wrong");
        }
    }
}

#[test]
fn a_keyring_keeps_the_key_so_that_it_just_works() {
    in_session("unlocked", "first-use");
}

#[test]
fn a_locked_keyring_opens_no_window_quietly() {
    in_session("locked", "quiet");
}

#[test]
fn a_bus_without_a_keyring_is_a_machine_without_one() {
    in_session("none", "no-keyring");
}

/// Starts the keyring daemon and waits until it has its name on the bus, and ends it. On a busy
/// machine a daemon may be there and never take its name: it is started anew.
const DAEMON: &str = r#"
owned() {
    dbus-send --session --print-reply --dest=org.freedesktop.DBus / \
        org.freedesktop.DBus.GetNameOwner string:org.freedesktop.secrets >/dev/null 2>&1
}
start() {
    for attempt in $(seq 10); do
        printf 'login\n' | gnome-keyring-daemon ${1:+--unlock} --foreground --components=secrets \
            >/dev/null 2>&1 &
        daemon=$!
        for look in $(seq 100); do
            owned && return
            sleep 0.05
        done
        stop
    done
    echo "the keyring daemon never takes its name"; exit 1
}
stop() {
    [ -n "$daemon" ] || return
    kill $daemon; wait $daemon; daemon=
    while owned; do sleep 0.05; done
} 2>/dev/null
"#;

/// Runs a task of this binary inside a D-Bus session of its own, with or without a keyring daemon.
fn in_session(daemon: &str, task: &str) {
    for needed in ["gnome-keyring-daemon", "secret-tool", "dbus-send"] {
        program(needed);
    }
    let home = tempfile::tempdir().expect("a folder");
    let runtime = home.path().join("run");
    fs::create_dir(&runtime).expect("a folder");
    // A bus that starts no services by itself: only the daemon below is there, or none.
    let config = home.path().join("bus.conf");
    fs::write(
        &config,
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\"><busconfig>\
         <type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>\
         <policy context=\"default\"><allow send_destination=\"*\"/><allow own=\"*\"/>\
         <allow receive_sender=\"*\"/></policy></busconfig>",
    )
    .expect("written");
    let start = match daemon {
        "unlocked" => "start unlock\n",
        // The login keyring is made by the first daemon; the second finds it locked.
        "locked" => {
            "start unlock\nuntil [ -f \"$HOME/.local/share/keyrings/login.keyring\" ]; do sleep 0.05; done\n\
             stop\nstart\n"
        }
        _ => "",
    };
    let script = format!(
        "{DAEMON}{start}\"$0\" --exact what_happens_inside_a_session --nocapture; code=$?\n\
         stop; exit $code"
    );
    let output = program("dbus-run-session")
        .arg("--config-file")
        .arg(&config)
        .args(["--", "bash", "-c", &script])
        .arg(std::env::current_exe().expect("this test"))
        .env(TASK, format!("{task}={}", home.path().display()))
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", &runtime)
        .env_remove("XDG_DATA_HOME")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{task}: {}\n{out}\n{err}", output.status);
    assert!(out.contains(&format!("done: {task}")), "{task}: {out}\n{err}");
}

#[test]
fn what_happens_inside_a_session() {
    let Ok(task) = std::env::var(TASK) else { return };
    let (task, home) = task.split_once('=').expect("a task and a folder");
    let data = Path::new(home).join("data");
    let store = |quiet: bool| {
        let places = Places::new(&data, None);
        let settings = KeySettings { quiet, ..KeySettings::default() };
        Store::new(places.store, Keys::new(settings, places.identity))
    };
    match task {
        "first-use" => {
            if let Err(error) = add(&mut store(false), "prod-db") {
                panic!("{error}: {:?}", error.causes());
            }
            for quiet in [false, true] {
                let mut store = store(quiet);
                assert_eq!(store.read().expect("it opens").connections.len(), 1);
                assert_eq!(store.key_source(), Some(KeySource::Keyring));
            }
            assert!(!data.join("identity.age").exists());
            let found = run(program("secret-tool").args(["search", "--all", "service", "ssmpf"]));
            let found = String::from_utf8_lossy(&found.stdout).into_owned();
            assert!(found.contains("AGE-SECRET-KEY-1"), "{found}");
            let on_disk = fs::read(data.join("store.age")).expect("read");
            assert!(!on_disk.windows(7).any(|window| window == b"bastion"));
        }
        "quiet" => {
            fs::create_dir(&data).expect("a folder");
            let other = tempfile::tempdir().expect("a folder");
            let mut sealed = store_with_passphrase(other.path(), "pass");
            add(&mut sealed, "prod-db").expect("added");
            fs::copy(sealed.path(), data.join("store.age")).expect("copied");
            let started = Instant::now();
            let error = store(true).read().expect_err("locked");
            assert_eq!(error.kind().exit_code().number(), 10);
            let causes = error.causes().join("; ");
            assert!(causes.contains("the OS keyring: it is locked"), "{causes}");
            assert!(started.elapsed() < Duration::from_secs(2), "it waited for somebody");
        }
        "no-keyring" => {
            let error = add(&mut store(false), "prod-db").expect_err("nothing to protect with");
            assert_eq!(error.kind().exit_code().number(), 10);
            assert!(error.hint().expect("a hint").contains("SSMPF_PASSPHRASE"));
            let causes = error.causes().join("; ");
            assert!(causes.contains("the OS keyring: "), "{causes}");
            assert!(!data.join("store.age").exists());
            assert!(!data.join("identity.age").exists());
        }
        other => panic!("no such task: {other}"),
    }
    println!("done: {task}");
}

#[test]
fn without_bus_keyring_and_terminal_the_error_says_which_variable_to_set() {
    let home = tempfile::tempdir().expect("a folder");
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "what_happens_inside_a_session", "--nocapture"])
        .env(TASK, format!("no-keyring={}", home.path().display()))
        .env("HOME", home.path())
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .env("XDG_RUNTIME_DIR", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .expect("started");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(out.contains("done: no-keyring"), "{out}\n{}", String::from_utf8_lossy(&output.stderr));
}

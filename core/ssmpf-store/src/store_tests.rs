use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use ssmpf_model::{Connection, ConnectionName, Destination, Port, Timestamp};
use ssmpf_schema::ErrorKind;

use super::*;
use crate::keys::{Identity, KeySettings, MemoryPlace, WorkFactor};

/// Says to a test binary started by a test what to do, and where.
const TASK: &str = "SSMPF_STORE_TEST_TASK";

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().expect("a folder") };
        let identity = Identity::generate().to_file().expect("age");
        fs::write(bench.key(), identity.expose()).expect("written");
        bench
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.txt")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn store(&self) -> Store {
        store_at(self.folder.path())
    }

    fn path(&self) -> PathBuf {
        self.data().join(STORE_FILE)
    }

    fn child(&self, task: &str) -> Child {
        Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "store::tests::what_a_child_process_does", "--nocapture"])
            .env(TASK, format!("{task}={}", self.folder.path().display()))
            .stdout(Stdio::null())
            .spawn()
            .expect("started")
    }
}

fn store_at(folder: &Path) -> Store {
    let places = Places::new(&folder.join("data"), None);
    let settings = KeySettings {
        identity_file: Some(folder.join("key.txt")),
        without_keyring: true,
        ..KeySettings::default()
    };
    Store::new(places.store, Keys::new(settings, places.identity))
}

/// A store on a machine without a keyring, with the passphrase in a variable.
fn with_passphrase(folder: &Path) -> Store {
    let places = Places::new(&folder.join("data"), None);
    let mut settings = KeySettings { work: WorkFactor::WEAK_FOR_TESTS, ..KeySettings::default() };
    settings.passphrases.value = Some(Redacted::new("pass".to_owned()));
    let nowhere = || Box::new(crate::keys::NoPlace("the OS keyring"));
    let keys = Keys::new(settings, places.identity).with_places(nowhere(), nowhere());
    Store::new(places.store, keys)
}

fn connection() -> Connection {
    let port = Port::new(5432).expect("not 0");
    let target = "bastion".parse().expect("a target");
    Connection::new(target, Destination { host: None, port }, port, Timestamp::UNIX_EPOCH)
}

fn add(store: &mut Store, name: &str) -> Result<(), StoreError> {
    let name: ConnectionName = name.parse()?;
    store.update(|contents| Ok(contents.add(name, connection())?))
}

fn names(store: &mut Store) -> Vec<String> {
    let contents = store.read().expect("it opens");
    contents.connections.keys().map(ToString::to_string).collect()
}

#[test]
fn a_store_that_does_not_exist_is_empty_and_needs_no_key() {
    let bench = Bench::new();
    fs::remove_file(bench.key()).expect("removed");
    assert_eq!(bench.store().read().expect("no failure"), Contents::default());
    assert!(!bench.data().exists());
}

#[test]
fn what_is_added_is_there_for_the_next_process() {
    let bench = Bench::new();
    add(&mut bench.store(), "db").expect("added");
    add(&mut bench.store(), "cache").expect("added");
    assert_eq!(names(&mut bench.store()), ["cache", "db"]);
}

#[test]
fn a_change_that_fails_or_changes_nothing_writes_nothing() {
    let bench = Bench::new();
    let mut store = bench.store();
    add(&mut store, "db").expect("added");
    let before = fs::read(bench.path()).expect("read");
    let error = add(&mut store, "db").expect_err("taken");
    assert_eq!(error.to_string(), "there is a connection named `db` already");
    store.update(|_| Ok::<_, StoreError>(())).expect("nothing to do");
    assert_eq!(fs::read(bench.path()).expect("read"), before);
}

#[test]
fn a_damaged_store_is_named_and_never_overwritten() {
    let bench = Bench::new();
    let mut store = bench.store();
    add(&mut store, "db").expect("added");
    add(&mut store, "cache").expect("added");
    let good = fs::read(bench.path()).expect("read");
    let mut flipped = good.clone();
    let last = flipped.len() - 20;
    flipped[last] ^= 4;
    let newer = {
        let identity = Identity::parse(&fs::read(bench.key()).expect("read"), None).expect("a key");
        let json = br#"{"version":9,"connections":{}}"#;
        seal::seal(json, &identity.recipients(), Form::Binary).expect("sealed")
    };
    for (bytes, words) in [
        (&b""[..], "it is empty"),
        (&good[..good.len() - 10], "it is truncated"),
        (&good[..40], "it is truncated"),
        (&flipped, "it was altered"),
        (b"{}", "it is not a store of ssmpf"),
        (&newer, "it was written by a newer version (format 9"),
    ] {
        fs::write(bench.path(), bytes).expect("written");
        for error in [
            bench.store().read().expect_err(words),
            add(&mut bench.store(), "new").expect_err(words),
            bench.store().verify().expect_err(words),
        ] {
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!(error.kind(), ErrorKind::StoreDamaged);
            assert!(error.hint().is_some());
        }
        assert_eq!(fs::read(bench.path()).expect("read"), bytes, "{words}");
    }
}

#[test]
fn a_store_for_another_key_is_locked_and_left_alone() {
    let bench = Bench::new();
    add(&mut bench.store(), "db").expect("added");
    let before = fs::read(bench.path()).expect("read");
    fs::write(bench.key(), Identity::generate().to_file().expect("age").expose()).expect("written");
    let error = add(&mut bench.store(), "new").expect_err("another key");
    assert_eq!(error.kind(), ErrorKind::StoreLocked);
    assert!(error.to_string().contains("sealed to other keys than age1"), "{error}");
    assert_eq!(fs::read(bench.path()).expect("read"), before);
}

#[test]
fn three_wrong_passphrases_leave_everything_as_it_was() {
    use crate::keys::tests::Script;
    let folder = tempfile::tempdir().expect("a folder");
    let with_answers = |answers: &[Option<&'static str>]| {
        let places = Places::new(folder.path(), None);
        let settings = KeySettings { work: WorkFactor::WEAK_FOR_TESTS, ..KeySettings::default() };
        let nowhere = || Box::new(crate::keys::NoPlace("the OS keyring"));
        let keys = Keys::new(settings, places.identity)
            .with_places(nowhere(), nowhere())
            .with_prompt(Box::new(Script::answering(answers)));
        Store::new(places.store, keys)
    };
    add(&mut with_answers(&[Some("pass"), Some("pass")]), "db").expect("added");
    let snapshot = || {
        let read = |name: &str| fs::read(folder.path().join(name)).expect("read");
        (read(STORE_FILE), read(IDENTITY_FILE))
    };
    let before = snapshot();
    let error = add(&mut with_answers(&[Some("a"), Some("b"), Some("c")]), "new");
    let error = error.expect_err("wrong three times");
    assert_eq!(error.kind().exit_code().number(), 10);
    assert_eq!(snapshot(), before);
    assert_eq!(names(&mut with_answers(&[Some("pass")])), ["db"]);
}

#[test]
fn a_passphrase_changes_without_rewriting_the_connections() {
    let folder = tempfile::tempdir().expect("a folder");
    let with = |passphrase: &str| {
        let places = Places::new(folder.path(), None);
        let mut settings =
            KeySettings { work: WorkFactor::WEAK_FOR_TESTS, ..KeySettings::default() };
        settings.passphrases.value = Some(Redacted::new(passphrase.to_owned()));
        let places_of_keys = (Box::new(MemoryPlace::default()), Box::new(MemoryPlace::default()));
        let keys =
            Keys::new(settings, places.identity).with_places(places_of_keys.0, places_of_keys.1);
        Store::new(places.store, keys)
    };
    add(&mut with("old"), "db").expect("added");
    let before = fs::read(folder.path().join(STORE_FILE)).expect("read");
    with("old").change_passphrase(Some(Redacted::new("new".to_owned()))).expect("changed");
    assert_eq!(fs::read(folder.path().join(STORE_FILE)).expect("read"), before);
    assert_eq!(names(&mut with("new")), ["db"]);
    assert_eq!(with("old").read().expect_err("wrong").kind(), ErrorKind::StoreLocked);
    let identity = Places::new(folder.path(), None).identity;
    assert!(!identity.previous().exists(), "the old passphrase still opens a copy of the key");
}

#[test]
fn others_can_open_what_is_sealed_to_them_and_the_form_stays() {
    let bench = Bench::new();
    let friend = Identity::generate();
    let mut store = bench.store();
    store
        .update(|contents| {
            contents.recipients = friend.recipients();
            Ok::<_, StoreError>(())
        })
        .expect("written");
    let armored = {
        let mine = store.own_recipients().expect("a key");
        let json = store.read().expect("it opens").to_json();
        seal::seal(json.expose(), &mine, Form::Armored).expect("sealed")
    };
    fs::write(bench.path(), armored).expect("written");
    add(&mut store, "db").expect("added");
    let sealed = fs::read(bench.path()).expect("read");
    assert_eq!(seal::form_of(&sealed), Form::Armored);
    assert!(seal::open(&sealed, &friend).is_ok());
}

#[test]
fn a_backup_is_a_store_and_overwrites_nothing() {
    let bench = Bench::new();
    add(&mut bench.store(), "db").expect("added");
    let to = bench.folder.path().join("backup.age");
    bench.store().backup(&to).expect("written");
    assert_eq!(fs::read(&to).expect("read"), fs::read(bench.path()).expect("read"));
    assert!(bench.store().backup(&to).is_err());
    let verified = bench.store().verify().expect("it opens");
    assert_eq!((verified.exists, verified.connections), (true, 1));
}

#[test]
fn the_exported_identity_opens_the_store() {
    let bench = Bench::new();
    add(&mut bench.store(), "db").expect("added");
    let exported = bench.store().export_identity().expect("an age identity");
    let identity = Identity::parse(exported.expose().as_bytes(), None).expect("it parses");
    assert!(seal::open(&fs::read(bench.path()).expect("read"), &identity).is_ok());
}

/// How many processes write at once, and how often each.
const WRITERS: usize = 8;
const WRITES: usize = 12;

#[test]
fn many_processes_writing_at_once_lose_nothing() {
    let bench = Bench::new();
    let children: Vec<Child> =
        (0..WRITERS).map(|number| bench.child(&format!("add-{number}"))).collect();
    for mut child in children {
        assert!(child.wait().expect("it ended").success());
    }
    assert_eq!(names(&mut bench.store()).len(), WRITERS * WRITES);
}

#[test]
fn many_first_uses_at_once_agree_on_one_key() {
    let bench = Bench::new();
    let children: Vec<Child> =
        (0..WRITERS).map(|number| bench.child(&format!("first-{number}"))).collect();
    for mut child in children {
        assert!(child.wait().expect("it ended").success());
    }
    let mut store = with_passphrase(bench.folder.path());
    assert_eq!(names(&mut store).len(), WRITERS);
}

#[cfg(unix)]
#[test]
fn a_writer_killed_at_any_moment_leaves_the_old_file_or_the_new_one() {
    let bench = Bench::new();
    add(&mut bench.store(), "first").expect("added");
    let mut last = 1;
    for round in 0..25_u64 {
        let started = Instant::now();
        let mut child = bench.child("forever");
        // Wait until it writes, then a little more, so that it dies at another point every time.
        let before = fs::read(bench.path()).expect("read");
        while fs::read(bench.path()).expect("never gone") == before {
            assert!(started.elapsed() < Duration::from_secs(20), "the child does not write");
        }
        std::thread::sleep(Duration::from_micros(round * 317 % 5_000));
        child.kill().expect("killed");
        child.wait().expect("it ended");
        let now = names(&mut bench.store()).len();
        assert!(now >= last, "round {round}: {now} after {last}");
        last = now;
    }
    add(&mut bench.store(), "last").expect("the lock died with its holder");
}

#[test]
fn what_a_child_process_does() {
    let Ok(task) = std::env::var(TASK) else { return };
    let (task, folder) = task.split_once('=').expect("a task and a folder");
    if let Some(number) = task.strip_prefix("first-") {
        let mut store = with_passphrase(Path::new(folder));
        return add(&mut store, &format!("c{number}")).expect("added");
    }
    let mut store = store_at(Path::new(folder));
    match task.strip_prefix("add-") {
        Some(number) => {
            for write in 0..WRITES {
                add(&mut store, &format!("c{number}-{write}")).expect("added");
            }
        }
        None => {
            for write in 0_u64.. {
                let name = format!("p{}-{write}", std::process::id());
                add(&mut store, &name).expect("added");
            }
        }
    }
}

use std::collections::VecDeque;
use std::fs;
use std::sync::{Arc, Mutex};

use super::*;
use crate::seal::{self, Form};

/// A person whose answers are known beforehand.
#[derive(Clone, Default)]
pub(crate) struct Script {
    answers: Arc<Mutex<VecDeque<Option<&'static str>>>>,
    asked: Arc<Mutex<Vec<Ask>>>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Script {
    pub(crate) fn answering(answers: &[Option<&'static str>]) -> Self {
        let script = Self::default();
        script.answers.lock().expect("one thread").extend(answers);
        script
    }

    pub(crate) fn asked(&self) -> Vec<Ask> {
        self.asked.lock().expect("one thread").clone()
    }
}

impl Prompt for Script {
    fn ask(&mut self, ask: Ask) -> io::Result<Option<Passphrase>> {
        self.asked.lock().expect("one thread").push(ask);
        let answer =
            self.answers.lock().expect("one thread").pop_front().expect("no question too many");
        Ok(answer.map(|text| Redacted::new(text.to_owned())))
    }

    fn tell(&mut self, sentence: &str) {
        self.told.lock().expect("one thread").push(sentence.to_owned());
    }
}

/// A keyring that is there and locked.
struct LockedPlace;

impl KeyPlace for LockedPlace {
    fn name(&self) -> &'static str {
        "the OS keyring"
    }

    fn get(&self, _: bool) -> Result<Option<Redacted<String>>, PlaceError> {
        Err(PlaceError::Locked("it is locked".to_owned()))
    }

    fn put(&self, _: &Redacted<String>, _: Option<Duration>) -> Result<(), PlaceError> {
        Err(PlaceError::Locked("it is locked".to_owned()))
    }

    fn remove(&self) -> Result<bool, PlaceError> {
        Err(PlaceError::Locked("it is locked".to_owned()))
    }
}

struct Bench {
    folder: tempfile::TempDir,
    keyring: MemoryPlace,
    cache: MemoryPlace,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            keyring: MemoryPlace::default(),
            cache: MemoryPlace::default(),
        }
    }

    fn protected(&self) -> SafeFile {
        SafeFile::in_own_folder(self.folder.path().join("identity.age"))
    }

    fn settings(&self) -> KeySettings {
        KeySettings { work: WorkFactor::WEAK_FOR_TESTS, ..KeySettings::default() }
    }

    fn keys(&self, settings: KeySettings) -> Keys {
        let places = (Box::new(self.keyring.clone()), Box::new(self.cache.clone()));
        Keys::new(settings, self.protected()).with_places(places.0, places.1)
    }

    fn without_keyring(&self, settings: KeySettings) -> Keys {
        let places = (Box::new(NoPlace("the OS keyring")), Box::new(self.cache.clone()));
        Keys::new(settings, self.protected()).with_places(places.0, places.1)
    }

    fn protect(&self, identity: &Identity, passphrase: &str) {
        let passphrase = Redacted::new(passphrase.to_owned());
        let locked = protect(identity, &passphrase, WorkFactor::WEAK_FOR_TESTS).expect("locked");
        let file = self.protected();
        let lock = file.lock().expect("the lock");
        file.replace(&lock, &locked).expect("written");
    }

    fn with_passphrase(&self, text: &str) -> KeySettings {
        let mut settings = self.settings();
        settings.passphrases.value = Some(Redacted::new(text.to_owned()));
        settings
    }
}

/// Opens anything.
fn any(_: &Identity) -> Result<(), Damage> {
    Ok(())
}

/// Opens with this identity only.
fn only(identity: &Identity) -> impl Fn(&Identity) -> Result<(), Damage> {
    let sealed = seal::seal(b"", &identity.recipients(), Form::Binary).expect("sealed");
    move |identity| seal::open(&sealed, identity).map(|_| ())
}

fn source(keys: &mut Keys) -> KeySource {
    match keys.unlock(any) {
        Ok((_, _, source)) => source,
        Err(error) => panic!("{error:?}"),
    }
}

fn key_error<T>(result: Result<T, UnlockError>) -> KeyError {
    match result {
        Err(UnlockError::Key(error)) => error,
        Err(UnlockError::Damage(damage)) => panic!("{damage}"),
        Ok(_) => panic!("it opened"),
    }
}

#[test]
fn sources_are_tried_in_the_documented_order() {
    let bench = Bench::new();
    let identity = Identity::generate();
    let secret = identity.to_file().expect("age");
    let file = bench.folder.path().join("key.txt");
    fs::write(&file, secret.expose()).expect("written");
    bench.keyring.put(&secret, None).expect("kept");
    bench.cache.put(&secret, None).expect("kept");
    bench.protect(&identity, "pass");
    let mut settings = bench.with_passphrase("pass");

    settings.identity_file = Some(file);
    assert_eq!(source(&mut bench.keys(settings.clone())), KeySource::IdentityFile);
    settings.identity_file = None;
    assert_eq!(source(&mut bench.keys(settings.clone())), KeySource::Keyring);
    bench.keyring.remove().expect("removed");
    assert_eq!(source(&mut bench.keys(settings.clone())), KeySource::Cache);
    bench.cache.remove().expect("removed");
    let expected = KeySource::Passphrase("SSMPF_PASSPHRASE");
    assert_eq!(source(&mut bench.keys(settings.clone())), expected);
    settings.passphrases.value = None;
    let script = Script::answering(&[Some("pass")]);
    let mut keys = bench.keys(settings).with_prompt(Box::new(script.clone()));
    assert_eq!(source(&mut keys), KeySource::Prompt);
    assert_eq!(script.asked(), [Ask::Current { attempt: 1, of: 3 }]);
}

#[test]
fn a_person_has_three_attempts() {
    let bench = Bench::new();
    bench.protect(&Identity::generate(), "pass");
    let script = Script::answering(&[Some("a"), Some("b"), Some("pass")]);
    let mut keys = bench.keys(bench.settings()).with_prompt(Box::new(script.clone()));
    assert_eq!(source(&mut keys), KeySource::Prompt);
    assert_eq!(script.told.lock().expect("one thread").len(), 2);

    let before = fs::read(bench.protected().path()).expect("read");
    let script = Script::answering(&[Some("a"), Some("b"), Some("c")]);
    let mut keys = bench.keys(bench.settings()).with_prompt(Box::new(script.clone()));
    let error = key_error(keys.unlock(any));
    assert_eq!(error.to_string(), "the passphrase typed is wrong");
    assert_eq!(error.kind(), ErrorKind::StoreLocked);
    assert_eq!(script.asked().len(), 3);
    assert_eq!(fs::read(bench.protected().path()).expect("read"), before);
}

#[test]
fn a_person_can_decline() {
    let bench = Bench::new();
    bench.protect(&Identity::generate(), "pass");
    let script = Script::answering(&[None]);
    let mut keys = bench.keys(bench.settings()).with_prompt(Box::new(script));
    assert!(matches!(key_error(keys.unlock(any)), KeyError::Declined));
}

#[test]
fn a_wrong_passphrase_from_a_variable_is_an_error_at_once() {
    let bench = Bench::new();
    bench.protect(&Identity::generate(), "pass");
    let script = Script::answering(&[]);
    let mut keys = bench.keys(bench.with_passphrase("wrong")).with_prompt(Box::new(script));
    let error = key_error(keys.unlock(any));
    assert_eq!(error.to_string(), "the passphrase from SSMPF_PASSPHRASE is wrong");
}

#[test]
fn nobody_is_asked_quietly() {
    let bench = Bench::new();
    bench.protect(&Identity::generate(), "pass");
    let script = Script::answering(&[]);
    let mut settings = bench.settings();
    settings.quiet = true;
    settings.passphrases.command = Some("echo pass".to_owned());
    let mut keys = bench.keys(settings).with_prompt(Box::new(script.clone()));
    let error = key_error(keys.unlock(any));
    assert!(matches!(error, KeyError::Locked { protected: true, .. }), "{error:?}");
    assert!(error.hint().expect("a hint").contains("ssmpf unlock"));
    assert_eq!(script.asked(), []);
}

#[test]
fn without_any_key_the_error_says_what_was_tried() {
    let bench = Bench::new();
    let mut keys = Keys::new(bench.settings(), bench.protected())
        .with_places(Box::new(LockedPlace), Box::new(NoPlace("the session's cache")));
    let error = key_error(keys.unlock(any));
    assert_eq!(error.to_string(), "the store is locked: its key is not here");
    assert_eq!(
        error.causes(),
        ["the OS keyring: it is locked", "the session's cache: there is none here"]
    );
}

#[test]
fn a_kept_key_of_another_store_is_passed_over() {
    let bench = Bench::new();
    let (mine, other) = (Identity::generate(), Identity::generate());
    bench.keyring.put(&other.to_file().expect("age"), None).expect("kept");
    bench.protect(&mine, "pass");
    let mut keys = bench.keys(bench.with_passphrase("pass"));
    let (_, identity, _) = keys.unlock(only(&mine)).map_err(|_| ()).expect("it opens");
    assert_eq!(identity.to_string(), mine.to_string());
}

#[test]
fn a_named_identity_file_that_does_not_serve_is_an_error() {
    let bench = Bench::new();
    let identity = Identity::generate();
    bench.keyring.put(&identity.to_file().expect("age"), None).expect("kept");
    let mut settings = bench.settings();
    settings.identity_file = Some(bench.folder.path().join("missing"));
    let error = key_error(bench.keys(settings.clone()).unlock(any));
    assert!(error.to_string().starts_with("SSMPF_IDENTITY_FILE names "), "{error}");
    let file = bench.folder.path().join("key.txt");
    fs::write(&file, "hunter2\n").expect("written");
    settings.identity_file = Some(file);
    let error = key_error(bench.keys(settings).unlock(any));
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_named_identity_file_may_be_locked_with_a_passphrase() {
    let bench = Bench::new();
    let identity = Identity::generate();
    bench.protect(&identity, "pass");
    let mut settings = bench.with_passphrase("pass");
    settings.identity_file = Some(bench.protected().path().to_owned());
    let (_, found, source) = bench.keys(settings).unlock(any).map_err(|_| ()).expect("it opens");
    assert_eq!((found.to_string(), source), (identity.to_string(), KeySource::IdentityFile));
}

#[test]
fn with_a_keyring_the_first_use_just_works() {
    let bench = Bench::new();
    let (first, source) = bench.keys(bench.settings()).unlock_or_create().expect("a key");
    assert_eq!(source, KeySource::Keyring);
    assert!(!bench.protected().path().exists());
    let (again, _) = bench.keys(bench.settings()).unlock_or_create().expect("a key");
    assert_eq!(again.to_string(), first.to_string());
}

#[test]
fn with_a_keyring_a_recovery_passphrase_is_offered() {
    let bench = Bench::new();
    let script = Script::answering(&[Some("rescue"), Some("typo"), Some("rescue"), Some("rescue")]);
    let mut keys = bench.keys(bench.settings()).with_prompt(Box::new(script.clone()));
    let (first, _) = keys.unlock_or_create().expect("a key");
    assert_eq!(script.asked(), [Ask::Recovery, Ask::Again, Ask::Recovery, Ask::Again]);
    bench.keyring.remove().expect("removed");
    let mut keys = bench.keys(bench.with_passphrase("rescue"));
    let (_, rescued, _) = keys.unlock(any).map_err(|_| ()).expect("it opens");
    assert_eq!(rescued.to_string(), first.to_string());

    let declining = Bench::new();
    let script = Script::answering(&[Some("")]);
    let mut keys = declining.keys(declining.settings()).with_prompt(Box::new(script));
    keys.unlock_or_create().expect("a key");
    assert!(!declining.protected().path().exists());
}

#[test]
fn without_a_keyring_a_passphrase_is_asked_for_twice_and_never_empty() {
    let bench = Bench::new();
    let script =
        Script::answering(&[Some(""), Some("pass"), Some("typo"), Some("pass"), Some("pass")]);
    let mut keys = bench.without_keyring(bench.settings()).with_prompt(Box::new(script.clone()));
    let (first, source) = keys.unlock_or_create().expect("a key");
    assert_eq!(source, KeySource::Prompt);
    assert_eq!(script.asked(), [Ask::New, Ask::New, Ask::Again, Ask::New, Ask::Again]);
    let on_disk = fs::read(bench.protected().path()).expect("read");
    assert!(is_protected(&on_disk));
    let mut keys = bench.without_keyring(bench.with_passphrase("pass"));
    let (_, again, _) = keys.unlock(any).map_err(|_| ()).expect("it opens");
    assert_eq!(again.to_string(), first.to_string());
}

#[test]
fn without_keyring_and_person_the_error_names_the_variables_and_nothing_is_written() {
    let bench = Bench::new();
    let error = bench.without_keyring(bench.settings()).unlock_or_create().expect_err("no way");
    assert!(matches!(error, KeyError::NothingToProtectWith { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::StoreLocked);
    assert!(error.hint().expect("a hint").contains("SSMPF_PASSPHRASE"));
    assert_eq!(
        error.causes(),
        ["the memory of this process does not have it", "the OS keyring: there is none here"]
    );
    assert!(!bench.protected().path().exists());
}

#[test]
fn a_script_may_give_the_passphrase_of_a_new_store() {
    let bench = Bench::new();
    let mut keys = bench.without_keyring(bench.with_passphrase("pass"));
    let (_, source) = keys.unlock_or_create().expect("a key");
    assert_eq!(source, KeySource::Passphrase("SSMPF_PASSPHRASE"));
    let error = bench.without_keyring(bench.with_passphrase("")).unlock_or_create();
    assert_eq!(
        error.expect_err("empty").to_string(),
        "SSMPF_PASSPHRASE gives no passphrase: it is empty"
    );
}

#[test]
fn a_new_passphrase_opens_the_same_identity_and_the_old_one_nothing() {
    let bench = Bench::new();
    let identity = Identity::generate();
    bench.protect(&identity, "old");
    let mut keys = bench.keys(bench.with_passphrase("old"));
    let (_, found, _) = keys.unlock(any).map_err(|_| ()).expect("it opens");
    keys.change_passphrase(&found, Some(Redacted::new("new".to_owned()))).expect("changed");
    assert_eq!(
        source(&mut bench.keys(bench.with_passphrase("new"))),
        KeySource::Passphrase("SSMPF_PASSPHRASE")
    );
    key_error(bench.keys(bench.with_passphrase("old")).unlock(any));
    let empty = keys.change_passphrase(&found, Some(Redacted::new(String::new())));
    assert!(matches!(empty, Err(KeyError::NotRepeated)));
}

#[test]
fn the_key_is_remembered_until_it_is_forgotten() {
    let bench = Bench::new();
    let identity = Identity::generate();
    bench.protect(&identity, "pass");
    let keys = bench.without_keyring(bench.settings());
    keys.remember(&identity, Duration::from_secs(60)).expect("kept");
    assert!(keys.is_remembered());
    assert_eq!(source(&mut bench.without_keyring(bench.settings())), KeySource::Cache);
    assert!(keys.forget());
    assert!(!keys.forget());
    key_error(bench.without_keyring(bench.settings()).unlock(any));
}

#[test]
fn settings_are_read_from_the_documented_variables() {
    let settings = KeySettings::from_env(|name| match name {
        "SSMPF_IDENTITY_FILE" => Some("/key".into()),
        "SSMPF_PASSPHRASE" => Some("".into()),
        "SSMPF_PASSPHRASE_FILE" => Some("".into()),
        "SSMPF_PASSPHRASE_COMMAND" => Some("pass show x".into()),
        "SSMPF_KEYRING" => Some("off".into()),
        _ => None,
    })
    .expect("text");
    assert_eq!(settings.identity_file, Some("/key".into()));
    assert!(settings.passphrases.value.is_some(), "an empty passphrase is a mistake to be named");
    assert_eq!(settings.passphrases.file, None);
    assert_eq!(settings.passphrases.command.as_deref(), Some("pass show x"));
    assert!(settings.without_keyring);
}

#[test]
fn debug_output_shows_no_passphrase() {
    let bench = Bench::new();
    let shown = format!("{:?}", bench.with_passphrase("hunter2"));
    assert!(!shown.contains("hunter2"), "{shown}");
}

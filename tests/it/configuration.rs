//! What flag, environment, connection and configuration file mean together.

use ssmpf_tests::{TestEnv, Tunnel};

use crate::catalogue::{add, ok};

/// Profiles `one`, `two` and `three`, each with keys of its own; the environment has others.
fn env() -> TestEnv {
    let mut env = TestEnv::with(|builder| {
        builder
            .credentials("AKIDPROFILE000000001", "secret", None)
            .credentials("AKIDPROFILE000000002", "secret", None)
            .credentials("AKIDPROFILE000000003", "secret", None)
            .credentials("AKIDENVIRONMENT00001", "secret", None)
    });
    env.set("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT00001").set("AWS_SECRET_ACCESS_KEY", "secret");
    env.set("AWS_REGION", "eu-west-1");
    let profiles: String = [("one", 1), ("two", 2), ("three", 3)]
        .map(|(name, number)| {
            format!(
                "[profile {name}]\naws_access_key_id = AKIDPROFILE00000000{number}\n\
                 aws_secret_access_key = secret\n"
            )
        })
        .concat();
    std::fs::create_dir_all(env.home().join(".aws")).unwrap();
    std::fs::write(env.home().join(".aws/config"), profiles).unwrap();
    env.with_store_key()
}

fn configure(env: &TestEnv, text: &str) {
    let folder = env.home().join(".config/ssmpf");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), text).unwrap();
}

/// Opens the connection and returns the key that the session was asked for with.
fn key_of(env: &TestEnv, arguments: &[&str]) -> String {
    let before = env.emulator.calls().len();
    let mut all = vec!["connect", "--local-port", "auto", "--format", "jsonl"];
    all.extend_from_slice(arguments);
    let tunnel = Tunnel::start(env.ssmpf(&all));
    tunnel.wait_for("ready");
    env.emulator.calls()[before].access_key.clone().expect("signed")
}

#[test]
fn flag_and_environment_beat_the_connection_which_beats_the_file() {
    let mut env = env();
    add(&env, "own", &["--profile", "one"]);
    add(&env, "none", &[]);
    assert_eq!(key_of(&env, &["none"]), "AKIDENVIRONMENT00001");
    assert_eq!(key_of(&env, &["own"]), "AKIDPROFILE000000001", "not those in the environment");
    configure(&env, "profile = \"three\"\n");
    assert_eq!(key_of(&env, &["own"]), "AKIDPROFILE000000001");
    assert_eq!(key_of(&env, &["none"]), "AKIDPROFILE000000003");
    assert_eq!(key_of(&env, &["own", "--profile", "two"]), "AKIDPROFILE000000002");
    env.set("AWS_PROFILE", "two");
    assert_eq!(key_of(&env, &["own"]), "AKIDPROFILE000000002");
    assert_eq!(key_of(&env, &["own", "--profile", "one"]), "AKIDPROFILE000000001");
}

#[test]
fn the_file_says_what_would_be_said_with_every_command() {
    let env = env();
    configure(&env, "format = \"plain\"\nstore = \"../../team.age\"\n");
    add(&env, "db", &[]);
    assert!(env.home().join("team.age").exists(), "beside the file");
    assert_eq!(ok(&env, &["ls"]).stdout, "db\n");
    assert!(ok(&env, &["ls", "--json"]).stdout.starts_with('{'));
}

#[test]
fn mistakes_in_the_file_are_named() {
    let env = env();
    configure(&env, "formta = \"json\"\n");
    let warned = ok(&env, &["ls"]);
    assert!(warned.stderr.contains("did you mean `format`?"), "{warned:#?}");
    assert!(!ok(&env, &["ls", "-q"]).stderr.contains("formta"));
    for (text, words) in [("\nformat = json", "line 2"), ("color = \"red\"", "line 1")] {
        configure(&env, text);
        env.run(&["ls"]).fails_with(2, &["config.toml", words, "hint:"]);
    }
    env.run(&["ls", "--config", "no-such-file"]).fails_with(2, &["no-such-file", "hint:"]);
    ok(&env, &["ls", "--config", "/dev/null"]);
    ok(&env, &["help", "environment", "--config", "/dev/null"]);
}

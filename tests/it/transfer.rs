//! Connections that come from elsewhere and go elsewhere.

use std::path::PathBuf;

use ssmpf_tests::BASTION;

use crate::catalogue::{add, env, json, ok};

#[test]
fn a_pasted_line_becomes_a_connection_and_comes_back_as_one() {
    let env = env();
    let line = format!(
        "aws ssm start-session --target {BASTION} --region eu-west-1 --profile prod \
         --document-name AWS-StartPortForwardingSessionToRemoteHost \
         --parameters '{{\"host\":[\"db.internal\"],\"portNumber\":[\"5432\"],\
         \"localPortNumber\":[\"15432\"]}}'"
    );
    let added = json(&env, &["add", "db", "--from", &line, "--tag", "pasted"]);
    let connection = &added["connection"];
    assert_eq!(connection["host"], "db.internal");
    assert_eq!(connection["local_port"], 15432);
    assert_eq!(connection["profile"], "prod");
    assert_eq!(connection["tags"], serde_json::json!(["pasted"]));
    let shown = ok(&env, &["show", "db", "--as", "aws-cli"]).stdout;
    let again = json(&env, &["add", "again", "--from", &shown]);
    for field in ["host", "port", "target", "profile", "region", "kind"] {
        assert_eq!(again["connection"][field], connection[field], "{field}");
    }
    env.run(&["add", "x", "--from", "ls -l"]).fails_with(2, &["aws ssm start-session"]);
}

#[test]
fn an_export_comes_back_in_another_store() {
    let env = env();
    add(&env, "a", &["--tag", "prod"]);
    add(&env, "b", &[]);
    let file = env.home().join("export.json");
    std::fs::write(&file, ok(&env, &["export"]).stdout).unwrap();
    let file = file.to_str().unwrap();
    let other = env.home().join("other.age");
    let other = other.to_str().unwrap();
    let dry = json(&env, &["--store", other, "import", "json", file, "--dry-run"]);
    assert_eq!(dry["taken"].as_array().unwrap().len(), 2);
    assert!(!PathBuf::from(other).exists(), "a dry run writes nothing");
    ok(&env, &["--store", other, "import", "json", file]);
    let listed = json(&env, &["--store", other, "ls", "@prod"]);
    assert_eq!(listed["connections"][0]["name"], "a");
    let again = json(&env, &["--store", other, "import", "json", file]);
    assert_eq!(again["left"].as_array().unwrap().len(), 2);
    env.run(&["import", "json", "/dev/null"]).fails_with(2, &["not an export", "hint:"]);
    env.run(&["import", "json", "no-such-file"])
        .fails_with(2, &["no-such-file", "hint: check the path"]);
}

#[test]
fn other_programs_configurations_are_imported() {
    let env = env();
    std::fs::create_dir_all(env.home().join(".ssh")).unwrap();
    let config = format!(
        "Host bastion\n  HostName {BASTION}\n  ProxyCommand aws ssm start-session --target %h \
         --document-name AWS-StartSSHSession --parameters portNumber=%p\n"
    );
    std::fs::write(env.home().join(".ssh/config"), config).unwrap();
    let summary = json(&env, &["import", "ssh-config"]);
    assert_eq!(summary["taken"][0]["name"], "bastion", "{summary}");

    let basti = "connections:\n  db:\n    target:\n      customTargetHost: db.internal\n      \
                 customTargetPort: 5432\n    localPort: 15432\n";
    let file = env.home().join("basti.yaml");
    std::fs::write(&file, basti).unwrap();
    let file = file.to_str().unwrap();
    let summary = json(&env, &["import", "basti", file, "--target", BASTION]);
    assert_eq!(summary["taken"][0]["name"], "db", "{summary}");
    env.run(&["import", "fernet"]).fails_with(2, &[".ssm-port-forwarder"]);
}

/// A store of the Python manager, made with its formula by `openssl` and Python's `hashlib`: the
/// password is `correct horse battery`, the salt the bytes 0 to 15. In it are `prod db`, `prod-db`,
/// `größe`, `数据库`, and `bad`, whose port is no number.
const FERNET_STORE: &str = include_str!("fernet_store.txt");

fn python_manager(env: &mut ssmpf_tests::TestEnv, token: &[u8]) {
    let folder = env.home().join(".ssm-port-forwarder");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("connections.enc"), token).unwrap();
    std::fs::write(folder.join("key.salt"), (0..16).collect::<Vec<u8>>()).unwrap();
    env.set("SSMPF_IMPORT_PASSPHRASE", "correct horse battery");
}

#[test]
fn the_store_of_the_python_manager_is_taken_over() {
    let mut env = env();
    python_manager(&mut env, FERNET_STORE.as_bytes());
    let dry = json(&env, &["import", "fernet", "--dry-run"]);
    assert_eq!(json(&env, &["ls"])["connections"], serde_json::json!([]), "a dry run");
    let summary = json(&env, &["import", "fernet"]);
    assert_eq!(summary["taken"], dry["taken"]);
    let taken = summary["taken"].as_array().unwrap();
    let names: Vec<_> = taken.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), summary["taken"].as_array().unwrap().len());
    for name in ["prod-db", "prod-db-2", "gr-e"] {
        assert!(names.contains(&name), "{name} is missing: {summary:#}");
    }
    let renamed = taken.iter().find(|it| it["renamed_from"] == "größe").expect("it says so");
    assert_eq!(renamed["name"], "gr-e");
    let left = summary["left"].as_array().unwrap();
    assert!(left.iter().any(|it| it["name"] == "bad"), "{summary:#}");
    let shown = json(&env, &["show", "gr-e"]);
    let connection = &shown["connection"];
    assert_eq!(
        (&connection["host"], &connection["local_port"]),
        (&"db.example.internal".into(), &15434.into())
    );
    assert_eq!(connection["profile"], "prod");
}

#[test]
fn a_python_manager_s_store_that_does_not_open_takes_nothing() {
    let mut env = env();
    python_manager(&mut env, FERNET_STORE.as_bytes());
    env.set("SSMPF_IMPORT_PASSPHRASE", "wrong");
    let wrong = env.run(&["import", "fernet"]);
    assert!(
        wrong.code.is_some_and(|code| code != 0) && wrong.stderr.contains("password"),
        "{wrong:#?}"
    );
    for damaged in [&FERNET_STORE.as_bytes()[..200], b"", b"{}"] {
        python_manager(&mut env, damaged);
        let failed = env.run(&["import", "fernet"]);
        assert!(failed.code.is_some_and(|code| code != 0), "{failed:#?}");
        failed.fails_with(failed.code.unwrap(), &["error:"]);
    }
    assert_eq!(json(&env, &["ls"])["connections"], serde_json::json!([]));
    let folder = env.home().join(".ssm-port-forwarder/connections.enc");
    assert_eq!(std::fs::read(folder).unwrap(), b"{}", "theirs is not touched");
}

#[test]
fn pasted_lines_of_every_kind_are_understood() {
    let env = env();
    for (name, line, expected) in [
        (
            "shorthand",
            "aws ssm start-session --target i-0123456789abcdef0 --document-name \
             AWS-StartPortForwardingSession --parameters portNumber=8080,localPortNumber=18080",
            serde_json::json!({"port": 8080, "local_port": 18080, "host": null}),
        ),
        (
            "continued",
            "aws --profile prod \\\n  ssm start-session --region=eu-west-1 \\\n  \
             --target \"mi-0123456789abcdef0\" --document-name \
             'AWS-StartPortForwardingSessionToRemoteHost' --parameters \
             host=\"db.internal\",portNumber=\"3306\"",
            serde_json::json!({"port": 3306, "host": "db.internal", "kind": "mysql",
                "profile": "prod", "region": "eu-west-1", "target": "mi-0123456789abcdef0"}),
        ),
        (
            "task",
            "aws ssm start-session --target ecs:main_0123456789abcdef0123456789abcdef_\
             0123456789abcdef0123456789abcdef-0123456789 --document-name \
             AWS-StartPortForwardingSession --parameters '{\"portNumber\":[\"80\"]}'",
            serde_json::json!({"port": 80, "kind": "http"}),
        ),
        (
            "ssh",
            "aws ssm start-session --target i-0123456789abcdef0 --document-name \
             AWS-StartSSHSession --parameters portNumber=22 --reason 'on call'",
            serde_json::json!({"port": 22, "kind": "ssh", "reason": "on call"}),
        ),
    ] {
        let added = json(&env, &["add", name, "--from", line]);
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&added["connection"][field], value, "{name}: {field} in {added:#}");
        }
    }
    for line in ["aws ssm start-session", "aws s3 ls", "aws ssm start-session --target 'i-01"] {
        env.run(&["add", "x", "--from", line]).fails_with(2, &["hint:"]);
    }
}

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
    env.run(&["import", "json", "no-such-file"]).fails_with(2, &["no-such-file"]);
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

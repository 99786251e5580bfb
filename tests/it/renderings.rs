//! `show --as`: other programs understand what is printed for them.

use ssmpf_tests::{BASTION, Finished, TestEnv, process, servers};

use crate::catalogue::{env, ok};

fn shown(env: &TestEnv, name: &str, form: &str) -> String {
    ok(env, &["show", name, "--as", form]).stdout
}

/// Saves a PostgreSQL behind a local port where nobody listens, and returns that port.
fn postgres(env: &TestEnv) -> String {
    let port = servers::closed_port().to_string();
    let database = ["--db-user", "app user", "--db-name", "orders", "--local-port", &port];
    let target = ["--target", BASTION, "--host", "localhost", "--port", "5432"];
    let mut arguments = vec!["add", "db"];
    arguments.extend(target.iter().chain(&database));
    ok(env, &arguments);
    port
}

fn sh(env: &TestEnv, script: &str, argument: &str) -> Finished {
    let mut shell = env.command("sh");
    shell.args(["-c", script, "sh", argument]);
    process::run(shell)
}

#[test]
fn openssh_understands_its_entry() {
    let env = env();
    let port = postgres(&env);
    let file = env.home().join("config");
    std::fs::write(&file, shown(&env, "db", "ssh-config")).unwrap();
    let mut ssh = env.command("ssh");
    ssh.args(["-G", "-F"]).arg(&file).arg("db");
    let understood = process::run(ssh);
    assert_eq!(understood.code, Some(0), "{understood:#?}");
    let forward = format!("localforward {port} [localhost]:5432");
    for line in [&format!("hostname {BASTION}"), &forward, "exitonforwardfailure yes"] {
        assert!(understood.stdout.lines().any(|it| it == line), "{line}: {understood:#?}");
    }
    assert!(understood.stdout.contains("proxycommand sh -c 'aws ssm start-session"));
}

#[test]
fn libpq_understands_uri_and_environment() {
    let env = env();
    let port = postgres(&env);
    let refused = format!("port {port} failed: Connection refused");
    let by_uri = sh(&env, "psql \"$1\" -c 'select 1'", shown(&env, "db", "uri").trim_end());
    by_uri.fails_with(2, &["\"127.0.0.1\"", &refused]);
    let script = "eval \"$1\"; psql -c 'select 1'; echo \"$PGUSER|$PGDATABASE\"";
    let by_environment = sh(&env, script, &shown(&env, "db", "env"));
    assert!(by_environment.stderr.contains(&refused), "{by_environment:#?}");
    assert_eq!(by_environment.stdout, "app user|orders\n");
}

#[test]
fn another_shell_parser_understands_the_command_line() {
    let env = env();
    let port = postgres(&env);
    let mut python = env.command("python3");
    let script = "import json, shlex, sys; print(json.dumps(shlex.split(sys.argv[1])))";
    python.args(["-c", script, shown(&env, "db", "aws-cli").trim_end()]);
    let words: Vec<String> = serde_json::from_str(&process::run(python).stdout).unwrap();
    assert_eq!(words[..3], ["aws", "ssm", "start-session"]);
    let after = |flag: &str| {
        let at = words.iter().position(|word| word == flag).expect(flag);
        words[at + 1].clone()
    };
    assert_eq!(after("--target"), BASTION);
    let parameters: serde_json::Value = serde_json::from_str(&after("--parameters")).unwrap();
    assert_eq!(parameters["portNumber"][0], "5432");
    assert_eq!(parameters["localPortNumber"][0], port);
}

#[test]
fn forms_that_a_kind_has_not_are_refused_with_the_reason() {
    let env = env();
    let port = postgres(&env);
    assert_eq!(
        shown(&env, "db", "jdbc"),
        format!("jdbc:postgresql://127.0.0.1:{port}/orders?user=app%20user\n")
    );
    env.run(&["show", "db", "--as", "kubeconfig"]).fails_with(2, &["kubernetes", "hint:"]);
    let cluster = ["--host", "abc.gr7.eu-west-1.eks.amazonaws.com", "--port", "443"];
    let mut arguments = vec!["add", "cluster", "--target", BASTION, "--kind", "kubernetes"];
    arguments.extend(cluster);
    ok(&env, &arguments);
    let config = shown(&env, "cluster", "kubeconfig");
    assert!(
        config.contains("tls-server-name: \"abc.gr7.eu-west-1.eks.amazonaws.com\""),
        "{config}"
    );
    env.run(&["show", "cluster", "--as", "jdbc"]).fails_with(2, &["kind kubernetes"]);
}

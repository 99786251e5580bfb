//! Every mistake gets a sentence, a hint and its exit code; none a panic.

use std::net::TcpListener;

use ssmpf_emulator::Node;
use ssmpf_tests::{BASTION, TestEnv, servers};

fn forward<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["forward", "--target", BASTION];
    arguments.extend_from_slice(more);
    arguments
}

#[test]
fn wrong_words_and_numbers_are_usage_errors() {
    let env = TestEnv::new();
    let cases: [(&[&str], &[&str]); 12] = [
        (&["forward", "--target", "host:bastion", "--port", "80"], &["host:", "tag:"]),
        (&["forward", "--target", "i-123", "--port", "80"], &["i-123"]),
        (&forward(&["--port", "0"]), &["1 to 65535"]),
        (&forward(&["--port", "65536"]), &["1 to 65535"]),
        (&forward(&["--port", "http"]), &["http"]),
        (&forward(&["--port", "80", "--local-port", "99999"]), &["99999"]),
        (&forward(&["--port", "80", "--bind", "eth0"]), &["eth0", "IP address"]),
        (&forward(&["--port", "80", "--host", "a;b"]), &["a;b"]),
        (&forward(&["--port", "80", "--host", "db"]), &["db"]),
        (&forward(&[]), &["port"]),
        (&forward(&["-L", "1:2"]), &["1:2"]),
        (&["frobnicate"], &["frobnicate"]),
    ];
    for (arguments, texts) in cases {
        env.run(arguments).fails_with(2, texts);
    }
    assert_eq!(env.emulator.calls().len(), 0, "nothing was asked of AWS");
}

#[test]
fn the_ssh_spelling_means_the_same() {
    let env = TestEnv::with(|builder| builder.host("db.internal", 5432, servers::echo()));
    let local = servers::closed_port();
    let spec = format!("{local}:db.internal:5432");
    let tunnel = env.forward(&["--target", BASTION, "-L", &spec]);
    assert_eq!(tunnel.address().port(), local);
    let parameters = &env.emulator.sessions()[0].parameters;
    assert_eq!(parameters["host"], ["db.internal"]);
    assert_eq!(parameters["portNumber"], ["5432"]);
}

#[test]
fn unknown_and_offline_targets_are_told_from_each_other_only_by_aws() {
    let offline = "i-0fedcba9876543210";
    let env = TestEnv::with(|builder| builder.node(Node::new(offline).connection_lost()));
    for target in [offline, "i-00000000000000000", "mi-00000000000000000", "ecs:apps_task_runtime"]
    {
        env.run(&["forward", "--target", target, "--port", "80"])
            .fails_with(6, &[target, "not connected", "hint:"]);
    }
}

#[test]
fn denials_and_throttling_are_said_as_such() {
    let env = TestEnv::with(|builder| builder.deny("ssm:StartSession"));
    env.run(&forward(&["--port", "80"])).fails_with(5, &["IAM", "ssm:StartSession", "hint:"]);

    let env = TestEnv::new();
    env.emulator.faults().start_fails("ThrottlingException", 100);
    env.run(&forward(&["--port", "80"])).fails_with(1, &["fewer calls", "hint:"]);
}

#[test]
fn documents_that_do_not_fit_are_refused_by_name() {
    let env = TestEnv::new();
    env.run(&forward(&["--port", "80", "--document", "No-SuchDocument"]))
        .fails_with(6, &["No-SuchDocument", "hint:"]);
    env.run(&forward(&["--port", "80", "--document", "x"])).fails_with(2, &["`x`"]);
}

#[test]
fn a_busy_port_is_named_with_its_holder_before_aws_is_called() {
    let env = TestEnv::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let pid = std::process::id().to_string();
    env.run(&forward(&["--port", "80", "--local-port", &port]))
        .fails_with(8, &[&port, &pid, "--local-port auto"]);
    assert_eq!(env.emulator.calls().len(), 0);
}

#[test]
fn an_address_of_another_machine_cannot_be_bound() {
    let env = TestEnv::new();
    env.run(&forward(&["--port", "80", "--bind", "192.0.2.1"])).fails_with(8, &["192.0.2.1"]);
}

#[test]
fn missing_settings_are_named_with_what_to_set() {
    let mut env = TestEnv::new();
    env.set("AWS_REGION", "").set("AWS_DEFAULT_REGION", "");
    env.run(&forward(&["--port", "80"])).fails_with(2, &["region", "--region"]);

    let mut env = TestEnv::new();
    env.set("AWS_ACCESS_KEY_ID", "").set("AWS_SECRET_ACCESS_KEY", "");
    env.run(&forward(&["--port", "80"])).fails_with(4, &["credentials", "hint:"]);

    let env = TestEnv::new();
    env.run(&forward(&["--port", "80", "--profile", "prdo"])).fails_with(2, &["prdo"]);
}

#[test]
fn an_unknown_profile_brings_the_nearest_name() {
    let env = TestEnv::new();
    std::fs::create_dir_all(env.home().join(".aws")).unwrap();
    std::fs::write(env.home().join(".aws/config"), "[profile prod]\nregion = eu-west-1\n").unwrap();
    env.run(&forward(&["--port", "80", "--profile", "prdo"])).fails_with(2, &["prdo", "prod"]);
}

#[test]
fn a_profile_wins_over_keys_in_the_environment() {
    let env = TestEnv::with(|builder| builder.credentials("AKIDPROFILE000000001", "secret2", None));
    std::fs::create_dir_all(env.home().join(".aws")).unwrap();
    let config = "[profile prod]\nregion = eu-west-1\naws_access_key_id = AKIDPROFILE000000001\n\
                  aws_secret_access_key = secret2\n";
    std::fs::write(env.home().join(".aws/config"), config).unwrap();
    let tunnel = env.forward(&["--profile", "prod", "--target", BASTION, "--port", "80"]);
    drop(tunnel);
    let call = &env.emulator.calls()[0];
    assert_eq!(call.access_key.as_deref(), Some("AKIDPROFILE000000001"));
}

#[test]
fn expired_and_unknown_credentials_ask_for_a_sign_in() {
    let mut env = TestEnv::with(|builder| {
        builder.expired_credentials("ASIAEXPIRED000000001", "secret", "token")
    });
    env.set("AWS_ACCESS_KEY_ID", "ASIAEXPIRED000000001");
    env.set("AWS_SECRET_ACCESS_KEY", "secret").set("AWS_SESSION_TOKEN", "token");
    env.run(&forward(&["--port", "80"])).fails_with(4, &["expired", "hint:"]);

    let mut env = TestEnv::new();
    env.set("AWS_ACCESS_KEY_ID", "AKIDUNKNOWN000000001");
    env.run(&forward(&["--port", "80"])).fails_with(4, &["does not know", "hint:"]);

    let mut env = TestEnv::new();
    env.set("AWS_SECRET_ACCESS_KEY", "wrong");
    env.run(&forward(&["--port", "80"])).fails_with(4, &["signature", "hint:"]);
}

#[test]
fn errors_are_json_documents_when_json_was_asked_for() {
    let env = TestEnv::new();
    let finished =
        env.run(&["forward", "--json", "--target", "i-00000000000000000", "--port", "80"]);
    assert_eq!(finished.code, Some(6));
    let last = finished.stderr.lines().last().unwrap();
    let document: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(document["schema"], "ssmpf/1");
    assert_eq!(document["error"]["kind"], "target-not-connected");
    assert!(document["error"]["hint"].is_string());
}

#[test]
fn a_closed_stdin_changes_nothing() {
    use std::os::unix::process::CommandExt;
    let env = TestEnv::new();
    let port = servers::echo().port().to_string();
    let mut shell = env.command("sh");
    shell.arg("-c").arg("exec \"$0\" \"$@\" <&-").arg(ssmpf_tests::program("ssmpf"));
    shell.args(["forward", "--format", "jsonl", "--target", BASTION, "--port", &port]);
    shell.process_group(0);
    let tunnel = ssmpf_tests::Tunnel::start(shell);
    tunnel.wait_for("ready");
    assert_eq!(tunnel.stop().code, Some(0));
}

#[test]
fn a_full_disk_under_stderr_does_not_end_the_tunnel() {
    let env = TestEnv::new();
    let port = servers::echo().port().to_string();
    let mut shell = env.command("sh");
    shell.arg("-c").arg("exec \"$0\" \"$@\" 2>/dev/full").arg(ssmpf_tests::program("ssmpf"));
    shell.args(["-vv", "forward", "--format", "jsonl", "--target", BASTION, "--port", &port]);
    let tunnel = ssmpf_tests::Tunnel::start(shell);
    tunnel.wait_for("ready");
    assert_eq!(tunnel.stop().code, Some(0));
}

#[test]
fn a_privileged_port_is_refused_with_a_hint() {
    let env = TestEnv::new();
    // Also where the tests run as root: without this capability root is refused like everyone.
    let mut command = env.command("setpriv");
    command.args(["--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"]);
    command.arg(ssmpf_tests::program("ssmpf"));
    command.args(forward(&["--port", "80", "--local-port", "81"]));
    let finished = ssmpf_tests::process::run(command);
    finished.fails_with(8, &["port 81", "1024"]);
    assert_eq!(env.emulator.calls().len(), 0);
}

#[test]
fn a_filtered_destination_is_warned_about_while_its_client_waits() {
    let filtered = ssmpf_emulator::Route::BlackHole;
    let env = TestEnv::with(|builder| builder.route("filtered.internal", Some(80), filtered));
    let tunnel = env.forward(&["--target", BASTION, "--host", "filtered.internal", "--port", "80"]);
    let mut client = tunnel.connect();
    std::io::Write::write_all(&mut client, b"anyone?").unwrap();
    let warning = tunnel.wait_for("warning");
    assert_eq!(warning["kind"], "destination-unreachable");
    assert!(warning["message"].as_str().unwrap().contains("filtered.internal:80"), "{warning}");
    assert_eq!(tunnel.stop().code, Some(0));
}

#[test]
fn a_document_that_starts_a_shell_is_said_to_be_the_wrong_one() {
    let env = TestEnv::new();
    let document = "SSM-SessionManagerRunShell";
    let finished = env.run(&forward(&["--port", "80", "--document", document]));
    assert_eq!(finished.code, Some(6), "{finished:?}");
    assert!(finished.stderr.contains("hint:"), "{finished:?}");
}

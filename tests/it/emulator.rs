//! The emulator's own commands, as the README shows them.

use std::process::Stdio;

use ssmpf_tests::{PATIENCE, TestEnv, process, program, servers};

#[test]
fn up_says_in_one_line_of_json_how_to_reach_it() {
    let env = TestEnv::new();
    let mut command = env.command(program("ssmpf-emulator"));
    command.arg("up").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let line = servers::read_line(child.stdout.as_mut().unwrap());
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["ready"], true);
    assert!(ready["env"]["AWS_ENDPOINT_URL"].as_str().unwrap().starts_with("http"));
    process::signal(child.id(), "INT");
    assert!(process::wait(&mut child, PATIENCE).is_some());
}

#[test]
fn exec_runs_a_command_in_the_environment_and_returns_its_code() {
    let env = TestEnv::new();
    let mut command = env.command(program("ssmpf-emulator"));
    command.args(["exec", "--", "sh", "-c", "echo $AWS_REGION; exit 42"]);
    let finished = process::run(command);
    assert_eq!(finished.code, Some(42), "{finished:?}");
    assert_eq!(finished.stdout, "eu-west-1\n");
}

#[test]
fn the_demonstration_moves_real_bytes() {
    let env = TestEnv::new();
    let mut command = env.command(program("ssmpf-emulator"));
    command.args(["demo", "--exit", "--unpaced", "--ssmpf"]).arg(program("ssmpf"));
    let finished = process::run(command);
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn the_documented_profiles_can_be_signed_in_to() {
    let env = TestEnv::new();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/emulator.md"));
    let page = page.unwrap();
    let (_, rest) = page.split_once("```ini\n").expect("there is an example");
    let (config, _) = rest.split_once("```").expect("it ends");
    let file = env.home().join("config");
    std::fs::write(&file, config).unwrap();
    let mut command = env.command(program("ssmpf-emulator"));
    command.args([
        "exec",
        "--",
        "sh",
        "-c",
        "\"$1\" login --profile play --device-code && \
        \"$1\" profiles",
        "sh",
    ]);
    command.arg(program("ssmpf")).env("AWS_CONFIG_FILE", &file);
    let finished = process::run(command);
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("signed in until"), "{finished:#?}");
    assert!(finished.stdout.contains("assume-role-mfa"), "{finished:#?}");
}

//! Targets listed, over many profiles and regions.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

use serde::Deserialize;
use serde_json::Value;
use ssmpf_emulator::{Builder, EcsService, EcsTask, Fleet, Node};
use ssmpf_tests::{BASTION, Finished, TestEnv};

const REGIONS: [&str; 4] = ["eu-west-1", "eu-central-1", "us-east-1", "ap-south-1"];

/// A second reader of the contract: it knows every field, and refuses others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Targets {
    schema: String,
    targets: Vec<Target>,
    places: Vec<Place>,
    failures: Vec<Failure>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Target {
    target: String,
    kind: String,
    name: Option<String>,
    reachable: bool,
    status: String,
    reason: Option<String>,
    state: Option<String>,
    address: Option<String>,
    availability_zone: Option<String>,
    vpc: Option<String>,
    platform: Option<String>,
    agent_version: Option<String>,
    last_ping: Option<String>,
    ecs: Option<Value>,
    profile: Option<String>,
    region: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Place {
    profile: Option<String>,
    region: String,
    found: u64,
    asked: String,
    cached: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Failure {
    profile: Option<String>,
    region: Option<String>,
    error: Value,
}

#[track_caller]
pub fn ok(finished: Finished) -> Finished {
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    finished
}

#[track_caller]
fn targets(env: &TestEnv, more: &[&str]) -> Targets {
    let mut arguments = vec!["targets", "--json"];
    arguments.extend_from_slice(more);
    let finished = ok(env.run(&arguments));
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:#?}"))
}

pub fn mixed(builder: Builder) -> Builder {
    let task = |id: &str, no_exec| EcsTask {
        id: id.repeat(32),
        runtime_id: format!("{id}-1"),
        no_exec,
        started: 1_700_000_000,
    };
    builder
        .node(
            Node::new("i-0aaaaaaaaaaaaaaa1").named("web").connection_lost().address([10, 0, 0, 9]),
        )
        .node(Node::new("i-0aaaaaaaaaaaaaaa2").named("old").stopped())
        .node(Node::new("i-0aaaaaaaaaaaaaaa3").named("stray").unmanaged())
        .node(Node::new("i-0aaaaaaaaaaaaaaa4").named("gone").terminated())
        .node(Node::new("mi-0bbbbbbbbbbbbbbb1").named("onprem").platform("Windows"))
        .ecs(EcsService {
            cluster: "apps".into(),
            service: "api".into(),
            container: "api".into(),
            tasks: vec![task("a", false), task("b", true)],
            ..EcsService::default()
        })
}

#[test]
fn nodes_machines_and_containers_are_listed_with_what_is_known_about_them() {
    let env = TestEnv::with(mixed);
    let document = targets(&env, &[]);
    assert_eq!(document.schema, "ssmpf/1");
    let find = |name: &str| {
        let mut named = document.targets.iter().filter(|it| it.name.as_deref() == Some(name));
        named.next().unwrap_or_else(|| panic!("{name} is missing: {document:#?}"))
    };
    let web = find("web");
    assert_eq!((web.kind.as_str(), web.status.as_str()), ("ec2", "connection-lost"));
    assert!(!web.reachable);
    assert_eq!(web.state.as_deref(), Some("running"));
    assert_eq!(web.address.as_deref(), Some("10.0.0.9"));
    assert_eq!(web.availability_zone.as_deref(), Some("eu-west-1a"));
    assert!(web.vpc.is_some() && web.last_ping.as_ref().is_some_and(|time| time.ends_with('Z')));
    let onprem = find("onprem");
    assert_eq!((onprem.kind.as_str(), onprem.reachable), ("hybrid", true));
    assert!(onprem.platform.as_ref().is_some_and(|platform| platform.contains("Windows")));
    let containers: Vec<_> = document.targets.iter().filter(|it| it.kind == "ecs").collect();
    let ready: Vec<_> = containers.iter().map(|it| (it.reachable, it.status.as_str())).collect();
    assert_eq!(ready, [(true, "exec-ready"), (false, "no-exec")]);
    assert!(containers[1].reason.as_ref().is_some_and(|why| why.contains("not enabled")));
    assert_eq!(containers[0].ecs.as_ref().unwrap()["service"], "api");
    let names: Vec<_> = document.targets.iter().filter_map(|it| it.name.as_deref()).collect();
    for absent in ["old", "stray", "gone"] {
        assert!(!names.contains(&absent), "{absent}: {names:?}");
    }
    assert!(document.failures.is_empty());
}

#[test]
fn instances_without_an_agent_are_listed_when_all_is_wanted() {
    let env = TestEnv::with(mixed);
    let document = targets(&env, &["--all"]);
    let status = |name: &str| {
        let found = document.targets.iter().find(|it| it.name.as_deref() == Some(name));
        found.map(|it| (it.status.clone(), it.state.clone().unwrap_or_default()))
    };
    let words = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
    assert_eq!(status("old"), words("not-managed", "stopped"));
    assert_eq!(status("stray"), words("not-managed", "running"));
    assert_eq!(status("gone"), None);
}

#[test]
fn five_thousand_nodes_of_one_region_are_listed_to_the_last() {
    let env = TestEnv::with(|builder| builder.many("node", 5000, None));
    let document = targets(&env, &[]);
    let ids: BTreeSet<_> = document.targets.iter().map(|it| &it.target).collect();
    assert_eq!(ids.len(), 5001);
    assert!(document.targets.iter().all(|it| it.name.is_some() || it.target == BASTION));
    assert_eq!(env.emulator.call_count("DescribeInstanceInformation"), 101);
}

/// Writes so many profiles with keys, and returns flags that choose all of them.
fn profiles(env: &TestEnv, profiles: &[(String, &str, &str, &str)]) -> Vec<String> {
    let mut config = String::new();
    for (name, access, secret, token) in profiles {
        let _ = write!(
            config,
            "[profile {name}]\nregion = eu-west-1\naws_access_key_id = {access}\n\
             aws_secret_access_key = {secret}\n"
        );
        if !token.is_empty() {
            let _ = writeln!(config, "aws_session_token = {token}");
        }
    }
    fs::create_dir_all(env.home().join(".aws")).unwrap();
    fs::write(env.home().join(".aws/config"), config).unwrap();
    profiles.iter().flat_map(|(name, ..)| ["--profile".to_owned(), name.clone()]).collect()
}

#[test]
fn forty_profiles_in_four_regions_lose_only_what_fails() {
    let mut env = TestEnv::with(|builder| {
        let builder = builder.expired_credentials("AKIDEXPIRED000000001", "secret", "token");
        REGIONS.iter().fold(builder, |builder, region| builder.many("node", 5, Some(region)))
    });
    env.set("AWS_REGION", "").set("AWS_DEFAULT_REGION", "");
    let good = (ssmpf_emulator::DEFAULT_ACCESS_KEY, ssmpf_emulator::DEFAULT_SECRET_KEY);
    let mut all: Vec<_> =
        (0..37).map(|number| (format!("p{number:02}"), good.0, good.1, "")).collect();
    all.push(("expired".to_owned(), "AKIDEXPIRED000000001", "secret", "token"));
    all.push(("unknown".to_owned(), "AKIDUNKNOWN000000001", "secret", ""));
    let mut flags = profiles(&env, &all);
    flags.extend(["--profile".to_owned(), "no-such-profile".to_owned()]);
    flags.extend(REGIONS.iter().flat_map(|region| ["--region".to_owned(), (*region).to_owned()]));
    env.emulator.faults().fails_in("us-east-1", "ListClusters", "AccessDeniedException", 37);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();

    let document = targets(&env, &flags);

    // Each of the 37 sees five nodes in each of the four regions, and the bastion in one.
    assert_eq!(document.targets.len(), 37 * (4 * 5 + 1));
    assert_eq!(document.places.len(), 37 * 4);
    let failed = |profile: &str, region: Option<&str>| {
        let failures = document.failures.iter().filter(|it| it.profile.as_deref() == Some(profile));
        failures.filter(|it| region.is_none() || it.region.as_deref() == region).count()
    };
    for region in REGIONS {
        assert!(failed("expired", Some(region)) > 0, "{region}");
        assert!(failed("unknown", Some(region)) > 0, "{region}");
    }
    assert_eq!(failed("no-such-profile", None), 1);
    assert_eq!(failed("p00", None), 1);
    assert_eq!(failed("p00", Some("us-east-1")), 1);
    // Three calls of each of sixteen places, and one more that is being finished.
    assert!(env.emulator.most_calls_at_once() <= 16 * 3, "{}", env.emulator.most_calls_at_once());
}

#[test]
fn failures_are_told_to_people_once_for_all_places() {
    let env = TestEnv::with(|builder| {
        let builder = builder.deny("ecs:ListClusters");
        REGIONS.iter().fold(builder, |builder, region| builder.many("node", 1, Some(region)))
    });
    let finished = ok(env.run(&["targets", "--region", REGIONS[0], "--region", REGIONS[1]]));
    assert_eq!(finished.stderr.matches("warning:").count(), 1, "{finished:#?}");
    for text in ["ecs:ListClusters", REGIONS[0], REGIONS[1]] {
        assert!(finished.stderr.contains(text), "{text}: {finished:#?}");
    }
    assert!(finished.stdout.contains("node-0001"));
}

#[test]
fn all_regions_are_those_of_the_account() {
    let env = TestEnv::with(|builder| {
        REGIONS.iter().fold(builder, |builder, region| builder.many("node", 1, Some(region)))
    });
    let document = targets(&env, &["--all-regions"]);
    let regions: BTreeSet<_> = document.places.iter().map(|place| place.region.as_str()).collect();
    assert_eq!(regions, REGIONS.into_iter().collect());
    assert_eq!(document.targets.len(), 5);
    env.run(&["targets", "--all-regions", "--region", "x"]).fails_with(2, &["--all-regions"]);
    let strange = ["targets", "--region", "eu-west-1", "--region", "evil.example/"];
    env.run(&strange).fails_with(2, &["evil.example"]);
}

#[test]
fn when_nothing_can_be_read_the_exit_code_says_why() {
    let mut env = TestEnv::with(|builder| {
        builder.expired_credentials("AKIDEXPIRED000000001", "secret", "token")
    });
    env.run(&["targets", "--profile", "none"]).fails_with(2, &["no AWS profile named `none`"]);
    env.set("AWS_ACCESS_KEY_ID", "AKIDEXPIRED000000001");
    env.set("AWS_SECRET_ACCESS_KEY", "secret").set("AWS_SESSION_TOKEN", "token");
    env.run(&["targets"]).fails_with(4, &["expired"]);
    let denied = TestEnv::with(|builder| {
        let actions = ["ssm:DescribeInstanceInformation", "ecs:ListClusters"];
        actions.iter().fold(builder, |builder, action| builder.deny(action))
    });
    denied.run(&["targets"]).fails_with(5, &["ssm:DescribeInstanceInformation"]);
}

#[test]
fn a_total_failure_is_written_once() {
    let denied = TestEnv::with(|builder| {
        let actions = ["ssm:DescribeInstanceInformation", "ecs:ListClusters"];
        actions.iter().fold(builder, |builder, action| builder.deny(action))
    });
    let finished = denied.run(&["targets", "--format", "jsonl"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(5), ""));
    let lines: Vec<Value> =
        finished.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{finished:#?}");
    let error = lines[0]["error"].to_string();
    for action in ["ssm:DescribeInstanceInformation", "ecs:ListClusters"] {
        assert!(error.contains(action), "{error}");
    }
    // What fails beside something that can be read stays a line of its own.
    let part = TestEnv::with(|builder| builder.deny("ecs:ListClusters"));
    let finished = ok(part.run(&["targets", "--format", "jsonl"]));
    let failure: Value = serde_json::from_str(finished.stderr.trim()).unwrap();
    assert!(failure["failure"]["error"]["message"].is_string(), "{failure}");
}

#[test]
fn throttled_pages_are_asked_for_again_and_none_is_lost() {
    let env = TestEnv::with(|builder| builder.many("node", 200, None));
    env.emulator.faults().fails("DescribeInstanceInformation", "ThrottlingException", 2);
    env.emulator.faults().fails("DescribeInstances", "ThrottlingException", 1);
    let document = targets(&env, &[]);
    assert_eq!(document.targets.len(), 201);
    assert!(document.failures.is_empty());
}

#[test]
fn a_recent_answer_is_kept_for_lists_and_for_nobody_else_to_read() {
    let env = TestEnv::with(mixed);
    assert!(!targets(&env, &[]).places[0].cached);
    let asked = env.emulator.calls().len();
    assert!(targets(&env, &[]).places[0].cached);
    assert_eq!(env.emulator.calls().len(), asked, "nothing was asked again");
    assert!(!targets(&env, &["--refresh"]).places[0].cached);
    assert!(env.emulator.calls().len() > asked);
    let told = ok(env.run(&["targets"]));
    assert!(told.stderr.contains("--refresh"), "{told:#?}");
    use std::os::unix::fs::PermissionsExt;
    let folder = env.home().join(".cache/ssmpf");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut files = fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path());
    assert!(files.all(|file| mode(&file) == 0o600));
}

#[test]
fn half_an_answer_is_not_kept() {
    let env = TestEnv::new();
    env.emulator.faults().fails("ListClusters", "AccessDeniedException", 1);
    assert_eq!(targets(&env, &[]).failures.len(), 1);
    let again = targets(&env, &[]);
    assert!(!again.places[0].cached && again.failures.is_empty());
}

#[test]
fn lines_come_as_objects_or_as_plain_ids_and_words_narrow_them() {
    let env = TestEnv::with(mixed);
    let lines = ok(env.run(&["targets", "--format", "jsonl"]));
    let parsed: Vec<Target> =
        lines.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(parsed.len(), 5);
    let plain = ok(env.run(&["targets", "--format", "plain", "WEB", "lost"]));
    assert_eq!(plain.stdout, "i-0aaaaaaaaaaaaaaa1\n");
    let none = ok(env.run(&["targets", "nothing-like-it"]));
    assert_eq!(none.stdout, "");
    assert!(none.stderr.contains("no targets found"));
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let env = TestEnv::with(|builder| builder.many("node", 3000, None));
    let mut shell = env.command("bash");
    let program = ssmpf_tests::program("ssmpf").display().to_string();
    let line = format!("set -o pipefail; '{program}' targets --format jsonl | head -n 1");
    shell.args(["-c", &line]);
    let finished = ok(ssmpf_tests::process::run(shell));
    assert_eq!(finished.stdout.lines().count(), 1);
}

#[test]
fn several_places_are_refused_where_only_one_makes_sense() {
    let env = TestEnv::new();
    for flag in ["--profile", "--region"] {
        env.run(&["forward", "--target", BASTION, "--port", "1", flag, "a", flag, "b"])
            .fails_with(2, &[flag, "more than once"]);
        env.run(&["sessions", "end", "x", flag, "a", flag, "b"]).fails_with(2, &[flag]);
    }
}

#[test]
fn every_command_of_the_documentation_works() {
    let regions =
        |builder: Builder| builder.fleet(Fleet::builtin()).many("w", 1, Some("us-east-1"));
    let env = TestEnv::with(regions);
    let good = (ssmpf_emulator::DEFAULT_ACCESS_KEY, ssmpf_emulator::DEFAULT_SECRET_KEY);
    let names = ["prod", "staging"].map(|name| (name.to_owned(), good.0, good.1, ""));
    profiles(&env, &names);
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(root.join("docs/finding.md")).unwrap();
    let mut inside = false;
    let mut run = 0;
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => {
                let words: Vec<&str> = line.split_whitespace().skip(1).collect();
                let finished = ok(env.run(&words));
                assert!(!finished.stderr.contains("warning:"), "{line}: {finished:#?}");
                run += 1;
            }
            _ => {}
        }
    }
    assert_eq!(run, 9);
}

//! Every form of a target leads to its node, anew at each start.

use std::time::Duration;

use ssmpf_emulator::{Builder, EcsService, EcsTask, Node};
use ssmpf_tests::{TestEnv, servers};

const ONE: &str = "i-0aaaaaaaaaaaaaaa1";
const TWO: &str = "i-0aaaaaaaaaaaaaaa2";
const THREE: &str = "i-0aaaaaaaaaaaaaaa3";
const HYBRID: &str = "mi-0bbbbbbbbbbbbbbb1";

fn env(change: impl FnOnce(Builder) -> Builder) -> TestEnv {
    TestEnv::with_node(Node::new(ONE).named("bastion").address([10, 0, 7, 1]), change)
}

/// Opens a forward to a target and returns the node that it went to.
#[track_caller]
fn node_of(env: &TestEnv, target: &str) -> String {
    let port = servers::echo().port().to_string();
    let tunnel = env.forward(&["--target", target, "--port", &port]);
    let node = tunnel.wait_for("ready")["target"].as_str().unwrap().to_owned();
    assert_eq!(tunnel.stop().code, Some(0));
    node
}

fn refused(env: &TestEnv, target: &str, code: i32, texts: &[&str]) {
    env.run(&["forward", "--target", target, "--port", "80"]).fails_with(code, texts);
    assert_eq!(env.emulator.sessions().len(), 0, "nothing was started for {target}");
}

#[test]
fn a_target_that_is_not_found_comes_after_the_account_it_was_looked_for_in() {
    let env = env(|builder| builder);
    env.emulator.faults().api_latency_of("sts", Duration::from_millis(300));
    for target in ["tag:Nope=1", "nope", "i-0ddddddddddddddd1"] {
        let finished = env.run(&["forward", "--target", target, "--port", "80"]);
        let mut lines = finished.stderr.lines();
        let first = lines.next().unwrap_or_default();
        assert!(first.starts_with("account 123456789012"), "{target}: {finished:#?}");
        assert!(lines.next().unwrap_or_default().starts_with("error: "), "{finished:#?}");
    }
}

#[test]
fn every_form_of_a_target_finds_its_node() {
    let env = env(|builder| {
        builder
            .node(Node::new(TWO).named("web").tag("Role", "web").tag("env", "prod"))
            .node(
                Node::new(THREE)
                    .named("worker")
                    .tag("aws:autoscaling:groupName", "workers")
                    .tag("env", "prod")
                    .address([10, 0, 7, 3]),
            )
            .node(Node::new(HYBRID).named("onprem").address([192, 168, 1, 9]))
    });
    for (target, node) in [
        ("bastion", ONE),
        ("name:bastion", ONE),
        ("tag:Name=bastion", ONE),
        ("tag:Role=web,tag:env=prod", TWO),
        ("asg:workers", THREE),
        ("10.0.7.3", THREE),
        ("ip-10-0-7-1.ec2.internal", ONE),
        ("onprem", HYBRID),
        ("192.168.1.9", HYBRID),
        (TWO, TWO),
    ] {
        assert_eq!(node_of(&env, target), node, "{target}");
    }
}

#[test]
fn two_nodes_of_one_name_are_the_users_to_choose_between() {
    let env = env(|builder| builder.node(Node::new(TWO).named("bastion").launched(1_800_000_000)));
    refused(&env, "bastion", 3, &["more than one", ONE, TWO, "tag:Name=bastion"]);
    assert_eq!(node_of(&env, "tag:Name=bastion"), TWO, "the newest");
}

#[test]
fn what_is_terminated_stopped_or_offline_gives_way_to_what_is_online() {
    let env = env(|builder| {
        builder
            .node(Node::new(TWO).named("bastion").terminated().launched(1_900_000_000))
            .node(Node::new(THREE).named("bastion").stopped())
            .node(Node::new("i-0aaaaaaaaaaaaaaa4").named("bastion").connection_lost())
            .node(Node::new("i-0aaaaaaaaaaaaaaa5").named("bastion").unmanaged())
    });
    assert_eq!(node_of(&env, "bastion"), ONE);
}

#[test]
fn what_is_not_running_or_not_there_is_told_apart() {
    let env = env(|builder| {
        builder
            .node(Node::new(TWO).named("stopped-one").stopped())
            .node(Node::new(THREE).named("gone").terminated())
            .node(Node::new("i-0aaaaaaaaaaaaaaa4").named("lost").connection_lost())
            .node(Node::new("i-0aaaaaaaaaaaaaaa5").named("lost").unmanaged())
    });
    refused(&env, "stopped-one", 6, &["stopped-one", "running", TWO, "stopped"]);
    refused(&env, "gone", 3, &["`gone`", "ssmpf targets"]);
    refused(&env, "lost", 6, &["Online", "ConnectionLost", "not a managed node"]);
    refused(&env, "bastoin", 3, &["`bastoin`", "there is bastion"]);
    refused(&env, "tag:Role=none", 3, &["tag:Role=none"]);
    refused(&env, "10.9.9.9", 3, &["10.9.9.9"]);
    refused(&env, "asg:none", 3, &["asg:none"]);
}

#[test]
fn a_name_with_wildcards_means_itself() {
    let env = env(|builder| builder.node(Node::new(TWO).named("web-*")));
    assert_eq!(node_of(&env, "web-*"), TWO);
    refused(&TestEnv::new(), "*", 3, &["`*`"]);
}

#[test]
fn members_of_a_group_are_tried_in_turn() {
    let env = env(|builder| {
        builder
            .node(Node::new(TWO).tag("Role", "x").launched(1_900_000_000))
            .node(Node::new(THREE).tag("Role", "x"))
    });
    // Systems Manager says Online for minutes after an agent is gone.
    env.emulator.faults().start_fails("TargetNotConnected", 1);
    assert_eq!(node_of(&env, "tag:Role=x"), THREE);
    assert_eq!(env.emulator.call_count("StartSession"), 2);
}

#[test]
fn a_replaced_instance_is_found_at_the_next_connect_whatever_was_listed_before() {
    let env = env(|builder| builder);
    assert_eq!(env.run(&["targets"]).code, Some(0));
    assert_eq!(node_of(&env, "bastion"), ONE);
    env.emulator.change_fleet(|fleet| {
        fleet.nodes.retain(|node| node.id != ONE);
        fleet.nodes.push(Node::new(ONE).named("bastion").terminated());
        fleet.nodes.push(Node::new(TWO).named("bastion"));
    });
    assert_eq!(node_of(&env, "bastion"), TWO);
}

#[test]
fn those_who_may_not_list_nodes_still_reach_them_by_name() {
    let env = env(|builder| builder.deny("ssm:DescribeInstanceInformation"));
    assert_eq!(node_of(&env, "bastion"), ONE);
}

#[test]
fn those_who_may_not_ask_ec2_are_told_which_action_is_missing() {
    let env = env(|builder| builder.deny("ec2:DescribeInstances"));
    refused(&env, "bastion", 5, &["ec2:DescribeInstances"]);
}

#[test]
fn a_throttled_lookup_is_tried_again() {
    let env = env(|builder| builder);
    env.emulator.faults().fails("DescribeInstances", "ThrottlingException", 2);
    assert_eq!(node_of(&env, "bastion"), ONE);
    assert_eq!(env.emulator.call_count("DescribeInstances"), 3);
}

fn task(id: &str, started: i64, no_exec: bool) -> EcsTask {
    EcsTask { id: id.repeat(32), runtime_id: format!("{id}-1"), no_exec, started }
}

fn service(tasks: Vec<EcsTask>) -> EcsService {
    EcsService {
        cluster: "apps".into(),
        service: "api".into(),
        container: "api".into(),
        sidecars: vec!["ecs-service-connect-x".into()],
        tasks,
        ..EcsService::default()
    }
}

#[test]
fn a_service_leads_to_its_newest_task_that_can_be_entered() {
    let tasks = vec![task("a", 10, false), task("b", 20, false), task("c", 30, true)];
    let env = env(|builder| builder.ecs(service(tasks)));
    let newest = format!("ecs:apps_{}_b-1", "b".repeat(32));
    assert_eq!(node_of(&env, "ecs:apps/api"), newest);
    assert_eq!(node_of(&env, "ecs:apps/api/api"), newest);
    let of_task = format!("ecs:apps/{}", "a".repeat(32));
    assert_eq!(node_of(&env, &of_task), format!("ecs:apps_{}_a-1", "a".repeat(32)));
}

#[test]
fn a_service_that_cannot_be_entered_says_what_it_lacks() {
    let env = env(|builder| builder.ecs(service(vec![task("a", 10, true)])));
    refused(&env, "ecs:apps/api", 6, &["not enabled", "enableExecuteCommand"]);
    refused(&env, "ecs:apps/api/web", 3, &["`web`", "there is api"]);
    refused(&env, "ecs:apps/apo", 3, &["service `apo`", "did you mean `api`"]);
    refused(&env, "ecs:appz/api", 3, &["cluster `appz`", "did you mean `apps`"]);
}

#[test]
fn a_saved_connection_finds_its_node_again_while_it_is_open() {
    let env = env(|builder| builder);
    let port = servers::echo().port().to_string();
    let tunnel = env.forward(&["--target", "bastion", "--port", &port]);
    env.emulator.change_fleet(|fleet| {
        fleet.nodes.retain(|node| node.id != ONE);
        fleet.nodes.push(Node::new(TWO).named("bastion"));
    });
    env.emulator.faults().end_sessions("the instance is gone");
    tunnel.wait_for("replaced");
    let found = env.emulator.wait_until(Duration::from_secs(30), |emulator| {
        emulator.sessions().iter().any(|session| session.target == TWO)
    });
    assert!(found, "{:#?}", env.emulator.sessions());
    tunnel.stop();
}

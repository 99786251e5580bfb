//! `add` on a terminal, with lists to choose from.

use std::fs;

use serde_json::Value;
use ssmpf_emulator::{Builder, DatabaseKind, Node};
use ssmpf_tests::{BASTION, Terminal, TestEnv, keys};

use crate::endpoints::database;
use crate::finding::{mixed, ok};

/// An environment whose store opens without asking.
fn env_with_store(change: impl FnOnce(Builder) -> Builder) -> TestEnv {
    let mut env = TestEnv::with(change);
    env.set("SSMPF_PASSPHRASE", "a passphrase for tests").set("SSMPF_KEYRING", "off");
    env
}

#[test]
fn add_leads_through_lists_to_choose_from() {
    let env = env_with_store(|builder| {
        mixed(builder)
            .node(Node::new(BASTION).named("bastion"))
            .database(database(DatabaseKind::Instance, "orders", "postgres", 5433))
            .database(database(DatabaseKind::Instance, "stock", "mysql", 3307))
    });
    fs::create_dir_all(env.home().join(".aws")).unwrap();
    let keys = format!(
        "aws_access_key_id = {}\naws_secret_access_key = {}\nregion = eu-west-1\n",
        ssmpf_emulator::DEFAULT_ACCESS_KEY,
        ssmpf_emulator::DEFAULT_SECRET_KEY
    );
    let config = format!("[profile prod]\n{keys}[profile dev]\n{keys}");
    fs::write(env.home().join(".aws/config"), config).unwrap();

    let mut terminal = Terminal::start(&env.ssmpf(&["add", "db"]));
    terminal.wait_for("   2  prod");
    terminal.answer("AWS profile", "prdo").wait_for("no AWS profile named `prdo`");
    terminal.type_line("prod");
    terminal.wait_for("Region");
    terminal.type_line("eu-west-1");
    terminal.wait_for("Target (");
    let shown = terminal.wait_for("bastion").screen();
    assert!(shown.contains("ecs:apps/api/api"), "{shown}");
    terminal.type_line("basti");
    terminal.wait_for("Host to connect to");
    terminal.wait_for("stock.internal:3307");
    terminal.type_line("2");
    terminal.wait_for("Local port");
    terminal.type_line("");
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");

    let saved = ok(env.run(&["show", "db", "--json"]));
    let saved: Value = serde_json::from_str(&saved.stdout).unwrap();
    let saved = &saved["connection"];
    assert_eq!(saved["profile"], "prod");
    assert_eq!(saved["target"], "bastion");
    assert_eq!(saved["host"], "stock.internal");
    assert_eq!((&saved["port"], &saved["kind"]), (&3307.into(), &"mysql".into()));
}

#[test]
fn what_is_missing_from_a_list_is_said() {
    let env = env_with_store(|builder| {
        builder
            .database(database(DatabaseKind::Cluster, "stock", "aurora-mysql", 3307))
            .deny("rds:DescribeDBInstances")
            .deny("ecs:ListClusters")
    });
    let mut terminal = Terminal::start(&env.ssmpf(&["add", "db", "--region", "eu-west-1"]));
    terminal.answer("AWS profile", "").wait_for("not all targets are listed: ");
    terminal.answer("Target (", "1").wait_for("not all endpoints are listed: ");
    terminal.wait_for("`rds:DescribeDBInstances`").wait_for("Host to").send(keys::CTRL_D);
    assert_eq!(terminal.wait_for_end(), 1, "{}", terminal.screen());
}

#[test]
fn a_name_that_is_taken_is_said_before_anything_else_is_asked() {
    let env = env_with_store(|builder| builder);
    ok(env.run(&["add", "db", "--target", BASTION, "--port", "5432"]));
    let mut terminal = Terminal::start(&env.ssmpf(&["add", "db"]));
    assert_eq!(terminal.wait_for_end(), 2, "{}", terminal.screen());
    assert!(!terminal.screen().contains("AWS profile"), "{}", terminal.screen());
    let mut terminal = Terminal::start(&env.ssmpf(&["add"]));
    terminal.answer("Name:", "db").wait_for("there is a connection named `db` already");
    terminal.type_line("db2").wait_for("AWS profile").send(keys::CTRL_D);
    assert_eq!(terminal.wait_for_end(), 1, "{}", terminal.screen());
}

#[test]
fn a_list_that_cannot_be_had_leaves_the_plain_question() {
    let env = env_with_store(|builder| {
        ["ssm:DescribeInstanceInformation", "ecs:ListClusters"]
            .iter()
            .fold(builder, |builder, action| builder.deny(action))
    });
    let mut terminal = Terminal::start(&env.ssmpf(&["add", "web", "--port", "80"]));
    terminal.wait_for("AWS profile");
    terminal.type_line("");
    terminal.wait_for("Region");
    terminal.type_line("");
    terminal.wait_for("targets cannot be listed");
    terminal.wait_for("Target (");
    terminal.type_line("tag:Role=web");
    terminal.wait_for("Host to connect to");
    terminal.type_line("");
    terminal.wait_for("Local port");
    terminal.type_line("");
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    assert!(ok(env.run(&["show", "web"])).stdout.contains("tag:Role=web"));
}

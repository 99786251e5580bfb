//! The pictures in `docs/screens` are those of the program. `SSMPF_TESTS_REWRITE=1` draws them anew.

use std::path::Path;

use serde_json::{Value, json};
use ssmpf_tests::shell::PROMPT;
use ssmpf_tests::{Shell, Terminal, TestEnv, keys};

use crate::background::wait_until;
use crate::catalogue::{env, ok};

/// Columns and rows of the pictures.
const SIZE: (u16, u16) = (120, 20);

/// What a person might have, with times that stay.
fn example() -> TestEnv {
    let env = env();
    let connection = |description: &str, tags: &[&str], host: &str, kind: &str, uses: u32| {
        let port = if kind == "redis" { 6379 } else { 5432 };
        let last_used = (uses > 0).then_some("2026-01-05T09:30:00Z");
        let local_port = 20_000 + description.len() * 97;
        json!({
            "description": description, "tags": tags, "profile": tags[0], "region": "eu-west-1",
            "target": "tag:Role=bastion", "host": host, "port": port, "kind": kind,
            "local_port": local_port, "created": "2026-01-01T08:00:00Z",
            "updated": "2026-01-01T08:00:00Z", "last_used": last_used, "uses": uses,
        })
    };
    let connections: serde_json::Map<String, Value> = [
        ("orders-prod", "orders of all shops", ["prod", "db"], "orders.internal", "postgres", 9),
        (
            "orders-staging",
            "the same to play with",
            ["staging", "db"],
            "orders.test",
            "postgres",
            4,
        ),
        ("sessions", "who is signed in", ["prod", "cache"], "sessions.internal", "redis", 2),
        ("reports", "レポート, nightly", ["prod", "db"], "reports.internal", "postgres", 1),
    ]
    .into_iter()
    .map(|(name, description, tags, host, kind, uses)| {
        (name.to_owned(), connection(description, &tags, host, kind, uses))
    })
    .collect();
    let export = env.home().join("export.json");
    let text = json!({"version": 1, "connections": connections}).to_string();
    std::fs::write(&export, text).unwrap();
    ok(&env, &["import", "json", export.to_str().unwrap()]);
    env
}

/// Waits until a screen is like its picture, or draws that.
#[track_caller]
fn is_the_picture(terminal: &Terminal, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/screens").join(name);
    if std::env::var_os("SSMPF_TESTS_REWRITE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, terminal.picture()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    // Something may still turn, or be drawn.
    let is_it = || terminal.picture() == committed;
    assert!(
        wait_until(is_it),
        "docs/screens/{name} shows something else than\n{}\nlook at it, then run this test with \
         SSMPF_TESTS_REWRITE=1",
        terminal.screen()
    );
}

#[test]
fn the_picker_looks_as_documented() {
    let env = example();
    let mut command = env.ssmpf(&[""; 0]);
    command.env_remove("NO_COLOR");
    let mut terminal = Terminal::with_size(&command, SIZE.0, SIZE.1);
    terminal.wait_for("orders-staging").wait_for("4/4").wait_for("last used");
    terminal.send("orders-").wait_for("  2/4");
    // The first row is the highlighted one, with what is known about it.
    terminal.wait_for("orders of all shops").wait_for("uses          9");
    terminal.wait_for("Alt-C copy").wait_for("Tab mark").wait_for("ToRemoteHost");
    is_the_picture(&terminal, "picker.svg");
}

#[test]
fn tab_looks_as_documented() {
    let env = example();
    let command = Shell::Zsh.command(&env, "", Shell::Zsh.init_line());
    let mut terminal = Terminal::with_size(&command, SIZE.0, 8);
    terminal.wait_for(PROMPT).send("ssmpf connect ").send(keys::TAB);
    terminal.wait_for("the same to play with").wait_for("@staging");
    is_the_picture(&terminal, "tab.svg");
}

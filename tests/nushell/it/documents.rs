//! What `docs/nushell.md` shows.

use std::fs;
use std::path::{Path, PathBuf};

use nu_plugin_ssmpf::spec::Output;
use nu_plugin_ssmpf::{Column, EVENT, Shape, commands};
use ssmpf_emulator::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, Database, DatabaseKind, Node};
use ssmpf_tests::TestEnv;

use crate::forwards::Cleanup;
use crate::nu::Nu;

/// A node that was not heard of lately.
const LOST: &str = "i-0bbbbbbbbbbbbbbbb";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/nushell.md")
}

/// Compares the document with what it should be. `SSMPF_TESTS_REWRITE=1` writes it instead.
#[track_caller]
fn is(wanted: &str) {
    if std::env::var_os("SSMPF_TESTS_REWRITE").is_some() {
        fs::write(path(), wanted).expect("written");
    }
    let document = fs::read_to_string(path()).expect("docs/nushell.md");
    assert!(document == wanted, "docs/nushell.md is old: run this with SSMPF_TESTS_REWRITE=1");
}

/// An account with two profiles, two nodes that run, one that does not, and a database; and connections
/// to it.
pub fn account() -> Nu {
    let database = Database {
        kind: DatabaseKind::Instance,
        id: "invoices".into(),
        engine: "postgres".into(),
        host: "invoices.internal".into(),
        port: 5432,
        ..Database::default()
    };
    let other = Node::new("i-0aaaaaaaaaaaaaaaa").online();
    let lost = Node::new(LOST).connection_lost();
    let env = TestEnv::with(|it| it.node(other).node(lost).database(database)).with_store_key();
    let nu = Nu::in_env(env);
    fs::create_dir_all(nu.env.home().join(".aws")).expect("made");
    let keys = format!(
        "aws_access_key_id = {DEFAULT_ACCESS_KEY}\naws_secret_access_key = {DEFAULT_SECRET_KEY}\n"
    );
    let text = format!("[prod]\n{keys}\n[staging]\n{keys}");
    fs::write(nu.env.home().join(".aws/credentials"), text).expect("written");
    nu.with_connections()
}

/// Returns what an example prints, where that is always the same.
fn printed(code: &str) -> Option<String> {
    let nu = account();
    let _cleanup = Cleanup(&nu);
    let old = ["add", "old-db", "--target", LOST, "--kind", "mysql", "--profile", "prod"];
    assert_eq!(nu.env.run(&old).code, Some(0));
    if ["ssmpf status", "ssmpf logs"].iter().any(|it| code.starts_with(it)) {
        nu.ok("ssmpf up prod-db");
    }
    let is_endless = code.contains("--watch") || code.contains("ssmpf connect");
    let printed = nu.ok(&if is_endless { format!("{code} | first 1") } else { code.to_owned() });
    // Times differ, and nothing is nothing to look at.
    let says = |text: &str| printed.contains(text);
    let is_shown = !code.contains("select time") && !says("empty list") && !says("[list 0 items]");
    is_shown.then_some(printed)
}

#[test]
fn every_example_prints_what_the_document_says() {
    let document = fs::read_to_string(path()).expect("docs/nushell.md");
    let mut wanted = String::new();
    let mut rest = document.as_str();
    let mut examples = 0;
    while let Some((before, after)) = rest.split_once("```nu\n") {
        let (code, after) = after.split_once("\n```\n").expect("a code block ends");
        wanted.push_str(&format!("{before}```nu\n{code}\n```\n"));
        // The output that stands there is replaced.
        rest = match after.strip_prefix("\n```text\n") {
            Some(output) => output.split_once("\n```\n").expect("an output ends").1,
            None => after,
        };
        if let Some(printed) = printed(code).filter(|it| !it.is_empty()) {
            let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
            wanted.push_str(&format!("\n```text\n{}\n```\n", lines.join("\n")));
        }
        examples += 1;
    }
    assert!(examples >= 10, "{examples} examples");
    is(&(wanted + rest));
}

/// Puts text between the comment of this name and the next end.
fn between(document: &str, name: &str, text: &str) -> String {
    let begin = format!("<!-- {name} -->\n");
    let (before, after) = document.split_once(&begin).expect("the place is marked");
    let (_, after) = after.split_once("<!-- end -->").expect("its end is marked");
    format!("{before}{begin}{text}<!-- end -->{after}")
}

#[test]
fn every_command_and_every_column_is_listed() {
    let mut listed = String::from("| command | |\n|---|---|\n");
    let mut columns = String::from("| row of | columns |\n|---|---|\n");
    for spec in commands::ALL {
        listed.push_str(&format!("| `{}` | {} |\n", spec.name, spec.about));
        for (what, fields) in outputs(spec.name, spec.output) {
            let line = format!("| `{what}` | {} |\n", names(fields));
            // Commands that answer with the same are named once.
            match columns.find(&format!("| {} |", names(fields))) {
                Some(at) => columns.insert_str(at, &format!(", `{what}` ")),
                None => columns.push_str(&line),
            }
        }
    }
    let columns = columns.replace("` , ", "`, ");
    let columns = format!("{columns}| events | {} |\n", names(EVENT));
    let document = fs::read_to_string(path()).expect("docs/nushell.md");
    is(&between(&between(&document, "commands", &listed), "columns", &columns));
}

fn outputs(name: &str, output: Output) -> Vec<(String, &'static [Column])> {
    match output {
        Output::Table { columns, .. } | Output::Record { columns, .. } => {
            Vec::from_iter((!columns.is_empty()).then(|| (name.to_owned(), columns)))
        }
        Output::If { flag, given, otherwise } => {
            let mut all = outputs(name, *otherwise);
            all.extend(outputs(&format!("{name} --{flag}"), *given));
            all
        }
        Output::Words { .. } | Output::Text { .. } | Output::Events | Output::Forwards => {
            Vec::new()
        }
    }
}

fn names(columns: &[Column]) -> String {
    let text = |column: &Column| {
        let mark = if column.nullable { "?" } else { "" };
        format!("{}{mark}: {}", column.name(), kind(column))
    };
    columns.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn kind(column: &Column) -> String {
    match column.shape {
        Shape::Text => "string".to_owned(),
        Shape::Int => "int".to_owned(),
        Shape::Bool => "bool".to_owned(),
        Shape::Time => "datetime".to_owned(),
        Shape::Seconds => "duration".to_owned(),
        Shape::Bytes => "filesize".to_owned(),
        Shape::Texts => "list".to_owned(),
        Shape::Record(columns) => format!("record({})", names(columns)),
        Shape::Table(columns) if ["places", "failures"].contains(&column.field) => {
            format!("table({})", names(columns))
        }
        // That has a row of its own.
        Shape::Table(_) => "table".to_owned(),
    }
}

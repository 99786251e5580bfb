//! The JSON Schema in `docs/schema.json` is that of the types, and `docs/json.md` names what they have.

use std::collections::BTreeSet;

use serde_json::Value;
use ssmpf_schema::{ErrorKind, ExitCode, json_schema};

/// `docs/json.md`.
const CONTRACT: &str = include_str!("../../docs/json.md");

#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema.json");
    let mut generated = serde_json::to_string_pretty(&ssmpf_schema::json_schema()).unwrap();
    generated.push('\n');
    if std::env::var_os("SSMPF_TESTS_REWRITE").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "run this test with SSMPF_TESTS_REWRITE=1 and commit the file");
}

/// The words in backquotes of the table rows under a heading, cell by cell.
fn table(heading: &str) -> Vec<Vec<Vec<&'static str>>> {
    let (_, section) = CONTRACT.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let words = |cell: &'static str| cell.split('`').skip(1).step_by(2).collect();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(words).collect()).collect()
}

#[test]
fn the_errors_in_the_contract_are_those_of_the_types() {
    let rows = table("Errors");
    let named: Vec<&str> = rows.iter().flat_map(|cells| cells[1].clone()).collect();
    let kinds: Vec<&str> = ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(BTreeSet::from_iter(named.clone()), BTreeSet::from_iter(kinds));
    assert_eq!(named.len(), ErrorKind::ALL.len(), "none twice");
    for code in ExitCode::ALL {
        let start = format!("| {} |", code as u8);
        let row = CONTRACT.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("exit code {} is missing", code as u8));
        for kind in ErrorKind::ALL {
            let stands_here = row.contains(&format!("`{}`", kind.as_str()));
            assert_eq!(stands_here, kind.exit_code() == code, "{kind} and {code:?}");
        }
    }
}

#[test]
fn the_events_in_the_contract_are_those_of_the_types() {
    let schema = json_schema();
    let variants = schema["$defs"]["Event"]["oneOf"].as_array().unwrap();
    let names = variants.iter().map(|it| it["properties"]["event"]["const"].as_str().unwrap());
    let rows = table("Events");
    let named = rows.iter().flat_map(|cells| cells[0].clone());
    assert_eq!(named.collect::<BTreeSet<_>>(), names.collect::<BTreeSet<_>>());
}

#[test]
fn the_fields_in_the_contract_exist() {
    let schema = json_schema();
    let fields = |record: &str| -> Vec<String> {
        let properties = schema["$defs"][record]["properties"].as_object();
        properties.unwrap_or_else(|| panic!("{record}")).keys().cloned().collect()
    };
    let records = [
        ("ls", "ConnectionRecord"),
        ("status", "ForwardStatus"),
        ("targets", "TargetRecord"),
        ("endpoints", "EndpointRecord"),
        ("sessions", "SessionRecord"),
        ("profiles", "ProfileRecord"),
    ];
    let rows = table("Documents");
    for (command, record) in records {
        let row = rows.iter().find(|cells| cells[0][0] == command).unwrap();
        assert!(!row[2].is_empty(), "{command}");
        for field in &row[2] {
            assert!(fields(record).iter().any(|it| it == field), "{command}: {field}");
        }
        let document = schema["$defs"].as_object().unwrap().values().find(|it: &&Value| {
            it["properties"][row[1][0]]["items"]["$ref"] == format!("#/$defs/{record}")
        });
        assert!(document.is_some(), "{command}: no document has its rows in `{}`", row[1][0]);
    }
}

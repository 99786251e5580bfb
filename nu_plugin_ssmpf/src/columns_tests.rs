//! The tables hold against the JSON Schema of the contract.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::*;

fn definitions() -> Json {
    ssmpf_schema::json_schema()["$defs"].clone()
}

/// The types that a field may have, without `null`, and what is said about it.
fn types(field: &Json, definitions: &Json) -> (BTreeSet<String>, bool) {
    let (mut found, mut is_nullable) = (BTreeSet::new(), false);
    match &field["type"] {
        Json::String(one) => drop(found.insert(one.clone())),
        Json::Array(some) => found.extend(some.iter().filter_map(Json::as_str).map(str::to_owned)),
        _ => {}
    }
    if let Some(name) = field["$ref"].as_str().and_then(|it| it.strip_prefix("#/$defs/")) {
        found.extend(types(&definitions[name], definitions).0);
    }
    for choice in ["anyOf", "oneOf"] {
        for one in field[choice].as_array().into_iter().flatten() {
            let (some, nullable) = types(one, definitions);
            found.extend(some);
            is_nullable |= nullable;
        }
    }
    is_nullable |= found.remove("null");
    (found, is_nullable)
}

fn check(name: &str, properties: &Json, columns: &[Column], definitions: &Json) {
    let fields = properties.as_object().unwrap_or_else(|| panic!("{name} has properties"));
    let fields: BTreeMap<&String, &Json> = fields.iter().filter(|it| it.0 != "schema").collect();
    let known: BTreeSet<&str> = columns.iter().map(|it| it.field).collect();
    let there: BTreeSet<&str> = fields.keys().map(|it| it.as_str()).collect();
    assert_eq!(known, there, "the columns of {name} are not those of the contract");
    for column in columns {
        fits(name, column, fields[&column.field.to_owned()], definitions);
    }
}

fn fits(name: &str, column: &Column, field: &Json, definitions: &Json) {
    let place = format!("{name}.{}", column.field);
    let (found, nullable) = types(field, definitions);
    assert_eq!(column.nullable, nullable, "{place} can be null or not");
    let about = field["description"].as_str().unwrap_or_default();
    let wanted: &[&str] = match column.shape {
        Shape::Text | Shape::Time => &["string"],
        Shape::Int => &["integer"],
        Shape::Bool => &["boolean"],
        Shape::Seconds | Shape::Bytes => &["integer", "number"],
        Shape::Texts | Shape::Table(_) => &["array"],
        Shape::Record(_) => &["object"],
    };
    let fits = found.len() == 1 && found.iter().all(|it| wanted.contains(&it.as_str()));
    assert!(fits, "{place} is {found:?}, not {:?}", column.shape);
    // What JSON cannot say, the contract says in words.
    let is_time = about.contains("RFC 3339");
    assert_eq!(matches!(column.shape, Shape::Time), is_time, "{place}: {about}");
    let is_seconds = column.field.ends_with("_seconds");
    assert_eq!(matches!(column.shape, Shape::Seconds), is_seconds, "{place}: {about}");
    let is_bytes = about.starts_with("Bytes");
    assert_eq!(matches!(column.shape, Shape::Bytes), is_bytes, "{place}: {about}");
}

#[test]
fn every_field_of_the_contract_is_a_column_of_its_type() {
    let definitions = definitions();
    for (name, columns) in [
        ("ConnectionRecord", CONNECTION),
        ("DatabaseRecord", DATABASE),
        ("ForwardStatus", FORWARD),
        ("Problem", PROBLEM),
        ("DownDocument", DOWN),
        ("Imported", IMPORTED),
        ("TargetRecord", TARGET),
        ("EcsRecord", ECS),
        ("EndpointRecord", ENDPOINT),
        ("SessionRecord", SESSION),
        ("PlaceRecord", PLACE),
        ("PlaceFailure", PLACE_FAILURE),
        ("ErrorBody", ERROR),
        ("TargetsDocument", TARGETS),
        ("EndpointsDocument", ENDPOINTS),
        ("SessionsDocument", SESSIONS),
        ("ProfileRecord", PROFILE),
        ("SignInRecord", SIGN_IN),
        ("SignInDocument", SIGNED_IN),
        ("DoneDocument", DONE),
    ] {
        check(name, &definitions[name]["properties"], columns, &definitions);
    }
}

#[test]
fn every_field_of_every_event_is_a_column_of_its_type() {
    let definitions = definitions();
    let event = &definitions["Event"];
    let mut seen = BTreeSet::new();
    let mut fields = |properties: &Json, is_head: bool| {
        for (field, about) in properties.as_object().into_iter().flatten() {
            if field == "schema" || field == "event" {
                continue;
            }
            let column = EVENT.iter().find(|it| it.field == field);
            let column = column.unwrap_or_else(|| panic!("no column for {field} of an event"));
            seen.insert(column.field);
            // What one kind of event always has another may not know.
            let nullable = types(about, &definitions).1 && !is_head;
            fits(
                "Event",
                &Column { nullable: nullable || column.nullable && is_head, ..*column },
                about,
                &definitions,
            );
        }
    };
    fields(&event["properties"], true);
    let kinds = event["oneOf"].as_array().expect("kinds of events");
    assert!(kinds.len() > 10, "{kinds:#?}");
    for kind in kinds {
        fields(&kind["properties"], false);
    }
    seen.insert("event");
    assert_eq!(seen, EVENT.iter().map(|it| it.field).collect(), "columns that no event has");
}

#[test]
fn no_two_columns_of_a_table_have_the_same_name() {
    for columns in [CONNECTION, FORWARD, TARGET, ENDPOINT, SESSION, PROFILE, EVENT] {
        let names: BTreeSet<&str> = columns.iter().map(Column::name).collect();
        assert_eq!(names.len(), columns.len());
    }
}

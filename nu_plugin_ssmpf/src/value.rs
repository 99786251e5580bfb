//! The core's JSON as Nushell values of the types that the columns say.

use chrono::DateTime;
use nu_protocol::{Record, Span, Value};
use serde_json::{Map, Value as Json};

use crate::columns::{Column, Shape};

/// Nanoseconds in a second.
const SECOND: f64 = 1e9;

/// Returns a record: the columns in their order, then what this version does not know.
///
/// The `schema` of a document is not a column. With `every`, columns that are not in the JSON are
/// there as nothing; without, they are left out, as in events, of which each kind has fields of its
/// own.
pub fn record(json: &Map<String, Json>, columns: &[Column], every: bool, span: Span) -> Value {
    let mut record = Record::with_capacity(json.len().max(columns.len()));
    let mut seen = usize::from(json.contains_key("schema"));
    for column in columns {
        match json.get(column.field) {
            Some(field) => {
                record.push(column.name(), shaped(field, column.shape, span));
                seen += 1;
            }
            None if every => record.push(column.name(), Value::nothing(span)),
            None => {}
        }
    }
    if seen < json.len() {
        let known = |field: &str| field == "schema" || columns.iter().any(|it| it.field == field);
        for (field, value) in json.iter().filter(|(field, _)| !known(field)) {
            // A name that a column has already would be there twice.
            if !record.contains(field) {
                record.push(field, plain(value, span));
            }
        }
    }
    Value::record(record, span)
}

/// Returns a table.
pub fn table(json: &[Json], columns: &[Column], span: Span) -> Value {
    let row = |row: &Json| match row {
        Json::Object(row) => record(row, columns, true, span),
        other => plain(other, span),
    };
    Value::list(json.iter().map(row).collect(), span)
}

/// Returns a field in the type that it has. What does not fit passes as it is.
pub fn shaped(json: &Json, shape: Shape, span: Span) -> Value {
    match (shape, json) {
        (_, Json::Null) => Value::nothing(span),
        (Shape::Time, Json::String(text)) => match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Value::date(time, span),
            Err(_) => Value::string(text, span),
        },
        (Shape::Seconds, Json::Number(number)) => match number.as_f64() {
            Some(seconds) => Value::duration(nanoseconds(number.as_i64(), seconds), span),
            None => plain(json, span),
        },
        (Shape::Bytes, Json::Number(number)) => match (number.as_u64(), number.as_f64()) {
            (Some(bytes), _) => Value::filesize(i64::try_from(bytes).unwrap_or(i64::MAX), span),
            // A float beyond the range becomes the end of the range.
            (None, Some(bytes)) => Value::filesize(bytes.round() as i64, span),
            (None, None) => plain(json, span),
        },
        (Shape::Record(columns), Json::Object(fields)) => record(fields, columns, true, span),
        (Shape::Table(columns), Json::Array(rows)) => table(rows, columns, span),
        _ => plain(json, span),
    }
}

/// Whole seconds exactly, fractions as well as a float can.
fn nanoseconds(whole: Option<i64>, seconds: f64) -> i64 {
    match whole {
        Some(whole) => whole.saturating_mul(1_000_000_000),
        None => (seconds * SECOND).round() as i64,
    }
}

/// Returns JSON in the type that it says itself.
pub fn plain(json: &Json, span: Span) -> Value {
    match json {
        Json::Null => Value::nothing(span),
        Json::Bool(yes) => Value::bool(*yes, span),
        Json::Number(number) => match number.as_i64() {
            Some(int) => Value::int(int, span),
            None => Value::float(number.as_f64().unwrap_or(f64::NAN), span),
        },
        Json::String(text) => Value::string(text, span),
        Json::Array(list) => Value::list(list.iter().map(|it| plain(it, span)).collect(), span),
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, it)| (name.clone(), plain(it, span)));
            Value::record(fields.collect(), span)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::columns::{CONNECTION, EVENT, FORWARD};

    fn row(json: &Json, columns: &[Column]) -> Record {
        let json = json.as_object().expect("an object");
        record(json, columns, true, Span::test_data()).into_record().expect("a record")
    }

    #[test]
    fn times_durations_and_sizes_are_what_they_are() {
        let forward = row(
            &json!({"name": "db", "started": "2026-11-21T12:00:00Z", "bytes_sent": 2048,
                "received_per_second": 0.5e6, "tags": ["a"], "pid": null}),
            FORWARD,
        );
        let time = DateTime::parse_from_rfc3339("2026-11-21T12:00:00Z").expect("a time");
        assert_eq!(forward.get("started"), Some(&Value::test_date(time)));
        assert_eq!(forward.get("bytes_sent"), Some(&Value::test_filesize(2048)));
        assert_eq!(forward.get("received_per_second"), Some(&Value::test_filesize(500_000)));
        assert_eq!(forward.get("pid"), Some(&Value::test_nothing()));
        let connection = row(&json!({"name": "db", "idle_timeout_seconds": 900}), CONNECTION);
        assert_eq!(connection.get("idle_timeout"), Some(&Value::test_duration(900_000_000_000)));
        assert_eq!(connection.get("idle_timeout_seconds"), None);
    }

    #[test]
    fn every_row_has_every_column_in_the_same_order() {
        let (full, bare) =
            (row(&json!({"up": true, "name": "db"}), CONNECTION), row(&json!({}), CONNECTION));
        let names = |row: &Record| row.columns().cloned().collect::<Vec<_>>();
        assert_eq!(names(&full), names(&bare));
        assert_eq!(names(&full)[0], "name");
    }

    #[test]
    fn what_a_newer_core_adds_passes_through() {
        let new = json!({"name": "db", "colours": ["red", {"depth": 1.5}], "schema": "ssmpf/1"});
        let row = row(&new, CONNECTION);
        assert_eq!(row.get("colours"), Some(&plain(&new["colours"], Span::test_data())));
        assert_eq!(row.get("schema"), None);
    }

    #[test]
    fn an_event_has_its_own_columns_only() {
        let json = json!({"time": "2026-11-21T12:00:00Z", "connection": null, "event": "resumed",
            "session_id": "s", "took_seconds": 0.25, "missing": 0});
        let event = record(json.as_object().expect("an object"), EVENT, false, Span::test_data());
        let event = event.into_record().expect("a record");
        let names: Vec<&String> = event.columns().collect();
        assert_eq!(names, ["time", "connection", "event", "missing", "session_id", "took"]);
        assert_eq!(event.get("took"), Some(&Value::test_duration(250_000_000)));
    }

    #[test]
    fn odd_values_are_neither_lost_nor_a_panic() {
        let row = row(
            &json!({"name": 7, "started": "yesterday", "bytes_sent": u64::MAX,
                "sent_per_second": 1e300, "clients": "many", "last_problem": "x"}),
            FORWARD,
        );
        assert_eq!(row.get("name"), Some(&Value::test_int(7)));
        assert_eq!(row.get("started"), Some(&Value::test_string("yesterday")));
        assert_eq!(row.get("bytes_sent"), Some(&Value::test_filesize(i64::MAX)));
        assert_eq!(row.get("sent_per_second"), Some(&Value::test_filesize(i64::MAX)));
        assert_eq!(row.get("last_problem"), Some(&Value::test_string("x")));
    }
}

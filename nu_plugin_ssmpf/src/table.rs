//! A document with many rows, read into values in one pass.
//!
//! What comes out is what `value::table` makes of parsed JSON; without the parsed JSON in between, which
//! for a thousand rows takes as long as all the rest.

use std::fmt;

use nu_protocol::{Record, Span, Value};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

use crate::columns::{Column, Shape};
use crate::value;

/// Reads a document: the rows in `field`, if it is there, and everything else.
pub fn read(
    text: &[u8],
    field: &str,
    columns: &[Column],
    span: Span,
) -> serde_json::Result<(Option<Value>, Map<String, Json>)> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let found = Document { field, rows: Rows { columns, span } }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(found)
}

struct Document<'a> {
    field: &'a str,
    rows: Rows<'a>,
}

/// The rows.
#[derive(Clone, Copy)]
struct Rows<'a> {
    columns: &'a [Column],
    span: Span,
}

/// One row.
#[derive(Clone, Copy)]
struct Row<'a>(Rows<'a>);

/// The name of a field: that of a column, looked for from this one on, or another.
struct Name<'a> {
    columns: &'a [Column],
    next: usize,
}

enum Named {
    Column(usize),
    Other(String),
}

/// A field of a type that JSON knows by itself.
struct Plain(Span);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = (Option<Value>, Map<String, Json>);

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = (Option<Value>, Map<String, Json>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut rows, mut rest) = (None, Map::new());
        while let Some(name) = map.next_key::<String>()? {
            if name == self.field {
                rows = Some(map.next_value_seed(self.rows)?);
            } else {
                rest.insert(name, map.next_value()?);
            }
        }
        Ok((rows, rest))
    }
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = seq.next_element_seed(Row(self))? {
            rows.push(row);
        }
        Ok(Value::list(rows, self.span))
    }
}

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let Rows { columns, span } = self.0;
        let mut values: Vec<Option<Value>> = vec![None; columns.len()];
        let mut others = Vec::new();
        let mut next = 0;
        while let Some(name) = map.next_key_seed(Name { columns, next })? {
            match name {
                Named::Column(at) => {
                    values[at] = Some(match columns[at].shape {
                        Shape::Text | Shape::Int | Shape::Bool | Shape::Texts => {
                            map.next_value_seed(Plain(span))?
                        }
                        shape => value::shaped(&map.next_value::<Json>()?, shape, span),
                    });
                    next = at + 1;
                }
                Named::Other(name) if name == "schema" => drop(map.next_value::<IgnoredAny>()?),
                Named::Other(name) => others.push((name, map.next_value_seed(Plain(span))?)),
            }
        }
        let mut record = Record::with_capacity(columns.len() + others.len());
        for (column, value) in columns.iter().zip(values) {
            record.push(column.name(), value.unwrap_or(Value::nothing(span)));
        }
        for (name, value) in others {
            // A name that a column has already would be there twice.
            if !record.contains(&name) {
                record.push(name, value);
            }
        }
        Ok(Value::record(record, span))
    }
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Named;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Named, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Named;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Named, E> {
        // The program writes its fields in the order of the columns.
        let is_next = self.columns.get(self.next).is_some_and(|it| it.field == name);
        let found = match is_next {
            true => Some(self.next),
            false => self.columns.iter().position(|it| it.field == name),
        };
        Ok(found.map_or_else(|| Named::Other(name.to_owned()), Named::Column))
    }
}

impl<'de> DeserializeSeed<'de> for Plain {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::nothing(self.0))
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Value, E> {
        Ok(Value::bool(yes, self.0))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::int(number, self.0))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(match i64::try_from(number) {
            Ok(number) => Value::int(number, self.0),
            Err(_) => Value::float(number as f64, self.0),
        })
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::float(number, self.0))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::string(text, self.0))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(Plain(self.0))? {
            values.push(value);
        }
        Ok(Value::list(values, self.0))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut record = Record::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(Plain(self.0))?;
            record.insert(name, value);
        }
        Ok(Value::record(record, self.0))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::columns::{FORWARD, TARGETS};

    /// Both ways to read the same.
    fn both(document: &Json, columns: &[Column]) -> (Value, Value) {
        let span = Span::test_data();
        let text = document.to_string();
        let (rows, rest) = read(text.as_bytes(), "rows", columns, span).expect("a document");
        assert_eq!(rest["schema"], "ssmpf/1");
        let rows_in_json = document["rows"].as_array().expect("rows");
        (rows.expect("rows"), value::table(rows_in_json, columns, span))
    }

    #[test]
    fn one_pass_comes_to_the_same_as_two() {
        let rows = json!([
            {"name": "db", "state": "ready", "started": "2026-11-21T12:00:00Z", "bytes_sent": 2048,
                "tags": ["a", "b"], "received_per_second": 0.5, "pid": null,
                "last_problem": {"time": "2026-11-21T12:00:00Z", "kind": null, "message": "x"}},
            {"pid": 7, "name": "in another order", "mood": {"colour": ["red", 1.5, -3]}, "up": true},
            {"name": 7, "started": "yesterday", "bytes_sent": u64::MAX, "clients": u64::MAX,
                "tags": null, "last_problem": "x", "schema": "not a column"},
            {},
        ]);
        let (once, twice) = both(&json!({"schema": "ssmpf/1", "rows": rows}), FORWARD);
        assert_eq!(once, twice);
        let nested = json!({"rows": [{"targets": [{"target": "i-0", "last_ping": null}]}], "schema": "ssmpf/1"});
        let (once, twice) = both(&nested, TARGETS);
        assert_eq!(once, twice);
    }

    #[test]
    fn what_is_no_document_with_rows_is_an_error() {
        let read = |text: &str| read(text.as_bytes(), "rows", FORWARD, Span::test_data());
        for text in
            ["", "[]", "{\"rows\":7}", "{\"rows\":[7]}", "{\"rows\":[]} x", "{\"rows\":[{]}"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read("{\"news\":1}").expect("a document").0.is_none());
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{{\"rows\":[{{\"x\":{}", "[".repeat(100_000));
        assert!(read(deep.as_bytes(), "rows", FORWARD, Span::test_data()).is_err());
    }
}

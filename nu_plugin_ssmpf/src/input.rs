//! Nushell values as text for the core: what is typed, and what comes through the pipe.

use std::ffi::OsString;
use std::time::Duration;

use nu_protocol::{LabeledError, PipelineData, Span, Value};

use crate::error::{self, Word};

/// Returns the texts of a value: one, or one for each item of a list.
pub fn texts(value: &Value) -> Result<Vec<(String, Span)>, LabeledError> {
    Ok(match value {
        Value::List { vals, .. } => {
            let mut all = Vec::with_capacity(vals.len());
            for value in vals.iter() {
                all.push((text(value)?, value.span()));
            }
            all
        }
        value => vec![(text(value)?, value.span())],
    })
}

fn text(value: &Value) -> Result<String, LabeledError> {
    match value {
        Value::Duration { val, .. } => {
            // The core counts whole seconds; less than one is more than none.
            let time = Duration::from_nanos(u64::try_from(*val).unwrap_or(0));
            Ok(format!("{}s", time.as_secs() + u64::from(time.subsec_nanos() > 0)))
        }
        Value::String { .. } | Value::Int { .. } | Value::Bool { .. } | Value::Glob { .. } => {
            Ok(value.coerce_string()?)
        }
        other => Err(error::input(
            format!("a {} makes no sense here", other.get_type()),
            "neither text nor a number",
            other.span(),
            "give text, a number or a duration",
        )),
    }
}

/// Returns the names that came through the pipe: texts, lines of text, or rows with this column.
/// None: there was no pipe.
pub fn names(piped: PipelineData, column: &str) -> Result<Option<Vec<Word>>, LabeledError> {
    let mut words = Vec::new();
    match piped {
        PipelineData::Empty | PipelineData::Value(Value::Nothing { .. }, _) => return Ok(None),
        PipelineData::Value(Value::List { vals, .. }, _) => {
            for value in vals.iter() {
                add_names(value, column, &mut words)?;
            }
        }
        PipelineData::ListStream(stream, _) => {
            for value in stream {
                add_names(&value, column, &mut words)?;
            }
        }
        other => {
            let span = other.span().unwrap_or(Span::unknown());
            add_names(&other.into_value(span)?, column, &mut words)?;
        }
    }
    Ok(Some(words))
}

fn add_names(value: &Value, column: &str, words: &mut Vec<Word>) -> Result<(), LabeledError> {
    let word = |text: &str, span| Word { text: text.to_owned(), flag: None, span };
    match value {
        Value::Error { error, .. } => return Err((**error).clone().into()),
        // The output of a program ends with a line feed.
        Value::String { val, internal_span, .. } => {
            let lines = val.lines().map(str::trim).filter(|line| !line.is_empty());
            words.extend(lines.map(|line| word(line, *internal_span)));
        }
        Value::Record { val, internal_span, .. } => match val.get(column) {
            Some(Value::String { val, internal_span, .. }) => words.push(word(val, *internal_span)),
            Some(other) => {
                return Err(error::input(
                    format!("the column `{column}` is a {}", other.get_type()),
                    "not text",
                    other.span(),
                    "rows of the plugin's own tables fit, and those with the same column",
                ));
            }
            None => {
                return Err(error::input(
                    format!("a row has no column `{column}`"),
                    "this has none",
                    *internal_span,
                    &format!("keep `{column}` in the rows, or pipe in text"),
                ));
            }
        },
        other => {
            return Err(error::input(
                format!("a {} is nothing that has a {column}", other.get_type()),
                "neither text nor a row",
                other.span(),
                &format!("pipe in text, or rows with a column `{column}`"),
            ));
        }
    }
    Ok(())
}

/// Returns a variable as a program sees it. None: programs do not see it.
pub fn variable(value: &Value) -> Option<OsString> {
    match value {
        Value::String { val, .. } => Some(val.into()),
        Value::Int { .. } | Value::Float { .. } | Value::Bool { .. } => {
            value.coerce_string().ok().map(OsString::from)
        }
        // PATH and the like.
        Value::List { vals, .. } => {
            let entries: Option<Vec<&str>> = vals.iter().map(|it| it.as_str().ok()).collect();
            std::env::join_paths(entries?).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use nu_protocol::record;

    use super::*;

    fn piped(value: Value) -> Result<Option<Vec<Word>>, LabeledError> {
        names(PipelineData::value(value, None), "name")
    }

    fn found(value: Value) -> Vec<String> {
        let words = piped(value).expect("names").expect("a pipe");
        words.into_iter().map(|it| it.text).collect()
    }

    #[test]
    fn names_come_as_text_lines_lists_and_rows() {
        let row = |name: &str| Value::test_record(record! {"name" => Value::test_string(name)});
        assert_eq!(found(Value::test_string("a\nb\r\n\n")), ["a", "b"]);
        let mixed = vec![Value::test_string("a"), row("b")];
        assert_eq!(found(Value::test_list(mixed)), ["a", "b"]);
        assert_eq!(found(row("x")), ["x"]);
        assert_eq!(found(Value::test_list(Vec::new())), Vec::<String>::new());
        assert!(piped(Value::test_nothing()).expect("fine").is_none(), "that is no pipe");
    }

    #[test]
    fn what_is_no_name_is_pointed_at() {
        let nameless = Value::record(record! {"x" => Value::test_int(1)}, Span::new(4, 9));
        let error = piped(nameless).expect_err("no name");
        assert_eq!(error.labels[0].span, Span::new(4, 9));
        let odd = record! {"name" => Value::int(1, Span::new(7, 8))};
        let error = piped(Value::test_record(odd)).expect_err("no text");
        assert_eq!(error.labels[0].span, Span::new(7, 8));
        assert!(piped(Value::test_int(5)).is_err());
    }

    #[test]
    fn durations_are_whole_seconds_rounded_up() {
        let seconds = |ns| texts(&Value::test_duration(ns)).expect("a text")[0].0.clone();
        assert_eq!(seconds(90_000_000_000), "90s");
        assert_eq!(seconds(1), "1s");
        assert_eq!(seconds(-5), "0s", "which the core refuses");
    }

    #[test]
    fn programs_see_texts_numbers_and_lists_of_folders() {
        let list = Value::test_list(vec![Value::test_string("/a"), Value::test_string("/b")]);
        let joined = std::env::join_paths(["/a", "/b"]).expect("joined");
        assert_eq!(variable(&list), Some(joined));
        assert_eq!(variable(&Value::test_int(1)), Some("1".into()));
        assert_eq!(variable(&Value::test_record(record! {})), None);
    }
}

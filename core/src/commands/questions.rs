//! Questions to a person whose answers are values.

use std::str::FromStr;

use super::CommandError;
use super::context::{Person, declined, terminal};
use super::fields::Change;
use crate::model::InvalidInput;

/// Asks until the answer is a value.
pub(super) fn required<T: FromStr<Err = InvalidInput>>(
    person: &mut dyn Person,
    question: &str,
    default: Option<&str>,
) -> Result<T, CommandError> {
    loop {
        let answer = person.ask(question, default).map_err(terminal)?.ok_or_else(declined)?;
        let answer = if answer.is_empty() { default.unwrap_or_default() } else { &answer };
        match answer.parse() {
            Ok(value) => return Ok(value),
            Err(error) => tell(person, &error),
        }
    }
}

/// Asks until the answer is a value or empty.
pub(super) fn optional<T: FromStr<Err = InvalidInput>>(
    person: &mut dyn Person,
    question: &str,
) -> Result<Change<T>, CommandError> {
    loop {
        let answer = person.ask(question, None).map_err(terminal)?.ok_or_else(declined)?;
        if answer.is_empty() {
            return Ok(Change::Clear);
        }
        match answer.parse() {
            Ok(value) => return Ok(Change::Set(value)),
            Err(error) => tell(person, &error),
        }
    }
}

/// Says what was wrong with an answer.
pub(super) fn tell(person: &mut dyn Person, error: &InvalidInput) {
    person.tell(&format!("{error}; {}", error.hint));
}

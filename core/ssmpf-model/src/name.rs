//! Names of connections, and tags.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use crate::{InvalidInput, near};

/// Longest name or tag, in characters. Long enough for every scheme seen, short enough for a table.
const MAX_LENGTH: usize = 64;

/// The name of a connection: 1 to 64 of `[A-Za-z0-9._-]`, starting with a letter or digit.
///
/// Such a name needs no quoting in any shell, is a file name everywhere, and cannot be taken for a
/// flag or a tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionName(String);

impl ConnectionName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether this text is a name.
    pub fn is_name(text: &str) -> bool {
        let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        starts && text.len() <= MAX_LENGTH && text.bytes().all(|byte| allowed(byte.into()))
    }

    /// Makes a name out of any text, for imports: what is not allowed becomes `-`.
    ///
    /// Returns `None` if nothing of the text can be kept.
    pub fn resembling(text: &str) -> Option<Self> {
        let mut name = String::new();
        for c in text.trim().chars() {
            match c {
                _ if allowed(c) => name.push(c),
                _ if name.ends_with('-') => {}
                _ => name.push('-'),
            }
        }
        let start = name.find(|c: char| c.is_ascii_alphanumeric())?;
        let kept: String = name[start..].chars().take(MAX_LENGTH).collect();
        Self::from_str(kept.trim_end_matches('-')).ok()
    }

    /// Returns this name with `-2`, `-3`, … behind it: the first that `taken` does not know.
    pub fn numbered(&self, taken: impl Fn(&Self) -> bool) -> Self {
        let mut number: u64 = 2;
        loop {
            let suffix = format!("-{number}");
            let keep = self.0.len().min(MAX_LENGTH - suffix.len());
            let candidate = Self(format!("{}{suffix}", &self.0[..keep]));
            if !taken(&candidate) {
                return candidate;
            }
            number += 1;
        }
    }

    /// Returns the name among `known` that was probably meant by `typed`.
    pub fn suggestion<'a>(
        typed: &str,
        known: impl Iterator<Item = &'a ConnectionName>,
    ) -> Option<&'a str> {
        near::closest(typed, known.map(ConnectionName::as_str))
    }
}

impl FromStr for ConnectionName {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check("a connection", "prod-db", text)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ConnectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Borrow<str> for ConnectionName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A tag of a connection: a free word, of the same letters as a name. `@tag` stands for all that
/// bear it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// Returns the tag as text, without the `@`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = text.strip_prefix('@').unwrap_or(text);
        check("a tag", "prod", word)?;
        Ok(Self(word.to_owned()))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Borrow<str> for Tag {
    fn borrow(&self) -> &str {
        &self.0
    }
}

fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn check(what: &str, example: &str, text: &str) -> Result<(), InvalidInput> {
    let why = if text.is_empty() {
        "it is empty".to_owned()
    } else if let Some(bad) = text.chars().find(|&c| !allowed(c)) {
        format!("it contains {bad:?}")
    } else if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        "it does not start with a letter or digit".to_owned()
    } else if text.len() > MAX_LENGTH {
        format!("it is longer than {MAX_LENGTH} characters")
    } else {
        return Ok(());
    };
    Err(InvalidInput::new(
        format!("`{text}` cannot name {what}: {why}"),
        format!(
            "use 1 to {MAX_LENGTH} letters, digits and `. _ -`, the first a letter or digit, such \
             as `{example}`"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_start_with_a_letter_or_digit_and_need_no_quoting() {
        for text in ["a", "prod-db", "9.lives_", &"x".repeat(64)] {
            assert_eq!(text.parse::<ConnectionName>().expect(text).as_str(), text);
        }
        for (text, why) in [
            ("", "is empty"),
            ("-x", "does not start"),
            (".x", "does not start"),
            ("a b", "contains ' '"),
            ("größe", "contains 'ö'"),
            ("a/b", "contains '/'"),
            (&"x".repeat(65), "longer than 64"),
        ] {
            let error = text.parse::<ConnectionName>().expect_err(text);
            assert!(error.message.contains(why), "{error}");
        }
    }

    #[test]
    fn a_tag_may_be_written_with_its_sign() {
        assert_eq!("@prod".parse::<Tag>().expect("valid").as_str(), "prod");
        assert!("@".parse::<Tag>().is_err());
        assert!("@@prod".parse::<Tag>().is_err());
    }

    #[test]
    fn a_refused_name_becomes_one_that_resembles_it() {
        for (text, name) in [
            ("prod db", "prod-db"),
            (" prod // db ", "prod-db"),
            ("_hidden", "hidden"),
            ("größe", "gr-e"),
            ("-x-", "x"),
        ] {
            assert_eq!(ConnectionName::resembling(text).expect(text).as_str(), name);
        }
        assert_eq!(ConnectionName::resembling("数据库"), None);
    }

    #[test]
    fn a_taken_name_is_numbered() {
        let name: ConnectionName = "db".parse().expect("valid");
        let taken = ["db", "db-2"];
        assert_eq!(name.numbered(|n| taken.contains(&n.as_str())).as_str(), "db-3");
    }

    proptest! {
        #[test]
        fn what_resembles_a_text_is_always_a_valid_name(text in ".{0,200}") {
            if let Some(name) = ConnectionName::resembling(&text) {
                prop_assert!(name.as_str().parse::<ConnectionName>().is_ok());
                let next = name.numbered(|n| n == &name);
                prop_assert!(next.as_str().parse::<ConnectionName>().is_ok(), "{next}");
            }
        }
    }
}

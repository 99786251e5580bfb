//! Spans of time as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::InvalidInput;

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Longest span taken: ten years. Whatever is longer was a slip of the hand.
const MAX: u64 = 10 * 365 * 86_400;

/// A span of whole seconds, at least one. Written `90s`, `15m`, `8h`, `1d` or `1h30m`; a bare number
/// is seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Seconds(u64);

impl Seconds {
    /// Returns the span of this many seconds, unless it is none or longer than ten years.
    pub fn new(seconds: u64) -> Option<Self> {
        (1..=MAX).contains(&seconds).then_some(Self(seconds))
    }

    /// Returns the number of seconds.
    pub fn get(self) -> u64 {
        self.0
    }

    /// Returns the span as the standard library's type.
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl FromStr for Seconds {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        total(text.trim()).and_then(Self::new).ok_or_else(|| {
            InvalidInput::new(
                format!("`{text}` is not a span of time"),
                "write it like `90s`, `15m`, `8h`, `1d` or `1h30m`; it must be at least one second",
            )
        })
    }
}

/// Adds up `1h30m` and the like, or reads a bare number. Larger units come first, each once.
fn total(text: &str) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?;
        let (_, seconds) = units.find(|(letter, _)| *letter == unit)?;
        sum = sum.checked_add(number.checked_mul(*seconds)?)?;
        rest = rest[end + unit.len_utf8()..].trim_start();
    }
    Some(sum)
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        for (letter, seconds) in UNITS {
            let count = rest / seconds;
            if count > 0 {
                write!(f, "{count}{letter}")?;
                rest %= seconds;
            }
        }
        Ok(())
    }
}

impl TryFrom<u64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: u64) -> Result<Self, Self::Error> {
        Self::new(seconds).ok_or("a span is at least one second and at most ten years")
    }
}

impl From<Seconds> for u64 {
    fn from(seconds: Seconds) -> u64 {
        seconds.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_are_written_as_people_write_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("8h", 28_800),
            ("1d", 86_400),
            ("1h30m", 5_400),
            ("1h 30m", 5_400),
            ("45", 45),
        ] {
            assert_eq!(text.parse::<Seconds>().expect(text).get(), seconds, "{text}");
        }
        for text in ["", "0", "0s", "m", "1x", "-5s", "30m1h", "1h1h", "1.5h", "99999999999d", "1µ"]
        {
            assert!(text.parse::<Seconds>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(seconds in 1u64..=MAX) {
            let span = Seconds::new(seconds).expect("within bounds");
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
}

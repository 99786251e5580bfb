//! A time as it lies in JSON.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::InvalidInput;

/// Length of `2026-11-21T12:00:00`.
const TO_THE_SECOND: usize = 19;

/// Text that is a time. A listing has three of them for each connection; to calculate with a calendar
/// and back takes longer than to read and write all else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTime<'a>(Cow<'a, str>);

impl<'a> StoredTime<'a> {
    /// Takes text as it lies in the store.
    ///
    /// # Errors
    ///
    /// If it is not a time with a zone, RFC 3339.
    pub fn new(text: Cow<'a, str>) -> Result<Self, InvalidInput> {
        if !is_plain(&text) {
            timestamp(&text)?;
        }
        Ok(Self(text))
    }

    /// Returns the time.
    pub fn timestamp(&self) -> Timestamp {
        // It was checked when this was made.
        timestamp(&self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Returns it in UTC with three digits behind the second, if it is text of which that is a part.
    pub fn to_the_millisecond(&self) -> Option<String> {
        let (second, rest) =
            self.0.split_at_checked(TO_THE_SECOND).filter(|_| is_plain(&self.0))?;
        let digits = rest.trim_start_matches('.').trim_end_matches('Z');
        let mut text = String::with_capacity(TO_THE_SECOND + ".000Z".len());
        text.push_str(second);
        text.push('.');
        text.extend(digits.chars().chain("000".chars()).take(3));
        text.push('Z');
        Some(text)
    }
}

impl From<Timestamp> for StoredTime<'_> {
    fn from(time: Timestamp) -> Self {
        Self(time.to_string().into())
    }
}

fn timestamp(text: &str) -> Result<Timestamp, InvalidInput> {
    text.parse().map_err(|error| {
        InvalidInput::new(
            format!("`{}` is not a time: {error}", text.escape_debug()),
            "times look like `2026-11-21T12:00:00Z`",
        )
    })
}

/// Whether this is `YYYY-MM-DDTHH:MM:SS[.FRACTION]Z`, a time without any doubt: those that only a
/// calendar knows, such as the 29th of a month, are left to the calendar.
fn is_plain(text: &str) -> bool {
    let Some((second, rest)) = text.as_bytes().split_at_checked(TO_THE_SECOND) else {
        return false;
    };
    let number = |at: usize| {
        let digit = |at: usize| second[at].wrapping_sub(b'0');
        let (tens, ones) = (digit(at), digit(at + 1));
        if tens < 10 && ones < 10 { tens * 10 + ones } else { u8::MAX }
    };
    let between = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let fraction = match rest {
        [b'.', digits @ .., b'Z'] => {
            (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        rest => rest == b"Z",
    };
    (10..100).contains(&number(0))
        && number(2) < 100
        && (1..=12).contains(&number(5))
        && (1..=28).contains(&number(8))
        && number(11) < 24
        && number(14) < 60
        && number(17) < 60
        && between.iter().all(|&(at, byte)| second[at] == byte)
        && fraction
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-11-21",
            "2026-11-21T12:00:00",
            "2026-13-21T12:00:00Z",
            "2026-02-30T12:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T12:60:00Z",
            "2026-11-21T12:00:00.Z",
            "2026-11-21T12:00:00.1234567890Z",
            "2026-11-21T12:00:0öZ",
        ] {
            assert!(StoredTime::new(text.into()).is_err(), "{text}");
        }
    }

    #[test]
    fn other_spellings_are_times_too() {
        for text in ["2026-11-21T13:00:00+01:00", "2026-11-21 12:00:00Z", "2028-02-29T12:00:00z"] {
            let time = StoredTime::new(text.into()).expect(text);
            assert_eq!(time.to_the_millisecond(), None, "{text}");
            assert_eq!(time.timestamp(), text.parse().expect(text));
        }
    }

    proptest! {
        #[test]
        fn the_text_is_cut_as_the_calendar_cuts_it(
            seconds in -62_135_596_800_i64..253_402_300_800,
            nanosecond in 0..1_000_000_000_i32,
        ) {
            let time = Timestamp::new(seconds, nanosecond).expect("a time");
            let stored = StoredTime::new(time.to_string().into()).expect("a time");
            prop_assert_eq!(stored.timestamp(), time);
            if let Some(text) = stored.to_the_millisecond() {
                prop_assert_eq!(text, format!("{time:.3}"));
            }
        }

        #[test]
        fn plain_text_is_a_time_for_the_calendar(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,10})?Z") {
            prop_assert!(!is_plain(&text) || text.parse::<Timestamp>().is_ok(), "{}", text);
        }
    }
}

//! Where in AWS: profile and region.

use std::fmt;
use std::str::FromStr;

use crate::InvalidInput;

/// Longest profile name taken, in characters. AWS sets no limit; this one keeps tables readable.
const MAX_PROFILE: usize = 256;

/// Longest region code taken; the longest in use has 14 characters (`ap-southeast-1`, `us-gov-east-1`).
const MAX_REGION: usize = 32;

/// The name of a profile in AWS's own configuration files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(String);

impl ProfileName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProfileName {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let printable = !text.chars().any(|c| c.is_control() || matches!(c, '[' | ']'));
        let length = text.chars().count();
        if printable && text.trim() == text && (1..=MAX_PROFILE).contains(&length) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidInput::new(
            format!("`{}` is not the name of a profile", text.escape_debug()),
            "give a name as it stands in ~/.aws/config, without brackets",
        ))
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The code of an AWS region. Any code of the right shape: AWS opens new regions every year.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

impl Region {
    /// Returns the code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
        if starts && text.len() <= MAX_REGION && text.bytes().all(valid) && !text.ends_with('-') {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidInput::new(
            format!("`{}` is not the code of a region", text.escape_debug()),
            "region codes look like `eu-west-1`",
        ))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_may_be_named_almost_anything() {
        for text in ["default", "prod/admin", "a b", "me@example.com", "größe"] {
            assert_eq!(text.parse::<ProfileName>().expect(text).as_str(), text);
        }
        for text in ["", " x", "a\nb", "[x]"] {
            assert!(text.parse::<ProfileName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn regions_have_a_shape_and_no_list() {
        for text in ["eu-west-1", "us-gov-west-1", "mars-north-7", "local"] {
            assert!(text.parse::<Region>().is_ok(), "{text}");
        }
        for text in ["", "EU-WEST-1", "eu west", "eu-", "-eu", "eu-west-1.amazonaws.com"] {
            assert!(text.parse::<Region>().is_err(), "{text}");
        }
    }
}

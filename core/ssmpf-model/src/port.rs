//! Port numbers.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use crate::InvalidInput;

const PORT_HINT: &str = "ports are whole numbers from 1 to 65535, such as 5432";

/// A port that something listens on: 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(NonZeroU16);

impl Port {
    /// Returns the port of this number, unless it is 0.
    pub fn new(number: u16) -> Option<Self> {
        NonZeroU16::new(number).map(Self)
    }

    /// Returns the number.
    pub fn number(self) -> u16 {
        self.0.get()
    }
}

impl FromStr for Port {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decimal(text)
            .and_then(Self::new)
            .ok_or_else(|| InvalidInput::new(format!("`{text}` is not a port number"), PORT_HINT))
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The port to listen on here: a fixed one, or whichever is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LocalPort {
    /// Whichever the operating system has free.
    #[default]
    Auto,
    /// This one, or an error.
    Fixed(Port),
}

impl LocalPort {
    /// Returns the number to bind: 0 lets the operating system choose.
    pub fn number(self) -> u16 {
        match self {
            LocalPort::Auto => 0,
            LocalPort::Fixed(port) => port.number(),
        }
    }
}

impl FromStr for LocalPort {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(LocalPort::Auto);
        }
        match decimal(text) {
            Some(number) => Ok(Port::new(number).map_or(LocalPort::Auto, LocalPort::Fixed)),
            None => Err(InvalidInput::new(
                format!("`{text}` is not a local port"),
                "give a number from 1 to 65535, or `auto` for any free port",
            )),
        }
    }
}

impl fmt::Display for LocalPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LocalPort::Auto => f.write_str("auto"),
            LocalPort::Fixed(port) => port.fmt(f),
        }
    }
}

/// Reads a decimal number. Unlike `u16::from_str` it takes no `+` in front.
fn decimal(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_go_from_1_to_65535() {
        for (text, number) in [("1", 1), ("5432", 5432), ("65535", 65535), ("0080", 80)] {
            assert_eq!(text.parse::<Port>().expect(text).number(), number);
        }
        for text in ["", "0", "65536", "-1", "+5", "80.0", " 80", "http", "99999999999"] {
            let error = text.parse::<Port>().expect_err(text);
            assert_eq!(error.message, format!("`{text}` is not a port number"));
            assert_eq!(error.hint, PORT_HINT);
        }
    }

    #[test]
    fn the_local_port_may_be_left_to_the_system() {
        assert_eq!("auto".parse(), Ok(LocalPort::Auto));
        assert_eq!("0".parse(), Ok(LocalPort::Auto));
        assert_eq!("15432".parse::<LocalPort>().expect("valid").number(), 15432);
        assert!("Auto5".parse::<LocalPort>().is_err());
        assert!("70000".parse::<LocalPort>().is_err());
    }
}

//! Destinations: what the agent dials.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::{InvalidInput, Port};

/// Shortest host the remote-host document takes, in characters.
///
/// From the pattern of the parameter `host` in `AWS-StartPortForwardingSessionToRemoteHost`.
const MIN_HOST_LENGTH: usize = 3;

/// Characters that the same pattern refuses.
const REFUSED_IN_HOST: &str = ",$&()!;'\"<>`{}[]|#=";

/// Longest host name DNS knows, in bytes.
const MAX_HOST_LENGTH: usize = 253;

/// A host as the agent resolves it: a name, an IPv4 address, or an IPv6 address without brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(String);

impl Host {
    /// Returns the host as text, an IPv6 address without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether this means the very machine that resolves it.
    pub fn is_loopback(&self) -> bool {
        let name = self.0.strip_suffix('.').unwrap_or(&self.0);
        match name.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        }
    }

    fn is_ipv6(&self) -> bool {
        self.0.contains(':')
    }
}

impl FromStr for Host {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |why: &str| {
            Err(InvalidInput::new(
                format!("`{text}` cannot be used as a host: {why}"),
                "give a host name or an IP address as the node would resolve it, such as \
                 `db.internal` or `10.0.3.7`",
            ))
        };
        let host = match text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            Some(inner) if inner.parse::<Ipv6Addr>().is_ok() => inner,
            Some(_) => return refuse("only an IPv6 address stands in brackets"),
            None => text,
        };
        // Nearly every host is of these letters only; a store may hold thousands.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        if host.bytes().all(plain) && (MIN_HOST_LENGTH..=MAX_HOST_LENGTH).contains(&host.len()) {
            return Ok(Self(host.to_owned()));
        }
        if let Some(bad) = host
            .chars()
            .find(|&c| REFUSED_IN_HOST.contains(c) || c.is_whitespace() || c.is_control())
        {
            return refuse(&format!("it contains {bad:?}"));
        }
        if host.contains("://") || host.contains('/') {
            return refuse("it is a URL, not a host");
        }
        if host.contains(':') && host.parse::<Ipv6Addr>().is_err() {
            return refuse("the port is given on its own, with `--port`");
        }
        if host.chars().count() < MIN_HOST_LENGTH {
            return refuse("AWS takes no host shorter than three characters");
        }
        if host.len() > MAX_HOST_LENGTH {
            return refuse("no host name is that long");
        }
        Ok(Self(host.to_owned()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the agent dials: a port on another host, or on the node itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The host; none means the node itself.
    pub host: Option<Host>,
    /// The port.
    pub port: Port,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.is_ipv6() => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
            None => write!(f, "port {} on the node", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_hosts_and_brackets_are_dropped() {
        for (text, host) in [
            ("db.internal", "db.internal"),
            ("10.0.3.7", "10.0.3.7"),
            ("fd00::7", "fd00::7"),
            ("[fd00::7]", "fd00::7"),
            ("::1", "::1"),
        ] {
            assert_eq!(text.parse::<Host>().expect(text).as_str(), host);
        }
    }

    #[test]
    fn what_the_document_would_refuse_is_refused_here() {
        for text in [
            "",
            "db",
            "a$b",
            "a b",
            "a;rm",
            "[db.internal]",
            "db.internal:5432",
            "http://db",
            "::",
            "a\"b",
            "a#b",
            "a\nb",
            "x/y",
        ] {
            assert!(text.parse::<Host>().is_err(), "{text:?}");
        }
        assert!("h".repeat(254).parse::<Host>().is_err());
    }

    #[test]
    fn loopback_is_recognized_however_it_is_written() {
        for text in ["localhost", "LOCALHOST.", "127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"]
        {
            assert!(text.parse::<Host>().expect(text).is_loopback(), "{text}");
        }
        for text in ["localhost.example.com", "128.0.0.1", "10.0.0.1"] {
            assert!(!text.parse::<Host>().expect(text).is_loopback(), "{text}");
        }
    }

    #[test]
    fn a_destination_reads_like_an_address() {
        let port = Port::new(5432).expect("not 0");
        let at = |host: Option<&str>| {
            let host = host.map(|host| host.parse().expect("valid"));
            Destination { host, port }.to_string()
        };
        assert_eq!(at(Some("db.internal")), "db.internal:5432");
        assert_eq!(at(Some("fd00::7")), "[fd00::7]:5432");
        assert_eq!(at(None), "port 5432 on the node");
    }
}

//! The spelling of `ssh -L`.

use std::str::FromStr;

use crate::{BindAddress, Destination, InvalidInput, LocalPort};

const SPEC_HINT: &str = "write `[bind:]local:host:port`, such as `15432:db.internal:5432`; an IPv6 address stands in \
     brackets";

/// A forward as OpenSSH spells it: `[bind:]local:host:port`.
///
/// As there, an empty bind address or `*` means every interface, and `localhost` only this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardSpec {
    /// Where to listen; none means the default.
    pub bind: Option<BindAddress>,
    /// The port to listen on.
    pub local_port: LocalPort,
    /// What the agent dials.
    pub destination: Destination,
}

impl FromStr for ForwardSpec {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |why: &str| InvalidInput::new(format!("`{text}` {why}"), SPEC_HINT);
        let parts = split(text).ok_or_else(|| refuse("has a bracket without its partner"))?;
        let (bind, local, host, port) = match parts[..] {
            [local, host, port] => (None, local, host, port),
            [bind, local, host, port] => (Some(bind), local, host, port),
            [] | [_] | [_, _] => return Err(refuse("is too short for a forward")),
            _ => return Err(refuse("has too many parts for a forward")),
        };
        if host.is_empty() {
            return Err(refuse("names no host"));
        }
        if [local, port].iter().any(|part| part.contains('/')) {
            return Err(refuse("names a socket file, which cannot be forwarded"));
        }
        let bind = match bind {
            Some("") => Some(BindAddress::All),
            Some(bind) => Some(bind.parse()?),
            None => None,
        };
        Ok(Self {
            bind,
            local_port: local.parse()?,
            destination: Destination { host: Some(host.parse()?), port: port.parse()? },
        })
    }
}

/// Splits at colons, except inside brackets. A bracket must close, and only before a colon or the end.
fn split(text: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let end = if rest.starts_with('[') {
            let end = rest.find(']')? + 1;
            match rest.as_bytes().get(end) {
                None | Some(b':') => end,
                Some(_) => return None,
            }
        } else {
            rest.find(':').unwrap_or(rest.len())
        };
        parts.push(&rest[..end]);
        match rest[end..].strip_prefix(':') {
            Some(next) => rest = next,
            None => return Some(parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn parsed(text: &str) -> ForwardSpec {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn three_parts_listen_on_the_default_address() {
        let spec = parsed("15432:db.internal:5432");
        assert_eq!(spec.bind, None);
        assert_eq!(spec.local_port.number(), 15432);
        assert_eq!(spec.destination.to_string(), "db.internal:5432");
    }

    #[test]
    fn the_first_of_four_parts_is_the_bind_address() {
        for (text, bind) in [
            ("localhost:1:db.internal:2", BindAddress::Loopback),
            ("*:1:db.internal:2", BindAddress::All),
            (":1:db.internal:2", BindAddress::All),
            ("127.0.0.2:1:db.internal:2", BindAddress::Address(IpAddr::from([127, 0, 0, 2]))),
            ("[::1]:1:db.internal:2", BindAddress::Address("::1".parse().expect("valid"))),
        ] {
            assert_eq!(parsed(text).bind, Some(bind), "{text}");
        }
    }

    #[test]
    fn an_ipv6_destination_stands_in_brackets() {
        assert_eq!(parsed("1:[fd00::7]:2").destination.to_string(), "[fd00::7]:2");
        assert_eq!(parsed("[::1]:1:[fd00::7]:2").destination.to_string(), "[fd00::7]:2");
    }

    #[test]
    fn the_local_port_may_be_automatic() {
        assert_eq!(parsed("auto:db.internal:5432").local_port, LocalPort::Auto);
        assert_eq!(parsed("0:db.internal:5432").local_port, LocalPort::Auto);
    }

    #[test]
    fn what_ssh_refuses_is_refused() {
        for text in [
            "",
            "15432",
            "15432:5432",
            "1::2",
            "a:b:c:d:e",
            "1:db.internal:0",
            "x:db.internal:1",
            "1:db.internal:http",
            "1:[fd00::7:2",
            "[::1]1:db.internal:2",
            "1:fd00::7:2",
            "/tmp/s:db.internal:1",
            "nowhere:1:db.internal:2",
        ] {
            assert!(text.parse::<ForwardSpec>().is_err(), "{text}");
        }
    }
}

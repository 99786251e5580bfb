//! Addresses to listen on.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::InvalidInput;

/// Where a forward listens on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BindAddress {
    /// `127.0.0.1` and `::1`: only programs on this machine. The default.
    #[default]
    Loopback,
    /// Every interface, IPv4 and IPv6.
    All,
    /// One address.
    Address(IpAddr),
}

impl BindAddress {
    /// Returns the addresses to listen on, the one to show first in front.
    ///
    /// The second of a pair may be missing on this machine; only the first must be bindable.
    pub fn addresses(self) -> Vec<IpAddr> {
        match self {
            BindAddress::Loopback => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            BindAddress::All => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            BindAddress::Address(address) => vec![address],
        }
    }

    /// Returns whether it is the one that nobody has to choose.
    pub fn is_default(self) -> bool {
        self == BindAddress::default()
    }

    /// Returns whether only programs on this machine can connect.
    pub fn is_loopback(self) -> bool {
        match self {
            BindAddress::Loopback => true,
            BindAddress::All => false,
            BindAddress::Address(address) => address.is_loopback(),
        }
    }
}

impl FromStr for BindAddress {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "localhost" => return Ok(BindAddress::Loopback),
            "*" => return Ok(BindAddress::All),
            _ => {}
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        bare.parse().map(BindAddress::Address).map_err(|_| {
            InvalidInput::new(
                format!("`{text}` is not an address to listen on"),
                "give an IP address of this machine, `localhost` (the default), or `*` for every \
                 interface",
            )
        })
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindAddress::Loopback => f.write_str("localhost"),
            BindAddress::All => f.write_str("*"),
            BindAddress::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_loopback_in_both_families() {
        assert_eq!(
            BindAddress::default().addresses(),
            [IpAddr::from([127, 0, 0, 1]), Ipv6Addr::LOCALHOST.into()]
        );
        assert!(BindAddress::default().is_loopback());
    }

    #[test]
    fn addresses_and_their_shorthands_are_understood() {
        assert_eq!("localhost".parse(), Ok(BindAddress::Loopback));
        assert_eq!("*".parse(), Ok(BindAddress::All));
        for (text, address) in [
            ("0.0.0.0", IpAddr::from([0, 0, 0, 0])),
            ("192.0.2.7", IpAddr::from([192, 0, 2, 7])),
            ("::", Ipv6Addr::UNSPECIFIED.into()),
            ("[::1]", Ipv6Addr::LOCALHOST.into()),
        ] {
            assert_eq!(text.parse(), Ok(BindAddress::Address(address)), "{text}");
        }
    }

    #[test]
    fn names_other_than_localhost_are_not_addresses() {
        for text in ["", "eth0", "example.com", "127.0.0.1:80", "[127.0.0.1", "256.0.0.1"] {
            assert!(text.parse::<BindAddress>().is_err(), "{text}");
        }
    }
}

//! Where the agent dials: resolved once per session, checked against the deny list.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::TcpStream;

use crate::fleet::{Host, Node, Route};
use crate::version;

/// First version that refuses loopback addresses as remote hosts.
const DENIES_LOOPBACK: &str = "3.3.4851.0";

/// What every dial of a session tries, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Destination {
    attempts: Vec<Attempt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Connect(SocketAddr),
    Refuse,
    BlackHole,
}

impl Destination {
    /// Resolves host and port; an error is the text with which the session fails.
    pub(super) fn resolve(
        properties: &BTreeMap<String, String>,
        node: &Node,
        hosts: &[Host],
        denied: &[IpAddr],
    ) -> Result<Self, String> {
        let port_text = properties.get("portNumber").map(String::as_str).unwrap_or_default();
        if port_text.is_empty() {
            return Err(
                "Port number is empty in session properties. Please verify the input.".into()
            );
        }
        let Ok(port) = port_text.parse::<u16>() else {
            return Ok(Self { attempts: Vec::new() });
        };
        let remote = properties.get("host").filter(|host| !host.is_empty());
        let name = remote.map_or("localhost", String::as_str);
        let known: Vec<&Host> =
            hosts.iter().filter(|host| host.name.eq_ignore_ascii_case(name)).collect();
        let literal = name.parse::<IpAddr>().ok();
        let local = name.eq_ignore_ascii_case("localhost");
        if remote.is_some() {
            let loopback = node
                .deny_loopback
                .unwrap_or_else(|| version::at_least(&node.agent_version, DENIES_LOOPBACK));
            let mut addresses: Vec<IpAddr> =
                known.iter().filter_map(|host| host.resolves_to).collect();
            addresses.extend(literal);
            if local {
                addresses.push(Ipv4Addr::LOCALHOST.into());
            }
            let forbidden = |address: &IpAddr| {
                let address = address.to_canonical();
                denied.iter().any(|denied| denied.to_canonical() == address)
                    || (loopback && address.is_loopback())
            };
            if addresses.iter().any(forbidden) {
                return Err(format!("Forwarding to IP address {name} is forbidden."));
            }
        }
        let mapped = known
            .iter()
            .find(|host| host.port == Some(port))
            .or_else(|| known.iter().find(|host| host.port.is_none()));
        let attempts = match (mapped, literal) {
            (Some(host), _) => vec![match host.route {
                Route::Server(address) => Attempt::Connect(address),
                Route::SamePort(address) => Attempt::Connect(SocketAddr::new(address, port)),
                Route::Refuse => Attempt::Refuse,
                Route::BlackHole => Attempt::BlackHole,
            }],
            (None, Some(address)) => vec![Attempt::Connect(SocketAddr::new(address, port))],
            (None, None) if local => vec![
                Attempt::Connect((Ipv4Addr::LOCALHOST, port).into()),
                Attempt::Connect((Ipv6Addr::LOCALHOST, port).into()),
            ],
            // A name with other ports only: the machine is there, nobody listens.
            (None, None) if !known.is_empty() => vec![Attempt::Refuse],
            // Resolution failed, which the agent keeps to itself: every dial will fail.
            (None, None) => Vec::new(),
        };
        Ok(Self { attempts })
    }

    /// Dials; the first success wins and the first error is reported.
    pub(super) async fn dial(&self) -> io::Result<TcpStream> {
        let mut first = None;
        for attempt in &self.attempts {
            let result = match attempt {
                Attempt::Connect(address) => TcpStream::connect(address).await,
                Attempt::Refuse => Err(io::ErrorKind::ConnectionRefused.into()),
                Attempt::BlackHole => std::future::pending().await,
            };
            match result {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| io::Error::other("missing address")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::AgentOptions;

    fn resolve(host: &str, port: &str, node: &Node) -> Result<Destination, String> {
        let server: SocketAddr = "127.0.0.1:15432".parse().unwrap();
        let mut metadata = Host::with_route("metadata.internal", None, Route::Refuse);
        metadata.resolves_to = Some("169.254.169.254".parse().unwrap());
        let hosts = [
            Host::new("db.internal", 5432, server),
            Host::with_route("filtered.internal", None, Route::BlackHole),
            metadata,
        ];
        let mut properties = BTreeMap::from([("portNumber".to_owned(), port.to_owned())]);
        if !host.is_empty() {
            properties.insert("host".into(), host.into());
        }
        Destination::resolve(&properties, node, &hosts, &AgentOptions::default().denied)
    }

    fn attempts(host: &str, port: &str) -> Vec<Attempt> {
        resolve(host, port, &Node::new("i-1")).unwrap().attempts
    }

    #[test]
    fn names_lead_where_the_host_table_says() {
        let server = Attempt::Connect("127.0.0.1:15432".parse().unwrap());
        assert_eq!(attempts("DB.internal", "5432"), [server]);
        assert_eq!(attempts("db.internal", "5433"), [Attempt::Refuse]);
        assert_eq!(attempts("filtered.internal", "1"), [Attempt::BlackHole]);
        assert_eq!(attempts("unknown.internal", "1"), []);
        assert_eq!(attempts("", "22").len(), 2);
        assert_eq!(
            attempts("127.0.0.1", "22"),
            [Attempt::Connect("127.0.0.1:22".parse().unwrap())]
        );
    }

    #[test]
    fn denied_addresses_fail_the_session_with_the_host_as_given() {
        let node = Node::new("i-1");
        for host in
            ["169.254.169.254", "fd00:ec2::254", "metadata.internal", "::ffff:169.254.169.254"]
        {
            let text = resolve(host, "80", &node).unwrap_err();
            assert_eq!(text, format!("Forwarding to IP address {host} is forbidden."));
        }
    }

    #[test]
    fn newer_agents_refuse_loopback_as_a_remote_host_only() {
        let node = Node::new("i-1").agent("3.3.4851.0");
        assert!(resolve("localhost", "80", &node).is_err());
        assert!(resolve("127.0.0.1", "80", &node).is_err());
        assert!(resolve("", "80", &node).is_ok());
        assert!(resolve("localhost", "80", &node.deny_loopback(false)).is_ok());
    }
}

//! Which SSM document a session is started with, and its parameters: one type, so the two agree.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::{Destination, InvalidInput};

/// Forwards to a port of the node itself. Agents from 2.3.672.0.
pub const PORT_FORWARDING: &str = "AWS-StartPortForwardingSession";
/// Forwards to a port of another host. Agents from 3.1.1374.0.
pub const REMOTE_HOST: &str = "AWS-StartPortForwardingSessionToRemoteHost";
/// Forwards to the node's SSH port, for use as OpenSSH's proxy command. Agents from 2.3.672.0.
pub const SSH: &str = "AWS-StartSSHSession";

/// Longest name the service takes [StartSession: DocumentName].
const MAX_NAME: usize = 128;
/// Shortest name the service takes.
const MIN_NAME: usize = 3;

/// The name of an SSM document, or its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentName(String);

impl DocumentName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for DocumentName {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
        if (MIN_NAME..=MAX_NAME).contains(&text.len()) && text.bytes().all(valid) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidInput::new(
            format!("`{text}` is not the name of an SSM document"),
            "names have 3 to 128 letters, digits and `_ - . : /`, such as \
             AWS-StartPortForwardingSession",
        ))
    }
}

/// A document and the parameters it is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionDocument {
    name: String,
    parameters: BTreeMap<String, Vec<String>>,
}

impl SessionDocument {
    /// Chooses the document that reaches `destination`, or takes the one that is `named`.
    ///
    /// A named document that is not Amazon's gets `portNumber` and, if there is one, `host`.
    pub fn for_destination(
        destination: &Destination,
        named: Option<&DocumentName>,
    ) -> Result<Self, InvalidInput> {
        // Agents from 3.3.4851.0 refuse loopback as a remote host; the node's own port says the same.
        let host = destination.host.as_ref();
        let remote = host.filter(|host| named.is_some() || !host.is_loopback());
        let name = match named {
            Some(name) => name.as_str(),
            None if remote.is_some() => REMOTE_HOST,
            None => PORT_FORWARDING,
        };
        match (name, remote) {
            (PORT_FORWARDING | SSH, Some(host)) => {
                return Err(InvalidInput::new(
                    format!("document {name} cannot reach {host}: it only knows the node itself"),
                    format!("leave out `--document`, or use {REMOTE_HOST}"),
                ));
            }
            (REMOTE_HOST, None) => {
                return Err(InvalidInput::new(
                    format!("document {name} needs a host"),
                    "give it with `--host`, or leave out `--document`",
                ));
            }
            _ => {}
        }
        let mut document = Self { name: name.to_owned(), parameters: BTreeMap::new() };
        if let Some(host) = remote {
            document.set("host", host.as_str());
        }
        document.set("portNumber", &destination.port.to_string());
        if document.takes_local_port() {
            document.set("localPortNumber", "0");
        }
        Ok(document)
    }

    /// Tells the document which local port is in use.
    ///
    /// It has no effect on the node, and our own engine listens where it likes; Amazon's plugin binds
    /// the port it finds here.
    pub fn with_local_port(mut self, port: u16) -> Self {
        if self.takes_local_port() {
            self.set("localPortNumber", &port.to_string());
        }
        self
    }

    /// Returns the name of the document.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the parameters. Every value is a list of one.
    pub fn parameters(&self) -> &BTreeMap<String, Vec<String>> {
        &self.parameters
    }

    /// Returns whether the document is known to declare `localPortNumber`.
    fn takes_local_port(&self) -> bool {
        matches!(self.name.as_str(), PORT_FORWARDING | REMOTE_HOST)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.parameters.insert(name.to_owned(), vec![value.to_owned()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Port;

    fn destination(host: Option<&str>) -> Destination {
        Destination {
            host: host.map(|host| host.parse().expect("valid")),
            port: Port::new(5432).expect("not 0"),
        }
    }

    fn chosen(host: Option<&str>, named: Option<&str>) -> (String, Vec<(String, String)>) {
        let named: Option<DocumentName> = named.map(|name| name.parse().expect("valid"));
        let document = SessionDocument::for_destination(&destination(host), named.as_ref())
            .expect("a document fits");
        let parameters = document.parameters().iter();
        (document.name().to_owned(), parameters.map(|(k, v)| (k.clone(), v.join("|"))).collect())
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    #[test]
    fn without_a_host_the_node_itself_is_reached() {
        assert_eq!(
            chosen(None, None),
            (
                PORT_FORWARDING.to_owned(),
                pairs(&[("localPortNumber", "0"), ("portNumber", "5432")])
            )
        );
    }

    #[test]
    fn with_a_host_the_remote_host_document_is_used() {
        assert_eq!(
            chosen(Some("db.internal"), None),
            (
                REMOTE_HOST.to_owned(),
                pairs(&[("host", "db.internal"), ("localPortNumber", "0"), ("portNumber", "5432")])
            )
        );
    }

    #[test]
    fn loopback_as_host_means_the_node_itself() {
        for host in ["localhost", "127.0.0.1", "::1"] {
            assert_eq!(chosen(Some(host), None), chosen(None, None), "{host}");
        }
        assert_eq!(chosen(Some("localhost"), Some(REMOTE_HOST)).1[0].1, "localhost");
    }

    #[test]
    fn other_documents_get_host_and_port_and_nothing_else() {
        assert_eq!(
            chosen(Some("db.internal"), Some("acme-db-only")),
            ("acme-db-only".to_owned(), pairs(&[("host", "db.internal"), ("portNumber", "5432")]))
        );
        assert_eq!(chosen(None, Some(SSH)).1, pairs(&[("portNumber", "5432")]));
    }

    #[test]
    fn documents_that_cannot_reach_the_destination_are_refused() {
        for (host, name) in [
            (Some("db.internal"), PORT_FORWARDING),
            (Some("db.internal"), SSH),
            (None, REMOTE_HOST),
        ] {
            let name = name.parse().expect("valid");
            assert!(SessionDocument::for_destination(&destination(host), Some(&name)).is_err());
        }
    }

    #[test]
    fn the_local_port_is_told_only_to_documents_that_have_a_place_for_it() {
        let own = SessionDocument::for_destination(&destination(None), None).expect("fits");
        assert_eq!(own.with_local_port(15432).parameters()["localPortNumber"], ["15432"]);
        let name = SSH.parse().expect("valid");
        let ssh = SessionDocument::for_destination(&destination(None), Some(&name)).expect("fits");
        assert!(!ssh.with_local_port(15432).parameters().contains_key("localPortNumber"));
    }

    #[test]
    fn document_names_follow_the_pattern_of_the_service() {
        assert!("arn:aws:ssm:eu-west-1:123456789012:document/acme".parse::<DocumentName>().is_ok());
        for text in ["", "ab", "a b c", "näme", &"x".repeat(129)] {
            assert!(text.parse::<DocumentName>().is_err(), "{text}");
        }
    }
}

//! Failures below HTTP: names, sockets, proxies, TLS.

use std::error::Error;
use std::io;

use ssmpf_schema::ErrorKind;

use super::{AwsFailure, Verdict};
use crate::aws::trust::TrustError;

/// Who was being talked to.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// In words: "the message gateway".
    pub what: &'a str,
    /// Its host name, if known.
    pub host: Option<&'a str>,
}

impl std::fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host {
            Some(host) => write!(f, "{} at {host}", self.what),
            None => f.write_str(self.what),
        }
    }
}

/// Iterates over an error and what lies beneath it.
///
/// The payload of an `io::Error` is visited too, which `source()` alone skips.
pub(super) fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(payload) => Some(payload as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// What the layers in between say, which is nothing.
const EMPTY_WORDS: [&str; 11] = [
    "dispatch failure",
    "service error",
    "response error",
    "request has timed out",
    "io error",
    "timeout",
    "client error (Connect)",
    "tcp connect error",
    "an error occurred while loading credentials",
    "an error occurred while loading an access token",
    "the credential provider was not enabled",
];

/// Returns the texts of an error and what lies beneath it, without repetitions and empty words.
pub(super) fn texts(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for error in chain(error) {
        let text = error.to_string();
        let empty = EMPTY_WORDS.contains(&text.as_str());
        if !empty && !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
    }
    texts
}

/// Returns whether the network, rather than the other side's answer, is what failed.
pub(super) fn is_network(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| {
        error.is::<rustls::Error>()
            || error.is::<TrustError>()
            || error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() != io::ErrorKind::NotFound)
            || is_dns(&error.to_string())
    })
}

/// Explains why `peer` could not be reached.
pub(super) fn explain(error: &(dyn Error + 'static), peer: &Peer<'_>) -> AwsFailure {
    let texts = texts(error);
    let says = |words: &str| texts.iter().any(|text| text.contains(words));
    let mut failure = if let Some(trust) = find::<TrustError>(error) {
        AwsFailure::usage(trust.to_string(), trust.hint())
    } else if let Some(tls) = find::<rustls::Error>(error) {
        tls_failed(tls, peer)
    } else if says("proxy authorization required") {
        network(
            format!("the proxy wants a user name and password; it did not connect to {peer}"),
            "put them into HTTPS_PROXY: http://user:password@proxy:port",
        )
    } else if says("failed to create underlying connection") {
        network(
            format!("the proxy could not be reached, so neither could {peer}"),
            "check HTTPS_PROXY; NO_PROXY names hosts that are reached without it",
        )
    } else if says("tunnel error") {
        network(
            format!("the proxy refused the connection to {peer}"),
            "check HTTPS_PROXY and NO_PROXY, and that the proxy allows this host",
        )
    } else if texts.iter().any(|text| is_dns(text)) {
        network(
            format!("the name of {peer} could not be resolved"),
            "check the network and the region's name; where `use_fips_endpoint` is on, that the \
             region has FIPS endpoints",
        )
    } else if let Some(io) = find::<io::Error>(error) {
        io_failed(io, peer)
    } else if says("timed out") || says("timeout") {
        timed_out(peer)
    } else {
        network(format!("{peer} could not be reached"), "check the network and the proxy settings")
    };
    failure.causes = texts;
    failure
}

/// Explains that `peer` did not answer.
pub(super) fn timed_out(peer: &Peer<'_>) -> AwsFailure {
    network(
        format!("{peer} did not answer in time"),
        "check the network; a firewall may drop the packets, or a proxy may be needed \
         (HTTPS_PROXY)",
    )
}

fn io_failed(error: &io::Error, peer: &Peer<'_>) -> AwsFailure {
    match error.kind() {
        io::ErrorKind::TimedOut => timed_out(peer),
        io::ErrorKind::ConnectionRefused => network(
            format!("{peer} refused the connection"),
            "check the endpoint and the proxy settings",
        ),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => network(
            format!("there is no way to {peer} from here"),
            "check that this machine is online",
        ),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => network(
            format!("{peer} closed the connection"),
            "if this repeats, a firewall or proxy on the way may cut it",
        ),
        _ => network(
            format!("{peer} could not be reached"),
            "check the network and the proxy settings",
        ),
    }
}

fn tls_failed(error: &rustls::Error, peer: &Peer<'_>) -> AwsFailure {
    use rustls::CertificateError as Bad;
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(Bad::UnknownIssuer) => network(
            format!("the certificate of {peer} is not trusted"),
            "behind a proxy that inspects TLS, name its certificate with AWS_CA_BUNDLE or \
             `ca_bundle` in the profile",
        ),
        Tls::InvalidCertificate(
            Bad::Expired
            | Bad::ExpiredContext { .. }
            | Bad::NotValidYet
            | Bad::NotValidYetContext { .. },
        ) => network(
            format!("the certificate of {peer} is not valid at this time"),
            "check the clock of this machine",
        ),
        Tls::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            network(
                format!("the certificate of {peer} names another host"),
                "the connection may be intercepted, or the endpoint is not the one meant",
            )
        }
        _ => network(
            format!("TLS with {peer} failed"),
            "a firewall or proxy on the way may interfere",
        ),
    }
}

fn network(message: String, hint: &str) -> AwsFailure {
    // Even a certificate that is not trusted may be a hotel's login page: a running forward tries on.
    AwsFailure::new(ErrorKind::Network, Verdict::TryAgain, message, hint)
}

/// The standard library has no error kind for a name that does not resolve.
fn is_dns(text: &str) -> bool {
    text.contains("failed to lookup address") || text.contains("dns error")
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: Peer<'static> =
        Peer { what: "the message gateway", host: Some("ssmmessages.example") };

    #[test]
    fn a_refused_connection_names_the_peer() {
        let failure = explain(&io::Error::from(io::ErrorKind::ConnectionRefused), &GATEWAY);
        assert_eq!(
            failure.message,
            "the message gateway at ssmmessages.example refused the connection"
        );
        assert_eq!(failure.verdict, Verdict::TryAgain);
        assert_eq!(failure.kind, ErrorKind::Network);
    }

    #[test]
    fn a_certificate_is_found_inside_an_io_error() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = io::Error::new(io::ErrorKind::InvalidData, tls);
        let failure = explain(&error, &GATEWAY);
        assert!(failure.message.contains("is not trusted"), "{failure}");
        assert!(failure.hint.expect("a hint").contains("AWS_CA_BUNDLE"));
    }

    #[test]
    fn an_unknown_name_is_said_as_such() {
        let error =
            io::Error::other("failed to lookup address information: Name or service not known");
        let failure = explain(&error, &GATEWAY);
        assert!(failure.message.contains("could not be resolved"), "{failure}");
    }

    #[test]
    fn causes_do_not_repeat_themselves() {
        let inner = io::Error::other("the reason");
        let outer = io::Error::other(inner);
        assert_eq!(texts(&outer), ["the reason"]);
    }
}

//! The stream URL: where AWS tells us to connect, and whether to believe it.
//!
//! A token is sent to this address, so it must be one of AWS's. Only a user who put another endpoint
//! in place of Systems Manager's, for an emulator or a private endpoint, is sent elsewhere.

use http::Uri;
use ssmpf_schema::ErrorKind;

use crate::aws::{AwsFailure, Verdict};

/// Domains that data channels live under, for each partition and for dual-stack names.
const DOMAINS: [&str; 10] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "api.aws",
    "api.amazonwebservices.com.cn",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
];

/// A stream URL that may be dialled.
#[derive(Clone)]
pub(super) struct StreamUrl {
    pub(super) uri: Uri,
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
}

impl StreamUrl {
    /// Checks `text`, as AWS gave it. `endpoint` is what the user put in place of Systems Manager.
    pub(super) fn parse(text: &str, endpoint: Option<&Uri>) -> Result<Self, AwsFailure> {
        let uri: Uri = text.parse().map_err(|_| refused("it is not a URL"))?;
        let tls = match uri.scheme_str() {
            Some("wss") => true,
            Some("ws") => false,
            _ => return Err(refused("its scheme is not wss")),
        };
        let authority = uri.authority().ok_or_else(|| refused("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refused("it carries a user name"));
        }
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if endpoint.is_none() {
            if !tls {
                return Err(refused("it is not encrypted"));
            }
            if !is_gateway(host) || authority.port_u16().is_some_and(|port| port != 443) {
                return Err(refused(&format!("{host} is not a message gateway of AWS")));
            }
        }
        if !tls && !may_be_plain(endpoint, host) {
            return Err(refused("it is not encrypted, unlike the endpoint it came from"));
        }
        Ok(Self {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
            uri,
        })
    }

    /// Returns `host:port` for a `CONNECT`, an IPv6 address in brackets.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Returns the URL by which a proxy is looked up; proxies know nothing of websockets.
    pub(super) fn for_proxy(&self) -> Option<Uri> {
        let scheme = if self.tls { "https" } else { "http" };
        Uri::builder().scheme(scheme).authority(self.authority()).path_and_query("/").build().ok()
    }
}

impl std::fmt::Debug for StreamUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Path and query belong to the secret.
        f.debug_struct("StreamUrl").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Plain connections follow a plain endpoint, or stay on this machine.
fn may_be_plain(endpoint: Option<&Uri>, host: &str) -> bool {
    let plain_endpoint = endpoint.and_then(Uri::scheme_str) == Some("http");
    let address = host.parse::<std::net::IpAddr>();
    plain_endpoint || host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Returns whether `host` is `[vpce-….]ssmmessages[-fips].<region>.[vpce.]<domain>`.
fn is_gateway(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    DOMAINS.iter().any(|domain| {
        let Some(rest) = host.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.')) else {
            return false;
        };
        let labels: Vec<&str> = rest.split('.').collect();
        match labels[..] {
            [service, region] => is_service(service) && is_region(region),
            [endpoint, service, region, "vpce"] => {
                endpoint.starts_with("vpce-") && is_service(service) && is_region(region)
            }
            _ => false,
        }
    })
}

fn is_service(label: &str) -> bool {
    matches!(label, "ssmmessages" | "ssmmessages-fips")
}

fn is_region(label: &str) -> bool {
    label.contains('-') && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn refused(why: &str) -> AwsFailure {
    AwsFailure::new(
        ErrorKind::SessionFailed,
        Verdict::GiveUp,
        format!("the address of the session cannot be trusted: {why}"),
        "nothing was sent there; an endpoint of your own is allowed with AWS_ENDPOINT_URL_SSM",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(url: &str, endpoint: Option<&str>) -> bool {
        let endpoint = endpoint.map(|text| text.parse().expect("a URL"));
        StreamUrl::parse(url, endpoint.as_ref()).is_ok()
    }

    #[test]
    fn gateways_of_every_kind_are_accepted() {
        for host in [
            "ssmmessages.eu-west-1.amazonaws.com",
            "ssmmessages-fips.us-gov-east-1.amazonaws.com",
            "ssmmessages.cn-north-1.amazonaws.com.cn",
            "ssmmessages.eusc-de-east-1.amazonaws.eu",
            "ssmmessages.eu-west-1.api.aws",
            "vpce-0123-abcd.ssmmessages.eu-west-1.vpce.amazonaws.com",
            "SSMMESSAGES.eu-west-1.amazonaws.com",
        ] {
            assert!(accepted(&format!("wss://{host}/v1/data-channel/a?role=x"), None), "{host}");
        }
    }

    #[test]
    fn the_url_of_a_real_session_is_taken_with_its_raw_characters() {
        let url = "wss://ssmmessages.us-east-1.amazonaws.com/v1/data-channel/\
                   alice@example.com-0123456789abcdef0?role=publish_subscribe\
                   &cell-number=AAEA/bnU+aOA";
        let parsed = StreamUrl::parse(url, None).expect("accepted");
        assert_eq!(parsed.uri.to_string(), url);
        assert_eq!(parsed.authority(), "ssmmessages.us-east-1.amazonaws.com:443");
    }

    #[test]
    fn other_hosts_never_get_the_token() {
        for url in [
            "wss://evil.example/v1",
            "wss://ssmmessages.eu-west-1.amazonaws.com.evil.example/v1",
            "wss://ssmmessages.eu-west-1.amazonaws.com@evil.example/v1",
            "wss://evilamazonaws.com/v1",
            "wss://s3.eu-west-1.amazonaws.com/v1",
            "wss://bucket.ssmmessages.eu-west-1.amazonaws.com/v1",
            "wss://ssmmessages.eu-west-1.amazonaws.com:8443/v1",
            "ws://ssmmessages.eu-west-1.amazonaws.com/v1",
            "https://ssmmessages.eu-west-1.amazonaws.com/v1",
            "ws://127.0.0.1:9000/v1",
            "wss:///v1",
            "not a url",
        ] {
            assert!(!accepted(url, None), "{url}");
        }
    }

    #[test]
    fn an_endpoint_of_the_users_own_opens_other_hosts() {
        assert!(accepted("ws://127.0.0.1:9000/v1", Some("http://127.0.0.1:8000")));
        assert!(accepted("wss://gateway.test:9000/v1", Some("https://ssm.test")));
        assert!(accepted("ws://[::1]:9000/v1", Some("https://localhost:8000")));
        assert!(!accepted("ws://gateway.test:9000/v1", Some("https://ssm.test")));
    }

    #[test]
    fn proxies_are_asked_about_http_urls() {
        let url = StreamUrl::parse("wss://ssmmessages.eu-west-1.amazonaws.com/v1", None);
        let url = url.expect("accepted").for_proxy().expect("a URL");
        assert_eq!(url.to_string(), "https://ssmmessages.eu-west-1.amazonaws.com:443/");
    }
}

//! The signature of the websocket upgrade.
//!
//! Since November 2025 Amazon's client signs its websocket: a `GET` of the stream URL for the service
//! `ssmmessages`, with the empty body, in headers. The URL itself is dialled unchanged; the signer
//! decodes and re-encodes it for the canonical request only, as Amazon's own client does.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningError, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::{HeaderMap, HeaderValue, Uri};

/// The service name in the signature of a data channel.
const SERVICE: &str = "ssmmessages";

/// Query parameters that show a URL was signed already; any one of them is enough.
const PRESIGNED: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
];

/// Why a URL could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the stream URL cannot be signed: {0}")]
pub struct SignError(String);

/// Returns whether `url` carries its signature already, so that signing it again would break it.
pub fn is_presigned(url: &Uri) -> bool {
    url.query().unwrap_or_default().split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        PRESIGNED.iter().any(|known| name.eq_ignore_ascii_case(known))
    })
}

/// Returns the headers that sign an upgrade of `url` at `time`.
pub fn websocket_headers(
    url: &Uri,
    region: &str,
    credentials: &Credentials,
    time: SystemTime,
) -> Result<HeaderMap, SignError> {
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| SignError(error.to_string()))?
        .into();
    let text = url.to_string();
    // Named here because it must be the very text of the `Host` header, port included.
    let host = url.authority().map_or("", |authority| authority.as_str());
    let host = std::iter::once(("host", host));
    let signed = SignableRequest::new("GET", text, host, SignableBody::Bytes(&[]))
        .and_then(|request| sign(request, &params))
        .map_err(|error: SigningError| SignError(error.to_string()))?;
    let (instructions, _signature) = signed.into_parts();
    let (headers, _query) = instructions.into_parts();
    let mut map = HeaderMap::new();
    for header in headers {
        let mut value = HeaderValue::from_str(header.value()).map_err(|_| {
            SignError(format!("{} has characters no header may have", header.name()))
        })?;
        value.set_sensitive(header.sensitive());
        map.insert(header.name(), value);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// 2024-01-02T03:04:05Z.
    const TIME: Duration = Duration::from_secs(1_704_164_645);

    fn signature(path_and_query: &str) -> (String, HeaderMap) {
        let url = format!("wss://ssmmessages.us-east-1.amazonaws.com{path_and_query}");
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            Some("SESSION/TOKEN+x==".to_owned()),
            None,
            "test",
        );
        let url: Uri = url.parse().expect("a URL");
        let headers = websocket_headers(&url, "us-east-1", &credentials, UNIX_EPOCH + TIME)
            .expect("it can be signed");
        let authorization = headers["authorization"].to_str().expect("text").to_owned();
        let (_, signature) = authorization.split_once("Signature=").expect("a signature");
        (signature.to_owned(), headers)
    }

    #[test]
    fn a_plain_url_has_the_signature_of_the_reference() {
        let (signature, headers) = signature("/v1/data-channel/abc?role=publish_subscribe");
        assert_eq!(signature, "4671e05a7ae848df4723592a529a36e3020e3011534e5721dd012931aae07918");
        assert_eq!(headers["x-amz-date"], "20240102T030405Z");
        assert_eq!(headers["x-amz-security-token"], "SESSION/TOKEN+x==");
        assert!(
            headers["authorization"]
                .to_str()
                .expect("text")
                .contains("SignedHeaders=host;x-amz-date;x-amz-security-token")
        );
    }

    #[test]
    fn an_encoded_cell_number_has_the_signature_of_the_reference() {
        let (signature, _) = signature(
            "/v1/data-channel/user-0123456789abcdef0?role=publish_subscribe&cell-number=AAEAAQ%2Bx%3D%3D",
        );
        assert_eq!(signature, "5d4e0a56db1ccac5e42512d0d16a20d66d1fbe290824a13b9b672c8ea44d1c3c");
    }

    #[test]
    fn raw_characters_are_encoded_for_the_signature_only() {
        let (signature, _) = signature(
            "/v1/data-channel/alice@example.com-0123456789abcdef0?role=publish_subscribe\
             &cell-number=AAEA/bnU+aOA",
        );
        assert_eq!(signature, "ddadab777def5f97ea33f8cb627bc000032d89fba4bcdf27891051880c956912");
    }

    #[test]
    fn secrets_among_the_headers_are_marked() {
        let (_, headers) = signature("/v1/data-channel/abc");
        assert!(headers["x-amz-security-token"].is_sensitive());
    }

    #[test]
    fn a_presigned_url_is_recognized_by_any_of_its_parameters() {
        for name in PRESIGNED {
            let url = format!("wss://host/path?role=x&{name}=1").parse().expect("a URL");
            assert!(is_presigned(&url), "{name}");
        }
        let plain = "wss://host/X-Amz-Date?role=X-Amz-Signature".parse().expect("a URL");
        assert!(!is_presigned(&plain));
    }
}

//! The published vectors, and what must be refused.

use super::*;
use http::HeaderValue;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const STAMP: &str = "20240102T030405Z";

fn now() -> Timestamp {
    "2024-01-02T03:04:05Z".parse().unwrap()
}

fn websocket_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let host = HeaderValue::from_static("ssmmessages.us-east-1.amazonaws.com");
    headers.insert("host", host);
    headers.insert("x-amz-date", HeaderValue::from_static(STAMP));
    headers.insert("x-amz-security-token", HeaderValue::from_static("SESSION/TOKEN+x=="));
    headers
}

fn authorization(signature: &str) -> Authorization {
    Authorization::parse(&format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240102/us-east-1/ssmmessages/aws4_request, \
         SignedHeaders=host;x-amz-date;x-amz-security-token, Signature={signature}"
    ))
    .unwrap()
}

fn verify(url: &str, signature: &str) -> Result<(), SignatureError> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let headers = websocket_headers();
    let request = Request { method: "GET", path, query, headers: &headers, body: b"" };
    authorization(signature).verify(&request, SECRET, "us-east-1", "ssmmessages", now())
}

#[test]
fn the_published_websocket_signatures_are_accepted() {
    for (url, signature) in [
        (
            "/v1/data-channel/abc?role=publish_subscribe",
            "4671e05a7ae848df4723592a529a36e3020e3011534e5721dd012931aae07918",
        ),
        (
            "/v1/data-channel/user-0123456789abcdef0?role=publish_subscribe&cell-number=AAEAAQ%2Bx%3D%3D",
            "5d4e0a56db1ccac5e42512d0d16a20d66d1fbe290824a13b9b672c8ea44d1c3c",
        ),
        (
            "/v1/data-channel/alice@example.com-0123456789abcdef0?role=publish_subscribe&cell-number=AAEA/bnU+aOA",
            "ddadab777def5f97ea33f8cb627bc000032d89fba4bcdf27891051880c956912",
        ),
    ] {
        assert_eq!(verify(url, signature), Ok(()), "{url}");
        let other = url.replace("publish", "pablish");
        assert_eq!(verify(&other, signature), Err(SignatureError::Mismatch));
    }
}

#[test]
fn a_signed_body_is_part_of_the_signature() {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("127.0.0.1:4000"));
    headers.insert("x-amz-date", HeaderValue::from_static(STAMP));
    let mut request =
        Request { method: "POST", path: "/", query: "", headers: &headers, body: b"{}" };
    let text = "AWS4-HMAC-SHA256 Credential=A/20240102/eu-west-1/ssm/aws4_request,SignedHeaders=host;x-amz-date,Signature=";
    let mut authorization = Authorization::parse(text).unwrap();
    let hash = hex(&Sha256::digest(b"{}"));
    let canonical = authorization.canonical_request(&request, "127.0.0.1:4000", &hash);
    assert_eq!(
        canonical,
        format!("POST\n/\n\nhost:127.0.0.1:4000\nx-amz-date:{STAMP}\n\nhost;x-amz-date\n{hash}")
    );
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{STAMP}\n20240102/eu-west-1/ssm/aws4_request\n{}",
        hex(&Sha256::digest(canonical))
    );
    let key = signing_key(SECRET, "20240102", "eu-west-1", "ssm");
    authorization.signature = hex(&sign(&key, to_sign.as_bytes()));
    let verify =
        |request: &Request<'_>| authorization.verify(request, SECRET, "eu-west-1", "ssm", now());
    assert_eq!(verify(&request), Ok(()));
    request.body = b"{ }";
    assert_eq!(verify(&request), Err(SignatureError::Mismatch));
    let mut stated = headers.clone();
    stated.insert("x-amz-content-sha256", HeaderValue::from_str(&hash).unwrap());
    request.headers = &stated;
    assert_eq!(verify(&request), Err(SignatureError::Body));
}

#[test]
fn a_time_more_than_five_minutes_off_is_refused() {
    let late = "2024-01-02T03:09:06Z".parse().unwrap();
    assert!(check_time(STAMP, "2024-01-02T03:09:05Z".parse().unwrap()).is_ok());
    let Err(SignatureError::Time(text)) = check_time(STAMP, late) else {
        panic!("accepted");
    };
    assert_eq!(
        text,
        "Signature expired: 20240102T030405Z is now earlier than 20240102T030406Z (20240102T030906Z - 5 min.)"
    );
    assert!(check_time(STAMP, "2024-01-02T02:59:04Z".parse().unwrap()).is_err());
}

#[test]
fn a_scope_of_another_service_is_refused() {
    let headers = websocket_headers();
    let request = Request { method: "GET", path: "/", query: "", headers: &headers, body: b"" };
    let error = authorization("00").verify(&request, SECRET, "us-east-1", "ssm", now());
    assert!(matches!(error, Err(SignatureError::Scope { .. })));
}

#[test]
fn nonsense_is_incomplete() {
    for text in ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=a", "AWS4-HMAC-SHA256 x"] {
        assert_eq!(Authorization::parse(text), None, "{text}");
    }
}

/// Signs a call now, for the tests of the API.
pub(crate) fn sign_call(
    head: &mut http::request::Parts,
    body: &[u8],
    access_key: &str,
    secret_key: &str,
    region: &str,
    service: &str,
) {
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let date = stamp[..8].to_owned();
    head.headers.insert("x-amz-date", stamp.parse().unwrap());
    let mut names: Vec<String> = head.headers.keys().map(|name| name.to_string()).collect();
    names.sort();
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let signed = names.join(";");
    let text = |signature: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
        )
    };
    let authorization = Authorization::parse(&text("-")).unwrap();
    let request = Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body,
    };
    let host = head.headers["host"].to_str().unwrap();
    let canonical = authorization.canonical_request(&request, host, &hex(&Sha256::digest(body)));
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let key = signing_key(secret_key, &date, region, service);
    let value = text(&hex(&sign(&key, to_sign.as_bytes()))).parse().unwrap();
    head.headers.insert("authorization", value);
}

//! AWS Signature Version 4, checked.
//!
//! The signature is computed again from the request as it arrived and compared. The query is decoded
//! and encoded again, as the SDKs do; the path is encoded once more on top of how it was sent.

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// How far a signature's time may be off, in seconds.
const MAX_SKEW: i64 = 300;

/// What a request says about its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authorization {
    /// The access key id.
    pub(crate) access_key: String,
    /// Day of the signature, `20240102`.
    date: String,
    /// Region in the credential scope.
    pub(crate) region: String,
    /// Service in the credential scope.
    pub(crate) service: String,
    /// Names of the signed headers, in order.
    signed_headers: Vec<String>,
    /// The signature in hexadecimal.
    signature: String,
}

/// A request as it arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// `GET` or `POST`.
    pub(crate) method: &'a str,
    /// The path as it stands in the request line.
    pub(crate) path: &'a str,
    /// The query as it stands in the request line, without `?`.
    pub(crate) query: &'a str,
    /// The headers.
    pub(crate) headers: &'a HeaderMap,
    /// The body.
    pub(crate) body: &'a [u8],
}

/// Why a signature is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    /// Not the form of an Authorization header.
    #[error(
        "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters."
    )]
    Incomplete,
    /// The scope is for another Region or service.
    #[error("Credential should be scoped to a valid region and service: expected {expected}.")]
    Scope {
        /// The scope that would be right.
        expected: String,
    },
    /// Signed at another time than now.
    #[error("{0}")]
    Time(String),
    /// The body is not the signed one.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    Body,
    /// The signature is another one.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

impl Authorization {
    /// Reads the Authorization header of a request; `None` if there is no such header.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Result<Self, SignatureError>> {
        let header = headers.get(http::header::AUTHORIZATION)?;
        Some(header.to_str().ok().and_then(Self::parse).ok_or(SignatureError::Incomplete))
    }

    fn parse(text: &str) -> Option<Self> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in text.strip_prefix("AWS4-HMAC-SHA256")?.split(',') {
            let (key, value) = part.trim().split_once('=')?;
            match key {
                "Credential" => credential = Some(value),
                "SignedHeaders" => signed_headers = Some(value),
                "Signature" => signature = Some(value),
                _ => return None,
            }
        }
        let scope: Vec<&str> = credential?.split('/').collect();
        let [access_key, date, region, service, "aws4_request"] = scope[..] else {
            return None;
        };
        Some(Self {
            access_key: access_key.into(),
            date: date.into(),
            region: region.into(),
            service: service.into(),
            signed_headers: signed_headers?.split(';').map(str::to_owned).collect(),
            signature: signature?.into(),
        })
    }

    /// Checks the signature of `request` made with `secret` for a service in a Region.
    pub(crate) fn verify(
        &self,
        request: &Request<'_>,
        secret: &str,
        region: &str,
        service: &str,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        if self.region != region || self.service != service {
            let expected = format!("{region}/{service}");
            return Err(SignatureError::Scope { expected });
        }
        let text = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        let stamp = text("x-amz-date").ok_or(SignatureError::Incomplete)?;
        if !stamp.starts_with(&self.date) || !self.signed_headers.iter().any(|h| h == "host") {
            return Err(SignatureError::Incomplete);
        }
        check_time(stamp, now)?;
        let hash = hex(&Sha256::digest(request.body));
        if let Some(stated) = text("x-amz-content-sha256")
            && stated != hash
        {
            return Err(SignatureError::Body);
        }
        let scope = format!("{}/{region}/{service}/aws4_request", self.date);
        let key = signing_key(secret, &self.date, region, service);
        let host = text("host").unwrap_or_default();
        // Some signers leave the port out of the signed host although they send it.
        let without_port = host.rsplit_once(':').map_or(host, |(name, _)| name);
        for host in [host, without_port] {
            let canonical = self.canonical_request(request, host, &hash);
            let to_sign = format!(
                "AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}",
                hex(&Sha256::digest(canonical.as_bytes()))
            );
            if hex(&sign(&key, to_sign.as_bytes())) == self.signature {
                return Ok(());
            }
        }
        Err(SignatureError::Mismatch)
    }

    fn canonical_request(&self, request: &Request<'_>, host: &str, hash: &str) -> String {
        let mut text = format!(
            "{}\n{}\n{}\n",
            request.method,
            encode(request.path.as_bytes(), true),
            canonical_query(request.query)
        );
        for name in &self.signed_headers {
            let values: Vec<String> = if name == "host" {
                vec![host.to_owned()]
            } else {
                let all = request.headers.get_all(name.as_str()).iter();
                all.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
            };
            let words = |value: &String| value.split_whitespace().collect::<Vec<_>>().join(" ");
            let values: Vec<String> = values.iter().map(words).collect();
            let _ = writeln!(text, "{name}:{}", values.join(","));
        }
        let _ = write!(text, "\n{}\n{hash}", self.signed_headers.join(";"));
        text
    }
}

fn check_time(stamp: &str, now: Timestamp) -> Result<(), SignatureError> {
    let signed = DateTime::strptime("%Y%m%dT%H%M%SZ", stamp)
        .ok()
        .and_then(|time| time.to_zoned(TimeZone::UTC).ok())
        .ok_or(SignatureError::Incomplete)?
        .timestamp();
    let ahead = signed.as_second() - now.as_second();
    let write = |time: Timestamp| time.strftime("%Y%m%dT%H%M%SZ").to_string();
    let shifted = |seconds: i64| {
        Timestamp::from_second(now.as_second() + seconds).map_or_else(|_| String::new(), write)
    };
    let now_text = write(now);
    if ahead < -MAX_SKEW {
        let least = shifted(-MAX_SKEW);
        return Err(SignatureError::Time(format!(
            "Signature expired: {stamp} is now earlier than {least} ({now_text} - 5 min.)"
        )));
    }
    if ahead > MAX_SKEW {
        let most = shifted(MAX_SKEW);
        return Err(SignatureError::Time(format!(
            "Signature not yet current: {stamp} is still later than {most} ({now_text} + 5 min.)"
        )));
    }
    Ok(())
}

fn sign(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

fn signing_key(secret: &str, date: &str, region: &str, service: &str) -> [u8; 32] {
    let mut key = sign(format!("AWS4{secret}").as_bytes(), date.as_bytes());
    for part in [region, service, "aws4_request"] {
        key = sign(&key, part.as_bytes());
    }
    key
}

/// Decodes every name and value, encodes them again and sorts.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encode(&decode(name, true), false), encode(&decode(value, true), false))
        })
        .collect();
    pairs.sort();
    let joined: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    joined.join("&")
}

fn encode(bytes: &[u8], keep_slash: bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(byte));
            }
            b'/' if keep_slash => text.push('/'),
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

/// Decodes percent-encoding; a `+` is a space where `plus` says so.
pub(crate) fn decode(text: &str, plus: bool) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match (bytes[at], digits.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) if plus => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    out
}

/// Returns bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
pub(crate) mod tests;

//! Signing in with the browser of this machine: an authorization code with PKCE.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt as _;
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

use crate::aws::error::{AwsFailure, Verdict};
use crate::model::Redacted;
use ssmpf_schema::ErrorKind;

/// Characters a verifier is made of [RFC 7636 §4.1].
const UNRESERVED: &[u8; 66] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

/// Length of a verifier; 43 to 128 are allowed.
const VERIFIER_LENGTH: usize = 64;

/// What a registration asks for when the profile names nothing.
pub(super) const DEFAULT_SCOPE: &str = "sso:account:access";

/// One attempt to sign in with the browser.
#[derive(Debug)]
pub(super) struct Attempt {
    /// Proves that the answer belongs to this attempt.
    pub(super) state: String,
    verifier: Redacted<String>,
    /// Where the answer is sent.
    pub(super) redirect_uri: String,
}

impl Attempt {
    /// Begins an attempt whose answer comes to this local port.
    pub(super) fn new(port: u16) -> Self {
        let mut rng = rand::rng();
        let verifier: String = (0..VERIFIER_LENGTH)
            .map(|_| char::from(UNRESERVED[rng.random_range(0..UNRESERVED.len())]))
            .collect();
        Self {
            state: Uuid::new_v4().to_string(),
            verifier: verifier.into(),
            redirect_uri: format!("http://127.0.0.1:{port}{}", super::callback::PATH),
        }
    }

    /// Returns what the token is asked for with.
    pub(super) fn verifier(&self) -> &str {
        self.verifier.expose()
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.expose().as_bytes()))
    }

    /// Returns the page at `endpoint` where the person signs in.
    pub(super) fn url(
        &self,
        endpoint: &str,
        client_id: &str,
        scopes: &[String],
    ) -> Result<String, AwsFailure> {
        let page = format!("{}/authorize", endpoint.trim_end_matches('/'));
        let mut url = Url::parse(&page).map_err(|error| {
            AwsFailure::new(
                ErrorKind::Usage,
                Verdict::GiveUp,
                format!("`{endpoint}` is not an endpoint URL"),
                "check AWS_ENDPOINT_URL_SSO_OIDC and AWS_ENDPOINT_URL",
            )
            .caused_by(&error)
        })?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("state", &self.state)
            .append_pair("code_challenge_method", "S256")
            .append_pair("scopes", &scopes.join(" "))
            .append_pair("code_challenge", &self.challenge());
        // A plus sign of the values is `%2B` by now; those that are left stand for spaces.
        Ok(url.as_str().replace('+', "%20"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        let mut attempt = Attempt::new(1);
        attempt.verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned().into();
        assert_eq!(attempt.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn verifiers_are_long_and_never_the_same() {
        let (one, two) = (Attempt::new(1), Attempt::new(1));
        assert_eq!(one.verifier().len(), VERIFIER_LENGTH);
        assert!(one.verifier().bytes().all(|byte| UNRESERVED.contains(&byte)));
        assert_ne!(one.verifier(), two.verifier());
        assert_ne!(one.state, two.state);
        assert!(!format!("{one:?}").contains(one.verifier()));
    }

    #[test]
    fn the_page_carries_everything_encoded() {
        let attempt = Attempt::new(49152);
        let scopes = ["sso:account:access".to_owned(), "other".to_owned()];
        let url = attempt.url("https://oidc.eu-west-1.amazonaws.com/", "c+1", &scopes).unwrap();
        assert!(
            url.starts_with("https://oidc.eu-west-1.amazonaws.com/authorize?response_type=code")
        );
        for part in [
            "client_id=c%2B1",
            "redirect_uri=http%3A%2F%2F127.0.0.1%3A49152%2Foauth%2Fcallback",
            "scopes=sso%3Aaccount%3Aaccess%20other",
            "code_challenge_method=S256",
        ] {
            assert!(url.contains(part), "{part} is missing: {url}");
        }
        assert!(attempt.url("not a url", "c", &scopes).is_err());
    }
}

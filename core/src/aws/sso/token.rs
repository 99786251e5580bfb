//! The file that holds a sign-in, and what can be told from it without a call.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::SsoSession;
use super::registration::Registration;
use crate::aws::caches::{self, ReadError};
use crate::model::Redacted;

/// With less time left a token is renewed if it can be, as the AWS CLI does.
const RENEW_WITHIN: SignedDuration = SignedDuration::from_mins(15);

/// What is known about a sign-in from its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// Never signed in on this machine, or signed out.
    Missing,
    /// The file is damaged or cannot be read.
    Unusable(String),
    /// Good until then, as far as can be told from here.
    Valid(Timestamp),
    /// Its time is over, but it can be renewed without a person.
    Renewable,
    /// Its time is over.
    Expired(Timestamp),
}

/// A sign-in as it lies in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What the portal takes.
    pub access_token: Redacted<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What gets the next one without a person.
    pub refresh_token: Option<Redacted<String>>,
    /// The client that the token belongs to.
    pub registration: Option<Registration>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenFile<'a> {
    start_url: &'a str,
    region: &'a str,
    access_token: &'a str,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
}

impl Token {
    /// Reads a sign-in.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let fields = caches::read(path)?;
        let text = |name: &str| caches::text(&fields, name).map(str::to_owned);
        let missing = |name: &str| ReadError::Damaged(format!("it has no `{name}`"));
        let time = |name: &str| text(name).and_then(|text| caches::parse_time(&text));
        let registration = match (text("clientId"), text("clientSecret")) {
            (Some(client_id), Some(client_secret)) => {
                time("registrationExpiresAt").map(|expires_at| Registration {
                    client_id,
                    client_secret: client_secret.into(),
                    expires_at,
                    scopes: None,
                    grant_types: None,
                })
            }
            _ => None,
        };
        Ok(Self {
            access_token: text("accessToken").ok_or_else(|| missing("accessToken"))?.into(),
            expires_at: time("expiresAt").ok_or_else(|| missing("expiresAt"))?,
            refresh_token: text("refreshToken").map(Into::into),
            registration,
        })
    }

    /// Writes the sign-in of `session`.
    pub fn write(&self, session: &SsoSession, path: &Path) -> std::io::Result<()> {
        let registration = self.registration.as_ref();
        let file = TokenFile {
            start_url: &session.start_url,
            region: &session.region,
            access_token: self.access_token.expose(),
            expires_at: caches::write_time(self.expires_at),
            client_id: registration.map(|it| it.client_id.as_str()),
            client_secret: registration.map(|it| it.client_secret.expose().as_str()),
            registration_expires_at: registration.map(|it| caches::write_time(it.expires_at)),
            refresh_token: self.refresh_token.as_ref().map(|it| it.expose().as_str()),
        };
        caches::write(path, &file)
    }

    /// Whether it is good at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at > now
    }

    /// Whether it is time to renew it.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.expires_at.duration_since(now) < RENEW_WITHIN
    }

    /// Returns what is needed to renew it, if everything is there and still good.
    ///
    /// Profiles without an `sso-session` are never renewed: the CLI does not, and their tokens come
    /// without the means.
    pub fn renewal(
        &self,
        session: &SsoSession,
        now: Timestamp,
    ) -> Option<(&Redacted<String>, &Registration)> {
        session.name.as_ref()?;
        let registration = self.registration.as_ref().filter(|it| it.expires_at > now)?;
        Some((self.refresh_token.as_ref()?, registration))
    }
}

impl TokenState {
    /// Tells the state of the sign-in of `session` at `now`. No network is used.
    pub fn of(session: &SsoSession, path: &Path, now: Timestamp) -> Self {
        match Token::read(path) {
            Err(ReadError::Missing) => TokenState::Missing,
            Err(error) => TokenState::Unusable(error.to_string()),
            Ok(token) if token.is_valid(now) => TokenState::Valid(token.expires_at),
            Ok(token) if token.renewal(session, now).is_some() => TokenState::Renewable,
            Ok(token) => TokenState::Expired(token.expires_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(name: Option<&str>) -> SsoSession {
        SsoSession {
            name: name.map(str::to_owned),
            start_url: "https://d-abc123.awsapps.com/start".to_owned(),
            region: "us-east-1".to_owned(),
            scopes: None,
        }
    }

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn token() -> Token {
        Token {
            access_token: "access".to_owned().into(),
            expires_at: time("2026-01-02T03:04:05Z"),
            refresh_token: Some("refresh".to_owned().into()),
            registration: Some(Registration {
                client_id: "id".to_owned(),
                client_secret: "secret".to_owned().into(),
                expires_at: time("2026-03-01T00:00:00Z"),
                scopes: None,
                grant_types: None,
            }),
        }
    }

    #[test]
    fn a_file_is_that_of_the_cli_to_the_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.json");
        token().write(&session(Some("my-sso")), &path).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "{\"startUrl\": \"https://d-abc123.awsapps.com/start\", \"region\": \"us-east-1\", \
             \"accessToken\": \"access\", \"expiresAt\": \"2026-01-02T03:04:05Z\", \
             \"clientId\": \"id\", \"clientSecret\": \"secret\", \
             \"registrationExpiresAt\": \"2026-03-01T00:00:00Z\", \"refreshToken\": \"refresh\"}"
        );
        assert_eq!(Token::read(&path).unwrap(), token());
    }

    #[test]
    fn every_state_is_told_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.json");
        let at = |now: &str, name: Option<&str>| TokenState::of(&session(name), &path, time(now));
        assert_eq!(at("2026-01-01T00:00:00Z", Some("a")), TokenState::Missing);
        token().write(&session(Some("a")), &path).unwrap();
        let end = time("2026-01-02T03:04:05Z");
        assert_eq!(at("2026-01-01T00:00:00Z", Some("a")), TokenState::Valid(end));
        assert_eq!(at("2026-01-03T00:00:00Z", Some("a")), TokenState::Renewable);
        assert_eq!(at("2026-01-03T00:00:00Z", None), TokenState::Expired(end));
        assert_eq!(at("2026-03-02T00:00:00Z", Some("a")), TokenState::Expired(end));
        std::fs::write(&path, "{\"accessToken\": \"x\"}").unwrap();
        let TokenState::Unusable(why) = at("2026-01-01T00:00:00Z", None) else { panic!("usable") };
        assert_eq!(why, "it is damaged: it has no `expiresAt`");
    }

    #[test]
    fn times_that_end_in_utc_are_good() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.json");
        std::fs::write(
            &path,
            "{\"ACCESSTOKEN\": \"x\", \"expiresat\": \"2026-01-02T03:04:05UTC\"}",
        )
        .unwrap();
        assert_eq!(Token::read(&path).unwrap().expires_at, time("2026-01-02T03:04:05Z"));
    }

    #[test]
    fn a_token_shows_no_secret() {
        let text = format!("{:?}", token());
        assert!(!text.contains("access\"") && !text.contains("\"refresh\""), "{text}");
        assert!(!text.contains("\"secret\""), "{text}");
    }
}

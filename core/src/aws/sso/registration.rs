//! The registration of this machine as a client of IAM Identity Center, kept for weeks.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::SsoSession;
use crate::aws::caches::{self, Caches};
use crate::model::Redacted;

/// A registration with less time left is not used for a new sign-in, as the AWS CLI does.
const LEAST_LEFT: SignedDuration = SignedDuration::from_mins(15);

/// The grant that tells registrations for the browser flow from those for device codes.
const AUTHORIZATION_CODE: &str = "authorization_code";

/// A registered client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    pub(super) client_id: String,
    pub(super) client_secret: Redacted<String>,
    pub(super) expires_at: Timestamp,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) grant_types: Option<Vec<String>>,
}

/// What the file is named after; the fields are in the order in which Python sorts them.
#[derive(Serialize)]
struct CacheKey<'a> {
    region: &'a str,
    scopes: Option<&'a [String]>,
    session_name: Option<&'a str>,
    #[serde(rename = "startUrl")]
    start_url: &'a str,
    tool: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RegistrationFile<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_types: Option<&'a [String]>,
}

impl Registration {
    /// Returns the file with the registration for `session`.
    pub(super) fn path(caches: &Caches, session: &SsoSession) -> PathBuf {
        let key = CacheKey {
            region: &session.region,
            scopes: session.scopes.as_deref(),
            session_name: session.name.as_deref(),
            start_url: &session.start_url,
            tool: "botocore",
        };
        let name = caches::sha1_hex(caches::python_json(&key).as_bytes());
        caches.sso.join(format!("{name}.json"))
    }

    /// Returns the kept registration if it is good for a new sign-in of this kind.
    pub(super) fn kept(
        caches: &Caches,
        session: &SsoSession,
        with_browser: bool,
        now: Timestamp,
    ) -> Option<Self> {
        let fields = caches::read(&Self::path(caches, session)).ok()?;
        let text = |name: &str| caches::text(&fields, name).map(str::to_owned);
        let list = |name: &str| {
            let values = fields.get(name)?.as_array()?;
            Some(values.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect())
        };
        let registration = Self {
            client_id: text("clientId")?,
            client_secret: text("clientSecret")?.into(),
            expires_at: caches::parse_time(&text("expiresAt")?)?,
            scopes: list("scopes"),
            grant_types: list("grantTypes"),
        };
        let lasts = registration.expires_at.duration_since(now) > LEAST_LEFT;
        (lasts && registration.is_for_browser() == with_browser).then_some(registration)
    }

    /// Keeps it for the next sign-in.
    pub(super) fn keep(&self, caches: &Caches, session: &SsoSession) -> std::io::Result<()> {
        let file = RegistrationFile {
            client_id: &self.client_id,
            client_secret: self.client_secret.expose(),
            expires_at: caches::write_time(self.expires_at),
            scopes: self.scopes.as_deref(),
            grant_types: self.grant_types.as_deref(),
        };
        caches::write(&Self::path(caches, session), &file)
    }

    fn is_for_browser(&self) -> bool {
        let grants = self.grant_types.as_deref().unwrap_or_default();
        grants.iter().any(|grant| grant == AUTHORIZATION_CODE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn session(name: Option<&str>, scopes: Option<&str>) -> SsoSession {
        SsoSession {
            name: name.map(str::to_owned),
            start_url: "https://d-abc123.awsapps.com/start".to_owned(),
            region: "us-east-1".to_owned(),
            scopes: scopes.map(|scope| vec![scope.to_owned()]),
        }
    }

    #[test]
    fn files_have_the_names_that_the_cli_gives_them() {
        let name = |session: SsoSession| {
            let path = Registration::path(&Caches::in_home(Path::new("/h")), &session);
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(
            name(session(Some("my-sso"), Some("sso:account:access"))),
            "18d9b42846b15eb5385befb03b3d864f800fcc11"
        );
        assert_eq!(name(session(Some("my-sso"), None)), "7af4639e6a11a78ced2d4bb3c69314f42f27dd04");
        assert_eq!(name(session(None, None)), "c7029af06842ab71c7d71a4f2d85fc584e0c5528");
    }

    #[test]
    fn a_registration_is_used_again_for_the_same_flow_while_it_lasts() {
        let home = tempfile::tempdir().unwrap();
        let (caches, session) = (Caches::in_home(home.path()), session(Some("a"), None));
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let registration = Registration {
            client_id: "id".to_owned(),
            client_secret: "secret".to_owned().into(),
            expires_at: "2026-01-01T01:00:00Z".parse().unwrap(),
            scopes: None,
            grant_types: Some(vec![AUTHORIZATION_CODE.to_owned(), "refresh_token".to_owned()]),
        };
        registration.keep(&caches, &session).unwrap();
        assert_eq!(Registration::kept(&caches, &session, true, now), Some(registration));
        assert_eq!(Registration::kept(&caches, &session, false, now), None);
        let late: Timestamp = "2026-01-01T00:50:00Z".parse().unwrap();
        assert_eq!(Registration::kept(&caches, &session, true, late), None);
    }
}

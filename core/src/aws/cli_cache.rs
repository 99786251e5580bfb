//! Credentials of roles, in the files and in the words of the AWS CLI.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::caches::{self, Caches};
use crate::model::Redacted;

/// With less time left the CLI counts credentials as expired, and so do we.
pub(super) const LEAST_LEFT: SignedDuration = SignedDuration::from_mins(15);

/// Temporary credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RoleCredentials {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: Redacted<String>,
    pub(super) session_token: Redacted<String>,
    pub(super) expiration: Timestamp,
    pub(super) account_id: Option<String>,
}

impl RoleCredentials {
    /// Returns them as the SDK takes them, with the account if it is not known here.
    pub(super) fn into_sdk(self, account: Option<&str>, provider: &'static str) -> Credentials {
        let account = self.account_id.or_else(|| account.map(str::to_owned));
        let mut builder = Credentials::builder()
            .access_key_id(&self.access_key_id)
            .secret_access_key(self.secret_access_key.expose())
            .session_token(self.session_token.expose())
            .expiry(SystemTime::from(self.expiration))
            .provider_name(provider);
        if let Some(account) = account {
            builder = builder.account_id(account);
        }
        builder.build()
    }
}

/// The arguments of AssumeRole that come from the profile, in the order in which Python sorts them.
///
/// The name of the file follows from them. A session name that was made up is left out, and so is the
/// source profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AssumeRoleKey<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duration_seconds: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) external_id: Option<&'a str>,
    pub(super) role_arn: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role_session_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) serial_number: Option<&'a str>,
}

impl AssumeRoleKey<'_> {
    /// Returns the file in which the CLI keeps the answer.
    pub(super) fn path(&self, caches: &Caches) -> PathBuf {
        let name = caches::sha1_hex(caches::python_json(self).as_bytes());
        caches.cli.join(format!("{name}.json"))
    }
}

/// Returns kept credentials that are good for a while yet.
pub(super) fn read(path: &Path, now: Timestamp) -> Option<RoleCredentials> {
    end_and_credentials(path)
        .filter(|credentials| credentials.expiration.duration_since(now) >= LEAST_LEFT)
}

/// Returns when kept credentials end or ended, however soon.
pub(super) fn end(path: &Path) -> Option<Timestamp> {
    end_and_credentials(path).map(|credentials| credentials.expiration)
}

fn end_and_credentials(path: &Path) -> Option<RoleCredentials> {
    let file = caches::read(path).ok()?;
    let fields = file.get("Credentials").and_then(Value::as_object)?;
    let text = |name: &str| Some(fields.get(name)?.as_str()?.to_owned());
    Some(RoleCredentials {
        access_key_id: text("AccessKeyId")?,
        secret_access_key: text("SecretAccessKey")?.into(),
        session_token: text("SessionToken")?.into(),
        expiration: caches::parse_time(&text("Expiration")?)?,
        account_id: text("AccountId"),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CredentialsFields<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
}

impl<'a> CredentialsFields<'a> {
    fn new(credentials: &'a RoleCredentials, expiration: String) -> Self {
        Self {
            access_key_id: &credentials.access_key_id,
            secret_access_key: credentials.secret_access_key.expose(),
            session_token: credentials.session_token.expose(),
            expiration,
            account_id: credentials.account_id.as_deref(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SsoFile<'a> {
    provider_type: &'static str,
    credentials: CredentialsFields<'a>,
}

/// Keeps credentials that came through IAM Identity Center.
pub(super) fn write_sso(path: &Path, credentials: &RoleCredentials) -> io::Result<()> {
    let end = caches::write_time(credentials.expiration);
    let fields = CredentialsFields::new(credentials, end);
    caches::write(path, &SsoFile { provider_type: "sso", credentials: fields })
}

/// Who one is after assuming a role.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AssumedRoleUser {
    pub(super) assumed_role_id: String,
    pub(super) arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedFile<'a> {
    credentials: CredentialsFields<'a>,
    assumed_role_user: &'a AssumedRoleUser,
    response_metadata: ResponseMetadata<'a>,
}

#[derive(Serialize)]
struct ResponseMetadata<'a> {
    #[serde(rename = "RequestId")]
    request_id: &'a str,
    #[serde(rename = "HTTPStatusCode")]
    status: u16,
}

/// Keeps the answer of AssumeRole. Unlike everywhere else the time ends in `UTC`.
pub(super) fn write_assumed(
    path: &Path,
    credentials: &RoleCredentials,
    user: &AssumedRoleUser,
    request_id: &str,
) -> io::Result<()> {
    let end = credentials.expiration.strftime("%Y-%m-%dT%H:%M:%SUTC").to_string();
    let file = AssumedFile {
        credentials: CredentialsFields::new(credentials, end),
        assumed_role_user: user,
        response_metadata: ResponseMetadata { request_id, status: 200 },
    };
    caches::write(path, &file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_names_that_the_cli_gives_them() {
        let name = |key: AssumeRoleKey<'_>| {
            let path = key.path(&Caches::in_home(Path::new("/h")));
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        };
        let role = "arn:aws:iam::123456789012:role/Admin";
        let plain = AssumeRoleKey { role_arn: role, ..AssumeRoleKey::default() };
        assert_eq!(name(plain.clone()), "51e7b105b5040ce662656c8dc6ab4de70c4de7ad");
        let serial = "arn:aws:iam::111122223333:mfa/alice";
        let with_mfa = AssumeRoleKey { serial_number: Some(serial), ..plain };
        assert_eq!(name(with_mfa.clone()), "7de323bb6fa5c7cf94ed4567128c31c89c7f3a40");
        let all = AssumeRoleKey {
            duration_seconds: Some(3600),
            external_id: Some("xyz"),
            role_session_name: Some("alice"),
            ..with_mfa
        };
        assert_eq!(name(all), "2550ef4cde8b091967c65c6bfe7c5a4a5efed410");
    }

    #[test]
    fn what_was_written_is_read_until_a_quarter_of_an_hour_before_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let credentials = RoleCredentials {
            access_key_id: "ASIA".to_owned(),
            secret_access_key: "secret".to_owned().into(),
            session_token: "token".to_owned().into(),
            expiration: "2026-01-01T12:00:00Z".parse().unwrap(),
            account_id: None,
        };
        let user = AssumedRoleUser { assumed_role_id: "AROA:me".to_owned(), arn: "a".to_owned() };
        write_assumed(&path, &credentials, &user, "id").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"Expiration\": \"2026-01-01T12:00:00UTC\""), "{text}");
        let at = |time: &str| read(&path, time.parse().unwrap());
        assert_eq!(at("2026-01-01T11:45:00Z"), Some(credentials.clone()));
        assert_eq!(at("2026-01-01T11:45:01Z"), None);
        write_sso(&path, &credentials).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{\"ProviderType\": \"sso\", \"Credentials\": {"), "{text}");
        assert_eq!(at("2026-01-01T11:45:00Z"), Some(credentials));
        std::fs::write(&path, "{\"Credentials\": {\"AccessKeyId\": \"half").unwrap();
        assert_eq!(at("2026-01-01T11:00:00Z"), None);
    }
}

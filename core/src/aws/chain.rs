//! From a profile to its first credentials, and the roles that are assumed from there.
//!
//! The SDK walks the same way, but forgets `mfa_serial` and `duration_seconds` on it, so it is walked
//! here. Inside one profile the order is the SDK's; in a profile that serves as a source, static keys
//! come first, as everywhere.

use aws_config::profile::{Profile, ProfileSet};
use aws_credential_types::Credentials;

use super::sso::{RoleAccess, SsoSession};

/// Where the first credentials come from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Base {
    /// Keys in the files.
    Keys(Credentials),
    /// A role that a sign-in to IAM Identity Center opens.
    Sso(Box<RoleAccess>),
    /// A role that is assumed with a token from a file.
    WebIdentity { role_arn: String, token_file: String, session_name: Option<String> },
    /// A program that prints credentials.
    Process { command: String },
    /// What `aws login` left.
    Console { arn: String },
    /// Keys in the environment, named by `credential_source`.
    Environment,
    /// The role of this EC2 instance, named by `credential_source`.
    Instance,
    /// The role of this container, named by `credential_source`.
    Container,
}

/// A role to assume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) external_id: Option<String>,
    /// As configured; one is made up if there is none.
    pub(super) session_name: Option<String>,
    /// Seconds. What is not a number is ignored, as the AWS CLI does.
    pub(super) duration: Option<i32>,
    /// The device that shows the codes.
    pub(super) mfa_serial: Option<String>,
}

/// The way from the first credentials to those of the profile.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chain {
    pub(super) base: Base,
    /// In the order in which they are assumed.
    pub(super) roles: Vec<Role>,
}

/// Returns the way to the credentials of a profile; `None` if it says nothing about credentials.
///
/// # Errors
///
/// One sentence about what is wrong in the files.
pub(super) fn resolve(set: &ProfileSet, name: &str) -> Result<Option<Chain>, String> {
    let mut roles = Vec::new();
    let mut visited: Vec<&str> = Vec::new();
    let mut name = name;
    let base = loop {
        let profile = set.get_profile(name).ok_or_else(|| match visited.last() {
            Some(from) => format!(
                "profile `{from}` takes its credentials from `{name}`, which does not exist"
            ),
            None => format!("there is no profile `{name}`"),
        })?;
        if visited.contains(&name) {
            return Err(format!("the profiles {} lead round in a circle", quoted(&visited)));
        }
        visited.push(name);
        let is_source = visited.len() > 1;
        if is_source && let Some(keys) = keys(profile)? {
            break Some(Base::Keys(keys));
        }
        let Some(role) = role(profile) else { break base(set, profile)? };
        roles.push(role);
        match (value(profile, "source_profile"), value(profile, "credential_source")) {
            (Some(_), Some(_)) => {
                return Err(format!(
                    "profile `{name}` has both `source_profile` and `credential_source`"
                ));
            }
            (None, None) => {
                return Err(format!(
                    "profile `{name}` has `role_arn` but neither `source_profile` nor \
                     `credential_source`"
                ));
            }
            // A profile that names itself means its own keys.
            (Some(source), None) if source == name => break base(set, profile)?,
            (Some(source), None) => name = source,
            (None, Some(_)) => break base(set, profile)?,
        }
    };
    roles.reverse();
    match base {
        Some(base) => Ok(Some(Chain { base, roles })),
        None if roles.is_empty() => Ok(None),
        None => Err(format!("profile `{}` has no credentials to start from", name)),
    }
}

fn value<'a>(profile: &'a Profile, key: &str) -> Option<&'a str> {
    profile.get(key).filter(|value| !value.is_empty())
}

fn role(profile: &Profile) -> Option<Role> {
    // With a token file the role is where the way begins.
    if value(profile, "web_identity_token_file").is_some() {
        return None;
    }
    let text = |key: &str| value(profile, key).map(str::to_owned);
    Some(Role {
        arn: text("role_arn")?,
        external_id: text("external_id"),
        session_name: text("role_session_name"),
        duration: value(profile, "duration_seconds").and_then(|text| text.trim().parse().ok()),
        mfa_serial: text("mfa_serial"),
    })
}

fn base(set: &ProfileSet, profile: &Profile) -> Result<Option<Base>, String> {
    let text = |key: &str| value(profile, key).map(str::to_owned);
    if let Some(source) = value(profile, "credential_source") {
        return match source {
            "Environment" => Ok(Some(Base::Environment)),
            "Ec2InstanceMetadata" => Ok(Some(Base::Instance)),
            "EcsContainer" => Ok(Some(Base::Container)),
            other => Err(format!(
                "`credential_source` of profile `{}` is `{other}`; there are Environment, \
                 Ec2InstanceMetadata and EcsContainer",
                profile.name()
            )),
        };
    }
    if let (Some(role_arn), Some(token_file)) = (text("role_arn"), text("web_identity_token_file"))
    {
        let session_name = text("role_session_name");
        return Ok(Some(Base::WebIdentity { role_arn, token_file, session_name }));
    }
    if let Some(session) = SsoSession::of_profile(set, profile)? {
        match (text("sso_account_id"), text("sso_role_name")) {
            (Some(account), Some(role)) => {
                return Ok(Some(Base::Sso(Box::new(RoleAccess { session, account, role }))));
            }
            // A sign-in without a role is for tools that take the token itself.
            (None, None) => {}
            (Some(_), None) => {
                return Err(format!("profile `{}` has no `sso_role_name`", profile.name()));
            }
            (None, Some(_)) => {
                return Err(format!("profile `{}` has no `sso_account_id`", profile.name()));
            }
        }
    }
    if let Some(arn) = text("login_session") {
        return Ok(Some(Base::Console { arn }));
    }
    if let Some(command) = text("credential_process") {
        return Ok(Some(Base::Process { command }));
    }
    Ok(keys(profile)?.map(Base::Keys))
}

fn keys(profile: &Profile) -> Result<Option<Credentials>, String> {
    let missing = |key: &str| Err(format!("profile `{}` has no `{key}`", profile.name()));
    match (value(profile, "aws_access_key_id"), value(profile, "aws_secret_access_key")) {
        (None, None) => Ok(None),
        (Some(_), None) => missing("aws_secret_access_key"),
        (None, Some(_)) => missing("aws_access_key_id"),
        (Some(id), Some(secret)) => {
            let mut builder = Credentials::builder()
                .access_key_id(id)
                .secret_access_key(secret)
                .provider_name("ProfileFile");
            builder.set_session_token(value(profile, "aws_session_token").map(str::to_owned));
            if let Some(account) = value(profile, "aws_account_id") {
                builder = builder.account_id(account);
            }
            Ok(Some(builder.build()))
        }
    }
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::profiles::tests::profile_set;

    async fn chain(config: &str, name: &str) -> Result<Option<Chain>, String> {
        resolve(&profile_set(config).await, name)
    }

    #[tokio::test]
    async fn a_chain_is_walked_to_its_beginning() {
        let config = "[profile a]\nrole_arn = A\nsource_profile = b\nmfa_serial = m\n\
            duration_seconds = 7200\n[profile b]\nrole_arn = B\nsource_profile = c\n\
            external_id = x\nduration_seconds = long\n\
            [profile c]\naws_access_key_id = AKID\naws_secret_access_key = s\n";
        let chain = chain(config, "a").await.expect("complete").expect("a chain");
        let Base::Keys(keys) = &chain.base else { panic!("{chain:?}") };
        assert_eq!(keys.access_key_id(), "AKID");
        let [b, a] = &chain.roles[..] else { panic!("{chain:?}") };
        assert_eq!((b.arn.as_str(), b.external_id.as_deref(), b.duration), ("B", Some("x"), None));
        assert_eq!((a.mfa_serial.as_deref(), a.duration), (Some("m"), Some(7200)));
    }

    #[tokio::test]
    async fn static_keys_of_a_source_win_over_its_role() {
        let config = "[profile a]\nrole_arn = A\nsource_profile = b\n[profile b]\nrole_arn = B\n\
            source_profile = a\naws_access_key_id = AKID\naws_secret_access_key = s\n";
        let found = chain(config, "a").await.expect("complete").expect("a chain");
        assert_eq!(found.roles.len(), 1);
        let itself = "[profile a]\nrole_arn = A\nsource_profile = a\naws_access_key_id = AKID\n\
            aws_secret_access_key = s\n";
        let found = chain(itself, "a").await.expect("complete").expect("a chain");
        assert!(matches!(found.base, Base::Keys(_)) && found.roles.len() == 1);
    }

    #[tokio::test]
    async fn every_kind_of_beginning_is_told() {
        let kind = async |body: &str| {
            let session = "[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://x\n";
            chain(&format!("[profile a]\n{body}\n{session}"), "a").await.expect(body)
        };
        let base = async |body: &str| kind(body).await.expect(body).base;
        assert!(matches!(base("credential_process = x").await, Base::Process { .. }));
        assert!(matches!(base("login_session = arn").await, Base::Console { .. }));
        let web = "role_arn = A\nweb_identity_token_file = /t";
        assert!(matches!(base(web).await, Base::WebIdentity { .. }));
        let sso = "sso_session = s\nsso_account_id = 1\nsso_role_name = R";
        assert!(matches!(base(sso).await, Base::Sso(_)));
        let role = "role_arn = A\ncredential_source = ";
        assert_eq!(base(&format!("{role}Environment")).await, Base::Environment);
        assert_eq!(base(&format!("{role}Ec2InstanceMetadata")).await, Base::Instance);
        assert_eq!(base(&format!("{role}EcsContainer")).await, Base::Container);
        assert_eq!(kind("region = eu-west-1").await, None);
        assert_eq!(kind("sso_session = s").await, None);
        assert_eq!(kind("mfa_serial = m").await, None);
    }

    #[tokio::test]
    async fn what_is_wrong_is_named() {
        for (config, words) in [
            ("[profile a]\nrole_arn = A\n", "neither `source_profile` nor"),
            (
                "[profile a]\nrole_arn = A\nsource_profile = x\ncredential_source = Environment\n",
                "has both",
            ),
            ("[profile a]\nrole_arn = A\nsource_profile = x\n", "from `x`, which does not exist"),
            (
                "[profile a]\nrole_arn = A\nsource_profile = b\n[profile b]\nrole_arn = B\n\
                 source_profile = a\n",
                "`a`, `b` lead round in a circle",
            ),
            (
                "[profile a]\nrole_arn = A\nsource_profile = b\n[profile b]\nregion = r\n",
                "`b` has no",
            ),
            ("[profile a]\nrole_arn = A\ncredential_source = Magic\n", "is `Magic`"),
            ("[profile a]\naws_access_key_id = A\n", "has no `aws_secret_access_key`"),
            ("[profile a]\nsso_session = s\n", "no section `[sso-session s]`"),
        ] {
            let error = chain(config, "a").await.expect_err(config);
            assert!(error.contains(words), "{error}");
        }
    }
}

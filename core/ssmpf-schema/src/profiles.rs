//! The documents about AWS profiles and signing in.

use serde::{Deserialize, Serialize};

use crate::SCHEMA;

/// What `profiles` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ProfileListing {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The profiles of both files in the order of their names.
    pub profiles: Vec<ProfileRecord>,
    /// What is odd about the files.
    pub problems: Vec<FileProblem>,
}

impl ProfileListing {
    /// Wraps profiles with the schema they belong to.
    pub fn new(profiles: Vec<ProfileRecord>, problems: Vec<FileProblem>) -> Self {
        Self { schema: SCHEMA.to_owned(), profiles, problems }
    }
}

/// An AWS profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ProfileRecord {
    /// Its name.
    pub name: String,
    /// How it comes to credentials.
    pub kind: ProfileKind,
    /// Its region.
    pub region: Option<String>,
    /// The account, if the files name it.
    pub account: Option<String>,
    /// The role, if there is one.
    pub role: Option<String>,
    /// The `sso-session` it signs in to.
    pub sso_session: Option<String>,
    /// The profile from which it takes its first credentials.
    pub source_profile: Option<String>,
    /// Whether somebody is signed in.
    pub sign_in: SignInRecord,
    /// Why it cannot be used, one sentence; `null` means that it can.
    pub problem: Option<String>,
}

/// How a profile comes to credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ProfileKind {
    /// IAM Identity Center with an `sso-session`.
    SsoSession,
    /// IAM Identity Center, configured in the profile itself.
    SsoLegacy,
    /// A role assumed from another profile.
    AssumeRole,
    /// The same with a second factor.
    AssumeRoleMfa,
    /// A role assumed with a token from a file.
    WebIdentity,
    /// `aws login`.
    Login,
    /// A program that prints credentials.
    Process,
    /// Keys in the files.
    StaticKeys,
    /// The role of the EC2 instance.
    InstanceRole,
    /// The role of the container.
    ContainerRole,
    /// Keys in the environment.
    Environment,
    /// Nothing: region and the like only.
    None,
}

impl ProfileKind {
    /// Returns the word that stands for the kind in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            ProfileKind::SsoSession => "sso-session",
            ProfileKind::SsoLegacy => "sso-legacy",
            ProfileKind::AssumeRole => "assume-role",
            ProfileKind::AssumeRoleMfa => "assume-role-mfa",
            ProfileKind::WebIdentity => "web-identity",
            ProfileKind::Login => "login",
            ProfileKind::Process => "process",
            ProfileKind::StaticKeys => "static-keys",
            ProfileKind::InstanceRole => "instance-role",
            ProfileKind::ContainerRole => "container-role",
            ProfileKind::Environment => "environment",
            ProfileKind::None => "none",
        }
    }
}

/// Whether somebody is signed in to a profile, as far as the files on this machine tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct SignInRecord {
    /// The state.
    pub state: SignInState,
    /// When it ends or ended, RFC 3339; `null` when it renews itself, or nothing is known.
    pub until: Option<String>,
}

/// The state of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SignInState {
    /// It is good.
    SignedIn,
    /// It was good once.
    Expired,
    /// Nobody signed in on this machine.
    Never,
    /// One does not sign in to profiles of this kind.
    NotApplicable,
}

/// Something odd in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct FileProblem {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: Option<u64>,
    /// One sentence.
    pub message: String,
}

/// What `login` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct SignInDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What was signed in to, for people.
    pub signed_in_to: String,
    /// When it ends unless it is renewed, RFC 3339; `null` when that is not known.
    pub until: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_in_a_document_is_the_word_of_as_str() {
        for kind in [ProfileKind::SsoSession, ProfileKind::AssumeRoleMfa, ProfileKind::None] {
            let json = serde_json::to_string(&kind).expect("a unit variant serializes");
            assert_eq!(json, format!("\"{}\"", kind.as_str()));
        }
    }
}

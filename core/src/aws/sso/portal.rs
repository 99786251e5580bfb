//! What a sign-in is good for: credentials of a role in an account.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_sso::Client;
use aws_sdk_sso::config::{Builder, Region};
use jiff::Timestamp;
use serde::Serialize;
use ssmpf_schema::ErrorKind;

use super::refusal::SignInError;
use super::{Oidc, SsoSession, Token, TokenState, renewing};
use crate::aws::caches::{self, Caches};
use crate::aws::cli_cache::{self, RoleCredentials};
use crate::aws::error::{AwsFailure, CallError, Verdict};
use crate::aws::need::SignInNeed;

/// In words, for failures.
const SERVICE: &str = "AWS IAM Identity Center";

/// A role in an account, and the sign-in that opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleAccess {
    /// The sign-in.
    pub session: SsoSession,
    /// The account.
    pub account: String,
    /// The permission set, which appears as a role.
    pub role: String,
}

/// What the file of the credentials is named after, in the order in which Python sorts it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CacheKey<'a> {
    account_id: &'a str,
    role_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_url: Option<&'a str>,
}

impl RoleAccess {
    /// Returns the file in which the AWS CLI keeps the credentials of this role.
    pub(in crate::aws) fn path(&self, caches: &Caches) -> std::path::PathBuf {
        let session_name = self.session.name.as_deref();
        let key = CacheKey {
            account_id: &self.account,
            role_name: &self.role,
            session_name,
            start_url: session_name.is_none().then_some(self.session.start_url.as_str()),
        };
        // Without spaces, unlike all the other names.
        let text = serde_json::to_string(&key).unwrap_or_default();
        caches.cli.join(format!("{}.json", caches::sha1_hex(text.as_bytes())))
    }
}

/// The portal of one session.
#[derive(Debug)]
pub struct Portal<'a> {
    sdk: &'a SdkConfig,
    caches: &'a Caches,
    session: &'a SsoSession,
    client: Client,
}

impl<'a> Portal<'a> {
    /// Makes a client for the region of `session`. No network is used.
    pub fn new(sdk: &'a SdkConfig, session: &'a SsoSession, caches: &'a Caches) -> Self {
        let config = Builder::from(sdk).region(Region::new(session.region.clone())).build();
        Self { sdk, caches, session, client: Client::from_conf(config) }
    }

    /// Returns credentials of a role, but not those with the access key that was `refused`.
    pub async fn credentials(
        &self,
        access: &RoleAccess,
        refused: Option<&str>,
    ) -> Result<Credentials, AwsFailure> {
        let path = access.path(self.caches);
        // Who signed out, or never signed in, has no use of what another time left.
        let token = self.token().await?;
        if let Some(kept) = cli_cache::read(&path, Timestamp::now())
            && Some(kept.access_key_id.as_str()) != refused
        {
            return Ok(kept.into_sdk(Some(&access.account), "SSO"));
        }
        let answer = self
            .client
            .get_role_credentials()
            .access_token(token.access_token.expose())
            .account_id(&access.account)
            .role_name(&access.role)
            .send()
            .await;
        let answer = answer.map_err(|error| self.refused(error, access))?;
        let credentials = answer.role_credentials.and_then(|it| {
            // Milliseconds, unlike every other time in this service.
            let end = u64::try_from(it.expiration).ok().map(Duration::from_millis);
            let end = end.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
            Some(RoleCredentials {
                access_key_id: it.access_key_id?,
                secret_access_key: it.secret_access_key?.into(),
                session_token: it.session_token?.into(),
                expiration: Timestamp::try_from(end?).ok()?,
                account_id: Some(access.account.clone()),
            })
        });
        let credentials = credentials.ok_or_else(|| {
            AwsFailure::new(
                ErrorKind::Failure,
                Verdict::TryAgain,
                format!("the answer of {SERVICE} lacks what credentials need"),
                "check AWS_ENDPOINT_URL_SSO, AWS_ENDPOINT_URL and the proxy settings",
            )
        })?;
        if let Err(error) = cli_cache::write_sso(&path, &credentials) {
            tracing::debug!(%error, "the credentials of the role could not be kept");
        }
        Ok(credentials.into_sdk(None, "SSO"))
    }

    /// Ends the session on the server; a token it does not know counts as ended.
    pub async fn sign_out(&self, token: &Token) -> Result<(), AwsFailure> {
        let answer = self.client.logout().access_token(token.access_token.expose()).send().await;
        match answer.map_err(|error| CallError::sort(error, SERVICE)) {
            Ok(_) | Err(CallError::Service { .. }) => Ok(()),
            Err(CallError::Other(failure)) => Err(failure),
        }
    }

    /// Returns a token that is good, renewed if that is due and possible without a person.
    async fn token(&self) -> Result<Token, AwsFailure> {
        let path = self.caches.sso_token(self.session.key());
        let now = Timestamp::now();
        let token = match Token::read(&path) {
            Ok(token) => token,
            Err(_) => return Err(self.needed(&TokenState::of(self.session, &path, now))),
        };
        if !token.is_due(now) {
            return Ok(token);
        }
        if token.renewal(self.session, now).is_some() {
            let _turn = renewing::turn(&path).await;
            // Whoever had the turn before has most likely done it for all.
            let token = Token::read(&path).unwrap_or(token);
            if !token.is_due(Timestamp::now()) {
                return Ok(token);
            }
            let oidc = Oidc::new(self.sdk, self.session, self.caches).await?;
            match oidc.renew(&token).await {
                Ok(renewed) => return Ok(renewed),
                Err(error) => {
                    // A program that knows no turns may have renewed it, and used the refresh token up.
                    if let Ok(other) = Token::read(&path)
                        && other != token
                        && other.is_valid(Timestamp::now())
                    {
                        return Ok(other);
                    }
                    return match token.is_valid(Timestamp::now()) {
                        true => Ok(token),
                        false => Err(self.not_renewed(error)),
                    };
                }
            }
        }
        match token.is_valid(now) {
            true => Ok(token),
            false => Err(self.needed(&TokenState::Expired(token.expires_at))),
        }
    }

    fn not_renewed(&self, error: SignInError) -> AwsFailure {
        let failure = error.into_failure();
        match failure.kind {
            ErrorKind::SignInRequired => {
                let causes = failure.causes;
                AwsFailure { causes, ..self.needed(&TokenState::Expired(Timestamp::now())) }
            }
            _ => failure,
        }
    }

    /// Explains that a person has to sign in.
    fn needed(&self, state: &TokenState) -> AwsFailure {
        let label = self.session.label();
        let (sentence, cause) = match state {
            TokenState::Missing => {
                (format!("there is no sign-in to {label} on this machine"), None)
            }
            TokenState::Unusable(why) => {
                (format!("the sign-in to {label} cannot be read"), Some(why.clone()))
            }
            _ => (format!("the sign-in to {label} has expired"), None),
        };
        let failure = AwsFailure::new(ErrorKind::SignInRequired, Verdict::SignIn, sentence, "");
        AwsFailure { causes: cause.into_iter().collect(), ..failure }
            .needing(SignInNeed::Sso(self.session.clone()))
    }

    fn refused<E>(&self, error: aws_sdk_sso::error::SdkError<E>, access: &RoleAccess) -> AwsFailure
    where
        E: aws_sdk_sso::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let (code, text) = match CallError::sort(error, SERVICE) {
            CallError::Other(failure) => return failure,
            CallError::Service { code, text } => (code, text),
        };
        let label = self.session.label();
        let mut failure = match code.as_str() {
            "UnauthorizedException" => AwsFailure::new(
                ErrorKind::SignInRequired,
                Verdict::SignIn,
                format!("the sign-in to {label} was ended"),
                "",
            )
            .needing(SignInNeed::Sso(self.session.clone())),
            "ForbiddenException" | "ResourceNotFoundException" => AwsFailure::new(
                ErrorKind::Denied,
                Verdict::SignIn,
                format!(
                    "role {} in account {} is not assigned to you",
                    access.role, access.account
                ),
                "signing in again will not help; check `sso_account_id` and `sso_role_name`",
            ),
            _ => AwsFailure::new(
                ErrorKind::Failure,
                Verdict::TrySlower,
                format!("{SERVICE} gave no credentials for role {}: {code}", access.role),
                "try again in a moment",
            ),
        };
        failure.causes = vec![format!("{code}: {text}")];
        failure.code = Some(code.into());
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn files_have_the_names_that_the_cli_gives_them() {
        let name = |session_name: Option<&str>| {
            let access = RoleAccess {
                session: SsoSession {
                    name: session_name.map(str::to_owned),
                    start_url: "https://d-abc123.awsapps.com/start".to_owned(),
                    region: "us-east-1".to_owned(),
                    scopes: None,
                },
                account: "123456789012".to_owned(),
                role: "ReadOnly".to_owned(),
            };
            let path = access.path(&Caches::in_home(Path::new("/h")));
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(name(Some("my-sso")), "31b260dab331b2af063485cea75f7b8b3cf54c71");
        assert_eq!(name(None), "e586f51f8c2255dcef3ee905ed647dc07a0d8004");
    }
}

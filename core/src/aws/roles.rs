//! Assuming roles: with a second factor, for as long as configured, under a name that stays.
//!
//! The name of the role session is part of `aws:userid`. With a name that changes at each renewal, a
//! policy that lets users resume their own sessions only would refuse us an hour later.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::{Builder, SharedCredentialsProvider};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_types::request_id::RequestId;
use jiff::Timestamp;
use ssmpf_schema::ErrorKind;

use super::caches::Caches;
use super::chain::Role;
use super::cli_cache::{self, AssumeRoleKey, AssumedRoleUser, RoleCredentials};
use super::error::{AwsFailure, CallError, Verdict};
use super::need::SignInNeed;

/// In words, for failures.
const SERVICE: &str = "AWS STS";

impl Role {
    /// Returns the file in which the AWS CLI keeps credentials of this role.
    pub(super) fn path(&self, caches: &Caches) -> std::path::PathBuf {
        let key = AssumeRoleKey {
            duration_seconds: self.duration,
            external_id: self.external_id.as_deref(),
            role_arn: &self.arn,
            role_session_name: self.session_name.as_deref(),
            serial_number: self.mfa_serial.as_deref(),
        };
        key.path(caches)
    }

    /// Returns kept credentials of a role that wants a code; others are had without a person.
    pub(super) fn kept(&self, caches: &Caches) -> Option<RoleCredentials> {
        self.mfa_serial.as_ref()?;
        cli_cache::read(&self.path(caches), Timestamp::now())
    }

    /// Returns what a person has to do to get credentials of this role.
    pub(super) fn need(&self, serial: &str, caches: &Caches) -> SignInNeed {
        SignInNeed::Mfa { serial: serial.to_owned(), file: self.path(caches) }
    }
}

/// Assumes a role with the credentials of the one before it.
///
/// # Errors
///
/// Also when the role wants a code and there is none: the failure then says so in
/// [`AwsFailure::sign_in`].
pub(super) async fn assume(
    role: &Role,
    source: Credentials,
    code: Option<&str>,
    sdk: &SdkConfig,
    caches: &Caches,
) -> Result<Credentials, AwsFailure> {
    let token_code = match (&role.mfa_serial, code) {
        (Some(serial), None) => {
            return Err(AwsFailure::new(
                ErrorKind::SignInRequired,
                Verdict::SignIn,
                format!("role {} wants a code of {serial}", role.arn),
                "",
            )
            .needing(role.need(serial, caches)));
        }
        (None, _) => None,
        (Some(_), code) => code,
    };
    let config = Builder::from(sdk).credentials_provider(SharedCredentialsProvider::new(source));
    let answer = Client::from_conf(config.build())
        .assume_role()
        .role_arn(&role.arn)
        .role_session_name(role.session_name.clone().unwrap_or_else(session_name))
        .set_external_id(role.external_id.clone())
        .set_duration_seconds(role.duration)
        .set_serial_number(role.mfa_serial.clone())
        .set_token_code(token_code.map(str::to_owned))
        .send()
        .await;
    let answer = answer.map_err(|error| refused(error, role, caches))?;
    let user = answer.assumed_role_user.as_ref();
    let user = user.map(|user| AssumedRoleUser {
        assumed_role_id: user.assumed_role_id.clone(),
        arn: user.arn.clone(),
    });
    let user = user.unwrap_or_default();
    let request_id = answer.request_id().unwrap_or_default().to_owned();
    let account = account_of(&user.arn).or_else(|| account_of(&role.arn)).map(str::to_owned);
    let credentials = credentials(answer.credentials, account)?;
    if role.mfa_serial.is_some() {
        let path = role.path(caches);
        if let Err(error) = cli_cache::write_assumed(&path, &credentials, &user, &request_id) {
            tracing::warn!(%error, "the credentials of the role could not be kept");
        }
    }
    Ok(credentials.into_sdk(None, "AssumeRole"))
}

/// Assumes a role with a token from a file.
pub(super) async fn assume_with_web_identity(
    role_arn: &str,
    token_file: &str,
    session: Option<&str>,
    sdk: &SdkConfig,
) -> Result<Credentials, AwsFailure> {
    let token = std::fs::read_to_string(token_file).map_err(|error| {
        AwsFailure::new(
            ErrorKind::SignInRequired,
            Verdict::SignIn,
            format!("the web identity token in {token_file} cannot be read"),
            "check `web_identity_token_file` or AWS_WEB_IDENTITY_TOKEN_FILE",
        )
        .caused_by(&error)
    })?;
    let answer = Client::from_conf(Builder::from(sdk).build())
        .assume_role_with_web_identity()
        .role_arn(role_arn)
        .role_session_name(session.map_or_else(session_name, str::to_owned))
        .web_identity_token(token.trim_end())
        .send()
        .await;
    let role = Role { arn: role_arn.to_owned(), ..Role::default() };
    let nowhere = Caches::in_home(std::path::Path::new(""));
    let answer = answer.map_err(|error| refused(error, &role, &nowhere))?;
    let account = account_of(role_arn).map(str::to_owned);
    Ok(credentials(answer.credentials, account)?.into_sdk(None, "WebIdentityToken"))
}

fn credentials(
    given: Option<aws_sdk_sts::types::Credentials>,
    account_id: Option<String>,
) -> Result<RoleCredentials, AwsFailure> {
    let complete = given.and_then(|it| {
        Some(RoleCredentials {
            expiration: Timestamp::from_second(it.expiration.secs()).ok()?,
            access_key_id: it.access_key_id,
            secret_access_key: it.secret_access_key.into(),
            session_token: it.session_token.into(),
            account_id,
        })
    });
    complete.ok_or_else(|| {
        AwsFailure::new(
            ErrorKind::Failure,
            Verdict::TryAgain,
            format!("the answer of {SERVICE} lacks what credentials need"),
            "check AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL and the proxy settings",
        )
    })
}

/// Returns the account in an ARN.
pub(super) fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

fn refused<E>(error: SdkError<E>, role: &Role, caches: &Caches) -> AwsFailure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match CallError::sort(error, SERVICE) {
        CallError::Other(failure) => failure,
        CallError::Service { code, text } => {
            let mut failure = explain(&code, &text, role, caches);
            failure.causes = vec![format!("{code}: {text}")];
            failure.code = Some(code.into());
            failure
        }
    }
}

fn explain(code: &str, text: &str, role: &Role, caches: &Caches) -> AwsFailure {
    let arn = &role.arn;
    let sign_in = |message: String, hint: &str| {
        AwsFailure::new(ErrorKind::SignInRequired, Verdict::SignIn, message, hint)
    };
    match (code, &role.mfa_serial) {
        ("AccessDenied", Some(serial)) if text.contains("invalid MFA one time pass code") => {
            let message = "the code is wrong or was used before".to_owned();
            sign_in(message, "wait for the next one").needing(role.need(serial, caches))
        }
        ("AccessDenied", Some(serial)) if text.contains("unable to validate MFA code") => sign_in(
            format!("{serial} is not your device, or its clock is off"),
            "check `mfa_serial`: it is the ARN of a device, not of a user, in the account of the \
             source credentials",
        ),
        ("AccessDenied", mfa) => AwsFailure::new(
            ErrorKind::Denied,
            Verdict::SignIn,
            format!("role {arn} may not be assumed"),
            match mfa {
                None => {
                    "check `role_arn` and the trust policy of the role; if it demands MFA, the \
                     profile needs `mfa_serial`"
                }
                Some(_) => "check `role_arn` and the trust policy of the role",
            },
        ),
        ("ExpiredToken" | "ExpiredTokenException" | "ExpiredTokenWrappedException", _) => sign_in(
            format!("the credentials from which role {arn} is assumed have expired"),
            "renew them; they are those of `source_profile`, or the web identity token",
        ),
        ("InvalidClientTokenId" | "UnrecognizedClientException", _) => sign_in(
            format!("AWS does not know the credentials from which role {arn} is assumed"),
            "the key was deleted, is inactive, or belongs to another partition",
        ),
        ("SignatureDoesNotMatch" | "InvalidSignatureException", _) => sign_in(
            format!("AWS refused the signature for assuming role {arn}"),
            "the secret key is wrong, or the clock of this machine is off",
        ),
        ("InvalidIdentityToken" | "IDPRejectedClaim", _) => sign_in(
            format!("AWS does not take the web identity token for role {arn}"),
            "check the token file and the trust policy of the role",
        ),
        ("RegionDisabledException", _) => AwsFailure::usage(
            "AWS STS is not activated in this region",
            "activate it in the account settings, or choose another region with `--region`",
        ),
        ("ValidationError", _) if text.contains("DurationSeconds") => AwsFailure::usage(
            format!("`duration_seconds` is more than role {arn} allows"),
            "900 to 43200 seconds, at most the role's own limit; one role from another: 3600",
        ),
        ("ValidationError", _) => AwsFailure::usage(
            format!("AWS does not take what the profile says about role {arn}"),
            "the text below names the value and what it must look like",
        ),
        ("Throttling" | "ThrottlingException", _) => AwsFailure::new(
            ErrorKind::Throttled,
            Verdict::TrySlower,
            format!("AWS asks for fewer calls, so role {arn} was not assumed"),
            "wait a moment and try again",
        ),
        _ => AwsFailure::new(
            ErrorKind::SignInRequired,
            Verdict::SignIn,
            format!("AWS refused to let role {arn} be assumed with {code}"),
            "",
        ),
    }
}

/// Returns the session name for assumed roles: the user's name, in the characters STS takes.
fn session_name() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_default();
    clean_session_name(&user)
}

/// Keeps `[A-Za-z0-9+=,.@_-]` and 2 to 64 characters [STS AssumeRole: RoleSessionName].
fn clean_session_name(user: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(*c);
    let name: String = user.chars().filter(allowed).take(64).collect();
    if name.len() < 2 { "ssmpf".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn explained(code: &str, text: &str, mfa: bool) -> AwsFailure {
        let serial = "arn:aws:iam::1:mfa/me";
        let role = Role {
            arn: "arn:aws:iam::1:role/R".to_owned(),
            mfa_serial: mfa.then(|| serial.to_owned()),
            ..Role::default()
        };
        explain(code, text, &role, &Caches::in_home(Path::new("/h")))
    }

    #[test]
    fn a_wrong_code_is_told_from_a_wrong_device_and_a_missing_permission() {
        let text = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
        let wrong = explained("AccessDenied", text, true);
        assert!(wrong.sign_in.is_some(), "another code may be asked for");
        assert_eq!(wrong.kind, ErrorKind::SignInRequired);
        let text = "MultiFactorAuthentication failed, unable to validate MFA code. Please verify";
        let device = explained("AccessDenied", text, true);
        assert!(device.sign_in.is_none() && device.message.contains("mfa/me"), "{device}");
        let text = "User: x is not authorized to perform: sts:AssumeRole on resource: r";
        let denied = explained("AccessDenied", text, false);
        assert_eq!(denied.kind, ErrorKind::Denied);
        assert!(denied.hint.expect("a hint").contains("mfa_serial"));
    }

    #[test]
    fn a_role_session_that_is_too_long_is_a_matter_of_configuration() {
        let text =
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        assert_eq!(explained("ValidationError", text, false).kind, ErrorKind::Usage);
    }

    #[test]
    fn session_names_have_only_the_characters_sts_takes() {
        assert_eq!(clean_session_name("alice.b@example"), "alice.b@example");
        assert_eq!(clean_session_name("CORP\\jürgen x"), "CORPjrgenx");
        assert_eq!(clean_session_name("ü"), "ssmpf");
        assert_eq!(clean_session_name(&"a".repeat(100)).len(), 64);
    }

    #[test]
    fn the_account_is_the_fifth_part_of_an_arn() {
        assert_eq!(account_of("arn:aws-cn:iam::123456789012:role/x"), Some("123456789012"));
        assert_eq!(account_of("arn:aws:s3:::bucket"), None);
        assert_eq!(account_of("nothing"), None);
    }
}

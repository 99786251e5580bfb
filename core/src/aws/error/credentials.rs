//! Failures to get credentials at all.
//!
//! The SDK hides the difference between "never signed in", "expired" and "denied" inside chains of
//! errors whose outer layers say little, so the texts of the whole chain are looked through.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use ssmpf_schema::ErrorKind;

use super::transport::{self, Peer};
use super::{AwsFailure, Surroundings, Verdict};

/// Returns whether missing credentials are what lies beneath `error`.
pub(super) fn is_cause_of(error: &(dyn Error + 'static)) -> bool {
    transport::chain(error).any(|error| error.is::<CredentialsError>())
}

/// Explains why there are no credentials.
pub(super) fn explain(error: &(dyn Error + 'static), around: &Surroundings) -> AwsFailure {
    // Ours come through the SDK explained already.
    let mut chain = transport::chain(error);
    if let Some(failure) = chain.find_map(|error| error.downcast_ref::<AwsFailure>()) {
        return failure.clone();
    }
    let texts = transport::texts(error);
    let says = |words: &[&str]| {
        let mut texts = texts.iter().map(|text| text.to_ascii_lowercase());
        texts.any(|text| words.iter().any(|word| text.contains(word)))
    };
    let of_profile = match &around.profile {
        Some(profile) => format!(" of profile `{profile}`"),
        None => String::new(),
    };
    let sign_in = |message: String| {
        AwsFailure::new(ErrorKind::SignInRequired, Verdict::SignIn, message, around.sign_in.clone())
    };
    let configuration = |kind: ErrorKind, message: String| {
        let profile = around.profile.as_deref().unwrap_or("default");
        AwsFailure::new(
            kind,
            Verdict::SignIn,
            message,
            format!(
                "look at it in the AWS configuration files; `aws configure list --profile {profile}` \
                 shows where its values come from"
            ),
        )
    };
    let mut failure = if transport::is_network(error) {
        let peer = Peer { what: "the AWS sign-in service", host: None };
        transport::explain(error, &peer)
    } else if says(&["expired", "unauthorizedexception", "session token not found or invalid"]) {
        sign_in(format!("the sign-in{of_profile} has expired"))
    } else if says(&["failed to load the cached", "no such file", "cached token"]) {
        sign_in(format!("there is no sign-in{of_profile} on this machine"))
    } else if says(&["forbiddenexception", "no access", "resourcenotfoundexception"]) {
        AwsFailure::new(
            ErrorKind::Denied,
            Verdict::SignIn,
            format!("the account or role{of_profile} is not assigned to you"),
            "signing in again will not help; check `sso_account_id` and `sso_role_name`",
        )
    } else if says(&["accessdenied", "not authorized to perform: sts:assumerole"]) {
        AwsFailure::new(
            ErrorKind::Denied,
            Verdict::SignIn,
            format!("the role{of_profile} may not be assumed"),
            "check `role_arn` and the trust policy of the role",
        )
    } else if variant(error, |e| matches!(e, CredentialsError::InvalidConfiguration(_)))
        || says(&["was not defined", "did not contain credential", "invalid json"])
    {
        // No sign-in mends that.
        let message = format!("the configuration{of_profile} does not lead to credentials");
        configuration(ErrorKind::Usage, message)
    } else if variant(error, |e| matches!(e, CredentialsError::CredentialsNotLoaded(_))) {
        match &around.profile {
            Some(profile) => {
                let message = format!("profile `{profile}` has no credentials");
                configuration(ErrorKind::SignInRequired, message)
            }
            None => sign_in("there are no AWS credentials".to_owned()),
        }
    } else if variant(error, |e| matches!(e, CredentialsError::ProviderTimedOut(_))) {
        sign_in(format!("the credentials{of_profile} took too long to load"))
    } else if around.profile.is_some() {
        sign_in(format!("the credentials{of_profile} could not be loaded"))
    } else {
        sign_in("there are no AWS credentials".to_owned())
    };
    failure.causes = texts;
    failure
}

fn variant(error: &(dyn Error + 'static), test: impl Fn(&CredentialsError) -> bool) -> bool {
    // The outermost says "a provider failed"; what decides lies anywhere beneath.
    transport::chain(error).any(|error| error.downcast_ref().is_some_and(&test))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(text: &'static str, profile: Option<&str>) -> AwsFailure {
        let around = Surroundings {
            profile: profile.map(str::to_owned),
            sign_in: "sign in".to_owned(),
            ..Surroundings::default()
        };
        explain(&CredentialsError::provider_error(text), &around)
    }

    #[test]
    fn an_expired_sign_in_is_told_from_a_missing_one() {
        let failure = explained("the SSO token has expired and cannot be refreshed", Some("prod"));
        assert_eq!(failure.message, "the sign-in of profile `prod` has expired");
        assert_eq!(failure.kind, ErrorKind::SignInRequired);
        let failure = explained("failed to load the cached SSO token", Some("prod"));
        assert_eq!(failure.message, "there is no sign-in of profile `prod` on this machine");
    }

    #[test]
    fn no_credentials_at_all_is_said_plainly() {
        let failure = explained("nothing", None);
        assert_eq!(failure.message, "there are no AWS credentials");
        assert_eq!(failure.hint.as_deref(), Some("sign in"));
    }

    #[test]
    fn a_profile_without_credentials_is_told_from_one_that_fails() {
        let around = Surroundings { profile: Some("prod".to_owned()), ..Surroundings::default() };
        let failure = explain(&CredentialsError::not_loaded_no_source(), &around);
        assert_eq!(failure.message, "profile `prod` has no credentials");
        let failure = explain(&CredentialsError::invalid_configuration("a loop"), &around);
        assert_eq!(
            failure.message,
            "the configuration of profile `prod` does not lead to credentials"
        );
        assert_eq!(failure.kind, ErrorKind::Usage);
        let failure = explain(&CredentialsError::provider_error("InvalidAction"), &around);
        assert_eq!(failure.message, "the credentials of profile `prod` could not be loaded");
    }

    #[test]
    fn a_role_that_is_not_assigned_is_not_a_matter_of_signing_in() {
        let failure = explained("ForbiddenException: No access", Some("prod"));
        assert_eq!(failure.kind, ErrorKind::Denied);
    }
}

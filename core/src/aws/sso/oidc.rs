//! The calls that end in a token: registering as a client, the three grants, and what they refuse.

use aws_config::SdkConfig;
use aws_sdk_ssooidc::Client;
use aws_sdk_ssooidc::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_ssooidc::config::{Builder, Region};
use aws_sdk_ssooidc::operation::create_token::CreateTokenOutput;
use jiff::{SignedDuration, Timestamp};
use ssmpf_schema::ErrorKind;

use super::authorize::DEFAULT_SCOPE;
use super::callback;
use super::refusal::SignInError;
use super::registration::Registration;
use super::{SsoSession, Token};
use crate::aws::caches::Caches;
use crate::aws::endpoint::endpoint_of;
use crate::aws::error::{AwsFailure, CallError, Verdict};

/// In words, for failures.
const SERVICE: &str = "AWS IAM Identity Center";

/// Signs in to one session.
#[derive(Debug)]
pub struct Oidc {
    pub(super) client: Client,
    pub(super) endpoint: String,
    pub(super) caches: Caches,
    pub(super) session: SsoSession,
}

impl Oidc {
    /// Makes a client for the region of `session`. No network is used.
    pub async fn new(
        sdk: &SdkConfig,
        session: &SsoSession,
        caches: &Caches,
    ) -> Result<Self, AwsFailure> {
        let config = Builder::from(sdk).region(Region::new(session.region.clone())).build();
        // The service's own page is not an operation, so its address has to be worked out here.
        let params = Params::builder()
            .region(session.region.clone())
            .set_use_fips(sdk.use_fips())
            .set_use_dual_stack(sdk.use_dual_stack())
            .set_endpoint(endpoint_of(sdk, "SSO OIDC"))
            .build();
        let no_endpoint = |error: &dyn std::fmt::Display| {
            AwsFailure::usage(
                format!("there is no endpoint of {SERVICE} in {}", session.region),
                error.to_string(),
            )
        };
        let params = params.map_err(|error| no_endpoint(&error))?;
        let endpoint = DefaultResolver::new().resolve_endpoint(&params).await;
        let endpoint = endpoint.map_err(|error| no_endpoint(&error))?;
        Ok(Self {
            client: Client::from_conf(config),
            endpoint: endpoint.url().to_owned(),
            caches: caches.clone(),
            session: session.clone(),
        })
    }

    /// Gets the next token without a person, and keeps it.
    pub async fn renew(&self, token: &Token) -> Result<Token, SignInError> {
        let Some((refresh_token, registration)) = token.renewal(&self.session, Timestamp::now())
        else {
            return Err(SignInError::Failed(self.expired()));
        };
        let answer = self
            .client
            .create_token()
            .grant_type("refresh_token")
            .client_id(&registration.client_id)
            .client_secret(registration.client_secret.expose())
            .refresh_token(refresh_token.expose())
            .send()
            .await;
        let mut renewed = self.token(answer.map_err(|error| self.refused(error))?, registration)?;
        if renewed.refresh_token.is_none() {
            renewed.refresh_token = token.refresh_token.clone();
        }
        self.keep(&renewed).map_err(SignInError::Failed)?;
        Ok(renewed)
    }

    pub(super) async fn register(&self, with_browser: bool) -> Result<Registration, AwsFailure> {
        let name = match &self.session.name {
            Some(name) => name.clone(),
            None => Timestamp::now().as_second().to_string(),
        };
        let mut call = self
            .client
            .register_client()
            .client_name(format!("ssmpf-client-{name}"))
            .client_type("public")
            .set_scopes(self.session.scopes.clone());
        let mut grant_types = None;
        if with_browser {
            let grants = vec!["authorization_code".to_owned(), "refresh_token".to_owned()];
            grant_types = Some(grants.clone());
            call = call
                .set_grant_types(Some(grants))
                .redirect_uris(format!("http://127.0.0.1{}", callback::PATH))
                .issuer_url(&self.session.start_url)
                .set_scopes(Some(self.scopes()));
        }
        let answer = call.send().await;
        let answer = answer.map_err(|error| self.refused(error).into_failure())?;
        let expires_at = Timestamp::from_second(answer.client_secret_expires_at);
        let (Some(client_id), Some(client_secret), Ok(expires_at)) =
            (answer.client_id, answer.client_secret, expires_at)
        else {
            return Err(self.incomplete());
        };
        let registration = Registration {
            client_id,
            client_secret: client_secret.into(),
            expires_at,
            scopes: self.session.scopes.clone(),
            grant_types,
        };
        if let Err(error) = registration.keep(&self.caches, &self.session) {
            // The next sign-in registers again; nothing else is lost.
            tracing::warn!(%error, "the registration could not be kept");
        }
        Ok(registration)
    }

    pub(super) fn scopes(&self) -> Vec<String> {
        self.session.scopes.clone().unwrap_or_else(|| vec![DEFAULT_SCOPE.to_owned()])
    }

    /// Makes a token of an answer.
    pub(super) fn token(
        &self,
        answer: CreateTokenOutput,
        registration: &Registration,
    ) -> Result<Token, SignInError> {
        let lifetime = SignedDuration::from_secs(answer.expires_in.max(0).into());
        let expires_at = Timestamp::now().checked_add(lifetime).unwrap_or(Timestamp::MAX);
        match answer.access_token.filter(|token| !token.is_empty()) {
            Some(access_token) => Ok(Token {
                access_token: access_token.into(),
                expires_at,
                refresh_token: answer.refresh_token.map(Into::into),
                registration: Some(registration.clone()),
            }),
            None => Err(SignInError::Failed(self.incomplete())),
        }
    }

    pub(super) fn keep(&self, token: &Token) -> Result<(), AwsFailure> {
        let path = self.caches.sso_token(self.session.key());
        token.write(&self.session, &path).map_err(|error| {
            AwsFailure::new(
                ErrorKind::Failure,
                Verdict::GiveUp,
                format!("the sign-in could not be kept in {}", path.display()),
                "the folder must be writable; the AWS CLI uses it too",
            )
            .caused_by(&error)
        })
    }

    /// Sorts out why a call failed.
    pub(super) fn refused<E>(&self, error: aws_sdk_ssooidc::error::SdkError<E>) -> SignInError
    where
        E: aws_sdk_ssooidc::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let (code, text) = match CallError::sort(error, SERVICE) {
            CallError::Other(failure) => return SignInError::Failed(failure),
            CallError::Service { code, text } => (code, text),
        };
        let with_text = |mut failure: AwsFailure| {
            failure.causes = vec![format!("{code}: {text}")];
            failure.code = Some(code.as_str().into());
            failure
        };
        match code.as_str() {
            "AuthorizationPendingException" => SignInError::Pending,
            "SlowDownException" => SignInError::SlowDown,
            "ExpiredTokenException" => SignInError::Failed(with_text(self.too_slow())),
            "AccessDeniedException" => SignInError::Failed(with_text(self.denied())),
            "InvalidClientException" | "UnauthorizedClientException" => {
                SignInError::UnknownClient(with_text(self.expired()))
            }
            "InvalidGrantException" => SignInError::Failed(with_text(self.expired())),
            _ => SignInError::Failed(with_text(AwsFailure::new(
                ErrorKind::SignInRequired,
                Verdict::SignIn,
                format!("{SERVICE} refused the sign-in to {} with {code}", self.session.label()),
                "check `sso_start_url`, `sso_region` and `sso_registration_scopes`",
            ))),
        }
    }

    fn expired(&self) -> AwsFailure {
        AwsFailure::new(
            ErrorKind::SignInRequired,
            Verdict::SignIn,
            format!("the sign-in to {} has expired", self.session.label()),
            "",
        )
    }

    pub(super) fn too_slow(&self) -> AwsFailure {
        AwsFailure::new(
            ErrorKind::SignInRequired,
            Verdict::SignIn,
            format!("nobody signed in to {} in time", self.session.label()),
            "try again; in a browser on another machine use `--device-code`",
        )
    }

    pub(super) fn denied(&self) -> AwsFailure {
        AwsFailure::new(
            ErrorKind::SignInRequired,
            Verdict::SignIn,
            format!("the sign-in to {} was refused", self.session.label()),
            "somebody chose to deny it, or you may not use this start URL",
        )
    }

    pub(super) fn incomplete(&self) -> AwsFailure {
        AwsFailure::new(
            ErrorKind::Failure,
            Verdict::TryAgain,
            format!("the answer of {SERVICE} lacks what a sign-in needs"),
            "check AWS_ENDPOINT_URL_SSO_OIDC, AWS_ENDPOINT_URL and the proxy settings",
        )
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use aws_config::BehaviorVersion;

    use super::*;

    async fn endpoint(region: &str, fips: bool, dual_stack: bool) -> String {
        let session = SsoSession {
            name: Some("corp".to_owned()),
            start_url: "https://corp.awsapps.com/start".to_owned(),
            region: region.to_owned(),
            scopes: None,
        };
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .use_fips(fips)
            .use_dual_stack(dual_stack)
            .build();
        let caches = Caches::in_home(Path::new("/h"));
        Oidc::new(&sdk, &session, &caches).await.expect("an endpoint").endpoint
    }

    #[tokio::test]
    async fn the_page_is_in_the_partition_of_the_region() {
        for (region, host) in [
            ("eu-west-1", "oidc.eu-west-1.amazonaws.com"),
            ("cn-north-1", "oidc.cn-north-1.amazonaws.com.cn"),
            ("us-gov-west-1", "oidc.us-gov-west-1.amazonaws.com"),
            ("eusc-de-east-1", "oidc.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert_eq!(endpoint(region, false, false).await, format!("https://{host}"));
        }
    }

    #[tokio::test]
    async fn fips_and_dual_stack_have_hosts_of_their_own() {
        let host = |host: &str| format!("https://{host}");
        assert_eq!(
            endpoint("us-east-1", true, false).await,
            host("oidc-fips.us-east-1.amazonaws.com")
        );
        assert_eq!(endpoint("us-east-1", false, true).await, host("oidc.us-east-1.api.aws"));
        assert_eq!(endpoint("us-east-1", true, true).await, host("oidc-fips.us-east-1.api.aws"));
    }
}

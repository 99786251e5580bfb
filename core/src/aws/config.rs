//! From settings to everything an AWS call needs.
//!
//! Rules that differ from the SDK's own: a chosen profile wins over keys in the environment; the
//! region is never asked of the instance metadata service, which makes a laptop wait for seconds; and
//! `AWS_CA_BUNDLE` and `ca_bundle` are honoured.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_ssm::config::IdentityCache;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::app_name::AppName;
use aws_types::region::Region;
use aws_types::service_config::ServiceConfigKey;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use super::clock::Clock;
use super::credentials::{CachedCredentials, Source};
use super::error::{AwsFailure, Surroundings};
use super::http_client;
use super::profiles::{self, Profiles};
use super::trust::Trust;

/// Longest wait for a connection to an AWS endpoint.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for one attempt of a call. Answers come in well under a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);

/// Attempts per call: the SDK's standard, which knows throttling and transient errors.
const ATTEMPTS: u32 = 3;

/// What the user chose; already merged from flags and environment.
#[derive(Clone, Debug, Default)]
pub struct AwsSettings {
    /// The chosen profile. It wins over credentials in the environment.
    pub profile: Option<String>,
    /// The chosen region. Without one the profile's is used.
    pub region: Option<String>,
    /// Certificates to trust besides the system's. Without a path the profile's `ca_bundle` is used.
    pub ca_bundle: Option<PathBuf>,
    /// Whether the environment has keys or a web identity, which win over the default profile.
    pub environment_credentials: bool,
    /// The configuration files; the standard ones if there are none.
    pub files: Option<EnvConfigFiles>,
}

/// One account and region, and how to get there. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AwsContext(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    sdk: SdkConfig,
    region: String,
    profile: Option<String>,
    sign_in: String,
    credentials: CachedCredentials,
    trust: Arc<Trust>,
    clock: Arc<Clock>,
    ssm_endpoint: Option<Uri>,
}

/// The profile to take credentials from; `None` leaves the choice to the SDK.
///
/// The default profile is taken without being chosen when the SDK would come to it anyway and it
/// assumes a role: only then can the name of the role session be kept stable, without which a policy
/// on own sessions refuses to resume after the credentials were renewed.
fn credential_profile(settings: &AwsSettings, assumes_role: bool) -> Option<String> {
    let default = || profiles::DEFAULT_PROFILE.to_owned();
    let implied = assumes_role && !settings.environment_credentials;
    settings.profile.clone().or_else(|| implied.then(default))
}

impl AwsContext {
    /// Reads the configuration files. No network is used, and no credentials are loaded yet.
    pub async fn load(settings: &AwsSettings) -> Result<Self, AwsFailure> {
        let standard = EnvConfigFiles::default();
        let base = settings.files.as_ref().unwrap_or(&standard);
        let profile = settings.profile.as_deref();
        let profiles = Profiles::load(base, profile).await?;
        let region = region(settings, &profiles)?;
        let bundle = settings.ca_bundle.clone();
        let bundle = bundle.or_else(|| profiles.get("ca_bundle").map(PathBuf::from));
        let trust = Trust::with_bundle(bundle.as_deref()).await;
        let trust =
            Arc::new(trust.map_err(|error| AwsFailure::usage(error.to_string(), error.hint()))?);

        let files = match &settings.files {
            Some(files) => files.clone(),
            None => profiles::standard_files_with(&profiles.stable_session_names()),
        };
        let http_client = http_client::shared(Arc::clone(&trust));
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let credentials = CachedCredentials::new(Source {
            profile: credential_profile(settings, profiles.get("role_arn").is_some()),
            files: files.clone(),
            region: Region::new(region.clone()),
            http_client: http_client.clone(),
            timeouts: timeouts.clone(),
        });
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .http_client(http_client)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .credentials_provider(credentials.clone())
            // Ours is the only cache, so that a forgotten credential is forgotten everywhere.
            .identity_cache(IdentityCache::no_cache())
            .profile_files(files)
            // Named in any case: an empty AWS_PROFILE would select a profile without a name.
            .profile_name(profile.unwrap_or(profiles::DEFAULT_PROFILE));
        if let Ok(name) = AppName::new(concat!("ssmpf/", env!("CARGO_PKG_VERSION"))) {
            loader = loader.app_name(name);
        }
        let sdk = loader.load().await;
        let ssm_endpoint = ssm_endpoint(&sdk)?;
        Ok(Self(Arc::new(Inner {
            region,
            profile: settings.profile.clone(),
            sign_in: profiles.sign_in_hint(profile.is_some()),
            credentials,
            trust,
            clock: Arc::default(),
            ssm_endpoint,
            sdk,
        })))
    }

    /// Returns the same profile in another region: credentials and connections are shared.
    pub fn in_region(&self, region: &str) -> Self {
        let sdk = self.0.sdk.clone().into_builder().region(Region::new(region.to_owned())).build();
        Self(Arc::new(Inner { sdk, region: region.to_owned(), ..(*self.0).clone() }))
    }

    /// Begins loading what the first call will need, so that it happens while other things do.
    pub fn warm_up(&self) {
        let context = self.clone();
        tokio::spawn(async move {
            if context.speaks_tls() {
                // A failure comes up again, with its sentence, when the certificates are needed.
                let _ = context.trust().roots().await;
            }
        });
    }

    /// Returns the configuration that AWS clients are made from.
    pub fn sdk(&self) -> &SdkConfig {
        &self.0.sdk
    }

    /// Returns the region.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// Returns the chosen profile.
    pub fn profile(&self) -> Option<&str> {
        self.0.profile.as_deref()
    }

    /// Returns the endpoint that the user put in place of Systems Manager's own.
    pub fn ssm_endpoint(&self) -> Option<&Uri> {
        self.0.ssm_endpoint.as_ref()
    }

    /// Returns the trusted certificates.
    pub fn trust(&self) -> &Trust {
        &self.0.trust
    }

    /// Returns the clock that signatures are made with.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.0.clock
    }

    /// Returns credentials that are good for some time yet.
    pub async fn credentials(&self) -> Result<Credentials, AwsFailure> {
        let credentials = self.0.credentials.get().await;
        credentials.map_err(|error| AwsFailure::from_credentials(&error, &self.surroundings()))
    }

    /// Makes the next call load credentials anew, after a sign-in or when AWS refused the old ones.
    pub async fn forget_credentials(&self) {
        self.0.credentials.forget().await;
    }

    /// Returns what the words of a failure need to know.
    pub fn surroundings(&self) -> Surroundings {
        Surroundings {
            region: self.0.region.clone(),
            profile: self.0.profile.clone(),
            sign_in: self.0.sign_in.clone(),
            clock: self.0.clock.complaint(),
            route: self.route(),
        }
    }

    /// Says what is not Amazon's own on the way to Systems Manager: where to look when it fails.
    fn route(&self) -> Option<String> {
        let own = format!("https://ssm.{}.amazonaws.com/", self.0.region);
        let endpoint = self.0.ssm_endpoint.clone().or_else(|| own.parse().ok())?;
        let host = self.0.ssm_endpoint.as_ref().and_then(Uri::host);
        let proxy = Matcher::from_env().intercept(&endpoint);
        let proxy = proxy.as_ref().and_then(|proxy| proxy.uri().authority());
        match (host, proxy) {
            (None, None) => None,
            (Some(host), None) => Some(host.to_owned()),
            (host, Some(proxy)) => {
                let host = host.or(endpoint.host()).unwrap_or_default();
                Some(format!("{host} through the proxy at {proxy}"))
            }
        }
    }

    fn speaks_tls(&self) -> bool {
        let endpoint = self.0.ssm_endpoint.as_ref();
        endpoint.is_none_or(|endpoint| endpoint.scheme_str() != Some("http"))
    }
}

fn region(settings: &AwsSettings, profiles: &Profiles) -> Result<String, AwsFailure> {
    let region = settings.region.as_deref().or_else(|| profiles.get("region"));
    let region = region.ok_or_else(|| {
        AwsFailure::usage(
            "no AWS region is set",
            "give one with `--region`, set AWS_REGION, or put `region = …` into the profile",
        )
    })?;
    // The region becomes part of host names.
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.is_empty() || !region.bytes().all(valid) {
        return Err(AwsFailure::usage(
            format!("`{region}` is not an AWS region"),
            "regions are named like eu-west-1 or us-gov-east-1",
        ));
    }
    Ok(region.to_owned())
}

/// Returns the endpoint of Systems Manager that the environment or the profile sets.
fn ssm_endpoint(sdk: &SdkConfig) -> Result<Option<Uri>, AwsFailure> {
    let key = ServiceConfigKey::builder()
        .service_id("SSM")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let own = key.ok().and_then(|key| sdk.service_config()?.load_config(key));
    let Some(endpoint) = own.or_else(|| sdk.endpoint_url().map(str::to_owned)) else {
        return Ok(None);
    };
    let parsed = endpoint.parse::<Uri>().ok();
    match parsed.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https"))) {
        Some(uri) => Ok(Some(uri)),
        None => Err(AwsFailure::usage(
            format!("`{endpoint}` is not an endpoint URL"),
            "AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_SSM and `endpoint_url` take URLs such as \
             https://vpce-0123.ssm.eu-west-1.vpce.amazonaws.com",
        )),
    }
}

#[cfg(test)]
mod tests {
    use aws_runtime::env_config::file::EnvConfigFileKind;

    use super::*;

    fn settings(config: &str) -> AwsSettings {
        let files =
            EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, config).build();
        AwsSettings { files: Some(files), ..AwsSettings::default() }
    }

    #[test]
    fn a_default_profile_that_assumes_a_role_is_taken_by_name() {
        let settings = AwsSettings::default();
        assert_eq!(credential_profile(&settings, true).as_deref(), Some("default"));
        assert_eq!(credential_profile(&settings, false), None);
        let keys = AwsSettings { environment_credentials: true, ..AwsSettings::default() };
        assert_eq!(credential_profile(&keys, true), None);
        let chosen = AwsSettings { profile: Some("prod".to_owned()), ..keys };
        assert_eq!(credential_profile(&chosen, true).as_deref(), Some("prod"));
    }

    #[tokio::test]
    async fn a_missing_region_is_a_matter_of_usage() {
        let error = AwsContext::load(&settings("")).await.expect_err("no region");
        assert_eq!(error.kind, ssmpf_schema::ErrorKind::Usage);
        assert!(error.hint.expect("a hint").contains("--region"));
    }

    #[tokio::test]
    async fn the_region_of_the_profile_is_used_unless_one_is_chosen() {
        let mut settings = settings("[profile a]\nregion = eu-west-1\n");
        settings.profile = Some("a".to_owned());
        let context = AwsContext::load(&settings).await.expect("complete");
        assert_eq!(context.region(), "eu-west-1");
        settings.region = Some("us-east-1".to_owned());
        let context = AwsContext::load(&settings).await.expect("complete");
        assert_eq!(context.region(), "us-east-1");
    }

    #[tokio::test]
    async fn a_region_that_could_redirect_requests_is_refused() {
        let mut settings = settings("");
        settings.region = Some("eu-west-1.evil.example/".to_owned());
        assert!(AwsContext::load(&settings).await.is_err());
    }

    #[tokio::test]
    async fn the_keys_of_a_chosen_profile_are_loaded() {
        let mut settings = settings(
            "[profile a]\nregion = eu-west-1\naws_access_key_id = AKIDPROFILE\n\
             aws_secret_access_key = secret\n",
        );
        settings.profile = Some("a".to_owned());
        let context = AwsContext::load(&settings).await.expect("complete");
        let credentials = context.credentials().await.expect("static keys");
        assert_eq!(credentials.access_key_id(), "AKIDPROFILE");
    }

    #[tokio::test]
    async fn a_missing_bundle_of_the_profile_is_named() {
        let settings = settings("[default]\nregion = eu-west-1\nca_bundle = /nowhere/ca.pem\n");
        let error = AwsContext::load(&settings).await.expect_err("no bundle");
        assert!(error.message.contains("/nowhere/ca.pem"), "{error}");
    }
}

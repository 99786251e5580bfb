//! From settings to everything an AWS call needs.
//!
//! Rules that differ from the SDK's own: a chosen profile wins over keys in the environment; the
//! region is never asked of the instance metadata service, which makes a laptop wait for seconds; and
//! `AWS_CA_BUNDLE` and `ca_bundle` are honoured.

mod sign_in;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_ssm::config::IdentityCache;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::app_name::AppName;
use aws_types::region::Region;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use ssmpf_schema::ErrorKind;
use tokio::sync::watch;

use super::caches::Caches;
use super::clock::Clock;
use super::credentials::{CachedCredentials, Source};
use super::endpoint::{endpoint_of, is_region};
use super::error::{AwsFailure, Surroundings};
use super::guide::Guide;
use super::http_client;
use super::pacing;
use super::profiles::{self, Profiles, WayIn};
use super::trust::Trust;
use crate::hash::hash;
pub use sign_in::SignedIn;

/// Longest wait for a connection to an AWS endpoint.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for one attempt of a call. Answers come in well under a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);

/// Attempts per call: the SDK's standard, which knows throttling and transient errors.
const ATTEMPTS: u32 = 3;

/// Region for signing in where nothing names one: any does.
const FALLBACK_REGION: &str = "us-east-1";
/// Is told of the sessions that this program starts, so that none is forgotten.
pub trait SessionWatch: std::fmt::Debug + Send + Sync {
    /// AWS has started this session.
    fn started(&self, session_id: &str);
    /// AWS has ended this session, or had before.
    fn ended(&self, session_id: &str);
}

/// What the user chose; already merged from flags and environment.
#[derive(Clone, Debug, Default)]
pub struct AwsSettings {
    /// The chosen profile. It wins over credentials in the environment.
    pub profile: Option<String>,
    /// The chosen region. Without one the profile's is used.
    pub region: Option<String>,
    /// Certificates to trust besides the system's. Without a path the profile's `ca_bundle` is used.
    pub ca_bundle: Option<PathBuf>,
    /// Who can be asked when a person has to sign in; nobody in scripts.
    pub guide: Option<Arc<dyn Guide>>,
    /// The configuration files; the standard ones if there are none.
    pub files: Option<EnvConfigFiles>,
    /// Where all programs of this user agree when to start sessions; none for no such agreement.
    pub pacing: Option<PathBuf>,
    /// Who is told of sessions.
    pub watch: Option<Arc<dyn SessionWatch>>,
}

/// One account and region, and how to get there. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AwsContext(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    sdk: SdkConfig,
    files: EnvConfigFiles,
    region: String,
    profile: Option<String>,
    sign_in: String,
    credentials: CachedCredentials,
    caches: Option<Caches>,
    guide: Option<Arc<dyn Guide>>,
    /// Whether there have been credentials: from then on nobody is asked any more.
    settled: watch::Sender<bool>,
    /// Whether nobody needs a sign-in any more.
    withdrawn: watch::Sender<bool>,
    trust: Arc<Trust>,
    clock: Arc<Clock>,
    ssm_endpoint: Option<Uri>,
    pacing: Option<PathBuf>,
    watch: Option<Arc<dyn SessionWatch>>,
}

impl AwsContext {
    /// Reads the configuration files. No network is used, and no credentials are loaded yet.
    pub async fn load(settings: &AwsSettings) -> Result<Self, AwsFailure> {
        Self::load_with(settings, |_| Ok(None)).await
    }

    /// The same for signing in to an `sso-session`, or to whatever the profile wants: that needs no
    /// region of the profile.
    pub async fn load_for_sign_in(
        settings: &AwsSettings,
        session: Option<&str>,
    ) -> Result<Self, AwsFailure> {
        let region = |profiles: &Profiles| {
            let way = match session {
                Some(name) => Ok(WayIn::Sso(profiles.session(name)?)),
                None => profiles.sign_in_of(profiles.selected()),
            };
            Ok(Some(match way {
                Ok(WayIn::Sso(session)) => session.region,
                _ => FALLBACK_REGION.to_owned(),
            }))
        };
        Self::load_with(settings, region).await
    }

    async fn load_with(
        settings: &AwsSettings,
        fallback: impl FnOnce(&Profiles) -> Result<Option<String>, AwsFailure>,
    ) -> Result<Self, AwsFailure> {
        let standard = EnvConfigFiles::default();
        let base = settings.files.as_ref().unwrap_or(&standard);
        let profile = settings.profile.as_deref();
        let profiles = Profiles::load(base, profile).await?;
        let fallback = fallback(&profiles)?;
        let region = region(settings, &profiles, fallback.as_deref())?;
        let bundle = settings.ca_bundle.clone();
        let bundle = bundle.or_else(|| profiles.get("ca_bundle").map(PathBuf::from));
        let trust = Trust::with_bundle(bundle.as_deref()).await;
        let trust =
            Arc::new(trust.map_err(|error| AwsFailure::usage(error.to_string(), error.hint()))?);

        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .http_client(http_client::shared(Arc::clone(&trust)))
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .no_credentials()
            // Ours is the only cache, so that a forgotten credential is forgotten everywhere.
            .identity_cache(IdentityCache::no_cache())
            .profile_files(base.clone())
            // Named in any case: an empty AWS_PROFILE would select a profile without a name.
            .profile_name(profile.unwrap_or(profiles::DEFAULT_PROFILE));
        if let Ok(name) = AppName::new(concat!("ssmpf/", env!("CARGO_PKG_VERSION"))) {
            loader = loader.app_name(name);
        }
        let sdk = loader.load().await;
        let ssm_endpoint = ssm_endpoint(&sdk)?;
        let caches = Caches::of_process();
        let sign_in = profiles.sign_in_hint(profile.is_some());
        let credentials = CachedCredentials::new(Source {
            profile: settings.profile.clone(),
            files: base.clone(),
            sdk: sdk.clone(),
            caches: caches.clone(),
            sign_in: sign_in.clone(),
        });
        let provider = SharedCredentialsProvider::new(credentials.clone());
        let sdk = sdk.into_builder().credentials_provider(provider).build();
        Ok(Self(Arc::new(Inner {
            region,
            profile: settings.profile.clone(),
            sign_in,
            credentials,
            caches,
            guide: settings.guide.clone(),
            settled: watch::Sender::new(false),
            withdrawn: watch::Sender::new(false),
            files: base.clone(),
            trust,
            clock: Arc::default(),
            ssm_endpoint,
            pacing: settings.pacing.clone(),
            watch: settings.watch.clone(),
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

    /// Waits until one more session may be started, if that was agreed on.
    pub async fn wait_for_slot(&self) {
        if let Some(folder) = &self.0.pacing {
            let profile = self.profile().unwrap_or_default();
            let endpoint = self.ssm_endpoint().map(Uri::to_string).unwrap_or_default();
            let key = format!("{profile} {} {endpoint}", self.region());
            pacing::wait(folder, &hash(&key)).await;
        }
    }

    /// Returns who is told of sessions.
    pub fn watch(&self) -> Option<&dyn SessionWatch> {
        self.0.watch.as_deref()
    }

    /// Returns the trusted certificates.
    pub fn trust(&self) -> &Trust {
        &self.0.trust
    }

    /// Returns the clock that signatures are made with.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.0.clock
    }

    /// Reads the profiles anew.
    pub(super) async fn profiles(&self) -> Result<Profiles, AwsFailure> {
        Profiles::load(&self.0.files, self.profile()).await
    }

    /// Returns the folders that are shared with the AWS CLI.
    pub fn caches(&self) -> Result<&Caches, AwsFailure> {
        self.0.caches.as_ref().ok_or_else(|| {
            AwsFailure::usage(
                "there is no folder for sign-ins: HOME is not set",
                "set HOME to a folder of your own",
            )
        })
    }

    /// Waits until there have been credentials.
    pub async fn settled(&self) {
        let mut settled = self.0.settled.subscribe();
        // The sender lives as long as this context.
        let _ = settled.wait_for(|settled| *settled).await;
    }

    /// Returns whether there have been credentials.
    pub fn is_settled(&self) -> bool {
        *self.0.settled.borrow()
    }

    /// Stops asking a person to sign in: whatever it was for is being ended.
    pub fn withdraw(&self) {
        self.0.withdrawn.send_replace(true);
    }

    /// Makes the next call load credentials anew, after AWS refused the old ones with a failure of
    /// this kind.
    pub async fn forget_credentials(&self, kind: ErrorKind) {
        // Who is not allowed something is so with the next credentials, too: no need for a new code.
        self.0.credentials.forget(kind == ErrorKind::SignInRequired).await;
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

fn region(
    settings: &AwsSettings,
    profiles: &Profiles,
    fallback: Option<&str>,
) -> Result<String, AwsFailure> {
    let region = settings.region.as_deref().or_else(|| profiles.get("region")).or(fallback);
    let region = region.ok_or_else(|| {
        AwsFailure::usage(
            "no AWS region is set",
            "give one with `--region`, set AWS_REGION, or put `region = …` into the profile",
        )
    })?;
    if !is_region(region) {
        return Err(AwsFailure::usage(
            format!("`{region}` is not an AWS region"),
            "regions are named like eu-west-1 or us-gov-east-1",
        ));
    }
    Ok(region.to_owned())
}

/// Returns the endpoint of Systems Manager that the environment or the profile sets.
fn ssm_endpoint(sdk: &SdkConfig) -> Result<Option<Uri>, AwsFailure> {
    let Some(endpoint) = endpoint_of(sdk, "SSM") else { return Ok(None) };
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
    async fn signing_in_needs_no_region_of_the_profile() {
        let session = "[sso-session corp]\nsso_region = eu-north-1\nsso_start_url = https://x\n";
        let mut settings = settings(&format!("[profile a]\nsso_session = corp\n{session}"));
        settings.profile = Some("a".to_owned());
        assert!(AwsContext::load(&settings).await.is_err());
        let context = AwsContext::load_for_sign_in(&settings, None).await.expect("complete");
        assert_eq!(context.region(), "eu-north-1");
        let context = AwsContext::load_for_sign_in(&settings, Some("corp")).await;
        assert_eq!(context.expect("complete").region(), "eu-north-1");
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

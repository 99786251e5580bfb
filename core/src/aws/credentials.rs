//! Credentials: loaded once, shared by the SDK and the websocket, loaded anew when they run out.
//!
//! Programs, containers, instances and `aws login` are left to the SDK. What is ours: an explicitly
//! chosen profile wins over keys in the environment, which the SDK's default chain does the other way
//! round; sign-ins to IAM Identity Center and roles, of which the SDK hides why they fail and forgets
//! the second factor; and each load starts from the files, so that a sign-in made meanwhile by any
//! tool is noticed without a restart.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::credential_process::CredentialProcessProvider;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::login::LoginCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_runtime::env_config::file::EnvConfigFiles;
use ssmpf_schema::ErrorKind;
use tokio::sync::Mutex;

use super::caches::Caches;
use super::chain::{self, Base, Chain};
use super::error::{AwsFailure, Surroundings, Verdict};
use super::need::SignInNeed;
use super::profiles::{DEFAULT_PROFILE, Profiles};
use super::sso::Portal;
use super::{instance, roles};

/// Credentials that end sooner than this are replaced before they are used.
///
/// Long enough for a call and the websocket that follows it; the SSO portal renews at five minutes.
const MARGIN: Duration = Duration::from_secs(60);

/// Credentials without an end are read again after this, as the SDK does.
const REREAD: Duration = Duration::from_secs(15 * 60);

/// Longest wait for a source, such as a `credential_process` that asks somebody something.
const LOAD_LIMIT: Duration = Duration::from_secs(60);

/// Where credentials come from.
#[derive(Debug)]
pub(super) struct Source {
    /// The chosen profile; none means the environment, then the default profile, then this machine.
    pub(super) profile: Option<String>,
    pub(super) files: EnvConfigFiles,
    /// Settings of all clients, without credentials.
    pub(super) sdk: SdkConfig,
    pub(super) caches: Option<Caches>,
    /// How the profile is signed in to, for failures of the SDK's own providers.
    pub(super) sign_in: String,
}

/// What a load is given besides the files.
#[derive(Clone, Copy, Debug, Default)]
struct Given<'a> {
    /// A code of the person's device.
    code: Option<&'a str>,
    /// The access key that AWS refused: what is kept of it is of no use.
    refused: Option<&'a str>,
}

impl Source {
    async fn load(&self, given: Given<'_>) -> Result<Credentials, AwsFailure> {
        let load = tokio::time::timeout(LOAD_LIMIT, self.load_from_first(given));
        let result = load.await.unwrap_or_else(|_| {
            Err(self.explained(&CredentialsError::provider_timed_out(LOAD_LIMIT)))
        });
        result.map_err(|failure| failure.with_command(self.profile.as_deref()))
    }

    async fn load_from_first(&self, given: Given<'_>) -> Result<Credentials, AwsFailure> {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if self.profile.is_none() && set("AWS_ACCESS_KEY_ID") {
            return self.provided(EnvironmentVariableCredentialsProvider::new()).await;
        }
        let name = self.profile.as_deref().unwrap_or(DEFAULT_PROFILE);
        if let Some(chain) = self.chain(name).await? {
            return self.follow(&chain, given).await;
        }
        if self.profile.is_some() {
            return Err(self.explained(&CredentialsError::not_loaded_no_source()));
        }
        if let (Ok(token_file), Ok(role_arn)) =
            (std::env::var("AWS_WEB_IDENTITY_TOKEN_FILE"), std::env::var("AWS_ROLE_ARN"))
        {
            let name = std::env::var("AWS_ROLE_SESSION_NAME").ok();
            let name = name.as_deref().filter(|name| !name.is_empty());
            return roles::assume_with_web_identity(&role_arn, &token_file, name, &self.sdk).await;
        }
        if set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
            || set("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        {
            return self.of_base(&Base::Container, given).await;
        }
        if instance::has_metadata_service() {
            return self.of_base(&Base::Instance, given).await;
        }
        Err(self.explained(&CredentialsError::not_loaded_no_source()))
    }

    async fn chain(&self, name: &str) -> Result<Option<Chain>, AwsFailure> {
        let profiles = Profiles::load(&self.files, self.profile.as_deref()).await?;
        if self.profile.is_none() && profiles.set().get_profile(name).is_none() {
            return Ok(None);
        }
        chain::resolve(profiles.set(), name).map_err(|why| {
            let failure = self.explained(&CredentialsError::invalid_configuration(why.clone()));
            AwsFailure { causes: vec![why], ..failure }
        })
    }

    async fn follow(&self, chain: &Chain, given: Given<'_>) -> Result<Credentials, AwsFailure> {
        let caches = self.caches()?;
        // What an earlier code opened saves everything before it.
        let kept = chain.roles.iter().enumerate().rev().find_map(|(at, role)| {
            let kept = role.kept(caches)?;
            (Some(kept.access_key_id.as_str()) != given.refused)
                .then(|| (at + 1, kept.into_sdk(roles::account_of(&role.arn), "AssumeRole")))
        });
        let (start, mut credentials) = match kept {
            Some(kept) => kept,
            None => (0, self.of_base(&chain.base, given).await?),
        };
        for role in &chain.roles[start..] {
            credentials = roles::assume(role, credentials, given.code, &self.sdk, caches).await?;
        }
        Ok(credentials)
    }

    async fn of_base(&self, base: &Base, given: Given<'_>) -> Result<Credentials, AwsFailure> {
        match base {
            Base::Keys(credentials) => Ok(credentials.clone()),
            Base::Sso(access) => {
                let portal = Portal::new(&self.sdk, &access.session, self.caches()?);
                portal.credentials(access, given.refused).await
            }
            Base::WebIdentity { role_arn, token_file, session_name } => {
                let name = session_name.as_deref();
                roles::assume_with_web_identity(role_arn, token_file, name, &self.sdk).await
            }
            Base::Process { command } => {
                self.provided(CredentialProcessProvider::new(command.clone())).await
            }
            Base::Console { arn } => self.of_console(arn).await,
            Base::Environment => self.provided(EnvironmentVariableCredentialsProvider::new()).await,
            Base::Container => {
                let provider = EcsCredentialsProvider::builder().configure(&self.provider_config());
                self.provided(provider.build()).await
            }
            Base::Instance => {
                let provider = ImdsCredentialsProvider::builder();
                self.provided(provider.configure(&self.provider_config()).build()).await
            }
        }
    }

    async fn of_console(&self, arn: &str) -> Result<Credentials, AwsFailure> {
        let file = self.caches()?.login_session(arn);
        let need = SignInNeed::Console { arn: arn.to_owned(), file: file.clone() };
        if !file.exists() {
            let failure = AwsFailure::new(
                ErrorKind::SignInRequired,
                Verdict::SignIn,
                format!("there is no sign-in as {arn} on this machine"),
                "",
            );
            return Err(failure.needing(need));
        }
        let provider = LoginCredentialsProvider::builder(arn).configure(&self.provider_config());
        let result = self.provided(provider.build()).await;
        let lacks_policy = |failure: &AwsFailure| {
            failure.causes.iter().any(|cause| cause.contains("insufficient permissions"))
        };
        result.map_err(|failure| match failure.kind {
            _ if lacks_policy(&failure) => AwsFailure {
                causes: failure.causes,
                ..AwsFailure::new(
                    ErrorKind::Denied,
                    Verdict::SignIn,
                    format!("{arn} may not use `aws login`"),
                    "it needs the policy SignInLocalDevelopmentAccess",
                )
            },
            ErrorKind::SignInRequired => AwsFailure { hint: None, ..failure }.needing(need),
            _ => failure,
        })
    }

    async fn provided(&self, provider: impl ProvideCredentials) -> Result<Credentials, AwsFailure> {
        provider.provide_credentials().await.map_err(|error| self.explained(&error))
    }

    fn provider_config(&self) -> ProviderConfig {
        let mut config = ProviderConfig::without_region()
            .with_region(self.sdk.region().cloned())
            .with_use_fips(self.sdk.use_fips())
            .with_use_dual_stack(self.sdk.use_dual_stack());
        if let Some(client) = self.sdk.http_client() {
            config = config.with_http_client(client);
        }
        if let Some(timeouts) = self.sdk.timeout_config() {
            config = config.with_timeout_config(timeouts.clone());
        }
        config
    }

    fn caches(&self) -> Result<&Caches, AwsFailure> {
        self.caches.as_ref().ok_or_else(|| {
            AwsFailure::usage(
                "there is no folder for sign-ins: HOME is not set",
                "set HOME to a folder of your own",
            )
        })
    }

    fn explained(&self, error: &CredentialsError) -> AwsFailure {
        let around = Surroundings {
            profile: self.profile.clone(),
            sign_in: self.sign_in.clone(),
            ..Surroundings::default()
        };
        AwsFailure::from_credentials(error, &around)
    }
}

/// The credentials of this process.
#[derive(Clone, Debug)]
pub(super) struct CachedCredentials {
    source: Arc<Source>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    loaded: Option<Loaded>,
    refused: Option<String>,
}

#[derive(Debug)]
struct Loaded {
    credentials: Credentials,
    until: SystemTime,
}

impl CachedCredentials {
    pub(super) fn new(source: Source) -> Self {
        Self { source: Arc::new(source), state: Arc::default() }
    }

    /// Returns credentials that are good for some time yet.
    pub(super) async fn get(&self) -> Result<Credentials, AwsFailure> {
        // Held while loading, so that many callers lead to one load.
        let mut state = self.state.lock().await;
        if let Some(loaded) = state.loaded.as_ref().filter(|l| SystemTime::now() < l.until) {
            return Ok(loaded.credentials.clone());
        }
        self.load(&mut state, None).await
    }

    /// Loads credentials with a code of the person's device.
    pub(super) async fn get_with_code(&self, code: &str) -> Result<Credentials, AwsFailure> {
        let mut state = self.state.lock().await;
        self.load(&mut state, Some(code)).await
    }

    async fn load(&self, state: &mut State, code: Option<&str>) -> Result<Credentials, AwsFailure> {
        let given = Given { code, refused: state.refused.as_deref() };
        let credentials = self.source.load(given).await?;
        state.loaded = Some(Loaded {
            until: good_until(&credentials, SystemTime::now()),
            credentials: credentials.clone(),
        });
        Ok(credentials)
    }

    /// Forgets what is loaded; the next call starts from the files.
    ///
    /// If AWS `refused` the credentials, they are not taken from a cache again either.
    pub(super) async fn forget(&self, refused: bool) {
        let mut state = self.state.lock().await;
        if let Some(loaded) = state.loaded.take().filter(|_| refused) {
            state.refused = Some(loaded.credentials.access_key_id().to_owned());
        }
    }
}

fn good_until(credentials: &Credentials, now: SystemTime) -> SystemTime {
    let end = match credentials.expiry() {
        Some(expiry) => expiry.checked_sub(MARGIN),
        None => now.checked_add(REREAD),
    };
    end.unwrap_or(now)
}

impl ProvideCredentials for CachedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.get().await.map_err(CredentialsError::provider_error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_used_until_shortly_before_their_end() {
        let now = SystemTime::now();
        let hour = Duration::from_secs(3600);
        let ending = Credentials::new("id", "secret", None, Some(now + hour), "test");
        assert_eq!(good_until(&ending, now), now + hour - MARGIN);
        let endless = Credentials::new("id", "secret", None, None, "test");
        assert_eq!(good_until(&endless, now), now + REREAD);
    }
}

//! Credentials: loaded once, shared by the SDK and the websocket, loaded anew when they run out.
//!
//! The sources are the SDK's own. What is ours: an explicitly chosen profile wins over keys in the
//! environment, which the SDK's default chain does the other way round; and each load starts from the
//! files, so that a sign-in made meanwhile by any tool is noticed without a restart.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::region::Region;
use tokio::sync::Mutex;

use super::profiles::DEFAULT_PROFILE;

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
    /// The chosen profile; none means the SDK's default chain.
    pub(super) profile: Option<String>,
    pub(super) files: EnvConfigFiles,
    pub(super) region: Region,
    pub(super) http_client: SharedHttpClient,
    pub(super) timeouts: TimeoutConfig,
}

impl Source {
    async fn load(&self) -> Result<Credentials, CredentialsError> {
        let config = ProviderConfig::without_region()
            .with_region(Some(self.region.clone()))
            .with_http_client(self.http_client.clone())
            .with_timeout_config(self.timeouts.clone());
        let load = async {
            match &self.profile {
                Some(profile) => {
                    let provider = ProfileFileCredentialsProvider::builder()
                        .configure(&config)
                        .profile_files(self.files.clone())
                        .profile_name(profile)
                        .build();
                    provider.provide_credentials().await
                }
                None => {
                    let chain = DefaultCredentialsChain::builder()
                        .configure(config)
                        .region(self.region.clone())
                        .profile_name(DEFAULT_PROFILE)
                        .build()
                        .await;
                    chain.provide_credentials().await
                }
            }
        };
        tokio::time::timeout(LOAD_LIMIT, load)
            .await
            .unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(LOAD_LIMIT)))
    }
}

/// The credentials of this process.
#[derive(Clone, Debug)]
pub(super) struct CachedCredentials {
    source: Arc<Source>,
    loaded: Arc<Mutex<Option<Loaded>>>,
}

#[derive(Debug)]
struct Loaded {
    credentials: Credentials,
    until: SystemTime,
}

impl CachedCredentials {
    pub(super) fn new(source: Source) -> Self {
        Self { source: Arc::new(source), loaded: Arc::default() }
    }

    /// Returns credentials that are good for some time yet.
    pub(super) async fn get(&self) -> Result<Credentials, CredentialsError> {
        // Held while loading, so that many callers lead to one load.
        let mut loaded = self.loaded.lock().await;
        if let Some(loaded) = loaded.as_ref().filter(|l| SystemTime::now() < l.until) {
            return Ok(loaded.credentials.clone());
        }
        let credentials = self.source.load().await?;
        *loaded = Some(Loaded {
            until: good_until(&credentials, SystemTime::now()),
            credentials: credentials.clone(),
        });
        Ok(credentials)
    }

    /// Forgets what is loaded; the next call starts from the files.
    pub(super) async fn forget(&self) {
        *self.loaded.lock().await = None;
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
        future::ProvideCredentials::new(self.get())
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

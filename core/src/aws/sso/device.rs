//! Signing in with a code, in a browser that may run on another machine.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Token;
use super::oidc::Oidc;
use super::refusal::SignInError;
use super::registration::Registration;
use crate::aws::error::Verdict;
use crate::aws::guide::{Guide, Invitation, invite};

/// Grant of the device flow [RFC 8628].
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Seconds between two questions when the service does not say [RFC 8628 §3.2].
const DEFAULT_INTERVAL: u64 = 5;

/// Seconds to add when the service asks to slow down [RFC 8628 §3.5].
const SLOW_DOWN: u64 = 5;

/// Longest time between two questions, in seconds, whatever the service says.
const MAX_INTERVAL: u64 = 60;

/// Longest time a code may be said to last, in seconds.
const MAX_LIFE: u64 = 3600;

fn may_pass(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::TryAgain | Verdict::TrySlower)
}

/// Shows a code and asks until somebody has entered it.
pub(super) async fn sign_in(
    oidc: &Oidc,
    registration: &Registration,
    open_browser: bool,
    guide: &Arc<dyn Guide>,
) -> Result<Token, SignInError> {
    let answer = oidc
        .client
        .start_device_authorization()
        .client_id(&registration.client_id)
        .client_secret(registration.client_secret.expose())
        .start_url(&oidc.session.start_url)
        .send()
        .await
        .map_err(|error| oidc.refused(error))?;
    let seconds = |number: i32| u64::try_from(number).unwrap_or(0);
    let life = Duration::from_secs(seconds(answer.expires_in).min(MAX_LIFE));
    let mut interval = match seconds(answer.interval) {
        0 => DEFAULT_INTERVAL,
        given => given.min(MAX_INTERVAL),
    };
    let (Some(code), Some(user_code), Some(page)) =
        (answer.device_code, answer.user_code, answer.verification_uri)
    else {
        return Err(oidc.incomplete().into());
    };
    let url = match (open_browser, answer.verification_uri_complete) {
        (true, Some(complete)) => complete,
        // To be typed on another machine: the shorter one.
        _ => page,
    };
    let label = oidc.session.label();
    invite(guide, Invitation { url, user_code: Some(user_code), open_browser, label });
    let deadline = Instant::now() + life;
    loop {
        tokio::time::sleep(Duration::from_secs(interval)).await;
        let answer = oidc
            .client
            .create_token()
            .grant_type(GRANT)
            .client_id(&registration.client_id)
            .client_secret(registration.client_secret.expose())
            .device_code(&code)
            .send()
            .await;
        match answer.map_err(|error| oidc.refused(error)) {
            Ok(answer) => return oidc.token(answer, registration),
            Err(SignInError::Pending) => {}
            Err(SignInError::SlowDown) => interval = (interval + SLOW_DOWN).min(MAX_INTERVAL),
            // The person is not to enter a second code because of a moment without network.
            Err(SignInError::Failed(failure)) if may_pass(failure.verdict) => {
                tracing::info!("asking again: {failure}");
            }
            Err(error) => return Err(error),
        }
        if Instant::now() >= deadline {
            return Err(oidc.too_slow().into());
        }
    }
}

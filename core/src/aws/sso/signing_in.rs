//! Having a person sign in, in one of three ways, and keeping what came of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ssmpf_schema::ErrorKind;

use super::authorize::Attempt;
use super::callback::{Answer, Callback};
use super::oidc::Oidc;
use super::refusal::SignInError;
use super::registration::Registration;
use super::{Token, device};
use crate::aws::error::{AwsFailure, Verdict};
use crate::aws::guide::{Flow, Guide, Invitation, invite};

/// Longest wait for a person to sign in.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Lets a person sign in, and keeps the token where the AWS CLI looks for it.
pub async fn sign_in(oidc: &Oidc, flow: Flow, guide: &Arc<dyn Guide>) -> Result<Token, AwsFailure> {
    let flow = match flow {
        // What the CLI does: the older kind knows device codes only.
        Flow::Browser if oidc.session.name.is_none() => Flow::DeviceCode { open_browser: true },
        Flow::PrintUrl if oidc.session.name.is_none() => Flow::DeviceCode { open_browser: false },
        flow => flow,
    };
    let with_browser = !matches!(flow, Flow::DeviceCode { .. });
    let kept = Registration::kept(&oidc.caches, &oidc.session, with_browser, Timestamp::now());
    let is_kept = kept.is_some();
    let registration = match kept {
        Some(kept) => kept,
        None => oidc.register(with_browser).await?,
    };
    let token = match attempt(oidc, flow, &registration, guide).await {
        // The service may have forgotten a client that the file still remembers.
        Err(SignInError::UnknownClient(_)) if is_kept => {
            let fresh = oidc.register(with_browser).await?;
            attempt(oidc, flow, &fresh, guide).await
        }
        result => result,
    };
    let token = token.map_err(SignInError::into_failure)?;
    oidc.keep(&token)?;
    Ok(token)
}

async fn attempt(
    oidc: &Oidc,
    flow: Flow,
    registration: &Registration,
    guide: &Arc<dyn Guide>,
) -> Result<Token, SignInError> {
    match flow {
        Flow::DeviceCode { open_browser } => {
            device::sign_in(oidc, registration, open_browser, guide).await
        }
        Flow::Browser => authorize(oidc, registration, true, guide).await,
        Flow::PrintUrl => authorize(oidc, registration, false, guide).await,
    }
}

async fn authorize(
    oidc: &Oidc,
    registration: &Registration,
    open_browser: bool,
    guide: &Arc<dyn Guide>,
) -> Result<Token, SignInError> {
    let no_port = |error: std::io::Error| {
        AwsFailure::new(
            ErrorKind::BindRefused,
            Verdict::GiveUp,
            "there is no free port on loopback for the answer of the browser",
            "use `ssmpf login --device-code`",
        )
        .caused_by(&error)
    };
    let callback = Callback::bind().await.map_err(no_port)?;
    let attempt = Attempt::new(callback.port());
    let scopes = oidc.scopes();
    let url = attempt.url(&oidc.endpoint, &registration.client_id, &scopes)?;
    let label = oidc.session.label();
    invite(guide, Invitation { url, user_code: None, open_browser, label });
    let answer = tokio::time::timeout(PATIENCE, callback.answer(&attempt.state)).await;
    let code = match answer {
        Err(_) => return Err(SignInError::Failed(oidc.too_slow())),
        Ok(Err(error)) => return Err(no_port(error).into()),
        Ok(Ok(Answer::Refused { error, description })) => {
            let mut failure = oidc.denied();
            failure.causes = vec![format!("{error}: {description}")];
            return Err(SignInError::Failed(failure));
        }
        Ok(Ok(Answer::Code(code))) => code,
    };
    let answer = oidc
        .client
        .create_token()
        .grant_type("authorization_code")
        .client_id(&registration.client_id)
        .client_secret(registration.client_secret.expose())
        .code(code.expose())
        .code_verifier(attempt.verifier())
        .redirect_uri(&attempt.redirect_uri)
        .send()
        .await;
    oidc.token(answer.map_err(|error| oidc.refused(error))?, registration)
}

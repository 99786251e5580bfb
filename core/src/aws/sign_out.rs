//! Ending sign-ins: on the server as far as it can be told, and in the caches in any case.

use std::io;
use std::path::Path;

use aws_config::profile::ProfileSet;

use super::caches::{self, Caches};
use super::chain::{self, Base};
use super::config::AwsContext;
use super::error::AwsFailure;
use super::profiles::WayIn;
use super::sso::{Portal, SsoSession, Token};

/// What to sign out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Everything in IAM Identity Center.
    Everything,
    /// The `sso-session` of this name.
    Session(&'a str),
    /// Whatever this profile signs in to.
    Profile(&'a str),
}

/// Signs out and returns how many sign-ins that ended.
pub async fn run(context: &AwsContext, scope: Scope<'_>) -> Result<usize, AwsFailure> {
    let caches = context.caches()?;
    let profiles = context.profiles().await?;
    let set = profiles.set();
    match scope {
        Scope::Everything => everything(context, caches).await,
        Scope::Session(name) => {
            let session = profiles.session(name)?;
            of_session(context, set, &session, caches).await
        }
        Scope::Profile(name) => match profiles.sign_in_of(name)? {
            WayIn::Sso(session) => of_session(context, set, &session, caches).await,
            WayIn::Console { arn } => Ok(removed(&caches.login_session(&arn))?.into()),
            WayIn::Mfa { .. } => {
                let roles = chain::resolve(set, name).ok().flatten().map(|chain| chain.roles);
                let mut ended = 0;
                for role in roles.unwrap_or_default().iter().filter(|it| it.mfa_serial.is_some()) {
                    ended += usize::from(removed(&role.path(caches))?);
                }
                Ok(ended)
            }
        },
    }
}

async fn everything(context: &AwsContext, caches: &Caches) -> Result<usize, AwsFailure> {
    let mut ended = 0;
    for path in json_files(&caches.sso)? {
        // The registrations in the same folder stay: they are no sign-ins.
        let (Ok(token), Ok(fields)) = (Token::read(&path), caches::read(&path)) else { continue };
        let text = |name: &str| caches::text(&fields, name).unwrap_or_default().to_owned();
        let session = SsoSession {
            name: None,
            start_url: text("startUrl"),
            region: text("region"),
            scopes: None,
        };
        if super::endpoint::is_region(&session.region) {
            end(context, &session, &token, caches).await;
        }
        ended += usize::from(removed(&path)?);
    }
    for path in json_files(&caches.cli)? {
        let fields = caches::read(&path).unwrap_or_default();
        if caches::text(&fields, "ProviderType") == Some("sso") {
            removed(&path)?;
        }
    }
    Ok(ended)
}

async fn of_session(
    context: &AwsContext,
    set: &ProfileSet,
    session: &SsoSession,
    caches: &Caches,
) -> Result<usize, AwsFailure> {
    let path = caches.sso_token(session.key());
    if let Ok(token) = Token::read(&path) {
        end(context, session, &token, caches).await;
    }
    for name in set.profiles() {
        let Ok(Some(chain)) = chain::resolve(set, name) else { continue };
        if let Base::Sso(access) = &chain.base
            && access.session.key() == session.key()
        {
            removed(&access.path(caches))?;
        }
    }
    Ok(removed(&path)?.into())
}

/// Ends a session on the server. If that fails, forgetting it here has to do: it ends by itself.
async fn end(context: &AwsContext, session: &SsoSession, token: &Token, caches: &Caches) {
    let portal = Portal::new(context.sdk(), session, caches);
    if let Err(failure) = portal.sign_out(token).await {
        tracing::warn!(
            "the session of {} may still live on the server: {failure}",
            session.label()
        );
    }
}

fn json_files(folder: &Path) -> Result<Vec<std::path::PathBuf>, AwsFailure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(not_removed(folder, &error)),
    };
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|it| it == "json")).collect())
}

/// Removes a file and returns whether it was there.
fn removed(path: &Path) -> Result<bool, AwsFailure> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(not_removed(path, &error)),
    }
}

fn not_removed(path: &Path, error: &io::Error) -> AwsFailure {
    use ssmpf_schema::ErrorKind;
    let message = format!("the sign-in in {} could not be removed", path.display());
    AwsFailure::new(ErrorKind::Failure, super::Verdict::GiveUp, message, "remove it by hand")
        .caused_by(error)
}

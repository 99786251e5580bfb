//! Having a person sign in, and noticing that it was done.
//!
//! A failure says in [`AwsFailure::sign_in`](super::AwsFailure) whether a person can mend it, and how.
//! With a [`Guide`] at hand, [`AwsContext::credentials`](super::AwsContext::credentials) has it mended
//! and goes on. Without one, or once a forward runs, [`Watch`] tells cheaply when somebody
//! signed in meanwhile, with this program or with the AWS CLI: one sign-in revives all profiles that
//! share it, since they share its file.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use ssmpf_schema::ErrorKind;
use tokio::process::Command;
use tokio::sync::{Mutex, MutexGuard};

use super::caches::{self, Caches};
use super::error::{AwsFailure, Verdict};
use super::guide::{Flow, Guide};
use super::need::SignInNeed;
use super::profile_files::ProfileFiles;
use super::sso::{self, Oidc, SsoSession, Token};
use crate::model::Redacted;

/// Time between two looks while somebody has to sign in.
const LOOK: Duration = Duration::from_secs(1);

/// Notices that a sign-in was made, by looking at its file: a `stat` or two, no parsing, no network.
#[derive(Clone, Debug)]
pub struct Watch {
    files: Vec<(PathBuf, Option<Stamp>)>,
}

/// When a file was last written, and its size.
type Stamp = (SystemTime, u64);

impl Watch {
    /// Begins to watch for what would mend this failure: its sign-in, or new keys in the shared files.
    pub fn after(failure: &AwsFailure) -> Self {
        let file = failure.sign_in.as_deref().and_then(SignInNeed::file);
        Self::of(file.map_or_else(|| ProfileFiles::of_process().both(), |file| vec![file]))
    }

    fn of(files: Vec<PathBuf>) -> Self {
        let seen = |path: PathBuf| {
            let seen = stamp(&path);
            (path, seen)
        };
        Self { files: files.into_iter().map(seen).collect() }
    }

    /// Returns whether a file was written since the last call, or since the watch began.
    ///
    /// It may have been for the worse: try again, and watch on if that fails.
    pub fn happened(&mut self) -> bool {
        let mut happened = false;
        for (path, seen) in &mut self.files {
            let now = stamp(path);
            happened |= now.is_some() && now != *seen;
            *seen = now;
        }
        happened
    }

    /// Completes when it has happened.
    pub async fn happens(&mut self) {
        while !self.happened() {
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// One person cannot be asked two things at once.
static TURN: Mutex<Turn> = Mutex::const_new(Turn { declined: Vec::new() });

/// Waits until nobody else in this process asks the person.
pub(super) async fn turn() -> MutexGuard<'static, Turn> {
    TURN.lock().await
}

/// The right to ask, and what the person did not want to do.
#[derive(Debug)]
pub(super) struct Turn {
    declined: Vec<SignInNeed>,
}

impl Turn {
    /// Whether this was asked for before in vain: who said no for one profile means all that share
    /// the sign-in.
    pub(super) fn is_declined(&self, need: &SignInNeed) -> bool {
        self.declined.iter().any(|declined| match (declined, need) {
            // Who has no code of a device now has none for its other roles either.
            (SignInNeed::Mfa { serial, .. }, SignInNeed::Mfa { serial: other, .. }) => {
                serial == other
            }
            _ => declined == need,
        })
    }

    /// Remembers for the rest of this process that it was asked for in vain.
    pub(super) fn decline(&mut self, need: SignInNeed) {
        if !self.is_declined(&need) {
            self.declined.push(need);
        }
    }
}

/// Lets a person sign in to IAM Identity Center.
pub async fn sign_in_to(
    session: &SsoSession,
    flow: Flow,
    sdk: &SdkConfig,
    caches: &Caches,
    guide: &Arc<dyn Guide>,
) -> Result<Token, AwsFailure> {
    // Before a person takes the trouble.
    caches::check_writable(&caches.sso).map_err(|error| {
        let what = format!("there is no place for the sign-in: {} is closed", caches.sso.display());
        let hint = "the folder must be writable; the AWS CLI uses it too";
        AwsFailure::new(ErrorKind::Failure, Verdict::GiveUp, what, hint).caused_by(&error)
    })?;
    let oidc = Oidc::new(sdk, session, caches).await?;
    let token = sso::sign_in(&oidc, flow, guide).await?;
    guide.tell(&format!("signed in to {}", session.label()));
    Ok(token)
}

/// The first AWS CLI that has `aws login`.
const FIRST_WITH_LOGIN: (u32, u32) = (2, 32);

/// Lets a person sign in with the AWS CLI: nobody else can make what `aws login` makes.
pub(super) async fn sign_in_with_cli(profile: Option<&str>) -> Result<(), AwsFailure> {
    let asked = Command::new("aws").arg("--version").stdin(Stdio::null()).output().await;
    // One that is too old would answer with a page of usage.
    if let Some(version) = asked.ok().and_then(|output| cli_version(&output.stdout))
        && version < FIRST_WITH_LOGIN
    {
        let (major, minor) = version;
        return Err(AwsFailure::new(
            ErrorKind::SignInRequired,
            Verdict::SignIn,
            format!(
                "this profile is signed in to with `aws login`, which version {major}.{minor} of \
                 the AWS CLI does not have"
            ),
            "install version 2.32 or a later one, or use a profile of another kind",
        ));
    }
    let mut command = Command::new("aws");
    command.arg("login");
    if let Some(profile) = profile {
        command.args(["--profile", profile]);
    }
    // What it says is conversation; stdout is for our own result.
    command.stdout(io::stderr());
    command.kill_on_drop(true);
    let failed = |message: &str, hint: &str| {
        AwsFailure::new(ErrorKind::SignInRequired, Verdict::SignIn, message, hint)
    };
    match command.status().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(
            &format!("`aws login` ended with {status}"),
            "it needs version 2.32 of the AWS CLI or a later one",
        )),
        Err(error) => Err(failed(
            "this profile is signed in to with `aws login`, and the AWS CLI is not there",
            "install version 2.32 of the AWS CLI or a later one, or use a profile of another kind",
        )
        .caused_by(&error)),
    }
}

/// Returns the version in `aws-cli/2.32.1 Python/3.13 …`.
fn cli_version(text: &[u8]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let mut numbers = text.strip_prefix("aws-cli/")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Asks for a code. What is not six digits is not even sent.
pub(super) async fn mfa_code(
    serial: &str,
    guide: &Arc<dyn Guide>,
) -> Result<Redacted<String>, AwsFailure> {
    let (asked, whom) = (serial.to_owned(), Arc::clone(guide));
    let answer = tokio::task::spawn_blocking(move || whom.mfa_code(&asked)).await;
    let none = |cause: Option<io::Error>| {
        let hint = match cause {
            Some(_) => "try again on a terminal",
            None => "try again with the device at hand",
        };
        let failure = AwsFailure::new(
            ErrorKind::SignInRequired,
            Verdict::SignIn,
            format!("no code of {serial} was given"),
            hint,
        );
        match cause {
            Some(error) => failure.caused_by(&error),
            None => failure,
        }
    };
    match answer {
        Ok(Ok(Some(code))) => Ok(Redacted::new(code.expose().trim().to_owned())),
        Ok(Ok(None)) => Err(none(None)),
        Ok(Err(error)) => Err(none(Some(error))),
        Err(error) => Err(none(Some(io::Error::other(error)))),
    }
}

/// Whether STS would take this as a code.
pub(super) fn is_code(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SsoSession {
        SsoSession {
            name: Some("my corp".to_owned()),
            start_url: "https://x".to_owned(),
            region: "eu-west-1".to_owned(),
            scopes: None,
        }
    }

    #[test]
    fn a_sign_in_is_noticed_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.json");
        let mut watch = Watch::of(vec![path.clone()]);
        assert!(!watch.happened());
        std::fs::write(&path, "one").unwrap();
        assert!(watch.happened());
        assert!(!watch.happened());
        std::fs::write(&path, "another").unwrap();
        assert!(watch.happened());
        std::fs::remove_file(&path).unwrap();
        assert!(!watch.happened(), "signing out is no sign-in");
    }

    #[test]
    fn who_said_no_is_not_asked_again_for_the_same() {
        let mut turn = Turn { declined: Vec::new() };
        let mfa = |serial: &str, file: &str| SignInNeed::Mfa {
            serial: serial.to_owned(),
            file: PathBuf::from(file),
        };
        turn.decline(SignInNeed::Sso(session()));
        turn.decline(mfa("phone", "admin.json"));
        assert!(turn.is_declined(&SignInNeed::Sso(session())));
        assert!(turn.is_declined(&mfa("phone", "reader.json")), "it is the same device");
        assert!(!turn.is_declined(&mfa("key", "admin.json")));
        let other = SsoSession { name: Some("other".to_owned()), ..session() };
        assert!(!turn.is_declined(&SignInNeed::Sso(other)));
    }

    #[test]
    fn versions_of_the_aws_cli_are_compared_as_numbers() {
        let version = |text: &str| cli_version(text.as_bytes());
        assert_eq!(version("aws-cli/2.9.19 Python/3.11.2 Linux/6"), Some((2, 9)));
        assert!(version("aws-cli/2.9.19").unwrap() < FIRST_WITH_LOGIN);
        assert!(version("aws-cli/1.44.5 Python/3.11").unwrap() < FIRST_WITH_LOGIN);
        assert!(version("aws-cli/2.32.0").unwrap() >= FIRST_WITH_LOGIN);
        assert_eq!(version("something else"), None);
    }

    #[test]
    fn codes_have_six_digits() {
        assert!(is_code("012345"));
        for wrong in ["12345", "1234567", "12345x", "", "١٢٣٤٥٦"] {
            assert!(!is_code(wrong), "{wrong}");
        }
    }
}

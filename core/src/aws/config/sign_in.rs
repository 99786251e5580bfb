//! Where a person is asked: credentials that want a sign-in, and signing in on request.

use std::sync::Arc;

use aws_credential_types::Credentials;
use jiff::Timestamp;
use ssmpf_schema::ErrorKind;

use super::AwsContext;
use crate::aws::error::{AwsFailure, Verdict};
use crate::aws::guide::{Flow, Guide};
use crate::aws::need::SignInNeed;
use crate::aws::profiles::WayIn;
use crate::aws::sign_in;
use crate::aws::sso::SsoSession;

/// How often a person is asked: typing a code wrong twice is human.
const SIGN_INS: usize = 3;

/// What is said about a code that cannot be one.
const WANTED_CODE: &str = "a code has six digits";

/// What a person signed in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// In words.
    pub label: String,
    /// How long it lasts, if that is known.
    pub until: Option<Timestamp>,
}

impl AwsContext {
    /// Returns credentials that are good for some time yet.
    ///
    /// Until there have been some, a person who can mend the failure is asked to, if there is anybody.
    pub async fn credentials(&self) -> Result<Credentials, AwsFailure> {
        let mut result = self.0.credentials.get().await;
        if let (Err(failure), Some(guide)) = (&result, &self.0.guide)
            && failure.sign_in.is_some()
            && !self.is_settled()
        {
            let mut withdrawn = self.0.withdrawn.subscribe();
            result = tokio::select! {
                result = self.asked(guide) => result,
                // The sender lives as long as this context.
                _ = withdrawn.wait_for(|withdrawn| *withdrawn) => {
                    let message = "the sign-in was cut short";
                    Err(AwsFailure::new(ErrorKind::Interrupted, Verdict::GiveUp, message, ""))
                }
            };
        }
        if result.is_ok() {
            self.0.settled.send_replace(true);
        }
        result
    }

    /// Asks a person, one after another, until there are credentials or no use in asking.
    async fn asked(&self, guide: &Arc<dyn Guide>) -> Result<Credentials, AwsFailure> {
        let mut turn = sign_in::turn().await;
        // Who waited for a turn may find it done: one sign-in serves all who share it.
        let mut result = self.0.credentials.get().await;
        let mut asked = None;
        for _ in 0..SIGN_INS {
            let Err(failure) = &result else { break };
            let Some(need) = failure.sign_in.clone() else { break };
            if turn.is_declined(&need) {
                break;
            }
            result = self.sign_in(&need, failure, guide).await;
            asked = Some(*need);
        }
        if let (Err(failure), Some(need)) = (&result, asked)
            && failure.kind == ErrorKind::SignInRequired
        {
            turn.decline(need);
        }
        result
    }

    async fn sign_in(
        &self,
        need: &SignInNeed,
        failure: &AwsFailure,
        guide: &Arc<dyn Guide>,
    ) -> Result<Credentials, AwsFailure> {
        guide.tell(&failure.message);
        match need {
            SignInNeed::Sso(session) => {
                let caches = self.caches()?;
                sign_in::sign_in_to(session, guide.flow(), self.sdk(), caches, guide).await?;
            }
            SignInNeed::Console { .. } => {
                sign_in::sign_in_with_cli(self.profile()).await?;
            }
            SignInNeed::Mfa { serial, .. } => {
                let code = sign_in::mfa_code(serial, guide).await?;
                if !sign_in::is_code(code.expose()) {
                    return Err(AwsFailure { message: WANTED_CODE.to_owned(), ..failure.clone() });
                }
                return self.0.credentials.get_with_code(code.expose()).await;
            }
        }
        self.0.credentials.get().await
    }

    /// Lets a person sign in even if it is not needed yet. Returns what there was to sign in to.
    ///
    /// # Errors
    ///
    /// Also when this profile is of a kind that one does not sign in to.
    pub async fn sign_in_again(&self, flow: Flow) -> Result<SignedIn, AwsFailure> {
        let guide = self.0.guide.as_ref();
        let profiles = self.profiles().await?;
        let wanted = match self.profile() {
            Some(chosen) => profiles.sign_in_of(chosen)?,
            None => profiles.sign_in_of_default()?,
        };
        match wanted {
            WayIn::Sso(session) => self.sign_in_to(&session, flow, guide.ok_or_else(nobody)?).await,
            WayIn::Console { arn } => {
                let _turn = sign_in::turn().await;
                sign_in::sign_in_with_cli(self.profile()).await?;
                Ok(SignedIn { label: arn, until: None })
            }
            WayIn::Mfa { serial } => {
                let guide = guide.ok_or_else(nobody)?;
                let credentials = self.credentials().await?;
                let until = credentials.expiry().and_then(|end| Timestamp::try_from(end).ok());
                // Also when a code of earlier is still good and nothing was asked.
                guide.tell(&format!("signed in with a code of {serial}"));
                Ok(SignedIn { label: serial, until })
            }
        }
    }

    /// Lets a person sign in to the `sso-session` of this name.
    pub async fn sign_in_to_session(&self, name: &str, flow: Flow) -> Result<SignedIn, AwsFailure> {
        let session = self.profiles().await?.session(name)?;
        let guide = self.0.guide.as_ref().ok_or_else(nobody)?;
        self.sign_in_to(&session, flow, guide).await
    }

    async fn sign_in_to(
        &self,
        session: &SsoSession,
        flow: Flow,
        guide: &Arc<dyn Guide>,
    ) -> Result<SignedIn, AwsFailure> {
        let _turn = sign_in::turn().await;
        let caches = self.caches()?;
        let token = sign_in::sign_in_to(session, flow, self.sdk(), caches, guide).await?;
        Ok(SignedIn { label: session.label(), until: Some(token.expires_at) })
    }
}

/// Explains that nobody can be asked.
fn nobody() -> AwsFailure {
    let message = "there is nobody to sign in: this is not a terminal";
    AwsFailure::new(ErrorKind::SignInRequired, Verdict::SignIn, message, "")
}

//! `ssmpf logout`: ends sign-ins on the server and forgets them here.

use ssmpf_schema::{DoneDocument, SCHEMA};

use super::CommandError;
use crate::aws::sign_out::{self, Scope};
use crate::aws::{AwsContext, AwsSettings};

/// What to sign out of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Everything in IAM Identity Center, as `aws sso logout` does.
    Everything,
    /// One `sso-session`.
    Session(String),
    /// Whatever this profile signs in to.
    Profile(String),
}

/// Signs out. What was not signed in to is left as it is.
pub async fn run(request: &Request, aws: &AwsSettings) -> Result<DoneDocument, CommandError> {
    let (session, profile, scope) = match request {
        Request::Everything => (None, None, Scope::Everything),
        Request::Session(name) => (Some(name.as_str()), None, Scope::Session(name)),
        Request::Profile(name) => (None, Some(name.clone()), Scope::Profile(name)),
    };
    let settings = AwsSettings { profile, ..aws.clone() };
    let context = AwsContext::load_for_sign_in(&settings, session).await?;
    let ended = sign_out::run(&context, scope).await?;
    let message = match ended {
        0 => "there was no sign-in to end".to_owned(),
        1 => "signed out".to_owned(),
        more => format!("signed out of {more} sign-ins"),
    };
    Ok(DoneDocument { schema: SCHEMA.to_owned(), message, changed: ended > 0 })
}

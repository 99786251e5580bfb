//! `ssmpf login`: signing in, whether it is needed yet or not.

use ssmpf_schema::{SCHEMA, SignInDocument};

use super::CommandError;
use crate::aws::Flow;
use crate::aws::{AwsContext, AwsSettings};
use crate::events::rfc3339;

/// What to sign in to, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// An `sso-session`; without one, whatever the profile wants.
    pub sso_session: Option<String>,
    /// How, for IAM Identity Center.
    pub flow: Flow,
}

/// Signs in and keeps the sign-in where the AWS CLI looks for it.
pub async fn run(request: &Request, aws: &AwsSettings) -> Result<SignInDocument, CommandError> {
    let context = AwsContext::load_for_sign_in(aws, request.sso_session.as_deref()).await?;
    let signed_in = match &request.sso_session {
        Some(name) => context.sign_in_to_session(name, request.flow).await?,
        None => context.sign_in_again(request.flow).await?,
    };
    Ok(SignInDocument {
        schema: SCHEMA.to_owned(),
        signed_in_to: signed_in.label,
        until: signed_in.until.map(rfc3339),
    })
}

//! Who one is in AWS: shown before the first session, so that a wrong account is noticed.

use aws_sdk_sts::Client;
use ssmpf_schema::ErrorKind;

use super::answer;
use super::clock::DateWatcher;
use super::config::AwsContext;
use super::error::{AwsFailure, Look, Operation, Verdict};
use super::roles::account_of;

/// No policy needs to allow this call.
const CALLER: Look =
    Look { service: "AWS STS", action: "sts:GetCallerIdentity", what: "the caller's identity" };

/// The caller as STS knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Number of the account.
    pub account: String,
    /// The ARN of the user or of the role session.
    pub arn: String,
}

impl Identity {
    /// Returns the role, or the user.
    ///
    /// `AWSReservedSSO_Developer_0123456789abcdef` is what IAM Identity Center makes of the permission
    /// set `Developer`.
    pub fn role(&self) -> &str {
        let resource = self.arn.splitn(6, ':').nth(5).unwrap_or(&self.arn);
        let mut parts = resource.split('/');
        match (parts.next(), parts.next()) {
            (Some("assumed-role"), Some(role)) => {
                let permission_set = role.strip_prefix("AWSReservedSSO_");
                permission_set
                    .and_then(|name| name.rsplit_once('_'))
                    .map_or(role, |(permission_set, _)| permission_set)
            }
            _ => resource,
        }
    }
}

/// Asks STS who is calling. Needs no permission, but STS has to be reachable.
///
/// Meant for when there are credentials already: nobody is asked to sign in.
pub async fn caller(context: &AwsContext) -> Result<Identity, AwsFailure> {
    let config = aws_sdk_sts::config::Builder::from(context.sdk())
        .interceptor(DateWatcher(context.clock().clone()))
        .build();
    let answer = Client::from_conf(config).get_caller_identity().send().await;
    let answer = answer::explained(context, answer, Operation::Look(CALLER)).await?;
    let arn = answer.arn.filter(|arn| !arn.is_empty());
    let identity = arn.and_then(|arn| {
        let account = answer.account.or_else(|| account_of(&arn).map(str::to_owned))?;
        Some(Identity { account, arn })
    });
    identity.ok_or_else(|| {
        AwsFailure::new(
            ErrorKind::Failure,
            Verdict::TryAgain,
            "the answer of AWS STS names no account",
            "check AWS_ENDPOINT_URL_STS and AWS_ENDPOINT_URL",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_users_are_named_plainly() {
        let role =
            |arn: &str| Identity { account: String::new(), arn: arn.to_owned() }.role().to_owned();
        assert_eq!(role("arn:aws:sts::123456789012:assumed-role/Admin/alice"), "Admin");
        assert_eq!(
            role("arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Read_Only_0a1b/alice@x"),
            "Read_Only"
        );
        assert_eq!(role("arn:aws:iam::123456789012:user/bob"), "user/bob");
        assert_eq!(role("arn:aws:iam::123456789012:root"), "root");
        assert_eq!(role("odd"), "odd");
    }
}

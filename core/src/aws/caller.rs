//! Who calls: the ARN that sessions are listed by.

use aws_sdk_sts::Client;
use ssmpf_schema::ErrorKind;

use super::answer;
use super::clock::DateWatcher;
use super::config::AwsContext;
use super::error::{AwsFailure, Look, Operation, Verdict};

/// No policy needs to allow this call.
const CALLER: Look =
    Look { service: "AWS STS", action: "sts:GetCallerIdentity", what: "the caller's identity" };

/// Returns the ARN of whoever the credentials belong to.
pub async fn arn(context: &AwsContext) -> Result<String, AwsFailure> {
    context.credentials().await?;
    let config = aws_sdk_sts::config::Builder::from(context.sdk())
        .interceptor(DateWatcher(context.clock().clone()))
        .build();
    let answer = Client::from_conf(config).get_caller_identity().send().await;
    let answer = answer::explained(context, answer, Operation::Look(CALLER)).await?;
    answer.arn.filter(|arn| !arn.is_empty()).ok_or_else(|| {
        let sentence = "AWS did not say whom the credentials belong to";
        AwsFailure::new(ErrorKind::Failure, Verdict::TryAgain, sentence, "")
    })
}

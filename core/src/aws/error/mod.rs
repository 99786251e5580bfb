//! What a failure on the way to AWS means: to the user, and to whoever might try again.
//!
//! Every failure, of an API call, of the credentials or of the network below, becomes one
//! [`AwsFailure`]. It says what happened in a sentence and a hint, which exit code that is, and in its
//! [`Verdict`] what a running forward should do about it.
//!
//! The SDK models only a few errors, so decisions follow the error *code*, never an enum variant.

mod codes;
mod credentials;
mod transport;

use std::error::Error;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use ssmpf_schema::ErrorKind;

pub use codes::{CLOCK_HINT, clock_complaint};
pub use transport::Peer;

use super::need::SignInNeed;

/// What people call the service that sessions are started with.
pub const SSM: &str = "AWS Systems Manager";

/// What to do after a failure, for something that would like to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass: try again after the usual delay.
    TryAgain,
    /// The service is busy or the target away: try again, but take longer.
    TrySlower,
    /// A person has to sign in or be given a permission; try again slowly, with fresh credentials.
    SignIn,
    /// The session has ended: resuming it is pointless, a new one may start.
    SessionOver,
    /// Trying again changes nothing.
    GiveUp,
}

/// A failure of AWS, of the credentials for it, or of the network on the way there.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct AwsFailure {
    /// The stable word for it, which brings the exit code.
    pub kind: ErrorKind,
    /// What to do about it when something would like to go on.
    pub verdict: Verdict,
    /// The service's own code, if it answered.
    pub code: Option<Box<str>>,
    /// The id to give to AWS support, if the service answered.
    pub request_id: Option<Box<str>>,
    /// One sentence: what failed, and on what.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What lies beneath, from the outside in.
    pub causes: Vec<String>,
    /// What a person can do to mend it, if that is known for sure.
    pub sign_in: Option<Box<SignInNeed>>,
}

/// What was being done, for the sentence.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'a> {
    /// Starting a session to a target with a document.
    StartSession {
        /// The target as AWS takes it.
        target: &'a str,
        /// The document.
        document: &'a str,
    },
    /// Resuming a session.
    ResumeSession(&'a str),
    /// Ending a session.
    TerminateSession(&'a str),
    /// Reading what there is.
    Look(Look),
}

/// A call that only reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The service as people call it: "Amazon EC2".
    pub service: &'static str,
    /// The action that IAM must allow: `ec2:DescribeInstances`.
    pub action: &'static str,
    /// What it reads, for the sentence: "the instances".
    pub what: &'static str,
}

/// What the sentences and hints need to know about the caller.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The region that is called.
    pub region: String,
    /// The chosen profile, if any.
    pub profile: Option<String>,
    /// How to sign in again: "sign in with `aws sso login …`".
    pub sign_in: String,
    /// How wrong this machine's clock is, if that is worth saying: "61 minutes behind".
    pub clock: Option<String>,
    /// The endpoint that was put in place of Amazon's own, and the proxy on the way, if any.
    pub route: Option<String>,
}

impl AwsFailure {
    /// A failure with a sentence and a hint of its own.
    pub fn new(
        kind: ErrorKind,
        verdict: Verdict,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            verdict,
            code: None,
            request_id: None,
            message: message.into(),
            hint: Some(hint.into()).filter(|hint| !hint.is_empty()),
            causes: Vec::new(),
            sign_in: None,
        }
    }

    /// The same failure, which a person can mend.
    pub fn needing(mut self, need: SignInNeed) -> Self {
        self.sign_in = Some(Box::new(need));
        self
    }

    /// The same failure with the command to run, if a person can mend it and nothing else is said.
    pub fn with_command(mut self, profile: Option<&str>) -> Self {
        if let Some(need) = &self.sign_in
            && self.hint.is_none()
        {
            let command = need.command(profile);
            self.hint = Some(match **need {
                SignInNeed::Mfa { .. } => format!("`{command}` asks for it on a terminal"),
                _ => format!("sign in with `{command}`"),
            });
        }
        self
    }

    /// A wrong setting.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, Verdict::GiveUp, message, hint)
    }

    /// The same failure with `error` and its sources as causes.
    pub fn caused_by(mut self, error: &(dyn Error + 'static)) -> Self {
        self.causes = transport::texts(error);
        self
    }

    /// Explains why credentials could not be had.
    pub fn from_credentials(error: &(dyn Error + 'static), around: &Surroundings) -> Self {
        credentials::explain(error, around)
    }

    /// Explains why `peer` could not be reached.
    pub fn from_transport(error: &(dyn Error + 'static), peer: &Peer<'_>) -> Self {
        transport::explain(error, peer)
    }

    /// Explains why a call failed.
    pub fn from_sdk<E>(
        error: SdkError<E, Response>,
        operation: Operation<'_>,
        around: &Surroundings,
    ) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let peer = match operation {
            // What is known about the way leads to Systems Manager.
            Operation::Look(look) if look.service != SSM => Peer { what: look.service, host: None },
            _ => Peer { what: SSM, host: around.route.as_deref() },
        };
        match &error {
            SdkError::ServiceError(service) => {
                let metadata = service.err();
                let status = service.raw().status().as_u16();
                let code = metadata.code().unwrap_or_default();
                let message = metadata.meta().message().unwrap_or_default();
                let mut failure = codes::explain(code, message, status, operation, around);
                failure.code = metadata.code().map(Into::into);
                failure.request_id = metadata.meta().request_id().map(Into::into);
                failure
            }
            SdkError::ResponseError(response) => {
                let status = response.raw().status().as_u16();
                codes::unreadable_answer(status).caused_by(&error)
            }
            SdkError::TimeoutError(_) => transport::timed_out(&peer).caused_by(&error),
            _ if credentials::is_cause_of(&error) => credentials::explain(&error, around),
            _ => transport::explain(&error, &peer),
        }
    }
}

/// Why a call to one of the services behind a sign-in failed, before anybody says what it means.
#[derive(Debug)]
pub(super) enum CallError {
    /// The service answered with an error of its own.
    Service {
        /// Its code.
        code: String,
        /// Its text.
        text: String,
    },
    /// Anything else, explained already.
    Other(AwsFailure),
}

impl CallError {
    /// Sorts the failure of a call to `service`.
    pub(super) fn sort<E>(error: SdkError<E, Response>, service: &'static str) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let peer = Peer { what: service, host: None };
        match &error {
            SdkError::ServiceError(answer) => {
                let text = answer.err().message().unwrap_or_default().to_owned();
                match answer.err().code() {
                    Some("TooManyRequestsException" | "ThrottlingException") => {
                        CallError::Other(AwsFailure {
                            causes: vec![text],
                            ..AwsFailure::new(
                                ErrorKind::Throttled,
                                Verdict::TrySlower,
                                format!("{service} asks for fewer calls"),
                                "wait a moment and try again",
                            )
                        })
                    }
                    Some(code) if !code.is_empty() => {
                        CallError::Service { code: code.to_owned(), text }
                    }
                    _ => {
                        let status = answer.raw().status().as_u16();
                        CallError::Other(unreadable(service, status).caused_by(&error))
                    }
                }
            }
            SdkError::ResponseError(answer) => {
                let status = answer.raw().status().as_u16();
                CallError::Other(unreadable(service, status).caused_by(&error))
            }
            SdkError::TimeoutError(_) => {
                CallError::Other(transport::timed_out(&peer).caused_by(&error))
            }
            _ => CallError::Other(transport::explain(&error, &peer)),
        }
    }
}

/// Explains an answer that is not one of AWS's.
fn unreadable(service: &str, status: u16) -> AwsFailure {
    AwsFailure::new(
        ErrorKind::Network,
        Verdict::TryAgain,
        format!("the answer of {service} (HTTP {status}) could not be understood"),
        "a proxy may have answered instead: check HTTPS_PROXY, NO_PROXY and AWS_ENDPOINT_URL",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_hint_is_no_hint() {
        let failure = AwsFailure::new(ErrorKind::Failure, Verdict::GiveUp, "It broke.", "");
        assert_eq!(failure.hint, None);
    }
}

//! The error codes of the service, each with its sentence, hint and verdict.

use ssmpf_schema::ErrorKind;

use super::{AwsFailure, Look, Operation, Surroundings, Verdict};

/// Codes with which AWS asks for fewer calls.
const THROTTLING: [&str; 8] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RateExceeded",
    "RequestLimitExceeded",
    "TooManyRequestsException",
];

/// Codes that mean the credentials were good once.
const EXPIRED: [&str; 4] =
    ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];

/// Codes that mean AWS knows no such credentials.
const UNKNOWN_CREDENTIALS: [&str; 5] = [
    "UnrecognizedClientException",
    // EC2.
    "AuthFailure",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "MissingAuthenticationTokenException",
];

/// Codes that mean the signature is wrong: the clock, or the secret key.
const SIGNATURE: [&str; 5] = [
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "RequestTimeTooSkewed",
];

/// Codes of IAM.
const DENIED: [&str; 4] =
    ["AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized"];

/// What to do about a wrong clock.
pub const CLOCK_HINT: &str =
    "set the clock, or let it be set over the network; AWS allows five minutes";

/// Reads out of the service's own `text` that the clock is wrong, where no `Date` could be measured.
pub fn clock_complaint(text: &str) -> Option<&'static str> {
    let complains =
        text.contains("Signature expired") || text.contains("Signature not yet current");
    complains.then_some("more than five minutes off")
}

/// Explains an answer with `code` and the service's own `text`.
pub(super) fn explain(
    code: &str,
    text: &str,
    status: u16,
    operation: Operation<'_>,
    around: &Surroundings,
) -> AwsFailure {
    let failure = if THROTTLING.contains(&code)
        || text.contains("Rate exceeded")
        || text.contains("RateExceeded")
        || status == 429
    {
        AwsFailure::new(
            ErrorKind::Throttled,
            Verdict::TrySlower,
            format!("AWS asks for fewer calls, so {} did not succeed", doing(operation)),
            match operation {
                Operation::Look(_) => "wait a moment and try again",
                _ => {
                    "an account may start three sessions a second in a region; wait a moment and \
                     try again"
                }
            },
        )
    } else if EXPIRED.contains(&code) {
        AwsFailure::new(
            ErrorKind::SignInRequired,
            Verdict::SignIn,
            format!("the credentials{} have expired", of_profile(around)),
            around.sign_in.clone(),
        )
    } else if UNKNOWN_CREDENTIALS.contains(&code) {
        AwsFailure::new(
            ErrorKind::SignInRequired,
            Verdict::SignIn,
            format!(
                "AWS does not know the credentials{} in region {}",
                of_profile(around),
                around.region
            ),
            format!(
                "check that they belong to this partition and that region {} is enabled for the \
                 account; or {}",
                around.region, around.sign_in
            ),
        )
    } else if SIGNATURE.contains(&code) {
        signature(text, around)
    } else if DENIED.contains(&code) {
        denied(text, operation)
    } else if let Operation::Look(look) = operation
        && status < 500
        && code != "OptInRequired"
        && !code.is_empty()
    {
        AwsFailure::new(
            ErrorKind::Failure,
            Verdict::TrySlower,
            format!("{} refused {} with {code}", look.service, doing(operation)),
            "",
        )
    } else {
        match code {
            "TargetNotConnected" => not_connected(operation, around),
            "InvalidDocument" | "InvalidDocumentOperation" | "InvalidDocumentVersion" => {
                AwsFailure::new(
                    ErrorKind::SessionFailed,
                    Verdict::GiveUp,
                    format!("AWS does not take document {}", document(operation)),
                    format!(
                        "it must exist in region {} and be of type Session; `--document` names \
                         another",
                        around.region
                    ),
                )
            }
            "InvalidParameters" => AwsFailure::new(
                ErrorKind::SessionFailed,
                Verdict::GiveUp,
                format!("document {} does not take these parameters", document(operation)),
                "the text below names the parameter and the pattern it must match",
            ),
            "ValidationException" => AwsFailure::new(
                ErrorKind::SessionFailed,
                Verdict::GiveUp,
                format!("AWS does not take the request for {}", doing(operation)),
                "check the target, the document and the reason",
            ),
            "OptInRequired" => AwsFailure::new(
                ErrorKind::SessionFailed,
                Verdict::GiveUp,
                format!("region {} is not enabled for this account", around.region),
                "enable it in the account settings, or choose another with `--region`",
            ),
            "DoesNotExistException" => AwsFailure::new(
                ErrorKind::SessionFailed,
                Verdict::SessionOver,
                format!("the session is gone, so {} is not possible", doing(operation)),
                "start it again",
            ),
            _ if over(text) => AwsFailure::new(
                ErrorKind::SessionFailed,
                Verdict::SessionOver,
                format!("the session has ended, so {} is not possible", doing(operation)),
                "start it again",
            ),
            _ if status >= 500 || code == "InternalServerError" || code == "ServiceUnavailable" => {
                AwsFailure::new(
                    ErrorKind::Failure,
                    Verdict::TryAgain,
                    format!("AWS had an internal error during {}", doing(operation)),
                    "try again in a moment",
                )
            }
            "" => unreadable_answer(status),
            // Unknown here, perhaps known to time: a forward that runs keeps trying.
            _ => AwsFailure::new(
                ErrorKind::SessionFailed,
                Verdict::TrySlower,
                format!("AWS refused {} with {code}", doing(operation)),
                "",
            ),
        }
    };
    with_text(failure, code, text)
}

/// Explains an answer that is not one of AWS's.
pub(super) fn unreadable_answer(status: u16) -> AwsFailure {
    super::unreadable("AWS Systems Manager", status)
}

fn signature(text: &str, around: &Surroundings) -> AwsFailure {
    match around.clock.as_deref().or_else(|| clock_complaint(text)) {
        Some(complaint) => AwsFailure::new(
            ErrorKind::ClockSkew,
            Verdict::TrySlower,
            format!("AWS refused the signature: the clock of this machine is {complaint}"),
            CLOCK_HINT,
        ),
        None => AwsFailure::new(
            ErrorKind::SignInRequired,
            Verdict::SignIn,
            format!("AWS refused the signature made with the credentials{}", of_profile(around)),
            "the secret key does not belong to the access key id, or was copied incompletely",
        ),
    }
}

fn denied(text: &str, operation: Operation<'_>) -> AwsFailure {
    let hint = match operation {
        _ if text.contains(":document/") => {
            "the policy allows the target but not the document: `ssm:StartSession` needs both as \
             resources"
        }
        Operation::StartSession { .. } => {
            "the policy must allow `ssm:StartSession` on the target and on the document"
        }
        Operation::ResumeSession(_) => {
            "the policy must allow `ssm:ResumeSession` on this session; a policy on own sessions \
             matches only while the role session name stays the same"
        }
        Operation::TerminateSession(_) => {
            "the policy must allow `ssm:TerminateSession` on this session"
        }
        Operation::Look(look) => return denied_look(look),
    };
    AwsFailure::new(
        ErrorKind::Denied,
        Verdict::SignIn,
        format!("IAM does not allow {}", doing(operation)),
        hint,
    )
}

fn denied_look(look: Look) -> AwsFailure {
    AwsFailure::new(
        ErrorKind::Denied,
        Verdict::SignIn,
        format!("IAM does not allow reading {}", look.what),
        format!("the policy must allow `{}`", look.action),
    )
}

fn not_connected(operation: Operation<'_>, around: &Surroundings) -> AwsFailure {
    let target = match operation {
        Operation::StartSession { target, .. } => target,
        _ => "the target",
    };
    AwsFailure::new(
        ErrorKind::TargetNotConnected,
        Verdict::TrySlower,
        format!("{target} is not connected to Session Manager in {}", around.region),
        "check region and account first; then that it runs, that its agent runs and reaches the \
         `ssmmessages` endpoint, and that its role allows `ssmmessages:*Channel`",
    )
}

/// The service has no code for a session that ended in between; the text says so.
fn over(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("session") && (text.contains("terminated") || text.contains("does not exist"))
}

fn with_text(mut failure: AwsFailure, code: &str, text: &str) -> AwsFailure {
    if !text.is_empty() {
        failure.causes = vec![format!("{code}: {text}")];
    }
    failure
}

fn doing(operation: Operation<'_>) -> String {
    match operation {
        Operation::StartSession { target, .. } => format!("a session to {target}"),
        Operation::ResumeSession(id) => format!("resuming session {id}"),
        Operation::TerminateSession(id) => format!("ending session {id}"),
        Operation::Look(look) => format!("reading {}", look.what),
    }
}

fn document(operation: Operation<'_>) -> &str {
    match operation {
        Operation::StartSession { document, .. } => document,
        _ => "of the session",
    }
}

fn of_profile(around: &Surroundings) -> String {
    match &around.profile {
        Some(profile) => format!(" of profile `{profile}`"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use ssmpf_schema::ExitCode;

    use super::*;

    const START: Operation<'static> =
        Operation::StartSession { target: "i-0123456789abcdef0", document: "acme-doc" };

    fn around() -> Surroundings {
        Surroundings {
            region: "eu-west-1".to_owned(),
            profile: Some("prod".to_owned()),
            sign_in: "sign in with `ssmpf login --profile prod`".to_owned(),
            clock: None,
            route: None,
        }
    }

    fn explained(code: &str, text: &str, status: u16, operation: Operation<'_>) -> AwsFailure {
        explain(code, text, status, operation, &around())
    }

    #[test]
    fn every_documented_code_has_its_exit_code_and_verdict() {
        let table = [
            ("TargetNotConnected", ExitCode::Session, Verdict::TrySlower),
            ("InvalidDocument", ExitCode::Session, Verdict::GiveUp),
            ("InvalidParameters", ExitCode::Session, Verdict::GiveUp),
            ("AccessDeniedException", ExitCode::Denied, Verdict::SignIn),
            ("ThrottlingException", ExitCode::Failure, Verdict::TrySlower),
            ("ValidationException", ExitCode::Session, Verdict::GiveUp),
            ("ExpiredTokenException", ExitCode::SignIn, Verdict::SignIn),
            ("UnrecognizedClientException", ExitCode::SignIn, Verdict::SignIn),
            ("InvalidSignatureException", ExitCode::SignIn, Verdict::SignIn),
            ("IncompleteSignature", ExitCode::SignIn, Verdict::SignIn),
            ("OptInRequired", ExitCode::Session, Verdict::GiveUp),
            ("DoesNotExistException", ExitCode::Session, Verdict::SessionOver),
            ("InternalServerError", ExitCode::Failure, Verdict::TryAgain),
            ("SomethingNew", ExitCode::Session, Verdict::TrySlower),
        ];
        for (code, exit, verdict) in table {
            let failure = explained(code, "text", 400, START);
            assert_eq!(failure.kind.exit_code(), exit, "{code}");
            assert_eq!(failure.verdict, verdict, "{code}");
            assert_eq!(failure.causes, [format!("{code}: text")]);
            assert!(!failure.message.ends_with('.'), "{}", failure.message);
        }
    }

    #[test]
    fn throttling_is_recognized_by_its_text_alone() {
        let failure = explained("ClientError", "Rate exceeded", 400, START);
        assert_eq!(failure.kind, ErrorKind::Throttled);
    }

    #[test]
    fn a_wrong_clock_is_said_when_it_was_measured() {
        let mut around = around();
        around.clock = Some("61 minutes behind".to_owned());
        let failure = explain("InvalidSignatureException", "", 403, START, &around);
        assert_eq!(failure.kind, ErrorKind::ClockSkew);
        assert!(failure.message.contains("61 minutes behind"), "{failure}");
    }

    #[test]
    fn a_wrong_clock_is_read_out_of_the_text_when_it_was_not_measured() {
        let text = "Signature expired: 20261121T021521Z is now earlier than 20261121T031121Z";
        let failure = explained("InvalidSignatureException", text, 400, START);
        assert_eq!(failure.kind, ErrorKind::ClockSkew);
        let text = "The request signature we calculated does not match";
        let failure = explained("InvalidSignatureException", text, 400, START);
        assert_eq!(failure.kind, ErrorKind::SignInRequired);
    }

    #[test]
    fn a_denied_document_is_told_from_a_denied_target() {
        let text = "User: x is not authorized to perform: ssm:StartSession on resource: \
                    arn:aws:ssm:eu-west-1::document/AWS-StartPortForwardingSession";
        let failure = explained("AccessDeniedException", text, 400, START);
        assert!(failure.hint.expect("a hint").contains("not the document"));
        let failure = explained("AccessDeniedException", "on resource: i-0", 400, START);
        assert!(failure.hint.expect("a hint").contains("on the target and on the document"));
    }

    #[test]
    fn a_terminated_session_is_over_whatever_the_code() {
        let resume = Operation::ResumeSession("alice-1");
        let failure =
            explained("ValidationException2", "Session is already terminated", 400, resume);
        assert_eq!(failure.verdict, Verdict::SessionOver);
    }

    #[test]
    fn an_answer_without_a_code_points_to_a_proxy() {
        let failure = explained("", "", 404, START);
        assert_eq!(failure.kind, ErrorKind::Network);
        assert!(failure.hint.expect("a hint").contains("HTTPS_PROXY"));
    }
}

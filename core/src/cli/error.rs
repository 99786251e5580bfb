//! Any failure becomes a kind, a sentence, a hint and an exit code, for people or as JSON.

use ssmpf_schema::{ErrorBody, ErrorDocument, ErrorKind, ExitCode};
use ssmpf_store::StoreError;

use crate::commands::CommandError;
use crate::logging::InvalidFilter;
use crate::model::InvalidInput;
use crate::output::Style;
use crate::output::printable::printable;

/// A failure, ready to be shown.
#[derive(Clone, Debug)]
pub(super) struct Failure(ErrorBody);

impl Failure {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>, hint: Option<String>) -> Self {
        Self(ErrorBody { kind, message: message.into(), hint, causes: Vec::new() })
    }

    /// Returns kind, sentence, hint and causes.
    pub(super) fn into_body(self) -> ErrorBody {
        self.0
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        self.0.kind.exit_code()
    }

    /// Returns the lines for a person. Causes that only repeat the sentence are left out.
    pub(super) fn for_people(&self, style: Style) -> String {
        let ErrorBody { message, hint, causes, .. } = &self.0;
        let mut text = format!("{}: {}\n", style.error("error"), printable(message));
        for cause in causes.iter().filter(|cause| !message.contains(cause.as_str())) {
            let cause = printable(cause.trim_end()).replace('\n', "\n    ");
            text.push_str(&format!("  {}\n", style.faint(cause)));
        }
        if let Some(hint) = hint {
            text.push_str(&format!("{}: {}\n", style.hint("hint"), printable(hint)));
        }
        text
    }

    /// Returns the document for a program, as one line.
    pub(super) fn as_json(&self) -> String {
        let document = ErrorDocument::new(self.0.clone());
        // Strings and lists of strings always serialize.
        let mut line = serde_json::to_string(&document).unwrap_or_default();
        line.push('\n');
        line
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        Self(error.body())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(error.body())
    }
}

impl From<InvalidInput> for Failure {
    fn from(error: InvalidInput) -> Self {
        Self::new(ErrorKind::Usage, error.message, Some(error.hint))
    }
}

impl From<InvalidFilter> for Failure {
    fn from(error: InvalidFilter) -> Self {
        let hint = "write something like `ssmpf=debug`, or use `-v`";
        Self::new(ErrorKind::Usage, error.to_string(), Some(hint.to_owned()))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let mut failure = Self::new(ErrorKind::Failure, "the system refused what was needed", None);
        failure.0.causes = vec![error.to_string()];
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{AwsFailure, Verdict};

    fn failure() -> Failure {
        let mut failure = AwsFailure::new(
            ErrorKind::Denied,
            Verdict::SignIn,
            "IAM does not allow a session to i-0",
            "ask for ssm:StartSession",
        );
        failure.causes = vec!["AccessDeniedException: no".to_owned(), "IAM".to_owned()];
        CommandError::from(failure).into()
    }

    #[test]
    fn people_read_sentence_cause_and_hint() {
        assert_eq!(
            failure().for_people(Style::default()),
            "error: IAM does not allow a session to i-0\n  AccessDeniedException: no\n\
             hint: ask for ssm:StartSession\n"
        );
        assert_eq!(failure().exit_code(), ExitCode::Denied);
    }

    #[test]
    fn programs_read_the_same_as_one_line() {
        assert_eq!(
            failure().as_json(),
            "{\"schema\":\"ssmpf/1\",\"error\":{\"kind\":\"denied\",\
             \"message\":\"IAM does not allow a session to i-0\",\
             \"hint\":\"ask for ssm:StartSession\",\
             \"causes\":[\"AccessDeniedException: no\",\"IAM\"]}}\n"
        );
    }
}

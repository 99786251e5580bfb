//! Why a forward could not begin, or could not go on.

use ssmpf_proto::{CloseReason, config};
use ssmpf_schema::ErrorKind;

use super::listener::BindError;
use super::plan::ForwardOutcome;
use crate::aws::AwsFailure;

/// A failure of a forward: its kind, a sentence, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ForwardError {
    /// The stable word for it, which brings the exit code.
    pub kind: ErrorKind,
    /// One sentence: what failed, and on what.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What lies beneath, from the outside in.
    pub causes: Vec<String>,
    /// What was moved until then.
    pub outcome: ForwardOutcome,
}

impl ForwardError {
    /// A failure with a sentence and a hint, which may be empty.
    pub fn new(kind: ErrorKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        let outcome = ForwardOutcome::default();
        Self { kind, message: message.into(), hint, causes: Vec::new(), outcome }
    }

    /// The failure of a forward that had been running.
    pub fn given_up(self) -> Self {
        let hint = self.hint.clone();
        let mut causes = vec![self.message];
        causes.extend(self.causes);
        let message = "the tunnel was lost and cannot be restored".to_owned();
        // What the agent forbids is the better-known reason.
        let kind = match self.kind {
            ErrorKind::DestinationUnreachable => self.kind,
            _ => ErrorKind::TunnelLost,
        };
        Self { kind, message, hint, causes, outcome: self.outcome }
    }

    /// Explains the end of a session that nobody here asked for.
    pub fn from_close(reason: &CloseReason) -> Self {
        match reason {
            CloseReason::ByService { output } => Self::from_output(output),
            CloseReason::Terminated { .. } => {
                Self::new(ErrorKind::SessionFailed, "the session was ended", "")
            }
            CloseReason::HandshakeTimeout => Self::new(
                ErrorKind::NotReady,
                format!(
                    "the agent did not answer within {} s",
                    config::HANDSHAKE_TIMEOUT.as_secs()
                ),
                "the node may be overloaded, or its agent may have lost its connection; try again",
            ),
            CloseReason::NotAPortSession { session_type } => {
                let what = match session_type.as_str() {
                    "" => "a shell".to_owned(),
                    other => format!("a session of type {other}"),
                };
                Self::new(
                    ErrorKind::SessionFailed,
                    format!("the document starts {what}, not port forwarding"),
                    "name a document of session type Port with `--document`, or leave it out",
                )
            }
            CloseReason::Unsupported { action } => Self::new(
                ErrorKind::SessionFailed,
                format!("the agent asks for {action}, which is not supported for port forwarding"),
                "use a document of session type Port",
            ),
            CloseReason::Protocol(cause) => Self {
                causes: vec![cause.clone()],
                ..Self::new(
                    ErrorKind::SessionFailed,
                    "the agent sent what is not understood",
                    "try again; if it repeats, update the agent on the node",
                )
            },
        }
    }

    /// Explains the text with which the service ends a session: the only report there is.
    fn from_output(output: &str) -> Self {
        let text = output.trim();
        let with_text = |error: Self| Self { causes: vec![text.to_owned()], ..error };
        if text.contains("is forbidden") {
            with_text(Self::new(
                ErrorKind::DestinationUnreachable,
                "the agent forbids this destination",
                "agents refuse metadata and VPC service addresses, and newer ones loopback; for \
                 a port of the node itself leave out `--host`",
            ))
        } else if text.contains("Unable to connect to specified port") {
            with_text(Self::new(
                ErrorKind::DestinationUnreachable,
                "the agent could not connect to the destination",
                "check that something listens there and that the node may reach it",
            ))
        } else if text.is_empty() {
            Self::new(
                ErrorKind::SessionFailed,
                "the service ended the session",
                "it may have been idle for too long, reached its maximum duration, or been ended \
                 by an administrator",
            )
        } else if text.contains("is not supported by this version of ssm agent") {
            with_text(Self::new(
                ErrorKind::SessionFailed,
                "the agent on the node is too old for port forwarding",
                "update it: 2.3.672.0 is the first that forwards ports, 3.1.1374.0 the first \
                 that reaches other hosts",
            ))
        } else {
            with_text(Self::new(
                ErrorKind::SessionFailed,
                "the session ended with a message from the node",
                "",
            ))
        }
    }
}

impl From<AwsFailure> for ForwardError {
    fn from(failure: AwsFailure) -> Self {
        Self {
            kind: failure.kind,
            message: failure.message,
            hint: failure.hint,
            causes: failure.causes,
            outcome: ForwardOutcome::default(),
        }
    }
}

impl From<BindError> for ForwardError {
    fn from(error: BindError) -> Self {
        Self::new(error.kind, error.message, error.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_text(output: &str) -> ForwardError {
        ForwardError::from_close(&CloseReason::ByService { output: output.to_owned() })
    }

    #[test]
    fn the_services_texts_become_kinds() {
        let forbidden = from_text("Forwarding to IP address 169.254.169.254 is forbidden.");
        assert_eq!(forbidden.kind, ErrorKind::DestinationUnreachable);
        assert_eq!(forbidden.given_up().kind, ErrorKind::DestinationUnreachable);
        assert_eq!(from_text("").kind, ErrorKind::SessionFailed);
        let other = from_text("document worker timed out");
        assert_eq!(other.causes, ["document worker timed out"]);
        assert_eq!(other.given_up().kind, ErrorKind::TunnelLost);
    }
}

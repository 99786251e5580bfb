//! The error document: the same words a person reads on stderr.

use serde::{Deserialize, Serialize};

use crate::{ExitCode, SCHEMA};

/// What went wrong, as a stable word that scripts can compare.
///
/// Several kinds share an exit code; the kind is the finer of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// Any failure without a kind of its own.
    Failure,
    /// AWS or a proxy could not be reached, or its certificate is not trusted.
    Network,
    /// AWS asks for fewer calls.
    Throttled,
    /// The clock of this machine is too far off for signed requests.
    ClockSkew,
    /// A flag, a value or a setting is wrong.
    Usage,
    /// There is no such connection, target or tag.
    NotFound,
    /// There are no credentials, or the sign-in has expired.
    SignInRequired,
    /// IAM does not allow it.
    Denied,
    /// The target's agent is not connected to Session Manager.
    TargetNotConnected,
    /// The session could not start, or its document or parameters were refused.
    SessionFailed,
    /// The destination refused, could not be reached, or is forbidden by the agent.
    DestinationUnreachable,
    /// The local port is in use.
    PortBusy,
    /// The local address or port may not be bound.
    BindRefused,
    /// It was not ready in time.
    NotReady,
    /// The store is locked.
    StoreLocked,
    /// The store is damaged or cannot be read.
    StoreDamaged,
    /// The tunnel was lost and given up.
    TunnelLost,
    /// A second Ctrl-C cut the end short.
    Interrupted,
    /// `run` failed before the command could be started.
    RunFailed,
    /// The command of `run` exists but cannot be executed.
    NotExecutable,
    /// The command of `run` was not found.
    CommandNotFound,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [ErrorKind; 21] = [
        ErrorKind::Failure,
        ErrorKind::Network,
        ErrorKind::Throttled,
        ErrorKind::ClockSkew,
        ErrorKind::Usage,
        ErrorKind::NotFound,
        ErrorKind::SignInRequired,
        ErrorKind::Denied,
        ErrorKind::TargetNotConnected,
        ErrorKind::SessionFailed,
        ErrorKind::DestinationUnreachable,
        ErrorKind::PortBusy,
        ErrorKind::BindRefused,
        ErrorKind::NotReady,
        ErrorKind::StoreLocked,
        ErrorKind::StoreDamaged,
        ErrorKind::TunnelLost,
        ErrorKind::Interrupted,
        ErrorKind::RunFailed,
        ErrorKind::NotExecutable,
        ErrorKind::CommandNotFound,
    ];

    /// Returns the exit code of a command that fails this way.
    pub const fn exit_code(self) -> ExitCode {
        match self {
            ErrorKind::Failure
            | ErrorKind::Network
            | ErrorKind::Throttled
            | ErrorKind::ClockSkew => ExitCode::Failure,
            ErrorKind::Usage => ExitCode::Usage,
            ErrorKind::NotFound => ExitCode::NotFound,
            ErrorKind::SignInRequired => ExitCode::SignIn,
            ErrorKind::Denied => ExitCode::Denied,
            ErrorKind::TargetNotConnected | ErrorKind::SessionFailed => ExitCode::Session,
            ErrorKind::DestinationUnreachable => ExitCode::Destination,
            ErrorKind::PortBusy | ErrorKind::BindRefused => ExitCode::LocalPort,
            ErrorKind::NotReady => ExitCode::NotReady,
            ErrorKind::StoreLocked | ErrorKind::StoreDamaged => ExitCode::Store,
            ErrorKind::TunnelLost => ExitCode::TunnelLost,
            ErrorKind::Interrupted => ExitCode::Interrupted,
            ErrorKind::RunFailed => ExitCode::RunFailed,
            ErrorKind::NotExecutable => ExitCode::NotExecutable,
            ErrorKind::CommandNotFound => ExitCode::CommandNotFound,
        }
    }

    /// Returns the word that stands for the kind in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Failure => "failure",
            ErrorKind::Network => "network",
            ErrorKind::Throttled => "throttled",
            ErrorKind::ClockSkew => "clock-skew",
            ErrorKind::Usage => "usage",
            ErrorKind::NotFound => "not-found",
            ErrorKind::SignInRequired => "sign-in-required",
            ErrorKind::Denied => "denied",
            ErrorKind::TargetNotConnected => "target-not-connected",
            ErrorKind::SessionFailed => "session-failed",
            ErrorKind::DestinationUnreachable => "destination-unreachable",
            ErrorKind::PortBusy => "port-busy",
            ErrorKind::BindRefused => "bind-refused",
            ErrorKind::NotReady => "not-ready",
            ErrorKind::StoreLocked => "store-locked",
            ErrorKind::StoreDamaged => "store-damaged",
            ErrorKind::TunnelLost => "tunnel-lost",
            ErrorKind::Interrupted => "interrupted",
            ErrorKind::RunFailed => "run-failed",
            ErrorKind::NotExecutable => "not-executable",
            ErrorKind::CommandNotFound => "command-not-found",
        }
    }
}

impl std::fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a command prints when it fails and JSON was asked for: one line on stderr, where the sentence
/// for people would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ErrorDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The failure.
    pub error: ErrorBody,
}

/// The failure inside an [`ErrorDocument`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ErrorBody {
    /// The stable word for it.
    pub kind: ErrorKind,
    /// One sentence: what failed, and on what.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What lies beneath, from the outside in. The texts are for people and may change.
    pub causes: Vec<String>,
}

impl ErrorDocument {
    /// Wraps `error` with the schema it belongs to.
    pub fn new(error: ErrorBody) -> Self {
        Self { schema: SCHEMA.to_owned(), error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_in_a_document_is_the_word_of_as_str() {
        for kind in ErrorKind::ALL {
            let json = serde_json::to_string(&kind).expect("a unit variant serializes");
            assert_eq!(json, format!("\"{}\"", kind.as_str()));
        }
    }

    #[test]
    fn every_failing_exit_code_belongs_to_a_kind() {
        for code in ExitCode::ALL {
            let known = ErrorKind::ALL.iter().any(|kind| kind.exit_code() == code);
            assert_eq!(known, code != ExitCode::Success, "{code:?}");
        }
    }

    #[test]
    fn a_document_reads_as_documented() {
        let document = ErrorDocument::new(ErrorBody {
            kind: ErrorKind::PortBusy,
            message: "port 5432 is in use".to_owned(),
            hint: None,
            causes: vec![],
        });
        assert_eq!(
            serde_json::to_string(&document).expect("it serializes"),
            r#"{"schema":"ssmpf/1","error":{"kind":"port-busy","message":"port 5432 is in use","hint":null,"causes":[]}}"#
        );
    }
}
